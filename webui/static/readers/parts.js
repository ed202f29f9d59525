/**
 * The parts that a message or an answer is made of, as the readers of the three formats hand them out. They
 * are for display only: a reader keeps what it does not know as an `other` part, and never throws.
 *
 * @typedef {{type: "text", text: string, refusal?: boolean, choice?: number}
 *   | {type: "thinking", text: string, sealed?: boolean, choice?: number}
 *   | {type: "call", id: string, name: string, arguments: string, choice?: number}
 *   | {type: "result", id: string, text: string, failed: boolean}
 *   | {type: "image", media: string, size: number | null, address: string}
 *   | {type: "other", label: string, text: string, choice?: number}} Part
 * @typedef {{role: string, parts: Part[]}} Message
 * @typedef {{system: string, messages: Message[], tools: string[], error: string | null}} ReadRequest
 * @typedef {{parts: Part[], finish: string | null, usage: object | null, error: string | null, page?: string}} ReadAnswer
 *   `page`: the title of the HTML page that came in the answer's place
 */

/** A value as a list: vendors leave lists out, or send null or an object for them. */
export const listOf = (value) => (Array.isArray(value) ? value : []);

/** A value if it is an object with names, else an empty one. */
export const objectOf = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});

/** A value as text: strings as they are, nothing for null, everything else as JSON. */
export function textOf(value) {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "" : JSON.stringify(value, null, 2);
}

/** @returns {Part} what a reader has no better name for */
export const other = (label, value) => ({type: "other", label: textOf(label) || "unknown", text: textOf(value)});

/** @returns {Part} */
export const call = (id, name, args) => ({type: "call", id: textOf(id), name: textOf(name), arguments: textOf(args)});

/**
 * An image's placeholder. Its address is never loaded: it is the client's, not ours to follow.
 * @returns {Part}
 */
export function image(address, media = "") {
  const text = textOf(address);
  const data = /^data:([^;,]*)[^,]*,/.exec(text.slice(0, 200));
  if (data) return {type: "image", media: data[1] || "image", size: decodedSize(text.length - data[0].length), address: ""};
  return {type: "image", media: media || "image", size: null, address: text};
}

/** @returns {Part} an image that is given as base64 */
export const imageData = (media, data) => ({
  type: "image", media: textOf(media) || "image", size: decodedSize(textOf(data).length), address: "",
});

const decodedSize = (characters) => Math.floor((characters * 3) / 4);

/**
 * The tokens of an answer under one set of names, whichever format counted them.
 * @param {any} usage the format's own object
 */
export function usageOf(usage) {
  if (usage === null || typeof usage !== "object") return null;
  const inside = objectOf(usage.prompt_tokens_details ?? usage.input_tokens_details);
  const outside = objectOf(usage.completion_tokens_details ?? usage.output_tokens_details);
  return {
    input: usage.prompt_tokens ?? usage.input_tokens ?? null,
    output: usage.completion_tokens ?? usage.output_tokens ?? null,
    cached: inside.cached_tokens ?? usage.cache_read_input_tokens ?? usage.cached_tokens ?? null,
    reasoning: outside.reasoning_tokens ?? null,
  };
}

/**
 * The words of an error body in any of the formats, or null where there is none.
 * @param {any} error
 */
export function errorOf(error) {
  if (error === null || error === undefined) return null;
  if (typeof error !== "object") return textOf(error);
  const kind = error.type ?? error.code;
  const message = textOf(error.message) || textOf(error);
  return kind && !message.includes(String(kind)) ? `${kind}: ${message}` : message;
}
