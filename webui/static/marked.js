/** A text with numbered repairs and changes marked in it, bounded like every long text. */

import {changedRanges} from "./differences.js";
import {pieces} from "./marks.js";
import {cutAt, More, visible} from "./text.js";
import {html, useEffect, useMemo, useState} from "./vendor/htm-preact.js";

const FIRST = 12_000; // enough for nearly every answer; a repair farther behind is reached by its number

/** The id of the place where a repair is marked. */
export const markId = (scope, side, number) => `repair-${scope}-${side}-${number}`;

/**
 * @typedef {{number: number, shown: Set<string>} | null} Jump which repair to show, and the places that were shown
 * @param {{text: string, marks: import("./marks.js").Mark[], changes: import("./differences.js").Change[] | null,
 *   offset?: number, side: "before" | "after", scope: string, jump: Jump, code?: boolean,
 *   onPick: (number: number) => void}} props `offset`: where the text begins in what the changes are of
 */
export function MarkedText({text, marks, changes, offset = 0, side, scope, jump, code, onPick}) {
  const [limit, setLimit] = useState(FIRST);
  const wanted = jump && marks.find((mark) => mark.number === jump.number);
  useEffect(() => {
    if (wanted && wanted.end > limit) setLimit(wanted.end + FIRST);
  }, [jump]);
  const cut = useMemo(() => {
    const shown = text.length <= limit + 200 ? text : text.slice(0, cutAt(text, limit));
    const ranges = changedRanges(changes, side)
      .filter((range) => range.end > offset)
      .map((range) => ({start: Math.max(0, range.start - offset), end: range.end - offset}));
    return {
      length: shown.length,
      pieces: pieces(shown, marks.filter((mark) => mark.start < shown.length), ranges.filter((range) => range.start < shown.length)),
    };
  }, [text, marks, changes, limit]);
  const change = side === "before" ? "removed" : "added";
  return html`
    <pre class=${`words ${code ? "code" : ""}`} dir=${code ? "ltr" : "auto"}>${cut.pieces.map((piece) => html`<${Piece}
      piece=${piece} change=${change} id=${piece.first ? markId(scope, side, piece.number) : undefined} jump=${jump} onPick=${onPick} />`)}</pre>
    ${cut.length < text.length && html`<${More} shown=${cut.length} total=${text.length} setLimit=${setLimit} />`}
  `;
}

function Piece({piece, change, id, jump, onPick}) {
  const words = piece.changed ? html`<span class=${change}>${visible(piece.text)}</span>` : visible(piece.text);
  if (piece.number === null) return words;
  return html`<${RepairMark} id=${id} number=${piece.number} jump=${jump} onPick=${onPick}>${words}<//>`;
}

/**
 * A place that was repaired. Its first piece has the id, and the number as a button that leads to the list.
 * @param {{id?: string, number: number, jump: Jump, onPick: (number: number) => void, children: any}} props
 */
export function RepairMark({id, number, jump, onPick, children}) {
  useEffect(() => {
    // A place that is drawn anew for another reason must not take the view with it a second time.
    if (!id || jump?.number !== number || jump.shown.has(id)) return;
    flash(document.getElementById(id), jump.shown.size === 0);
    jump.shown.add(id);
  }, [id, jump]);
  return html`<mark id=${id} tabindex=${id ? -1 : undefined}
    >${id && html`<button type="button" class="number" aria-label=${`Repair ${number}`} onClick=${() => onPick(number)}>${number}</button>`}${children}</mark>`;
}

/** Brings a place into view and lets it light up shortly. */
export function flash(element, focus) {
  if (!element) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({block: element.offsetHeight > innerHeight / 2 ? "start" : "center", behavior: calm ? "auto" : "smooth"});
  if (focus) element.focus({preventScroll: true});
  element.classList.remove("flash");
  void element.offsetWidth; // a class put back at once would not start the animation again
  element.classList.add("flash");
}
