/** The keys of the dashboard, and the window that tells them. */

import {html, useEffect, useRef} from "./vendor/htm-preact.js";

const KEYS = [
  ["Requests", [
    ["/", "Filter"],
    ["j k ↓ ↑", "Next, previous exchange"],
    ["Enter", "Open the exchange"],
    ["d", "Open what the proxy changed in it"],
    ["c", "Copy its request as a curl command"],
    ["Home End", "Newest, oldest of those loaded"],
  ]],
  ["Filter", [
    ["↓ ↑", "Choose a proposal"],
    ["Tab", "Take the proposal"],
    ["Enter", "Apply the filter"],
    ["Escape", "Close the proposals, then leave"],
  ]],
  ["One exchange", [
    ["1 2 3 4 5 6", "Choose a tab"],
    ["← →", "Previous, next tab, when a tab has the focus"],
  ]],
  ["Everywhere", [
    ["Escape", "Back to the requests"],
    ["?", "This help"],
  ]],
];

/**
 * The window with the keys. It is closed by Escape, by its button, and by a click beside it.
 * @param {{open: boolean, close: () => void}} properties
 */
export function Help({open, close}) {
  const dialog = useRef(null);
  useEffect(() => {
    if (open && !dialog.current.open) dialog.current.showModal();
    if (!open && dialog.current.open) dialog.current.close();
  }, [open]);
  const beside = (event) => event.target === dialog.current && close();
  return html`<dialog ref=${dialog} aria-labelledby="help-title" onClose=${close} onClick=${beside} data-testid="help">
    <div class="help">
      <div class="help-head">
        <h2 id="help-title">Keyboard</h2>
        <button type="button" class="quiet" onClick=${close} aria-label="Close">Close</button>
      </div>
      ${KEYS.map(([place, keys]) => html`<section key=${place}>
        <h3>${place}</h3>
        <dl>${keys.map(([names, what]) => html`
          <dt>${names.split(" ").map((name) => html`<kbd>${name}</kbd> `)}</dt>
          <dd>${what}</dd>`)}</dl>
      </section>`)}
    </div>
  </dialog>`;
}
