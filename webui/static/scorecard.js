/** The columns of the providers' scorecard: what each means, by what it is sorted, and how it is shown. */

import {count, dollars, percent, seconds, shortCount, UNKNOWN} from "./format.js";
import {ENOUGH, RateValue} from "./rates.js";
import {html} from "./vendor/htm-preact.js";

const number = (value) => (typeof value === "number" ? value : null);
const rated = (rate) => number(rate?.value);

/** All repairs for each hundred answers of a card. */
export function repairsPer100(card) {
  return Object.values(card.repairs_per_100).reduce((sum, value) => sum + value, 0);
}

/** How `3.4` repairs for a hundred answers are written: rare ones with a digit more. */
export function per100(value) {
  if (value === 0) return "0";
  return value < 0.095 ? value.toFixed(2) : value < 9.95 ? value.toFixed(1) : count(Math.round(value));
}

/**
 * @typedef {object} Column
 * @property {string} key as in the address
 * @property {string} label
 * @property {string} meaning a sentence or two for the reader
 * @property {(card: object) => number | string | null} sort null goes last, whichever way
 * @property {boolean} [rising] whether the first click sorts from small to large
 * @property {(card: object) => any} show
 */

/** @type {Column[]} */
export const COLUMNS = [
  {
    key: "answers", label: "Answers",
    meaning: "Upstream answers that came to an end of their own, re-prompted ones included. Rates are of these, or of " +
      "the part of them that is named.",
    sort: (card) => card.answers,
    show: (card) => html`<span class=${card.answers < ENOUGH ? "rate-few" : ""} title=${answersInWords(card)}>
      ${shortCount(card.answers)}</span>`,
  },
  {
    key: "calls", label: "Tool-call rate",
    meaning: "Of the answers to requests that offered tools, how many call one (finish reason tool_calls). K2 Vendor " +
      "Verifier compares this trigger rate with that of Moonshot's own API: far below it, a vendor loses calls.",
    sort: (card) => rated(card.tool_call_rate),
    show: (card) => html`<${RateValue} rate=${card.tool_call_rate} of="answers to requests with tools" />`,
  },
  {
    key: "before", label: "Schema before",
    meaning: "Of all tool calls, how many have a name that was offered and arguments that its JSON schema accepts, as " +
      "the vendor sent them. This is K2 Vendor Verifier's schema accuracy.",
    sort: (card) => rated(card.schema_before),
    show: (card) => html`<${RateValue} rate=${card.schema_before} of="tool calls" tone="good" />`,
  },
  {
    key: "after", label: "Schema after",
    meaning: "The same as the client got them, after the proxy's repairs. What is still missing here went wrong at the client.",
    sort: (card) => rated(card.schema_after),
    show: (card) => html`<${RateValue} rate=${card.schema_after} of="tool calls" tone="good" />`,
  },
  {
    key: "repairs", label: "Repairs / 100",
    meaning: "Repairs for each hundred answers, all kinds together; the bar shows the most frequent kinds. Open the row " +
      "to see each.",
    sort: repairsPer100,
    show: (card) => html`<${RepairBar} card=${card} />`,
  },
  {
    key: "early", label: "Early stops",
    meaning: "Of the answers to requests with tools, how many ended the turn without a call where one was demanded " +
      "(ensure_tool_call), so that the model was asked again.",
    sort: (card) => rated(card.early_stops), rising: true,
    show: (card) => html`<${RateValue} rate=${card.early_stops} of="answers to requests with tools" tone="bad" />`,
  },
  {
    key: "ttft", label: "TTFT p50",
    meaning: "Time from our request to the first content: half of the answers are faster.",
    sort: (card) => number(card.ttft_p50), rising: true,
    show: (card) => seconds(card.ttft_p50),
  },
  {
    key: "slow", label: "p95",
    meaning: "Time to the first content that 95 of 100 answers keep within.",
    sort: (card) => number(card.ttft_p95), rising: true,
    show: (card) => seconds(card.ttft_p95),
  },
  {
    key: "speed", label: "Tokens /s",
    meaning: "Output tokens for each second from the first content to the end, the median of the answers.",
    sort: (card) => number(card.tokens_per_second),
    show: (card) => (number(card.tokens_per_second) === null ? UNKNOWN : Math.round(card.tokens_per_second)),
  },
  {
    key: "cache", label: "Cache",
    meaning: "Of the input tokens, how many the vendor had in its cache, where it says so.",
    sort: (card) => rated(card.cache_rate),
    show: (card) => html`<span title=${cacheInWords(card.cache_rate)}>${percent(rated(card.cache_rate))}</span>`,
  },
  {
    key: "errors", label: "Errors",
    meaning: "Of all attempts, how many failed: refused, broken off, or without an answer. Open the row to see the classes.",
    sort: (card) => rated(card.error_rate), rising: true,
    show: (card) => html`<${RateValue} rate=${card.error_rate} of="attempts" tone="bad" />`,
  },
  {
    key: "cost", label: "Cost",
    meaning: "What the vendor said that its answers cost, in US dollars; a dash where it says nothing.",
    sort: (card) => number(card.cost_usd), rising: true,
    show: (card) => (card.cost_usd ? dollars(card.cost_usd) : UNKNOWN),
  },
];

/**
 * Cards in the order of a column; those without a value last, equal ones by name.
 * @param {object[]} cards
 * @param {string} key a column's, or `provider`
 * @param {boolean} falling
 */
export function sortCards(cards, key, falling) {
  const value = key === "provider" ? nameOf : COLUMNS.find((column) => column.key === key)?.sort;
  if (!value) return cards;
  const compare = (one, other) => {
    const [left, right] = [value(one), value(other)];
    if (left === right) return nameOf(one).localeCompare(nameOf(other));
    if (left === null || right === null) return left === null ? 1 : -1;
    const order = left < right ? -1 : 1;
    return falling ? -order : order;
  };
  return [...cards].sort(compare);
}

/** A card's provider and model as one text. */
export function nameOf(card) {
  return `${card.provider} ${card.model}`;
}

/** The total, and beneath it the most frequent kinds as parts of one bar. */
function RepairBar({card}) {
  const kinds = Object.entries(card.repairs_per_100).sort(([, one], [, other]) => other - one);
  const total = repairsPer100(card);
  const words = kinds.map(([kind, value]) => `${kind} ${per100(value)}`).join("\n") || "No repairs";
  return html`<span class=${`rate ${card.answers < ENOUGH ? "rate-few" : ""}`} title=${words}>
    <span class="rate-numbers"><span class="rate-value">${per100(total)}</span>
      <span class="rate-n">${kinds.length ? `${kinds.length} kind${kinds.length === 1 ? "" : "s"}` : ""}</span></span>
    <span class="stack" aria-hidden="true">${kinds.slice(0, 5).map(([kind, value], index) => html`<span key=${kind}
      class=${`stack-part stack-${index}`} style=${{flexGrow: value / total}} />`)}</span>
  </span>`;
}

function answersInWords(card) {
  const words = `${count(card.answers)} answers`;
  return card.answers < ENOUGH ? `${words}: greyed, as fewer than ${ENOUGH} say little.` : words;
}

function cacheInWords(rate) {
  if (rated(rate) === null) return "The vendor did not say.";
  return `${count(rate.count)} of ${count(rate.n)} input tokens came from the cache.`;
}
