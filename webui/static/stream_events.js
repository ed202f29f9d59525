/** Reads a stream's events for the Stream tab: what each says in a few words, and when it was complete. */

import {listOf, objectOf, textOf} from "./readers/parts.js";
import {isStream, parsed, sseEvents} from "./readers/sse.js";

const SUMMARY = 200;

/**
 * @typedef {object} TimedEvent
 * @property {number} number from 1
 * @property {string} kind its name in its format, or the fields that a chunk changes
 * @property {"text" | "thinking" | "call" | "other"} channel
 * @property {string} summary
 * @property {string} data
 * @property {number | null} time milliseconds since the attempt began
 * @property {number | null} gap milliseconds since the event before
 * @property {number} endByte
 * @property {boolean} complete
 */

/**
 * @param {string} text the stream
 * @param {string | null} times lines of `MILLISECONDS BYTES`, a line for each piece in order
 * @returns {TimedEvent[]} empty where the text is no stream
 */
export function readEvents(text, times) {
  if (!isStream(text)) return [];
  const timeAt = clock(times ?? "");
  const events = [];
  let [from, endByte, last] = [0, 0, null];
  for (const event of sseEvents(text)) {
    endByte += byteLength(text, from, event.end);
    from = event.end;
    const time = timeAt(endByte);
    const gap = time === null || last === null ? null : time - last;
    last = time ?? last;
    events.push({number: events.length + 1, ...described(event), data: event.data, time, gap, endByte, complete: event.complete});
  }
  return events;
}

/** The time of the piece in which a byte stands, for rising offsets. */
function clock(times) {
  const pieces = times.split("\n").map((line) => line.split(" ").map(Number)).filter(([, size]) => size > 0);
  let index = 0;
  let reached = pieces[0]?.[1] ?? 0;
  return (offset) => {
    while (reached < offset && index + 1 < pieces.length) {
      index += 1;
      reached += pieces[index][1];
    }
    return reached >= offset && Number.isFinite(pieces[index]?.[0]) ? pieces[index][0] : null;
  };
}

/** Bytes of a part of the text in UTF-8: the pieces are counted on the wire, the text is not bytes any more. */
function byteLength(text, start, end) {
  let size = 0;
  for (let index = start; index < end; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x80) size += 1;
    else if (code < 0x800) size += 2;
    else if (code >= 0xd800 && code < 0xdc00) {
      size += 4;
      index += 1;
    } else size += 3;
  }
  return size;
}

function described(event) {
  if (event.comment) return said("comment", "other", event.data);
  if (event.data.trim() === "[DONE]") return said("done", "other", "[DONE]");
  const data = parsed(event.data);
  if (data === null || typeof data !== "object") return said(event.event || "not JSON", "other", event.data);
  const kind = event.event || textOf(data.type);
  return kind ? describedByName(kind, data) : describedChunk(data);
}

const said = (kind, channel, summary) => ({kind, channel, summary: shortened(summary)});

const shortened = (text) => (text.length > SUMMARY ? `${text.slice(0, SUMMARY)}…` : text);

/** Anthropic Messages and OpenAI Responses name their events. */
function describedByName(kind, data) {
  const delta = data.delta;
  if (typeof delta === "string") {
    const channel = /reasoning/.test(kind) ? "thinking" : /arguments|input/.test(kind) ? "call" : "text";
    return said(kind, channel, delta);
  }
  const inner = objectOf(delta);
  if (typeof inner.thinking === "string") return said(kind, "thinking", inner.thinking);
  if (typeof inner.text === "string") return said(kind, "text", inner.text);
  if (typeof inner.partial_json === "string") return said(kind, "call", inner.partial_json);
  const opened = data.content_block ?? data.item;
  if (opened) return said(kind, /tool|call/.test(opened.type) ? "call" : "other", [opened.type, opened.name, opened.call_id ?? opened.id].filter(Boolean).join(" "));
  return said(kind, "other", JSON.stringify(delta ?? data.usage ?? data.error ?? data));
}

/** A chunk of OpenAI's chat has no name: the fields that its deltas carry are its kind. */
function describedChunk(data) {
  const choice = objectOf(listOf(data.choices)[0]);
  const delta = objectOf(choice.delta ?? choice.message);
  const fields = Object.keys(delta).filter((name) => delta[name] !== null && delta[name] !== "" && name !== "role");
  if (choice.finish_reason) fields.push("finish");
  if (data.usage) fields.push("usage");
  if (data.error) fields.push("error");
  const kind = fields.join(", ") || "empty";
  const calls = listOf(delta.tool_calls).map((call) => `${textOf(call?.function?.name)}${textOf(call?.function?.arguments)}`).join(" ");
  if (calls) return said(kind, "call", calls);
  const thinking = textOf(delta.reasoning_content) || textOf(delta.reasoning);
  if (thinking) return said(kind, "thinking", thinking);
  if (delta.content) return said(kind, "text", textOf(delta.content));
  const rest = [choice.finish_reason && `finish_reason: ${choice.finish_reason}`, data.usage && JSON.stringify(data.usage), data.error && JSON.stringify(data.error)];
  return said(kind, "other", rest.filter(Boolean).join(" ") || JSON.stringify(delta));
}
