/** Names with a number each, the largest first, drawn as bars: repairs by kind, errors by class. */

import {visible} from "./format.js";
import {html, useState} from "./vendor/htm-preact.js";

const FIRST = 12; // names come from traffic: the rest on demand

/**
 * @param {object} properties
 * @param {Record<string, number>} properties.values
 * @param {(value: number) => string} properties.shown how a number is written
 * @param {(name: string) => string} properties.link where a name leads
 * @param {string} properties.none what is said when there are none
 * @param {"repair" | "bad"} [properties.tone]
 */
export function RankedList({values, shown, link, none, tone = "repair", testid}) {
  const [all, setAll] = useState(false);
  const ranked = Object.entries(values).filter(([, value]) => value > 0).sort(([, one], [, other]) => other - one);
  if (ranked.length === 0) return html`<p class="muted" data-testid=${testid}>${none}</p>`;
  const largest = ranked[0][1];
  return html`<ol class=${`ranked ranked-${tone}`} data-testid=${testid}>
      ${ranked.slice(0, all ? undefined : FIRST).map(([name, value]) => html`<li key=${name}>
        <a href=${link(name)} title=${visible(`Requests with ${name}`)}>${visible(name)}</a>
        <span class="ranked-bar" aria-hidden="true"><span style=${{width: `${(100 * value) / largest}%`}} /></span>
        <span class="ranked-value">${shown(value)}</span></li>`)}
    </ol>
    ${ranked.length > FIRST && !all && html`<button type="button" class="quiet" onClick=${() => setAll(true)}>
      Show ${ranked.length - FIRST} more</button>`}`;
}
