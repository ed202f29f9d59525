/** A rate as it is read: its value, how many it is of, and its 95 % interval drawn, so that three good answers do not
 * look like three thousand. */

import {count, percent, UNKNOWN} from "./format.js";
import {html} from "./vendor/htm-preact.js";

/** Below so many, a rate says little and is greyed. */
export const ENOUGH = 30;

/**
 * @typedef {{count: number, n: number, value: number | null, low: number | null, high: number | null}} Rate
 */

/**
 * A rate in words, for titles and screen readers.
 * @param {Rate} rate
 * @param {string} of what is counted, in the plural: `answers`
 */
export function rateInWords(rate, of) {
  if (!known(rate)) return `No ${of} yet.`;
  const interval = `${whole(rate.low)} to ${whole(rate.high)}`;
  return `${count(rate.count)} of ${count(rate.n)} ${of}: ${whole(rate.value)}, with 95\u00a0% confidence ${interval}.`;
}

/**
 * A rate with its interval.
 * @param {{rate: Rate, of: string, tone?: "good" | "bad" | "plain"}} properties `tone`: whether a high value is good
 */
export function RateValue({rate, of, tone = "plain"}) {
  const words = rateInWords(rate, of);
  if (!known(rate)) return html`<span class="rate rate-few" title=${words}>${UNKNOWN}</span>`;
  const title = few(rate) ? `${words} Greyed, as fewer than ${ENOUGH} say little.` : words;
  return html`<span class=${`rate rate-${tone} ${few(rate) ? "rate-few" : ""}`} title=${title}>
    <span class="rate-numbers"><span class="rate-value">${percent(rate.value)}</span>
      <span class="rate-n"><span class="visually-hidden">of </span>${compact(rate.n)}</span></span>
    <${Interval} rate=${rate} />
  </span>`;
}

/** The interval as a bar from low to high on a line from 0 to 100 %, with a dot at the value. */
function Interval({rate}) {
  const at = (value) => `${100 * Math.min(1, Math.max(0, value))}%`;
  return html`<svg class="interval" height="8" aria-hidden="true">
    <line class="interval-track" x1="0" x2="100%" y1="4" y2="4" />
    <line class="interval-range" x1=${at(rate.low)} x2=${at(rate.high)} y1="4" y2="4" />
    <circle class="interval-dot" cx=${at(rate.value)} cy="4" r="2.5" />
  </svg>`;
}

/** A share that no line break tears apart. */
function whole(share) {
  return percent(share).replace(" ", "\u00a0");
}

/** How many, in four characters: it stands beside the value in a narrow column. */
function compact(number) {
  if (number < 1000) return String(number);
  const [scaled, unit] = number < 999_500 ? [number / 1e3, "k"] : [number / 1e6, "M"];
  return `${scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)}${unit}`;
}

function known(rate) {
  return Boolean(rate) && rate.value !== null;
}

function few(rate) {
  return rate.n < ENOUGH;
}
