/** Loads the stored bodies of an exchange, each once, only when a view needs it, and never more than a page can hold. */

import {ApiError, getJson} from "./api.js";
import {useEffect, useState} from "./vendor/htm-preact.js";

/** Bytes of a body that are read into the page; the rest is there for download. */
export const LOADED_LIMIT = 16 * 1024 * 1024;

const KEPT = 24; // bodies kept in memory: enough to go back and forth between the tabs of an exchange
const CONFIG_LIFE = 10_000; // milliseconds: a proxy that was started anew may have another
const kept = new Map();

/**
 * @typedef {object} Body
 * @property {string} text
 * @property {number} loaded bytes that were read
 * @property {boolean} complete false when the log has only a part of it
 * @property {boolean} cut true when it is longer than what a page reads
 */

/**
 * The address of a body.
 * @param {string} id of the exchange
 * @param {string} kind client_request, upstream_request, upstream_response, client_response or upstream_times
 * @param {number} [attempt]
 */
export function bodyAddress(id, kind, attempt) {
  const query = attempt === undefined ? "" : `?attempt=${attempt}`;
  return `/api/logs/${encodeURIComponent(id)}/blobs/${kind}${query}`;
}

/**
 * Reads a body. One that does not exist is null; other failures are an ApiError.
 * @param {string} address
 * @param {AbortSignal} [signal]
 * @returns {Promise<Body | null>}
 */
export async function loadBody(address, signal) {
  const response = await fetch(address, {signal, headers: {accept: "text/plain"}});
  if (response.status === 404) return null;
  if (!response.ok) throw new ApiError(await refusal(response), response.status);
  const {text, loaded, cut} = await readBounded(response);
  return {text, loaded, cut, complete: response.headers.get("x-kimi-proxy-complete") !== "false"};
}

async function refusal(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The body cannot be read: status ${response.status}`;
  }
}

async function readBounded(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const pieces = [];
  let loaded = 0;
  for (let {done, value} = await reader.read(); !done; {done, value} = await reader.read()) {
    const room = LOADED_LIMIT - loaded;
    const piece = value.length > room ? value.subarray(0, room) : value;
    loaded += piece.length;
    pieces.push(decoder.decode(piece, {stream: true}));
    if (piece.length < value.length) {
      await reader.cancel();
      return {text: pieces.join(""), loaded, cut: true};
    }
  }
  pieces.push(decoder.decode());
  return {text: pieces.join(""), loaded, cut: false};
}

/**
 * A body for a component: `{state: "loading" | "ready" | "missing" | "failed", body, error, retry}`. A body that is
 * already shown stays while its next version is loading, so that a running exchange does not flicker.
 * @param {string | null} address null loads nothing
 * @param {string} version changes when the body may have grown
 */
export function useBody(address, version) {
  const key = address && `${version} ${address}`;
  const [held, setHeld] = useState({address: null, key: null, state: "loading", body: null, error: null});
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (!key) return undefined;
    const abort = new AbortController();
    const settle = (state, body, error) => setHeld({address, key, state, body, error});
    const known = kept.get(key);
    if (known) {
      settle("ready", known, null);
      return undefined;
    }
    loadBody(address, abort.signal).then((body) => {
      if (body) keep(key, body);
      settle(body ? "ready" : "missing", body, null);
    }).catch((error) => {
      if (error.name !== "AbortError") settle("failed", null, error);
    });
    return () => abort.abort();
  }, [key, tries]);
  const retry = () => setTries(tries + 1);
  // A known body is there at the first drawing: the effect would show one empty frame first.
  if (key && held.key !== key && kept.has(key)) return {state: "ready", body: kept.get(key), error: null, retry};
  if (held.address !== address) return {state: "loading", body: null, error: null, retry};
  return {...held, retry};
}

/**
 * Several bodies at once: null until all are there, and null for each that there is not.
 * @param {string[]} addresses
 * @param {string} version
 * @returns {(Body | null)[] | null}
 */
export function useBodies(addresses, version) {
  const key = JSON.stringify([version, ...addresses]);
  const [held, setHeld] = useState({key: null, bodies: null});
  useEffect(() => {
    const abort = new AbortController();
    const load = async (address) => {
      const own = `${version} ${address}`;
      const body = kept.get(own) ?? await loadBody(address, abort.signal).catch(() => null);
      if (body) keep(own, body);
      return body;
    };
    Promise.all(addresses.map(load)).then((bodies) => abort.signal.aborted || setHeld({key, bodies}));
    return () => abort.abort();
  }, [key]);
  return held.key === key ? held.bodies : null;
}

function keep(key, body) {
  kept.set(key, body);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

/**
 * What `useBody` needs to know of an exchange to load its bodies again when they have grown.
 * @param {object} exchange
 */
export function versionOf(exchange) {
  return exchange.state === "running" ? `running ${exchange.updated_at}` : exchange.state;
}

let asked = null; // the configuration, asked for once by all the parts of a page

/**
 * The configuration: `{config, settled}`. Without it a page only says less.
 * @returns {{config: object | null, settled: boolean}}
 */
export function useConfig() {
  const [held, setHeld] = useState({config: null, settled: false});
  useEffect(() => {
    let gone = false;
    asked ??= getJson("/api/config").catch(() => null).finally(() => setTimeout(() => { asked = null; }, CONFIG_LIFE));
    asked.then((config) => gone || setHeld({config, settled: true}));
    return () => { gone = true; };
  }, []);
  return held;
}
