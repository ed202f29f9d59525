/** One row of the table of requests, and the columns it has. */

import {UNKNOWN, count, fullMoment, moment, seconds, shortCount} from "./format.js";
import {Chip} from "./parts.js";
import {Component, html, useEffect, useState} from "./vendor/htm-preact.js";

const CHIP_CHARACTERS = 24; // that have room in a row; chips beyond are counted

/** The columns: the name that the style knows, the head, and what it means where that is not plain. */
export const COLUMNS = [
  ["time", "Time"],
  ["state", "Status"],
  ["client", "Client"],
  ["model", "Asked → served"],
  ["provider", "Provider"],
  ["ttft", "TTFT", "Time to first token"],
  ["total", "Total", "From the request to the end of the answer"],
  ["in", "In", "Input tokens, cached ones included"],
  ["out", "Out", "Output tokens"],
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
    const asked = `asked for ${row.asked_model ?? "no model"}, served by ${row.route ?? "no route"}`;
    const total = row.state === "running"
      ? html`<${Elapsed} since=${row.started_at} />`
      : number(row, "total", row.duration, seconds);
    return html`
      <span role="cell" class="cell-time"><a class="request-link" href=${`/exchanges/${row.id}`} draggable="false"
        title=${fullMoment(row.started_at)}>${moment(row.started_at)}</a></span>
      <span role="cell" class="cell-state"><${Status} row=${row} /></span>
      ${text("client", client, [row.client_agent, row.client_address, row.client_format])}
      <span role="cell" class="cell-model" title=${asked}>${models(row)}</span>
      ${text("provider", row.provider, [row.provider, row.model])}
      ${number(row, "ttft", row.time_to_first_token, seconds)}
      ${total}
      ${number(row, "in", row.input_tokens, shortCount)}
      ${number(row, "out", row.output_tokens, shortCount)}
      ${number(row, "cached", row.cached_tokens, shortCount)}
      ${number(row, "reasoning", row.reasoning_tokens, shortCount)}
      <span role="cell" class=${row.error_type ? "cell-finish is-bad" : "cell-finish"}
        title=${row.error_message ?? row.finish_reason ?? ""}>${row.error_type ?? row.finish_reason ?? ""}</span>
      <span role="cell" class="cell-repairs">${chipsOf(row)}</span>
      <span role="cell" class="cell-preview">${row.preview ?? ""}</span>`;
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
  return html`<span role="cell" class="cell-total is-muted">${passed < 60 ? `${passed} s` : seconds(passed)}</span>`;
}

/** The model that was asked for, and what served it: without the provider's name, which has a column. */
function models({asked_model: asked, route, provider, state}) {
  const short = route?.startsWith(`${provider}/`) ? route.slice(provider.length + 1) : route;
  const served = short ?? (state === "running" ? "…" : null);
  if (served === null || served === asked) return html`<span class="asked">${asked ?? UNKNOWN}</span>`;
  return html`<span class="asked">${asked ?? UNKNOWN}</span>
    <span class="arrow" aria-hidden="true">→</span><span class="served">${served}</span>`;
}

function text(name, value, all) {
  const title = all.filter(Boolean).join(", ");
  return html`<span role="cell" class=${`cell-${name}`} title=${title}>${value ?? ""}</span>`;
}

function number({state}, name, value, format) {
  const known = value !== null && value !== undefined;
  if (!known && state === "running") return html`<span role="cell" class=${`cell-${name}`}></span>`; // it will come
  const exact = known && format === shortCount && value >= 10_000 ? count(value) : undefined;
  const style = known ? `cell-${name}` : `cell-${name} is-unknown`;
  return html`<span role="cell" class=${style} title=${exact}>${format(value)}</span>`;
}

function chipsOf(row) {
  const chips = repairsOf(row);
  let used = 0;
  const fitting = chips.findIndex(({label}) => (used += label.length + 3) > CHIP_CHARACTERS);
  const shown = fitting < 0 ? chips : chips.slice(0, Math.max(1, fitting));
  const rest = chips.slice(shown.length);
  return html`${shown.map(({tone, label}) => html`<${Chip} key=${label} tone=${tone} title=${label}>${label}<//>`)}
    ${rest.length > 0 && html`<${Chip} tone="mark" title=${rest.map(({label}) => label).join(", ")}>
      +${rest.length}<//>`}`;
}

/**
 * What the proxy did to an exchange, most telling first.
 * @returns {{tone: string, label: string}[]}
 */
export function repairsOf(row) {
  const chips = [];
  const again = Array.isArray(row.reprompts) ? row.reprompts.length : row.reprompts ?? 0;
  if (row.enforcement === "exhausted") chips.push({tone: "bad", label: "no call"});
  if (again > 0) chips.push({tone: "accent", label: times("asked again", again)});
  else if (row.attempt_count > 1) chips.push({tone: "accent", label: `${row.attempt_count} attempts`});
  const counts = Object.entries(row.repair_counts ?? {}).sort((one, other) => other[1] - one[1]);
  for (const [kind, number] of counts) chips.push({tone: "mark", label: times(kind.replaceAll("_", " "), number)});
  return chips;
}

function times(label, number) {
  return number > 1 ? `${label} ×${number}` : label;
}
