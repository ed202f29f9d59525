/** Long text, shown in steps: a first part, then more on demand, so that a 5 MB answer never stops the page. */

import {useConfig} from "./bodies.js";
import {bytes, count} from "./format.js";
import {Empty, Loading, Problem} from "./parts.js";
import {html, useState} from "./vendor/htm-preact.js";

const FIRST = 4_000;
const STEP = 100_000;
const ALL = 2_000_000; // up to this many characters may be asked for at once

// What is not seen, or rearranges what is seen: the controls but line feed and tab, and those of the direction.
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g;
const RUN = 16; // symbols shown of one run
const RUNS = 300; // runs of one text that are drawn as elements; a text of nothing else would be far too many

/** A symbol for one control character: the picture of it where Unicode has one, else its number. */
function symbolOf(character) {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}

function symbolsOf(run) {
  const shown = Array.from(run.slice(0, RUN), symbolOf).join("");
  return run.length > RUN ? `${shown}\u2026 \u00d7 ${count(run.length)}` : shown;
}

/**
 * A text in which control characters are only symbols: for titles, and where there is no room for elements.
 * @param {string | null | undefined} text
 */
export const symbols = (text) => (text ? String(text).replace(INVISIBLE, symbolsOf) : text);

/**
 * A text for a page: control characters are seen as symbols, and are copied as they are. Each stands in a box of
 * its own (see `.control` in detail.css), from which it cannot rearrange the words around it.
 * @param {string | null | undefined} text
 */
export function visible(text) {
  if (!text || text.search(INVISIBLE) < 0) return text;
  const found = [];
  let from = 0;
  for (const {0: run, index} of text.matchAll(INVISIBLE)) {
    if (found.length >= 2 * RUNS) break;
    found.push(text.slice(from, index), html`<span class="control" data-symbol=${symbolsOf(run)}>${run}</span>`);
    from = index + run.length;
  }
  found.push(symbols(text.slice(from)));
  return found;
}

/**
 * A text that begins with its first part. Always inserted as text, whatever stands in it.
 * @param {{text: string, first?: number, label?: string, className?: string}} props
 */
export function LongText({text, first = FIRST, label, className = ""}) {
  const [limit, setLimit] = useState(first);
  const shown = text.length <= limit + 200 ? text : text.slice(0, cutAt(text, limit));
  return html`
    <pre class=${`words ${className}`} dir=${directionOf(className)} aria-label=${label}>${visible(shown)}</pre>
    ${shown.length < text.length && html`<${More} shown=${shown.length} total=${text.length} setLimit=${setLimit} />`}
  `;
}

/** Prose has the direction of its words; code is read from the left, whatever stands in its strings. */
const directionOf = (className) => (/\b(?:code|result)\b/.test(className) ? "ltr" : "auto");

/**
 * The buttons under a text that is not shown whole.
 * @param {{shown: number, total: number, setLimit: (limit: number) => void, unit?: string}} props
 */
export function More({shown, total, setLimit, unit = "characters"}) {
  const rest = total - shown;
  const step = Math.min(STEP, rest);
  return html`
    <p class="more">
      <span class="muted">${count(rest)} more ${unit}</span>
      ${step < rest && html`<button type="button" class="quiet" onClick=${() => setLimit(shown + step)}>Show ${count(step)}</button>`}
      ${rest <= ALL && html`<button type="button" class="quiet" onClick=${() => setLimit(total)}>Show all</button>`}
    </p>
  `;
}

/** A place to cut that does not take a character of two halves apart. */
export function cutAt(text, limit) {
  const code = text.charCodeAt(limit - 1);
  return code >= 0xd800 && code < 0xdc00 ? limit - 1 : limit;
}

/**
 * JSON with indentation, or the text as it is where it is none or too long to be worth it.
 * @param {string} text
 * @param {number} [limit] characters up to which it is worth it
 */
export function pretty(text, limit = ALL) {
  if (text.length > limit || !/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/**
 * What stands in the place of a body until it is there, or null when it is.
 * @param {ReturnType<import("./bodies.js").useBody>} held
 * @param {string} what its name in a sentence, such as "the client's request"
 * @param {{exchange: object, attempt?: object, kind: string, size?: number | null}} [about] whose body it is, for the
 *   reason why there is none
 */
export function placeholder(held, what, about) {
  switch (held.state) {
    case "ready": return null;
    case "missing": return html`<${Missing} what=${what} about=${about} />`;
    case "failed": return html`<${Problem} title=${`The text of ${what} could not be loaded`} error=${held.error} retry=${held.retry} />`;
    default: return html`<${Loading} />`;
  }
}

function Missing({what, about}) {
  const {config, settled} = useConfig();
  if (!settled) return html`<${Loading} />`;
  return html`<${Empty} title=${`No text of ${what}`}>${about && reasonOf(about, config)}<//>`;
}

const DAY = 86_400;

/** The one reason that applies why a body is not there. */
function reasonOf({exchange, attempt, kind, size}, config) {
  const state = attempt?.outcome ?? exchange.state;
  const isAnswer = kind.endsWith("_response");
  if (exchange.state === "running") return isAnswer ? "Nothing has come yet." : "It is not in the log yet.";
  if (size === 0) return "It was empty.";
  if (!size && isAnswer) {
    if (kind === "client_response") {
      if (state === "cancelled") return "The client left before anything was sent to it.";
      if (state === "failed") return "Nothing was sent to the client.";
    } else if (state === "cancelled") return "Nothing had come when the client left.";
    else if (state === "failed") return "Nothing came.";
  }
  if (exchange.state === "interrupted") return `The proxy ended before ${isAnswer ? "any of it came" : "it was in the log"}.`;
  const mode = config?.log?.mode;
  if (mode === "metadata" || mode === "off") return `Bodies are not logged (LOG_MODE=${mode}).`;
  const endedWell = exchange.state === "complete" && (exchange.status ?? 0) < 400;
  if (mode === "errors" && endedWell) return "Bodies are logged only of what fails (LOG_MODE=errors).";
  if (!size) return "Nothing of it was logged.";
  const days = Number.parseFloat(config?.settings?.LOG_RETENTION_DAYS ?? "30");
  const old = days > 0 && Date.now() / 1000 - exchange.started_at > days * DAY;
  return old ? `Deleted by retention: it is older than ${count(days)} days.` : `Its ${bytes(size)} are no longer in the log.`;
}

/**
 * Says when a body is not all there is, and why.
 * @param {{body: import("./bodies.js").Body, exchange?: object, size?: number | null}} props
 */
export function Incomplete({body, exchange, size}) {
  if (body.cut) return html`<p class="caution">Only the first ${bytes(body.loaded)} are loaded here; the whole is there for download under Raw.</p>`;
  return body.complete ? null : html`<p class="caution">${partOf(exchange, body, size)}</p>`;
}

function partOf(exchange, body, size) {
  if (exchange?.state === "running") return "This is what has come so far.";
  if (exchange?.state === "interrupted") return "The proxy ended while this body was written: the log has only a part of it.";
  if (typeof size === "number" && body.loaded < size) {
    return `The stored file is damaged or was cut: it is incomplete, with ${bytes(body.loaded)} of ${bytes(size)} that could be read.`;
  }
  return "The log has only a part of this body: it is incomplete.";
}
