/** Short messages that come and go in a corner, and are read out: "Copied", "Could not copy". */

import {html, useEffect, useState} from "./vendor/htm-preact.js";

const SHOWN = 3_000; // milliseconds
const channel = new EventTarget();

/**
 * Tells the reader something that needs no answer.
 * @param {string} text
 * @param {"plain" | "bad"} [tone]
 */
export function announce(text, tone = "plain") {
  channel.dispatchEvent(new CustomEvent("notice", {detail: {text, tone}}));
}

/** The place where they appear; there is one, in the frame of the page. */
export function Notices() {
  const [notice, setNotice] = useState(null);
  useEffect(() => {
    let timer = 0;
    const show = (event) => {
      setNotice(event.detail);
      clearTimeout(timer);
      timer = setTimeout(() => setNotice(null), SHOWN);
    };
    channel.addEventListener("notice", show);
    return () => {
      channel.removeEventListener("notice", show);
      clearTimeout(timer);
    };
  }, []);
  return html`<div class="toasts" role="status" aria-live="polite" data-testid="notice">
    ${notice && html`<p class=${`toast toast-${notice.tone}`}>${notice.text}</p>`}
  </div>`;
}
