/** Asks the dashboard's own server: the only place that fetches. Every failure is an `ApiError` fit to be shown. */

/** What went wrong with a request. `status` is 0 where no answer came, `type` the server's word for it. */
export class ApiError extends Error {
  constructor(message, status = 0, type = "connection_error") {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.type = type;
  }
}

/**
 * The JSON at a path of this server.
 * @param {string} path
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>}
 */
export async function getJson(path, options = {}) {
  const response = await ask(path, options);
  try {
    return await response.json();
  } catch (error) {
    throw readError(error, response.status, "The answer is not JSON.");
  }
}

/**
 * The text at a path of this server, with the headers that came with it.
 * @param {string} path
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<{text: string, headers: Headers}>}
 */
export async function getTextAndHeaders(path, options = {}) {
  const response = await ask(path, options);
  try {
    return {text: await response.text(), headers: response.headers};
  } catch (error) {
    throw readError(error, response.status, "The connection ended before the whole answer was there.");
  }
}

/**
 * The text at a path of this server.
 * @param {string} path
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<string>}
 */
export async function getText(path, options = {}) {
  return (await getTextAndHeaders(path, options)).text;
}

/**
 * A path with parameters; those that are null, undefined or empty are left out.
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} parameters
 */
export function withParameters(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Whether an error only says that its request was given up by us. */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, {credentials: "same-origin", signal: options.signal});
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError("The dashboard's server does not answer. Is the proxy still running?");
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** The error of an answer: ours say what is wrong, anything in front of us may answer with whatever it likes. */
async function refusal(response) {
  try {
    const {message, type} = (await response.json()).error;
    return new ApiError(String(message), response.status, String(type));
  } catch {
    return new ApiError(`The server answered with status ${response.status}.`, response.status, "http_error");
  }
}

function readError(error, status, message) {
  return isAbort(error) ? error : new ApiError(message, status, "read_error");
}
