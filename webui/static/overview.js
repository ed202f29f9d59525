/** What goes through the proxy, over time: six numbers, six charts, and what was repaired and failed most. */

import {withParameters} from "./api.js";
import {Chart} from "./charts.js";
import {count, dollars, percent, seconds, sentence, shortCount, UNKNOWN} from "./format.js";
import {Empty, Loading, Problem} from "./parts.js";
import {usePolled} from "./polling.js";
import {RankedList} from "./ranked_list.js";
import {requestsWith} from "./request_links.js";
import {SeriesTable} from "./series_table.js";
import {html} from "./vendor/htm-preact.js";
import {useTimeWindow, WINDOWS, WindowSwitch} from "./windows.js";

const EVERY = 5000; // milliseconds

/** The page. */
export function Overview() {
  const window = useTimeWindow();
  const {data, error, pending, retry} = usePolled(withParameters("/api/stats", {window}), EVERY);
  return html`<div class="sheet" data-testid="overview">
    <header class="sheet-head">
      <div><h1>Overview</h1><p class="muted">What went through the proxy in ${WINDOWS[window]}.</p></div>
      <${WindowSwitch} chosen=${window} />
    </header>
    ${data && error && html`<p class="stale" role="status">These numbers are old: ${sentence(error.message)}
      <button type="button" class="quiet" onClick=${retry}>Try again</button></p>`}
    ${content({data, error, pending, retry, window})}
  </div>`;
}

function content({data, error, pending, retry, window}) {
  if (!data && error) return html`<${Problem} error=${error} retry=${retry} />`;
  if (!data) return html`<${Loading} what="Loading the statistics" />`;
  if (data.totals.requests === 0 && data.providers.length === 0) {
    return html`<${Empty} title=${`No requests in ${WINDOWS[window]}`}>
      Send one through the proxy, and its numbers appear here. Perhaps a longer window has some.<//>`;
  }
  return html`<div class=${pending ? "pending" : ""} aria-busy=${pending}>
    <${Cards} totals=${data.totals} />
    <div class="charts">${charts(data).map((chart) => html`<${Chart} key=${chart.title} stats=${data} ...${chart} />`)}</div>
    <div class="lists">
      <section class="panel"><h2>Most frequent repairs</h2>
        <${RankedList} values=${data.repairs} shown=${count} none="Nothing had to be repaired."
          link=${(repair) => requestsWith({repair})} testid="top-repairs" /></section>
      <section class="panel"><h2>Most frequent errors upstream</h2>
        <${RankedList} values=${errorsOf(data.providers)} shown=${count} tone="bad" none="No attempt failed."
          link=${(error) => requestsWith({error})} testid="top-errors" /></section>
    </div>
    <${SeriesTable} stats=${data} />
  </div>`;
}

function Cards({totals}) {
  const {requests} = totals;
  const share = (value, all) => (all > 0 ? percent(value / all).replace(" ", "\u00a0") : UNKNOWN);
  const cards = [
    {label: "Requests", value: shortCount(requests), href: "/", more: `${count(totals.failovers ?? 0)} after a failover`},
    {label: "Errors", value: shortCount(totals.errors), href: requestsWith({state: "failed"}), bad: totals.errors > 0,
      more: `${share(totals.errors, requests)} of requests`},
    {label: "TTFT p50", value: seconds(totals.ttft_p50), more: `p95 ${seconds(totals.ttft_p95)}`},
    {label: "Output tokens", value: shortCount(totals.output_tokens),
      more: `${shortCount(totals.input_tokens)} in, ${share(totals.cached_tokens, totals.input_tokens)} cached`},
    {label: "Repairs", value: shortCount(totals.repairs), href: requestsWith({repair: "*"}),
      more: `${count(totals.reprompts)} re-prompts`},
    {label: "Cost", value: totals.cost_usd ? dollars(totals.cost_usd) : UNKNOWN, more: "as vendors say"},
  ];
  return html`<ul class="cards" aria-label="In all">${cards.map((card) => html`<li key=${card.label} class="card"
      data-testid=${`card-${card.label.toLowerCase().replaceAll(" ", "-")}`}>
    ${card.href
      ? html`<a class="card-label" href=${card.href}>${card.label}</a>`
      : html`<span class="card-label">${card.label}</span>`}
    <span class=${`card-value ${card.bad ? "card-bad" : ""}`}>${card.value}</span>
    <span class="card-more">${card.more}</span></li>`)}</ul>`;
}

/** What the charts draw. Input and output have one each, as an agent's turn reads a hundred times more than it writes. */
function charts({totals}) {
  const counted = (label, name, colour, drawn, more) => ({
    label, colour, drawn, value: (point) => point[name] ?? 0, total: shortCount(totals[name] ?? 0), ...more,
  });
  const timed = (label, name, colour, drawn) => ({
    label, colour, drawn, value: (point) => point[name], total: seconds(totals[name]),
  });
  return [
    {title: "Requests", testid: "chart-requests", shown: shortCount, lines: [
      counted("requests", "requests", "--accent", "bars"),
      counted("errors", "errors", "--bad", "bars", {solid: true}),
    ]},
    {title: "Time to first token", testid: "chart-ttft", shown: seconds, lines: [
      timed("p95", "ttft_p95", "--warn", "line"),
      timed("p50", "ttft_p50", "--accent", "area"),
    ]},
    {title: "Repairs", testid: "chart-repairs", shown: shortCount, lines: [counted("repairs", "repairs", "--warn", "bars")]},
    {title: "Input tokens", testid: "chart-tokens", shown: shortCount, lines: [
      counted("input", "input_tokens", "--accent", "area"),
      counted("cached", "cached_tokens", "--good", "area"),
    ]},
    {title: "Output tokens", testid: "chart-output", shown: shortCount, lines: [
      counted("output", "output_tokens", "--accent", "area"),
      counted("reasoning", "reasoning_tokens", "--muted", "area"),
    ]},
    {title: "Further attempts", testid: "chart-reprompts", shown: shortCount, lines: [
      counted("re-prompts", "reprompts", "--accent", "area"),
      counted("failovers", "failovers", "--bad", "line"),
    ]},
  ];
}

function errorsOf(providers) {
  const found = new Map(); // not an object: the names come from traffic
  for (const {errors} of providers) {
    for (const [name, number] of Object.entries(errors)) found.set(name, (found.get(name) ?? 0) + number);
  }
  return Object.fromEntries(found);
}
