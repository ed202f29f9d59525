/** A JSON value as a tree that opens branch by branch, so that a huge body costs only what is looked at. */

import {count} from "./format.js";
import {More, symbols, visible} from "./text.js";
import {html, useState} from "./vendor/htm-preact.js";

const ENTRIES = 100; // entries of one branch that are drawn at once
const TEXT = 300; // characters of a string that are drawn at first
const PREVIEW = 80;

/**
 * @param {{value: any, label: string}} props
 */
export function Tree({value, label}) {
  return html`<div class="tree" role="group" aria-label=${label}><${Branch} value=${value} open=${true} /></div>`;
}

function Node({name, value}) {
  if (value !== null && typeof value === "object") return html`<${Branch} name=${name} value=${value} />`;
  return html`<div class="leaf"><${Name} name=${name} /><${Leaf} value=${value} /></div>`;
}

const Name = ({name}) => (name === undefined ? null : html`<span class="tree-name">${visible(name)}</span><span class="muted">: </span>`);

function Branch({name, value, open = false}) {
  const [isOpen, setOpen] = useState(open);
  const [limit, setLimit] = useState(ENTRIES);
  const names = Object.keys(value);
  const size = `${Array.isArray(value) ? "[" : "{"}${count(names.length)}${Array.isArray(value) ? "]" : "}"}`;
  return html`
    <details open=${open} onToggle=${(event) => setOpen(event.target.open)}>
      <summary><${Name} name=${name} /><span class="muted">${size}${!isOpen && ` ${symbols(preview(value, names))}`}</span></summary>
      ${isOpen && html`
        <div class="branch">
          ${names.slice(0, limit).map((key) => html`<${Node} key=${key} name=${key} value=${value[key]} />`)}
          ${names.length > limit && html`<p class="more"><span class="muted">${count(names.length - limit)} more entries</span> <button type="button" class="quiet" onClick=${() => setLimit(limit + ENTRIES)}>Show more</button></p>`}
        </div>`}
    </details>
  `;
}

function preview(value, names) {
  const said = names.slice(0, 4).map((name) => {
    const inner = value[name];
    const text = inner !== null && typeof inner === "object" ? "…" : JSON.stringify(inner) ?? "";
    return Array.isArray(value) ? text : `${name}: ${text}`;
  }).join(", ");
  return said.length > PREVIEW ? `${said.slice(0, PREVIEW)}…` : said;
}

function Leaf({value}) {
  const [limit, setLimit] = useState(TEXT);
  if (typeof value !== "string") return html`<span class=${`tree-${typeof value}`}>${String(value)}</span>`;
  const shown = value.length <= limit + 50 ? value : value.slice(0, limit);
  return html`<span class="tree-string">"${visible(shown)}${shown.length < value.length ? "…" : "\""}</span>
    ${shown.length < value.length && html`<${More} shown=${shown.length} total=${value.length} setLimit=${setLimit} />`}`;
}
