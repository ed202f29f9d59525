/** The page of requests: filter, live table, selection by keyboard. */

import {getJson} from "./api.js";
import {useUnreadable} from "./banner.js";
import {FilterBox} from "./filter.js";
import {count, ended, sentence} from "./format.js";
import {Livestore} from "./livestore.js";
import {isTyping, navigate, useLocation} from "./navigation.js";
import {announce} from "./notices.js";
import {Empty, Loading, NothingLogged, Problem, copyText, isNothingLogged} from "./parts.js";
import {RequestTable} from "./table.js";
import {html, useEffect, useReducer, useRef, useState} from "./vendor/htm-preact.js";

const FALLBACK = {batch: 50, max_records: 500}; // while the configuration cannot be read
let limits = null; // of the live view, asked for once
let kept = null; // {store, selected, offset} of the filter shown last: coming back finds all as it was

/** The page. */
export function Requests() {
  const {search} = useLocation();
  const query = new URLSearchParams(search).get("q")?.trim() ?? "";
  const [ready, setReady] = useState(limits);
  useEffect(() => {
    if (!ready) readLimits().then(setReady);
  }, []);
  if (!ready) return html`<${Loading} what="Loading requests" />`;
  return html`<${Page} query=${query} limits=${ready} />`;
}

function Page({query, limits: {batch, max_records: limit}}) {
  const [, draw] = useReducer((turn) => turn + 1, 0);
  const table = useRef(null);
  const place = placeOf(query, limit, batch);
  const {store} = place;
  useEffect(() => {
    const stopListening = store.subscribe(draw);
    store.start();
    return () => {
      stopListening();
      store.stop();
    };
  }, [store]);
  const select = (id) => {
    if (place.selected === id) return;
    place.selected = id;
    draw();
  };
  const showNew = () => {
    table.current?.top();
    store.showNew();
  };
  useKeys(place, table, select);
  const known = store.list.ids.length;
  const problem = store.error?.status === 400 ? ended(store.error.message.replace(/^q: /, "")) : null;
  const lost = known > 0 && store.loaded && !problem && store.error && !isNothingLogged(store.error.message);
  return html`<section class="requests" aria-label="Requests">
    <h1 class="visually-hidden">Requests</h1>
    <div class="requests-bar">
      <${FilterBox} query=${query} apply=${applyFilter} problem=${problem} leave=${() => focusTable(place)} />
      <${Standing} store=${store} known=${known} />
    </div>
    ${lost && html`<p class="banner banner-bad" role="alert" data-testid="live-problem">
      ${sentence(store.error.message)} Trying again every few seconds.
      <button type="button" onClick=${() => store.retry()}>Now</button></p>`}
    <div class="requests-main">
      ${known > 0
        ? html`<${RequestTable} key=${query} handle=${table} store=${store} selected=${place.selected} select=${select}
            start=${place.offset} scrolled=${(offset) => { place.offset = offset; }} />`
        : html`<${Nothing} store=${store} query=${query} problem=${problem} />`}
      ${known > 0 && html`<${NewRows} store=${store} show=${showNew} />`}
    </div>
  </section>`;
}

/** How many rows there are, and whether the table is live. */
function Standing({store, known}) {
  const {tone, word} = connectionOf(store);
  const isAll = store.older === null;
  return html`<p class="standing">
    <span data-testid="row-count" data-count=${known}>${store.loaded ? count(known) : "…"}${isAll ? "" : "+"}</span>
    <span class="muted">${known === 1 && isAll ? "request" : "requests"}</span>
    <span class="standing-live" role="status" data-testid="live">
      <span class=${`dot dot-${tone}`} aria-hidden="true"></span>${word}</span>
  </p>`;
}

function connectionOf({error, paused}) {
  if (isNothingLogged(error?.message)) return {tone: "plain", word: "log off"};
  if (error) return {tone: "bad", word: error.status === 400 ? "stopped" : "not connected"};
  return paused ? {tone: "plain", word: "paused"} : {tone: "good", word: "live"};
}

function NewRows({store, show}) {
  const waiting = store.waitingCount;
  if (waiting === 0 && !store.outdated) return null;
  return html`<button type="button" class="primary new-rows" onClick=${show} data-testid="new-rows">
    ↑ ${store.outdated ? "Many" : count(waiting)} new</button>`;
}

function Nothing({store, query, problem}) {
  const unreadable = useUnreadable();
  if (problem) {
    return html`<${Empty} title="The filter cannot be read">Correct it above, or <a href="/">clear it</a>.<//>`;
  }
  if (store.error) {
    const retry = () => store.retry();
    return html`<${Problem} title="The requests could not be loaded" error=${store.error} retry=${retry} />`;
  }
  if (isNothingLogged(unreadable)) return html`<${NothingLogged} />`;
  if (!store.loaded) return html`<${Loading} what="Loading requests" />`;
  if (unreadable) return html`<${Problem} title="The log cannot be read" error=${unreadable} />`;
  if (query) {
    return html`<${Empty} title="Nothing matches this filter">
      New requests that match appear here. <a href="/">Clear the filter</a><//>`;
  }
  return html`<${Empty} title="No request has come yet">
    Run a coding agent through the proxy, and each of its requests appears here as it happens:
    <pre>scripts/with-proxy claude</pre><//>`;
}

/** Keys of the table, wherever the focus is outside of fields. */
function useKeys(place, table, select) {
  useEffect(() => {
    const go = (index) => {
      const target = Math.max(0, Math.min(index, place.store.list.ids.length - 1));
      const id = place.store.list.ids[target];
      if (id === undefined) return;
      select(id);
      table.current?.scrollTo(target);
      const focus = () => place.selected !== id || focusRow(id);
      if (!focus()) requestAnimationFrame(() => requestAnimationFrame(focus)); // it is drawn by then
    };
    const pressed = (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event) || document.querySelector("dialog[open]")) return;
      const step = keyStep(event, place, table);
      if (step !== null) go(step);
      else if (!place.selected || !act(event, place.selected, select)) return;
      event.preventDefault();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, [place]);
}

/** The index that a key leads to, null for keys that do not move. */
function keyStep({key}, {selected, store}, table) {
  const present = selected === null ? -1 : store.list.indexOf(selected);
  const perPage = table.current?.perPage() ?? 1;
  if (key === "j" || key === "ArrowDown") return present + 1;
  if (key === "k" || key === "ArrowUp") return Math.max(0, present - 1);
  if (key === "PageDown") return present + perPage;
  if (key === "PageUp") return present - perPage;
  if (key === "Home") return 0;
  if (key === "End") return store.list.ids.length - 1;
  return null;
}

/** What a key does with the selected exchange; false for those that do nothing. */
function act({key, target}, id, select) {
  if (key === "Enter" && !target.closest?.("button, a:not(.request-link)")) navigate(`/exchanges/${id}`);
  else if (key === "d") navigate(`/exchanges/${id}?tab=changes`);
  else if (key === "c") copyText(() => curlOf(id), "as curl");
  else if (key === "Escape") leaveRow(select);
  else return false;
  return true;
}

async function curlOf(id) {
  const [exchange, {clientCommand}] = await Promise.all([getJson(`/api/logs/${id}`), import("./export.js")]);
  return clientCommand(exchange);
}

function leaveRow(select) {
  select(null);
  document.getElementById("page").focus({preventScroll: true});
}

/** Whether the row is in the document, and so has the focus now. */
function focusRow(id) {
  const link = document.querySelector(`[data-id="${CSS.escape(id)}"] a`);
  link?.focus({preventScroll: true});
  return link !== null;
}

/** Out of the filter box, so that the keys of the table work: to its selected row, or the page. */
function focusTable({selected}) {
  document.getElementById("page").focus({preventScroll: true});
  if (selected) focusRow(selected);
}

function applyFilter(query) {
  navigate(query ? `/?q=${encodeURIComponent(query)}` : "/");
}

function placeOf(query, limit, batch) {
  if (kept?.store.query !== query) kept = {store: new Livestore({query, limit, batch}), selected: null, offset: 0};
  return kept;
}

async function readLimits() {
  try {
    limits = (await getJson("/api/config")).livestore;
  } catch (error) {
    announce(`The configuration could not be read: ${sentence(error.message)}`, "bad");
  }
  return limits ?? FALLBACK;
}
