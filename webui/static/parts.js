/** Small components that every view uses. */

import {sentence, visible} from "./format.js";
import {announce} from "./notices.js";
import {html, useEffect, useRef, useState} from "./vendor/htm-preact.js";

/** A page or a part of it that has nothing to show, and why. */
export function Empty({title, children}) {
  return html`<div class="state" data-testid="empty">
    ${title && html`<p class="state-title">${title}</p>`}
    ${children && html`<div class="state-text">${children}</div>`}
  </div>`;
}

/** Something is on its way. Shown only after a moment: what is there at once should not flicker. */
export function Loading({what = "Loading"}) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="state" role="status" aria-busy="true" data-testid="loading">
    ${late && html`<p class="state-loading"><span class="spinner" aria-hidden="true"></span>${what}…</p>`}
  </div>`;
}

/**
 * What went wrong, and a way to try again where there is one.
 * @param {{error?: Error | string, title?: string, retry?: () => void}} properties
 */
export function Problem({error, title = "This could not be loaded", retry, children}) {
  const message = error instanceof Error ? error.message : error;
  if (isNothingLogged(message)) return html`<${NothingLogged} />`;
  return html`<div class="state problem" role="alert" data-testid="problem">
    <p class="state-title">${title}</p>
    ${message && html`<p class="state-text">${sentence(message)}</p>`}
    ${children}
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

/** Whether a message of the server says that the log was switched off: a choice, and nothing that went wrong. */
export function isNothingLogged(message) {
  return typeof message === "string" && message.includes("LOG_MODE=off");
}

/** What stands in the place of everything that the log would have. */
export function NothingLogged() {
  return html`<${Empty} title="Nothing is logged (LOG_MODE=off)">
    The proxy works, but it keeps no log, so there is nothing to show. To see requests here, set LOG_MODE to
    another value and start the proxy again.<//>`;
}

/**
 * A short word in a frame.
 * @param {{tone?: "plain" | "good" | "warn" | "bad" | "accent" | "mark", title?: string}} properties
 */
export function Chip({tone = "plain", title, children, ...rest}) {
  return html`<span class=${`chip chip-${tone}`} title=${title} ...${rest}>${children}</span>`;
}

/**
 * A button that copies. `text` is the text, or a function that gives it or a promise of it.
 * @param {{text: string | (() => string | Promise<string>), label?: string, what?: string}} properties
 */
export function Copy({text, label = "Copy", what, ...rest}) {
  const [copied, setCopied] = useState(false);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    if (!(await copyText(text, what))) return;
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), 1500);
  };
  const name = what ? `${label} ${what}` : undefined;
  return html`<button type="button" class="quiet" onClick=${copy} aria-label=${name} title=${name} ...${rest}>
    ${copied ? "Copied" : label}</button>`;
}

/**
 * Puts a text into the clipboard and tells the reader, also when it failed.
 * @param {string | (() => string | Promise<string>)} text
 * @param {string} [what] what it is, for the message
 * @returns {Promise<boolean>}
 */
export async function copyText(text, what = "") {
  try {
    await write(typeof text === "function" ? await text() : text);
  } catch (error) {
    announce(`Could not copy${what && ` ${what}`}: ${visible(error.message)}`, "bad");
    return false;
  }
  announce(what ? `Copied ${what}` : "Copied");
  return true;
}

/** The clipboard's interface is there only on loopback and under TLS; elsewhere the old way still works. */
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "offscreen";
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus?.();
  if (!done) throw new Error("the browser does not allow it here");
  return undefined;
}
