/** Takes an exchange out of the dashboard: as a curl command, or as a HAR file that other tools read. */

import {bodyAddress, loadBody} from "./bodies.js";

// A single argument of a program may have 128 kB on Linux: longer bodies go in by standard input.
const ARGUMENT_LIMIT = 100_000;

// What curl works out for itself, or what would no longer be true.
const OMITTED = /^(?:host|content-length|connection|keep-alive|accept-encoding|transfer-encoding|te|upgrade|proxy-.*|:.*)$/i;
const KEYS = /^(?:authorization|x-api-key|api-key|x-goog-api-key)$/i;

/**
 * The client's request as a command. Its key is the proxy's own, which stays a variable.
 * @param {object} exchange
 */
export async function clientCommand(exchange) {
  const body = await loadBody(bodyAddress(exchange.id, "client_request"));
  return curlCommand(exchange.client_url, exchange.client_request_headers, body?.text ?? "", "KIMI_PROXY_API_KEY");
}

/**
 * The request of an attempt, as it was sent to the provider.
 * @param {object} exchange
 * @param {object} attempt
 */
export async function upstreamCommand(exchange, attempt) {
  const body = await loadBody(bodyAddress(exchange.id, "upstream_request", attempt.number));
  const command = curlCommand(attempt.upstream_url, attempt.upstream_request_headers, body?.text ?? "", "UPSTREAM_API_KEY");
  // Which key it is cannot be told by the format: many vendors speak each. No vendor must be sent another's.
  const whose = [attempt.provider, attempt.upstream_host].map(commented).filter(Boolean).join(" at ");
  return `# UPSTREAM_API_KEY: your key of the provider ${whose || "that was asked"}\n${command}`;
}

/**
 * A command for a POSIX shell.
 * @param {string | null} url
 * @param {[string, string][] | null} headers
 * @param {string} body
 * @param {string} variable the environment's name of the key
 */
export function curlCommand(url, headers, body, variable) {
  const words = [`curl --globoff --no-buffer ${quoted(url ?? "http://127.0.0.1/")}`];
  for (const [name, value] of headers ?? [["content-type", "application/json"]]) {
    if (OMITTED.test(name)) continue;
    words.push(KEYS.test(name) ? `--header ${keyHeader(name, variable)}` : `--header ${quoted(`${name}: ${value}`)}`);
  }
  if (!body) return words.join(" \\\n  ");
  // A body that begins with @ would be read as the name of a file.
  if (body.length <= ARGUMENT_LIMIT && !body.startsWith("@")) {
    return [...words, `--data-binary ${quoted(body)}`].join(" \\\n  ");
  }
  const end = unusedWord(body);
  return `${[...words, "--data-binary @-"].join(" \\\n  ")} <<'${end}'\n${body}\n${end}\n`;
}

/** A word of a comment's line, from which nothing can get out. */
const commented = (text) => (text ?? "").replaceAll(/[^\w.:-]/g, "").slice(0, 100);

/** Within single quotes a shell reads everything as it is, but a single quote itself. */
export const quoted = (text) => `'${text.replaceAll("\0", "").replaceAll("'", "'\\''")}'`;

// Only the variable stands in double quotes, in which a shell would run what a hostile value says.
const keyHeader = (name, variable) => `${quoted(`${name}: ${/^authorization$/i.test(name) ? "Bearer " : ""}`)}"$${variable}"`;

function unusedWord(body) {
  let word = "BODY";
  while (body.includes(word)) word += "_END";
  return word;
}

/**
 * The exchange and its attempts as a HAR 1.2 document.
 * @param {object} exchange
 * @param {string} version of the proxy
 */
export async function harDocument(exchange, version) {
  const entries = [await clientEntry(exchange)];
  for (const attempt of exchange.attempts) entries.push(await attemptEntry(exchange, attempt));
  return {log: {version: "1.2", creator: {name: "Kimi Proxy", version: version || "unknown"}, pages: [], entries}};
}

async function clientEntry(exchange) {
  const [asked, answered] = await Promise.all([
    loadBody(bodyAddress(exchange.id, "client_request")),
    loadBody(bodyAddress(exchange.id, "client_response")),
  ]);
  return entry({
    ...exchange, url: exchange.client_url, asked, answered, comment: `Client's exchange ${exchange.id}`,
    requestHeaders: exchange.client_request_headers, requestSize: exchange.client_request_size,
    responseHeaders: exchange.client_response_headers, responseSize: exchange.client_response_size,
  });
}

async function attemptEntry(exchange, attempt) {
  const [asked, answered] = await Promise.all([
    loadBody(bodyAddress(exchange.id, "upstream_request", attempt.number)),
    loadBody(bodyAddress(exchange.id, "upstream_response", attempt.number)),
  ]);
  return entry({
    ...attempt, url: attempt.upstream_url, asked, answered, comment: `Attempt ${attempt.number}: ${attempt.outcome}`,
    requestHeaders: attempt.upstream_request_headers, requestSize: attempt.upstream_request_size,
    responseHeaders: attempt.upstream_response_headers, responseSize: attempt.upstream_response_size,
  });
}

function entry(side) {
  // HAR knows no null: -1 says that a time or a size is not known, but the whole time must be a number.
  const whole = (side.duration ?? 0) * 1000;
  const wait = side.time_to_first_token === null ? whole : Math.min(side.time_to_first_token * 1000, whole);
  const requestHeaders = harHeaders(side.requestHeaders);
  const responseHeaders = harHeaders(side.responseHeaders);
  return {
    startedDateTime: new Date(side.started_at * 1000).toISOString(),
    time: whole,
    request: {
      method: "POST", url: side.url ?? "", httpVersion: "HTTP/1.1", cookies: [], headers: requestHeaders,
      queryString: queryOf(side.url), headersSize: -1, bodySize: side.requestSize ?? -1,
      postData: {mimeType: valueOf(requestHeaders, "content-type") || "application/json", text: side.asked?.text ?? ""},
    },
    response: {
      status: side.status ?? 0, statusText: "", httpVersion: "HTTP/1.1", cookies: [], headers: responseHeaders,
      content: {
        size: side.responseSize ?? side.answered?.loaded ?? 0,
        mimeType: valueOf(responseHeaders, "content-type") || "x-unknown",
        text: side.answered?.text ?? "",
      },
      redirectURL: "", headersSize: -1, bodySize: side.responseSize ?? -1,
    },
    cache: {},
    timings: {send: 0, wait, receive: Math.max(0, whole - wait)},
    comment: side.comment,
  };
}

const harHeaders = (headers) => (headers ?? []).map(([name, value]) => ({name, value}));

const valueOf = (headers, wanted) => headers.find(({name}) => name.toLowerCase() === wanted)?.value ?? "";

function queryOf(url) {
  try {
    return [...new URL(url).searchParams].map(([name, value]) => ({name, value}));
  } catch {
    return [];
  }
}

/**
 * Hands a text to the reader as a file.
 * @param {string} name
 * @param {string} text
 */
export function saveFile(name, text) {
  const address = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  const link = Object.assign(document.createElement("a"), {href: address, download: name});
  link.click();
  // At once would be before the browser has begun to read it.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
