/** Long text, shown in steps: a first part, then more on demand, so that a 5 MB answer never stops the page. */

import {bytes, count} from "./format.js";
import {Empty, Loading, Problem} from "./parts.js";
import {html, useState} from "./vendor/htm-preact.js";

const FIRST = 4_000;
const STEP = 100_000;
const ALL = 2_000_000; // up to this many characters may be asked for at once

/**
 * A text that begins with its first part. Always inserted as text, whatever stands in it.
 * @param {{text: string, first?: number, label?: string, className?: string}} props
 */
export function LongText({text, first = FIRST, label, className = ""}) {
  const [limit, setLimit] = useState(first);
  const shown = text.length <= limit + 200 ? text : text.slice(0, cutAt(text, limit));
  return html`
    <pre class=${`words ${className}`} aria-label=${label}>${shown}</pre>
    ${shown.length < text.length && html`<${More} shown=${shown.length} total=${text.length} setLimit=${setLimit} />`}
  `;
}

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
 */
export function pretty(text) {
  if (text.length > ALL || !/^\s*[[{]/.test(text)) return text;
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
 */
export function placeholder(held, what) {
  switch (held.state) {
    case "ready": return null;
    case "missing": return html`<${Empty} title=${`No text of ${what}`}>Nothing came, bodies are not logged, or they are gone from the log by now.<//>`;
    case "failed": return html`<${Problem} title=${`The text of ${what} could not be loaded`} error=${held.error} retry=${held.retry} />`;
    default: return html`<${Loading} />`;
  }
}

/**
 * Says when a body is not all there is.
 * @param {{body: import("./bodies.js").Body}} props
 */
export function Incomplete({body}) {
  if (body.cut) return html`<p class="caution">Only the first ${bytes(body.loaded)} are loaded here; the whole is there for download under Raw.</p>`;
  return body.complete ? null : html`<p class="caution">The log has only a part of this body: it was cut at the configured size, or the exchange broke off.</p>`;
}
