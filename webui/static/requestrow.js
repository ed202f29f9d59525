/** One row of the table of requests, and the columns it has. */

import {UNKNOWN, count, fullMoment, moment, plural, seconds, shortCount, vendorOf, visible} from "./format.js";
import {Chip} from "./parts.js";
import {Component, html, useEffect, useState} from "./vendor/htm-preact.js";

const LONGEST_TITLE = 500; // characters of what came from traffic
const ROOM = 25; // characters of chips that a row has room for; chips beyond are counted
const LISTED = 30; // in the title of those beyond

/** Repairs from those that save an answer to those that change nothing for the reader. */
const ORDER = [/^leaked-call/, /^call-/, /^arguments-/, /^name-/, /^(think|orphan)-/];
const ENFORCEMENT = ORDER.length;
const OTHERS = ENFORCEMENT + 1;
const LAST = [/^finish-reason/, /^id-/, /^request-/, /^history-/, /^text-repeated/];

/** The columns: the name that the style knows, the head, and what it means where that is not plain. */
export const COLUMNS = [
  ["time", "Time"],
  ["state", "Status"],
  ["client", "Client"],
  ["model", "Asked → served"],
  ["provider", "Provider", "Who answered"],
  ["ttft", "TTFT", "Time to first token"],
  ["total", "Total", "From the request to the end of the answer"],
  ["in", "In", "Input tokens, cached ones included"],
  ["out", "Out", "Output tokens"],
  // These two have no room in most windows: the titles of In and Out have their numbers as well.
  ["cached", "Cached", "Input tokens that came from the vendor's cache"],
  ["reasoning", "Think", "Output tokens spent on reasoning"],
  ["finish", "Finish", "Why the answer ended"],
  ["repairs", "Repairs", "What the proxy changed in the answer"],
  ["preview", "Preview"],
];

const TONES = {running: "accent", complete: "good", failed: "bad", interrupted: "warn", cancelled: "plain"};

/**
 * A row at its place. A function that gives an element, not a component: Preact takes every row out of the document
 * and puts it in again when the first of several keyed components are gone, as at each step of scrolling.
 * @param {{key: string | number, row: object | undefined, index: number, top: number, selected: boolean,
 *   select: (id: string) => void}} properties `row`: undefined while it is not in memory
 */
export function requestRow({key, row, index, top, selected, select}) {
  const place = {transform: `translateY(${top}px)`};
  if (!row) {
    return html`<div key=${key} class="request" role="row" aria-rowindex=${index + 2} aria-busy="true" style=${place}
      data-testid="absent-row"><span role="cell" class="request-bone"></span></div>`;
  }
  const choose = () => select(row.id);
  return html`<div key=${key} class=${`request request-${row.state}`} role="row" aria-rowindex=${index + 2}
    aria-current=${selected ? "true" : undefined} onMouseDown=${choose} onfocusin=${choose} style=${place}
    data-testid="row" data-id=${row.id}><${Cells} row=${row} /></div>`;
}

/** What is in a row. Drawn again only when the row changed: while scrolling most stay as they are. */
class Cells extends Component {
  shouldComponentUpdate(next) {
    return this.props.row !== next.row;
  }

  render({row}) {
    const client = row.client_agent || row.client_address;
    const {name: vendor, kind} = vendorOf(row.provider, row.upstream_host);
    const asked = `Asked for ${row.asked_model ?? "no model"}, served by ${row.route ?? "no route"}`;
    const finish = visible(row.error_type ?? row.finish_reason);
    const total = row.state === "running"
      ? html`<${Elapsed} since=${row.started_at} />`
      : number(row, "total", row.duration, seconds);
    return html`
      <span role="cell" class="cell-time"><a class="request-link" href=${`/exchanges/${row.id}`} draggable="false"
        title=${fullMoment(row.started_at)}>${moment(row.started_at)}</a></span>
      <span role="cell" class="cell-state"><${Status} row=${row} /></span>
      ${text("client", client, [row.client_agent, row.client_address, row.client_format])}
      <span role="cell" class="cell-model" title=${brief(asked)}>${models(row)}</span>
      <span role="cell" class="cell-provider" title=${providerInWords(row, vendor)}>${vendor}${
        kind && html` <span class="is-muted">${kind}</span>`}</span>
      ${number(row, "ttft", row.time_to_first_token, seconds)}
      ${total}
      ${number(row, "in", row.input_tokens, shortCount, tokensInWords("input", row.input_tokens, "from the cache", row.cached_tokens))}
      ${number(row, "out", row.output_tokens, shortCount, tokensInWords("output", row.output_tokens, "for thinking", row.reasoning_tokens))}
      ${number(row, "cached", row.cached_tokens, shortCount)}
      ${number(row, "reasoning", row.reasoning_tokens, shortCount)}
      <span role="cell" class=${row.error_type ? "cell-finish is-bad" : "cell-finish"}
        title=${brief(row.error_message ?? row.finish_reason)}>${finish}</span>
      <span role="cell" class="cell-repairs">${repairChips(row)}</span>
      ${row.preview || !row.error_message
        ? html`<span role="cell" class="cell-preview"><bdi>${visible(row.preview)}</bdi></span>`
        : html`<span role="cell" class="cell-preview is-bad"><bdi>${brief(row.error_message)}</bdi></span>`}`;
  }
}

function Status({row}) {
  const word = row.state === "complete" ? row.status ?? "complete" : row.state;
  const status = row.state !== "complete" && row.status !== null && row.status !== 200 ? ` ${row.status}` : "";
  return html`<span class=${`dot dot-${TONES[row.state] ?? "plain"}`} aria-hidden="true"></span>${word}${status}`;
}

/** The time a running exchange has taken, counted on here. */
function Elapsed({since}) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const passed = Math.max(0, Math.floor(now / 1000 - since));
  return html`<span role="cell" class="cell-total is-muted" title="It is running. This is the time since it began.">${passed < 60 ? `${passed} s` : seconds(passed)}</span>`;
}

/** The model that was asked for, and what served it where that is another: without the provider's name, which has a
 * column. */
function models({asked_model: asked, route, provider, state}) {
  const bare = (name) => (name?.startsWith(`${provider}/`) ? name.slice(provider.length + 1) : name);
  const served = bare(route) ?? (state === "running" ? "…" : null);
  const shown = html`<span class="asked"><bdi>${visible(asked ?? UNKNOWN)}</bdi></span>`;
  if (served === null || served === bare(asked)) return shown;
  return html`${shown}<span class="arrow" aria-hidden="true">→</span>
    <span class="served"><bdi>${visible(served)}</bdi></span>`;
}

function providerInWords({provider, model, upstream_host: host, state}, vendor) {
  if (!vendor) return state === "running" ? "Not known yet" : "No provider was asked";
  return brief(`${host ?? "No host"} answered (${[provider, model].filter(Boolean).join(", ")})`);
}

/** `12,345 input tokens, 11,000 of them from the cache`; nothing where nothing is known. */
function tokensInWords(noun, all, what, part) {
  if (typeof all !== "number") return undefined;
  return `${plural(all, `${noun} token`)}${typeof part === "number" ? `, ${count(part)} of them ${what}` : ""}`;
}

function brief(title) {
  const text = String(title ?? "");
  return visible(text.length > LONGEST_TITLE ? `${text.slice(0, LONGEST_TITLE)}…` : text);
}

function text(name, value, all) {
  const title = brief(all.filter(Boolean).join(", "));
  return html`<span role="cell" class=${`cell-${name}`} title=${title}><bdi>${visible(value)}</bdi></span>`;
}

function number({state}, name, value, format, title) {
  const known = value !== null && value !== undefined;
  if (!known && state === "running") return html`<span role="cell" class=${`cell-${name}`}></span>`; // it will come
  const style = known ? `cell-${name}` : `cell-${name} is-unknown`;
  return html`<span role="cell" class=${style} title=${title}>${format(value)}</span>`;
}

/** The chips that have room, and how many more there are. */
function repairChips(row) {
  const chips = repairsOf(row);
  let used = 0;
  const beyond = chips.findIndex(({label}) => (used += label.length + 3) > ROOM);
  const shown = beyond < 0 ? chips : chips.slice(0, Math.max(1, beyond));
  const rest = chips.slice(shown.length);
  return html`${shown.map(({tone, label, title}) => html`<${Chip} key=${label} tone=${tone} title=${title}>${label}<//>`)}
    ${rest.length > 0 && html`<${Chip} tone=${rest.some(({tone}) => tone === "bad") ? "bad" : "mark"}
      title=${rest.slice(0, LISTED).map(({label}) => label).join(", ")}>+${rest.length}<//>`}`;
}

/**
 * What the proxy did to an exchange, most telling first.
 * @returns {{tone: string, label: string, title: string}[]}
 */
export function repairsOf(row) {
  const chips = enforcementOf(row).map((chip) => ({...chip, rank: ENFORCEMENT, number: 1}));
  for (const [kind, number] of Object.entries(row.repair_counts ?? {})) {
    const label = times(visible(kind.replaceAll("_", " ")), number);
    chips.push({tone: "mark", label, title: `Repaired: ${label}`, rank: rankOf(kind), number});
  }
  return chips.sort((one, other) => one.rank - other.rank || other.number - one.number);
}

/** What was done beyond one answer of one vendor. Why there is a further attempt is known at the end only. */
function enforcementOf({state, enforcement, reprompts, attempt_count: attempts}) {
  if (state === "running") {
    if (!(attempts > 1)) return [];
    return [{tone: "accent", label: `attempt ${attempts}`, title: "An earlier attempt did not serve. The reason is shown at the end."}];
  }
  const chips = [];
  const again = Array.isArray(reprompts) ? reprompts.length : reprompts ?? 0;
  if (enforcement === "exhausted") {
    chips.push({
      tone: "bad", label: "gave up",
      title: "A tool call was demanded, and no answer had one. The proxy stopped asking and passed on what there was.",
    });
  }
  if (again > 0) {
    chips.push({
      tone: "accent", label: times("asked again", again),
      title: `The answer ended without a tool call where one was demanded. The model was asked again, ${plural(again, "time")}.`,
    });
  }
  if (attempts > 1 + again) {
    const failed = attempts - 1 - again;
    chips.push({
      tone: "warn", label: times("failover", failed),
      title: `${plural(failed, "attempt")} failed, and the request was sent again, to another vendor or the same.`,
    });
  }
  return chips;
}

function rankOf(kind) {
  const first = ORDER.findIndex((pattern) => pattern.test(kind));
  if (first >= 0) return first;
  const last = LAST.findIndex((pattern) => pattern.test(kind));
  return last < 0 ? OTHERS : OTHERS + 1 + last;
}

function times(label, number) {
  return number > 1 ? `${label} ×${number}` : label;
}
