/** The repairs of an answer or a request: number, kind, why, and what became what; a click goes to the place. */

import {flash} from "./marked.js";
import {visible} from "./text.js";
import {html, useEffect, useState} from "./vendor/htm-preact.js";

const FIRST = 6; // more would push the answer itself out of sight
const PREVIEW = 160;

/**
 * @param {{repairs: import("./marks.js").NumberedRepair[], reasons: Record<string, string>,
 *   found?: Map<number, Set<string>>, jump: import("./marked.js").Jump, listed: import("./marked.js").Jump,
 *   pick: (number: number) => void, name: string, title: string, always?: boolean}} props
 *   `listed`: the entry that a number in the text asks for; `always`: each can be gone to, before it is known where
 */
export function RepairList({name, title, repairs, reasons, found, jump, listed, pick, always}) {
  const [all, setAll] = useState(false);
  const shown = all ? repairs : repairs.slice(0, FIRST);
  useEffect(() => {
    if (!listed || listed.shown.size || !repairs.some(({number}) => number === listed.number)) return;
    const element = document.getElementById(entryId(listed.number));
    if (!element) {
      setAll(true);
      return;
    }
    flash(element, false);
    listed.shown.add(element.id);
  }, [listed, all]);
  return html`
    <section class="repairs" aria-labelledby=${`repairs-${name}`}>
      <h2 id=${`repairs-${name}`}>${title} <span class="muted">${repairs.length}</span></h2>
      <ol>
        ${shown.map((repair) => html`<${Entry} key=${repair.number} repair=${repair} reason=${reasons[repair.kind]}
          places=${found?.get(repair.number)} looked=${found !== undefined} always=${always} current=${jump?.number === repair.number} pick=${pick} />`)}
      </ol>
      ${shown.length < repairs.length && html`<p class="more"><button type="button" class="quiet" onClick=${() => setAll(true)}>Show all ${repairs.length}</button></p>`}
    </section>
  `;
}

function Entry({repair, reason, places, looked, always, current, pick}) {
  const body = html`
    <span class="number" aria-hidden="true">${repair.number}</span>
    <span class="repair-what">
      <span class="repair-head"><strong>${visible(repair.kind)}</strong>
        <span class="muted">${places ? `in ${[...places].join(", ").toLowerCase()}` : looked ? "no place in the text" : ""}</span></span>
      ${reason && html`<span class="repair-reason">${reason}</span>`}
      <span class="repair-words">
        ${repair.before && html`<code class="removed">${preview(repair.before)}</code>`}
        ${repair.before && repair.after && html`<span class="arrow" aria-label="became">→</span>`}
        ${repair.after && html`<code class="added">${preview(repair.after)}</code>`}
      </span>
    </span>
  `;
  return html`
    <li id=${entryId(repair.number)} class=${current ? "is-current" : ""}>
      ${places || (always && !looked)
        ? html`<button type="button" class="repair" onClick=${() => pick(repair.number)}>${body}</button>`
        : html`<div class="repair">${body}</div>`}
    </li>
  `;
}

const entryId = (number) => `listed-repair-${number}`;

const preview = (words) => visible(words.length > PREVIEW ? `${words.slice(0, PREVIEW)}…` : words);
