/** Keeps what a page shows fresh: asks again while the page is seen, and at once when it is seen again. */

import {getJson, isAbort} from "./api.js";
import {useCallback, useEffect, useRef, useState} from "./vendor/htm-preact.js";

/**
 * The JSON at a path, asked for anew every so often. What was there stays while something else is awaited and when it
 * fails, so that a page does not blink: `pending` says that the data is of another path, `error` that it is old.
 *
 * @param {string} path
 * @param {number} every milliseconds from one answer to the next question
 * @returns {{data: any, error: Error | null, pending: boolean, retry: () => void}}
 */
export function usePolled(path, every) {
  const [known, setKnown] = useState({path: null, data: null, error: null});
  const again = useRef(() => {});
  useEffect(() => {
    const control = new AbortController();
    let timer = 0;
    let asking = false;
    const ask = async () => {
      if (asking || document.hidden || control.signal.aborted) return;
      asking = true;
      clearTimeout(timer);
      try {
        const data = await getJson(path, {signal: control.signal});
        setKnown({path, data, error: null});
      } catch (error) {
        if (isAbort(error)) return;
        setKnown((before) => ({...before, error}));
      }
      asking = false;
      timer = setTimeout(ask, every);
    };
    again.current = ask;
    document.addEventListener("visibilitychange", ask);
    ask();
    return () => {
      control.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", ask);
    };
  }, [path, every]);
  const retry = useCallback(() => again.current(), []);
  return {data: known.data, error: known.error, pending: known.path !== path, retry};
}
