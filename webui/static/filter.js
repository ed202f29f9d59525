/** The filter box: a text field with proposals (an ARIA combobox whose list is chosen from by hand). */

import {getJson} from "./api.js";
import {accept, complete} from "./completion.js";
import {visible} from "./format.js";
import {html, useEffect, useLayoutEffect, useRef, useState} from "./vendor/htm-preact.js";

const FRESH = 60_000; // milliseconds for which the fields and their values are not asked for again
let asked = null; // {time, promise} of the fields

/**
 * The box. `apply` gets the filter when the reader has finished one; `problem` is what the server said of it.
 * @param {{query: string, apply: (query: string) => void, problem: string | null, leave: () => void}} properties
 */
export function FilterBox({query, apply, problem, leave}) {
  const input = useRef(null);
  const [text, setText] = useState(query);
  const [caret, setCaret] = useState(query.length);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const [fields, refresh] = useFields();
  useEffect(() => setText(query), [query]);
  const completion = complete(fields, text, caret);
  const proposals = open ? completion.proposals : [];
  const hint = open ? completion.hint : "";
  useSlash(input);
  useLayoutEffect(() => {
    const box = input.current;
    if (document.activeElement === box && box.selectionStart !== caret) box.setSelectionRange(caret, caret);
  }, [text]);
  useEffect(() => {
    document.getElementById(`proposal-${active}`)?.scrollIntoView({block: "nearest"});
  }, [active]);

  const edit = (next, place) => {
    setText(next);
    setCaret(place);
    setOpen(true);
    setActive(-1);
  };
  const take = (proposal) => {
    const {text: next, caret: place} = accept(text, completion, proposal);
    edit(next, place);
    input.current.focus();
    if (!proposal.ends) return;
    setOpen(false);
    apply(next.trim());
  };
  const finish = (next) => {
    setOpen(false);
    setActive(-1);
    apply(next.trim());
  };
  const pressed = (event) => {
    if (event.isComposing) return;
    const begun = completion.to > completion.from;
    const handled = press(event.key, {proposals, active, open, begun, shift: event.shiftKey});
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
    if ("active" in handled) setActive(handled.active);
    if ("open" in handled) setOpen(handled.open);
    if (handled.take) take(handled.take);
    if (handled.apply) {
      finish(text);
      leave();
    }
    if (handled.leave) {
      setText(query);
      leave();
    }
  };
  const moved = () => setCaret(input.current.selectionStart ?? text.length);
  const isDraft = text.trim() !== query;
  return html`<div class="filter" role="search">
    <svg class="filter-icon" viewBox="0 0 16 16" aria-hidden="true">
      <circle cx="7" cy="7" r="4.5" /><path d="M10.5 10.5 14 14" /></svg>
    <input ref=${input} type="text" role="combobox" aria-label="Filter" aria-controls="proposals"
      aria-expanded=${proposals.length > 0} aria-autocomplete="list"
      aria-activedescendant=${active >= 0 ? `proposal-${active}` : undefined}
      aria-invalid=${problem ? "true" : undefined} aria-describedby=${problem ? "filter-problem" : undefined}
      placeholder="Filter: model:kimi-k2* status:5xx repair:… ttft:>3s, or words"
      autocomplete="off" autocapitalize="off" spellcheck=${false} maxlength="2000" value=${text} data-testid="filter"
      onInput=${(event) => edit(event.target.value, event.target.selectionStart)}
      onKeyDown=${pressed} onKeyUp=${moved} onClick=${() => { moved(); setOpen(true); }}
      onFocus=${() => { refresh(); moved(); setOpen(true); }} onBlur=${() => { setOpen(false); setActive(-1); }} />
    ${isDraft && html`<span class="filter-draft"><kbd>Enter</kbd> applies</span>`}
    ${(text || query) && html`<button type="button" class="quiet" aria-label="Clear the filter" title="Clear"
      data-testid="filter-clear" onClick=${() => { setText(""); finish(""); }}>✕</button>`}
    ${!isDraft && !query && html`<kbd class="filter-key" aria-hidden="true">/</kbd>`}
    <div class="proposals" hidden=${proposals.length === 0 && !hint}>
      ${hint && html`<p class="proposals-hint">${visible(hint)}</p>`}
      <ul id="proposals" role="listbox" aria-label="Proposals">
        ${proposals.map((proposal, index) => html`
          <li key=${proposal.text} id=${`proposal-${index}`} role="option" aria-selected=${index === active}
            onMouseDown=${(event) => { event.preventDefault(); take(proposal); }}>
            <span class="mono">${visible(proposal.label)}</span><span class="muted">${visible(proposal.hint)}</span></li>`)}
      </ul>
    </div>
    ${problem && html`<p class="filter-problem" id="filter-problem" role="alert"
      data-testid="filter-problem">${problem}</p>`}
  </div>`;
}

/** What a key does in the box; undefined for those that the field itself takes. */
function press(key, {proposals, active, open, begun, shift}) {
  const last = proposals.length - 1;
  switch (key) {
    case "ArrowDown": return open ? {active: active >= last ? -1 : active + 1} : {open: true};
    case "ArrowUp": return {active: active < 0 ? last : active - 1};
    // Where no word is begun, Tab goes to the next control as everywhere.
    case "Tab": return last < 0 || shift || (active < 0 && !begun) ? undefined : {take: proposals[Math.max(active, 0)]};
    case "Enter": return active >= 0 ? {take: proposals[active]} : {apply: true};
    case "Escape": return open && last >= 0 ? {open: false, active: -1} : {leave: true};
    default: return undefined;
  }
}

/** `/` goes to the box from anywhere on the page. */
function useSlash(input) {
  useEffect(() => {
    const pressed = (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      input.current.focus();
      input.current.select();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}

/** The fields, and a function that asks for them anew where they are old. Without them the box still filters. */
function useFields() {
  const [fields, setFields] = useState([]);
  const refresh = () => {
    if (!asked || Date.now() - asked.time > FRESH) {
      asked = {time: Date.now(), promise: getJson("/api/fields")};
      asked.promise.catch(() => { asked = null; });
    }
    asked.promise.then((answer) => setFields(answer.fields), () => {});
  };
  return [fields, refresh];
}
