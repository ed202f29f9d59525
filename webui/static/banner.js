/** Tells on every page when the log loses entries or cannot be read: what is shown may then not be all there was. */

import {getJson, isAbort} from "./api.js";
import {count, sentence} from "./format.js";
import {html, useEffect, useState} from "./vendor/htm-preact.js";

const EVERY = 10_000; // milliseconds

let told = null; // the last `/healthz`; null: not known
const listeners = new Set();

/** The banner; nothing where all is well. */
export function Banner() {
  const trouble = useTrouble();
  if (trouble.length === 0) return null;
  return html`<div role="alert" data-testid="banner">
    ${trouble.map(({text, bad}) => html`<p class=${bad ? "banner banner-bad" : "banner"} key=${text}>${text}</p>`)}
  </div>`;
}

function useTrouble() {
  const [trouble, setTrouble] = useState([]);
  useEffect(() => {
    const control = new AbortController();
    let timer = 0;
    const ask = async () => {
      clearTimeout(timer);
      if (!document.hidden) {
        try {
          tell(await getJson("/healthz", {signal: control.signal}));
          setTrouble(troubleOf(told));
        } catch (error) {
          if (isAbort(error)) return;
          tell(null);
          setTrouble([{text: sentence(error.message), bad: true}]);
        }
      }
      timer = setTimeout(ask, EVERY);
    };
    const seen = () => document.hidden || ask();
    document.addEventListener("visibilitychange", seen);
    ask();
    return () => {
      control.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, []);
  return trouble;
}

function tell(health) {
  told = health;
  for (const listener of listeners) listener(health);
}

/** Why the log cannot be read, as the banner heard last; null where it can, or where that is not known. */
export function useUnreadable() {
  const [health, setHealth] = useState(told);
  useEffect(() => {
    listeners.add(setHealth);
    setHealth(told);
    return () => listeners.delete(setHealth);
  }, []);
  return health?.log?.readable === false ? health.log.error || "the log cannot be read" : null;
}

/**
 * What a `/healthz` says is wrong, a sentence each.
 * @returns {{text: string, bad: boolean}[]}
 */
export function troubleOf(health) {
  if (health.status === "ok") return [];
  const {readable, error, problem, writers} = health.log ?? {};
  const trouble = [];
  if (problem) trouble.push({text: sentence(problem), bad: readable === false});
  else if (readable === false) trouble.push({text: sentence(`The log cannot be read: ${error ?? "no reason is known"}`), bad: true});
  const losses = (writers ?? []).filter((writer) => writer.dropped || writer.failed);
  trouble.push(...losses.map((writer) => ({text: lossOf(writer), bad: false})));
  if (trouble.length > 0) return trouble;
  const reason = health.problem ?? health.error ?? error;
  return [{text: reason ? sentence(reason) : "Something is wrong with the log, and the proxy does not say what.", bad: false}];
}

function lossOf({pid, dropped, failed, last_error: reason}) {
  const counts = [];
  if (dropped) counts.push(`${count(dropped)} had no room in the queue`);
  if (failed) counts.push(`${count(failed)} could not be written`);
  const why = reason ? ` Last error: ${sentence(reason)}` : "";
  return `Process ${pid} lost entries of the log: ${counts.join(", ")}.${why}`;
}
