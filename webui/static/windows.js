/** The window of time that a page looks at: kept in the address, so that it can be shared and reloaded, and the control
 * that changes it. */

import {navigate, useLocation} from "./navigation.js";
import {html} from "./vendor/htm-preact.js";

/** The windows that `/api/stats` knows, and how they are called. */
export const WINDOWS = {"1h": "the last hour", "24h": "the last 24 hours", "7d": "the last 7 days", "30d": "the last 30 days"};
const USUAL = "24h";

/** The window that the present address names. */
export function useTimeWindow() {
  const named = new URLSearchParams(useLocation().search).get("window");
  return Object.hasOwn(WINDOWS, named ?? "") ? named : USUAL;
}

/**
 * Puts parameters into the present address without a new entry of the history; null takes one out.
 * @param {Record<string, string | null>} parameters
 */
export function setParameters(parameters) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  navigate(text ? `${location.pathname}?${text}` : location.pathname, {replace: true});
}

/** Buttons that choose the window, the present one pressed. */
export function WindowSwitch({chosen}) {
  return html`<div class="switch" role="group" aria-label="Window of time">
    ${Object.entries(WINDOWS).map(([name, words]) => html`<button type="button" key=${name} title=${words}
      aria-pressed=${name === chosen ? "true" : "false"} data-testid=${`window-${name}`}
      onClick=${() => setParameters({window: name === USUAL ? null : name})}>${name}</button>`)}
  </div>`;
}
