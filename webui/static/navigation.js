/** Where the reader is: the address of the page, changed without loading the document anew. */

import {useEffect, useState} from "./vendor/htm-preact.js";

const CHANGED = "kimi-proxy-navigated"; // pushState tells nobody, so this event does
let requests = location.pathname === "/" ? location.pathname + location.search : "/"; // as they were seen last

/**
 * Goes to a path of this dashboard.
 * @param {string} path with its query
 * @param {{replace?: boolean}} [options] `replace`: the back button does not come back to the present address
 */
export function navigate(path, {replace = false} = {}) {
  if (path === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", path);
  dispatchEvent(new Event(CHANGED));
}

/** To the requests, with the filter they had last. */
export function leave() {
  navigate(requests);
}

/** The present address, for components: `{path, search}`. */
export function useLocation() {
  const [place, setPlace] = useState(here);
  useEffect(() => {
    const changed = () => {
      if (location.pathname === "/") requests = location.pathname + location.search;
      setPlace(here());
    };
    addEventListener(CHANGED, changed);
    addEventListener("popstate", changed);
    return () => {
      removeEventListener(CHANGED, changed);
      removeEventListener("popstate", changed);
    };
  }, []);
  return place;
}

/**
 * Lets clicks on links to our own pages change the address only. Everything that asks for a new tab, a download
 * or another program is left to the browser.
 */
export function followLinks(event) {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (!isPage(link.pathname)) return;
  event.preventDefault();
  navigate(link.pathname + link.search);
}

/** Whether a path is one of the dashboard's pages, and not of its API. */
export function isPage(path) {
  return /^\/($|exchanges\/[^/]+$|providers$|overview$|config$)/.test(path);
}

/** Whether a key was typed into something that takes text, where it is no shortcut. */
export function isTyping(event) {
  const target = event.target;
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

function here() {
  return {path: location.pathname, search: location.search};
}
