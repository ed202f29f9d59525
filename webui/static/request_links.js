/** Links into the table of requests: a filter in its language, with names from traffic quoted. */

import {withParameters} from "./api.js";

/**
 * The path of the requests that a filter lets through; fields without a value are left out.
 * @param {Record<string, string | null | undefined>} fields such as `{provider: "openai", host: "api.moonshot.ai"}`
 */
export function requestsWith(fields) {
  const clauses = Object.entries(fields).filter(([, value]) => value).map(([name, value]) => `${name}:${quoted(value)}`);
  return withParameters("/", {q: clauses.join(" ")});
}

/** A value as the filter language takes it: as it is, or in quotes where it has more than letters of a name. */
function quoted(value) {
  return /^[\w.\-/@:+]+$/.test(value) ? value : `"${String(value).replace(/[\\"]/g, "\\$&")}"`;
}
