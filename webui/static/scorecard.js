/** The columns of the providers' scorecard: what each means, by what it is sorted, and how it is shown. */

import {count, dollars, percent, plural, seconds, shortCount, UNKNOWN, vendorOf, visible} from "./format.js";
import {ENOUGH, RateValue} from "./rates.js";
import {html} from "./vendor/htm-preact.js";

const number = (value) => (typeof value === "number" ? value : null);
const rated = (rate) => number(rate?.value);

/** All repairs for each hundred answers of a card. */
export function repairsPer100(card) {
  return Object.values(card.repairs_per_100).reduce((sum, value) => sum + value, 0);
}

/** How `3.4` repairs for a hundred answers are written: rare ones with a digit more, and never as none. */
export function per100(value) {
  if (value === 0) return "0";
  if (value < 0.005) return "<0.01";
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
    meaning: "Answers of the vendor that came to an end of their own, also those after which the model was asked " +
      "again. Rates are of these, or of the part of them that is named.",
    sort: (card) => card.answers,
    show: (card) => html`<span class=${card.answers < ENOUGH ? "rate-few" : ""} title=${answersInWords(card)}>
      ${shortCount(card.answers)}</span>`,
  },
  {
    key: "calls", label: "Tool-call rate",
    meaning: "Of the answers to requests with tools, how many called one. Calls that leaked into the text and were " +
      "repaired are counted. K2 Vendor Verifier compares this rate with that of Moonshot's own API: a vendor far " +
      "below it loses calls.",
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
    meaning: "The same for the calls as the client got them, after the proxy's repairs.",
    sort: (card) => rated(card.schema_after),
    show: (card) => html`<${RateValue} rate=${card.schema_after} of="tool calls" tone="good" />`,
  },
  {
    key: "repairs", label: "Repairs / 100",
    meaning: "Repairs of the vendor's answers, for each hundred of them. Repairs of requests and of the history are " +
      "not counted, nor is text left out that was repeated after a reminder. The bar shows the most frequent kinds. " +
      "Open the row to see each.",
    sort: repairsPer100,
    show: (card) => html`<${RepairBar} card=${card} />`,
  },
  {
    key: "early", label: "Early stops",
    meaning: "Of the answers to requests with tools, how many ended without a usable call where one was demanded " +
      "(ensure_tool_call). After each the model was asked again, or the proxy gave up: the last answer counts then, too.",
    sort: (card) => rated(card.early_stops), rising: true,
    show: (card) => html`<${RateValue} rate=${card.early_stops} of="answers to requests with tools" tone="bad" />`,
  },
  {
    key: "ttft", label: "TTFT p50",
    meaning: "Time to first token: from our request to the first content. Half of the answers are faster.",
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
    meaning: "Output tokens for each second from the first content to the end, the median of the answers. Answers that came " +
      "in one piece tell no speed and are left out.",
    sort: (card) => number(card.tokens_per_second),
    show: (card) => speed(number(card.tokens_per_second)),
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

/** A card's vendor and model as one text, which no other card has. */
export function nameOf(card) {
  const {name, kind} = vendorOf(card.provider || "unknown", card.host);
  return [name, visible(card.model), kind ?? visible(card.host)].filter(Boolean).join(" ");
}

/** Tokens a second: slow ones with a digit more, as `0` would say that nothing came. */
function speed(value) {
  if (value === null) return UNKNOWN;
  if (value >= 9.95) return shortCount(Math.round(value));
  return value >= 0.05 ? value.toFixed(1) : "<0.1";
}

/** The total, and beneath it the most frequent kinds as parts of one bar. */
function RepairBar({card}) {
  const kinds = Object.entries(card.repairs_per_100).sort(([, one], [, other]) => other - one);
  const total = repairsPer100(card);
  const words = kinds.map(([kind, value]) => `${visible(kind)} ${per100(value)}`).join("\n") || "No repairs";
  return html`<span class=${`rate ${card.answers < ENOUGH ? "rate-few" : ""}`} title=${words}>
    <span class="rate-numbers"><span class="rate-value">${per100(total)}</span>
      <span class="rate-n">${kinds.length ? plural(kinds.length, "kind") : ""}</span></span>
    <span class="stack" aria-hidden="true">${kinds.slice(0, 5).map(([kind, value], index) => html`<span key=${kind}
      class=${`stack-part stack-${index}`} style=${{flexGrow: value / total}} />`)}</span>
  </span>`;
}

function answersInWords(card) {
  const words = plural(card.answers, "answer");
  return card.answers < ENOUGH ? `${words}: greyed, as fewer than ${ENOUGH} say little.` : words;
}

function cacheInWords(rate) {
  if (rated(rate) === null) return "The vendor did not say.";
  return `${count(rate.count)} of ${count(rate.n)} input tokens came from the cache.`;
}
