/** Tells on every page when the log loses entries or cannot be read: what is shown may then not be all there was. */

import {getJson, isAbort} from "./api.js";
import {count, sentence} from "./format.js";
import {html, useEffect, useState} from "./vendor/htm-preact.js";

const EVERY = 10_000; // milliseconds

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
          setTrouble(troubleOf(await getJson("/healthz", {signal: control.signal})));
        } catch (error) {
          if (isAbort(error)) return;
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

/**
 * What a `/healthz` says is wrong, a sentence each.
 * @returns {{text: string, bad: boolean}[]}
 */
export function troubleOf(health) {
  if (health.status === "ok") return [];
  const {readable, error, writers} = health.log ?? {};
  if (readable === false) return [{text: sentence(`The log cannot be read: ${error}`), bad: true}];
  const losses = (writers ?? []).filter((writer) => writer.dropped || writer.failed);
  if (losses.length === 0) return [{text: "The proxy says that it is degraded.", bad: false}];
  return losses.map((writer) => ({text: lossOf(writer), bad: false}));
}

function lossOf({pid, dropped, failed, last_error: reason}) {
  const counts = [];
  if (dropped) counts.push(`${count(dropped)} found its queue full`);
  if (failed) counts.push(`${count(failed)} could not be written`);
  const why = reason ? ` Last error: ${sentence(reason)}` : "";
  return `Process ${pid} lost entries of the log: ${counts.join(", ")}.${why}`;
}
