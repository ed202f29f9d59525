/** Server-sent events as text: what the three answer readers and the Stream tab take a stream apart with. */

/**
 * @typedef {object} SseEvent
 * @property {string} event the event's name, "" where it has none
 * @property {string} data its data lines, joined
 * @property {boolean} comment true for a block of comment lines only (a keep-alive)
 * @property {number} start offset of its first character in the stream's text
 * @property {number} end offset behind its last line's end
 * @property {boolean} complete false when the stream broke off within it
 */

/**
 * The events of a stream, in order. Lines end at LF, CR or CRLF, as in the standard; a block of comments is
 * an event here too, because a person who looks at a stalled stream wants to see the keep-alives.
 * @param {string} text
 * @returns {Generator<SseEvent>}
 */
export function* sseEvents(text) {
  let current = null;
  for (const line of lines(text)) {
    if (line.text === "") {
      if (current) yield finished(current, line.end, true);
      current = null;
      continue;
    }
    current ??= {event: "", data: [], comments: [], start: line.start};
    const colon = line.text.indexOf(":");
    const field = colon < 0 ? line.text : line.text.slice(0, colon);
    const value = colon < 0 ? "" : line.text.slice(colon + 1).replace(/^ /, "");
    if (field === "") current.comments.push(value);
    else if (field === "event") current.event = value;
    else if (field === "data") current.data.push(value);
  }
  if (current) yield finished(current, text.length, false);
}

function finished(current, end, complete) {
  const comment = current.data.length === 0 && current.event === "";
  const data = (comment ? current.comments : current.data).join("\n");
  return {event: current.event, data, comment, start: current.start, end, complete};
}

function* lines(text) {
  let start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const border = /\r\n|\r|\n/g;
  border.lastIndex = start;
  for (let match = border.exec(text); match; match = border.exec(text)) {
    yield {text: text.slice(start, match.index), start, end: border.lastIndex};
    start = border.lastIndex;
  }
  if (start < text.length) yield {text: text.slice(start), start, end: text.length};
}

/**
 * Whether a body is a stream of events, judged by its first lines.
 * @param {string} text
 */
export function isStream(text) {
  return /^\ufeff?\s*(?:event|data|id|retry)?:/.test(text.slice(0, 200));
}

/**
 * The JSON of each event's data; what is not JSON comes as `{unreadable: text}`. Keep-alives and the closing
 * `[DONE]` are left out, and so is the half of an event with which a stream broke off, which by the standard is none.
 * @param {string} text
 * @returns {Generator<{event: string, data: any} | {unreadable: string}>}
 */
export function* jsonEvents(text) {
  for (const {event, data, comment, complete} of sseEvents(text)) {
    if (comment || data.trim() === "" || data.trim() === "[DONE]") continue;
    const value = parsed(data);
    if (value !== null && typeof value === "object") yield {event, data: value};
    else if (complete) yield {unreadable: data};
  }
}

/**
 * A JSON value, or undefined where the text is none.
 * @param {string} text
 */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
