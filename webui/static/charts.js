/** Charts over time, drawn by uPlot in the colours of the theme. The pointer and the arrow keys move one cursor
 * through all charts of a page; what it points at stands in words above each. */

import {seconds} from "./format.js";
import {html, useEffect, useRef, useState} from "./vendor/htm-preact.js";
import uPlot from "./vendor/uplot.js";

const HEIGHT = 168; // pixels
const HOUR = 3600; // seconds
const DAY = 24 * HOUR;
const POWERS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
const WHOLE = POWERS.flatMap((power) => [power, 2 * power, 5 * power]); // steps of an axis of counts
const clock = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit"});
const day = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short"});

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {"--accent" | "--bad" | "--warn" | "--good" | "--muted"} colour a variable of dashboard.css
 * @property {"bars" | "area" | "line"} drawn
 * @property {boolean} [solid] bars that stand out
 * @property {(point: object) => number | null} value of a point of the series
 * @property {string} [total] what is said while nothing is pointed at
 */

/**
 * A chart with its title and legend.
 * @param {{title: string, stats: object, lines: Line[], shown: (value: number | null) => string}} properties
 *   `stats` as `/api/stats` gives it, `shown` writes a value
 */
export function Chart({title, stats, lines, shown, testid}) {
  const [pointed, setPointed] = useState(null);
  const frame = useRef(null);
  const plot = useRef(null);
  const theme = useTheme();
  const shape = `${theme} ${stats.window} ${title}`;

  useEffect(() => {
    const made = new uPlot(options(frame.current, stats, lines, shown, setPointed), data(stats, lines), frame.current);
    made.setScale("x", {min: stats.from, max: stats.to}); // all of the window, also where nothing happened
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({width: frame.current.clientWidth, height: HEIGHT}));
    observer.observe(frame.current);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(data(stats, lines), false);
    plot.current?.setScale("x", {min: stats.from, max: stats.to}); // the scale of y follows
  }, [stats]);

  const point = pointed === null ? null : stats.series[pointed];
  const pointTo = (left) => plot.current?.setCursor({left, top: left < 0 ? left : 8}, true, true); // in all charts
  const move = (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = pointed === null ? stats.series.length - 1 : Math.max(0, Math.min(stats.series.length - 1, pointed + step));
    pointTo(plot.current.valToPos(plot.current.data[0][next], "x"));
  };
  const words = lines.map((line) => `${line.label} ${point ? shown(line.value(point)) : line.total}`).join(", ");
  const heard = point && document.activeElement === frame.current; // not from each of the charts that follow
  return html`<section class="chart" data-testid=${testid}>
    <header><h2>${title}</h2><p class="chart-time muted">${point ? shortTime(point, stats.bucket) : ""}</p>
      <ul class="chart-legend">${lines.map((line) => html`<li key=${line.label}>
        <span class=${`ink ink-${line.drawn} ink${line.colour} ${line.solid ? "ink-solid" : ""}`} aria-hidden="true" />${line.label}
        ${" "}<b>${point ? shown(line.value(point)) : line.total}</b></li>`)}</ul></header>
    <div class="plot" ref=${frame} tabindex="0" role="img" onKeyDown=${move} onBlur=${() => pointTo(-10)}
      aria-label=${`${title} over time: ${words}. The arrow keys move through it; the numbers are in the table below.`} />
    <p class="visually-hidden" aria-live="polite">${heard && `${timeOf(point, stats.bucket)}: ${words}`}</p>
  </section>`;
}

/** The time that a point is about: `25 Nov 14:00–14:30`. */
export function timeOf(point, bucket) {
  const [from, to] = [new Date(point.time * 1000), new Date((point.time + bucket) * 1000)];
  return `${day.format(from)} ${clock.format(from)}–${clock.format(to)}`;
}

/** The same for a narrow place: the day only where a chart is about several. */
function shortTime(point, bucket) {
  const [from, to] = [new Date(point.time * 1000), new Date((point.time + bucket) * 1000)];
  return bucket < HOUR ? `${clock.format(from)}–${clock.format(to)}` : `${day.format(from)} ${clock.format(from)}`;
}

/** The columns that uPlot draws. A point stands in the middle of the time that it is about. */
function data(stats, lines) {
  const times = stats.series.map((point) => point.time + stats.bucket / 2);
  return [times, ...lines.map((line) => stats.series.map(line.value))];
}

function options(frame, stats, lines, shown, point) {
  const style = getComputedStyle(frame);
  const colour = (name) => style.getPropertyValue(name).trim();
  const font = `11px ${style.fontFamily}`;
  const axis = {stroke: colour("--muted"), font, ticks: {show: false}, grid: {stroke: colour("--line"), width: 1}};
  return {
    width: frame.clientWidth,
    height: HEIGHT,
    padding: [8, 18, 0, 0],
    legend: {show: false},
    cursor: {sync: {key: "kimi-proxy"}, drag: {x: false, y: false}, y: false, points: {size: 6}},
    scales: {
      x: {time: true, range: (_plot, from, to) => [from, to]},
      y: {range: (_plot, _least, most) => [0, most > 0 ? most * 1.08 : 1]},
    },
    axes: [
      {
        ...axis, grid: {show: false}, size: 24, space: 70,
        values: (_plot, splits, _axis, _space, step) => splits.map((time) => tick(time, step)),
      },
      {
        ...axis, size: 56, space: 34, incrs: shown === seconds ? undefined : WHOLE,
        values: (_plot, splits) => splits.map((value) => (value === 0 ? "0" : shorter(shown(value)))),
      },
    ],
    series: [{}, ...lines.map((line) => series(line, colour(line.colour), stats.series.length))],
    hooks: {setCursor: [(plot) => point(plot.cursor.left >= 0 ? plot.cursor.idx ?? null : null)]},
  };
}

/** Without the zeros that a value at an axis does not need: `2.50 s` is `2.5 s`. */
function shorter(text) {
  return text.replace(/\.0+(?=[kM ])|(\.\d*?)0+(?= s$)/, "$1");
}

function series(line, colour, points) {
  const shared = {label: line.label, stroke: colour, spanGaps: false};
  if (line.drawn === "bars") {
    const paths = uPlot.paths.bars({size: [0.72, 26], radius: points > 60 ? 0 : 0.15});
    return {...shared, width: 0, fill: line.solid ? colour : faded(colour, "a6"), points: {show: false}, paths};
  }
  const fill = line.drawn === "area" ? faded(colour, "24") : undefined;
  return {...shared, width: 1.5, fill, points: {size: 4, fill: colour, filter: lonely}};
}

/** Only points without a neighbour are marked: no line shows them. */
function lonely(plot, number) {
  const values = plot.data[number];
  const missing = (index) => values[index] === null || values[index] === undefined;
  return values.flatMap((_, index) => (!missing(index) && missing(index - 1) && missing(index + 1) ? [index] : []));
}

/** A colour of the theme, which are all written as `#rrggbb`, let through by so much. */
function faded(colour, alpha) {
  return /^#[0-9a-f]{6}$/i.test(colour) ? `${colour}${alpha}` : colour;
}

function tick(time, step) {
  const date = new Date(time * 1000);
  const midnight = date.getHours() === 0 && date.getMinutes() === 0;
  return step >= DAY || midnight ? day.format(date) : clock.format(date);
}

/** Changes with the theme, so that what is drawn on a canvas is drawn anew. */
function useTheme() {
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const changed = () => setTheme((before) => before + 1);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("kimi-proxy-theme", changed);
    dark.addEventListener("change", changed);
    return () => {
      removeEventListener("kimi-proxy-theme", changed);
      dark.removeEventListener("change", changed);
    };
  }, []);
  return theme;
}
