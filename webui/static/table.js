/** The table of requests: only the rows on the screen are in the document, whatever the log holds. */

import {COLUMNS, requestRow} from "./requestrow.js";
import {
  html, useCallback, useEffect, useImperativeHandle, useLayoutEffect, useReducer, useRef, useState,
} from "./vendor/htm-preact.js";
import {Virtualizer, elementScroll, observeElementOffset, observeElementRect} from "./vendor/virtual-core.js";

const OVERSCAN = 12; // rows drawn beyond the screen: a turn of the wheel shows no empty ones
const AHEAD = 20; // empty rows at the end while there is more, which one scrolls into while it is loaded
const WIDE = matchMedia("(min-width: 1440px)"); // as in requests.css
const HEIGHTS = {wide: 30, narrow: 47};

/**
 * The table. `handle` gets `scrollTo(index)` and `top()`.
 * @param {{store: import("./livestore.js").Livestore, selected: string | null, select: (id: string) => void,
 *   start: number, scrolled: (offset: number) => void}} properties `start`: where it was scrolled to before
 */
export function RequestTable({store, selected, select, start, scrolled, handle}) {
  const scroller = useRef(null);
  const height = useRowHeight();
  const {list, older} = store;
  const known = list.ids.length;
  const virtualizer = useVirtualizer({
    count: known + (older === null ? 0 : AHEAD),
    getScrollElement: () => scroller.current,
    estimateSize: useCallback(() => height, [height]),
    initialOffset: start,
    overscan: OVERSCAN,
  });
  useLayoutEffect(() => virtualizer.measure(), [height]);
  useLayoutEffect(() => {
    scroller.current.scrollTop = start;
  }, []);
  useImperativeHandle(handle, () => ({
    scrollTo: (index) => virtualizer.scrollToIndex(index, {align: "auto"}),
    top: () => {
      scroller.current.scrollTop = 0;
    },
    perPage: () => Math.max(1, Math.floor(scroller.current.clientHeight / height) - 1),
  }), [height]);

  const items = virtualizer.getVirtualItems();
  useEffect(() => {
    const offset = virtualizer.scrollOffset ?? 0; // the element's own would have the page laid out at once
    scrolled(offset);
    if (items.length > 0) store.look(items[0].index, items.at(-1).index, offset < height / 2);
  });
  return html`<div class="requests-table" role="table" aria-label="Requests, newest first" aria-busy=${!store.loaded}
    aria-rowcount=${older === null ? known + 1 : -1}>
    <div class="requests-head" role="rowgroup">
      <div class="request" role="row" aria-rowindex="1">
        ${COLUMNS.map(([name, head, meaning]) => html`
          <span role="columnheader" key=${name} class=${`cell-${name}`} title=${meaning}>${head}</span>`)}
      </div>
    </div>
    <div class="requests-scroller" ref=${scroller} role="presentation" data-testid="scroller">
      <div class="requests-body" role="rowgroup" style=${{height: `${virtualizer.getTotalSize()}px`}}>
        ${items.map(({index, start: top}) => {
          const id = list.ids[index];
          return requestRow({key: id ?? index, row: list.at(index), index, top, selected: id === selected, select});
        })}
      </div>
    </div>
  </div>`;
}

/** TanStack's virtualizer as a hook: it says when to draw, we say with what. */
function useVirtualizer(options) {
  const [, draw] = useReducer((turn) => turn + 1, 0);
  const all = {
    ...options,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: draw,
  };
  const [virtualizer] = useState(() => new Virtualizer(all));
  virtualizer.setOptions(all);
  useLayoutEffect(() => virtualizer._didMount(), []);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}

/** Rows have one line where the window is wide, else two: of a height that is known before they are drawn. */
function useRowHeight() {
  const [wide, setWide] = useState(WIDE.matches);
  useEffect(() => {
    const changed = () => setWide(WIDE.matches);
    WIDE.addEventListener("change", changed);
    return () => WIDE.removeEventListener("change", changed);
  }, []);
  return wide ? HEIGHTS.wide : HEIGHTS.narrow;
}
