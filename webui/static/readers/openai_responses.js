/** Reads OpenAI Responses for display: requests, whole answers and streams. */

import {call, errorOf, image, listOf, objectOf, other, textOf, usageOf} from "./parts.js";
import {jsonEvents} from "./sse.js";

/**
 * @param {any} body
 * @returns {import("./parts.js").ReadRequest}
 */
export function readRequest(body) {
  const items = typeof body.input === "string" ? [{role: "user", content: body.input}] : listOf(body.input);
  const messages = [];
  const tools = toolNames(body.tools);
  for (const value of items) {
    const item = objectOf(value);
    const {role, parts} = readItem(item);
    if (item.type === "additional_tools") tools.push(...toolNames(item.tools));
    // Thinking, words and calls of one turn are items of their own here; a chat shows them as one message.
    const last = messages.at(-1);
    if (role === "assistant" && last?.role === "assistant") last.parts.push(...parts);
    else messages.push({role, parts});
  }
  return {system: textOf(body.instructions), messages, tools, error: null};
}

const toolNames = (tools) => listOf(tools).flatMap((tool) => (
  tool?.type === "namespace" ? toolNames(tool.tools).map((name) => `${tool.name}.${name}`) : [textOf(tool?.name ?? tool?.type)]
));

function readItem(item) {
  const type = item.type ?? "message";
  switch (type) {
    case "message": return {role: textOf(item.role) || "assistant", parts: contentParts(item.content)};
    case "reasoning": return {role: "assistant", parts: [thinkingPart(item)]};
    case "function_call": return {role: "assistant", parts: [call(item.call_id ?? item.id, item.name, item.arguments)]};
    case "custom_tool_call": return {role: "assistant", parts: [call(item.call_id ?? item.id, item.name, item.input)]};
    case "function_call_output":
    case "custom_tool_call_output": return {role: "tool", parts: resultParts(item)};
    default: return {role: type.endsWith("_call") ? "assistant" : textOf(item.role) || "other", parts: [other(type, item)]};
  }
}

function contentParts(content) {
  if (typeof content === "string") return content === "" ? [] : [{type: "text", text: content}];
  return listOf(content).map((value) => {
    const part = objectOf(value);
    switch (part.type) {
      case "input_text":
      case "output_text":
      case "text": return {type: "text", text: textOf(part.text)};
      case "refusal": return {type: "text", text: textOf(part.refusal), refusal: true};
      case "input_image": return image(part.image_url ?? part.file_id);
      default: return other(part.type, part);
    }
  });
}

function thinkingPart(item) {
  const words = [...listOf(item.content), ...listOf(item.summary)].map((part) => textOf(part?.text));
  const text = words.filter(Boolean).join("\n\n");
  return {type: "thinking", text, sealed: !text};
}

function resultParts(item) {
  const inside = contentParts(item.output ?? "");
  const text = inside.filter((part) => part.type === "text").map((part) => part.text).join("\n");
  const result = {type: "result", id: textOf(item.call_id), text, failed: item.status === "incomplete"};
  return [result, ...inside.filter((part) => part.type !== "text")];
}

/**
 * @param {any} body a whole answer, or an error's body
 * @returns {import("./parts.js").ReadAnswer}
 */
export function readBody(body) {
  return {
    parts: listOf(body.output).flatMap((item) => readItem(objectOf(item)).parts),
    finish: body.incomplete_details?.reason ?? body.status ?? null,
    usage: usageOf(body.usage),
    error: errorOf(body.error),
  };
}

/**
 * @param {string} text a stream of events
 * @returns {import("./parts.js").ReadAnswer}
 */
export function readStream(text) {
  const items = new Map();
  const unread = [];
  const answer = {parts: [], finish: null, usage: null, error: null};
  for (const event of jsonEvents(text)) {
    if ("unreadable" in event) {
      unread.push(other("not JSON", event.unreadable));
      continue;
    }
    const data = event.data;
    const type = textOf(data.type) || event.event;
    if (type === "response.output_item.added" || type === "response.output_item.done") {
      const held = itemAt(items, data.output_index);
      held.item = objectOf(data.item);
      held.done = type.endsWith("done");
    } else if (type.endsWith(".delta") || type === "response.reasoning_summary_part.added") {
      addDelta(itemAt(items, data.output_index), type, data);
    } else if (type === "error") {
      answer.error = errorOf(data.error ?? data);
    } else if (data.response) {
      const {finish, usage, error} = readBody(data.response);
      Object.assign(answer, {finish: finish ?? answer.finish, usage: usage ?? answer.usage, error: error ?? answer.error});
    }
  }
  answer.parts = [...[...items.values()].flatMap((held) => readItem(finished(held)).parts), ...unread];
  return answer;
}

function itemAt(items, index) {
  if (!items.has(index)) items.set(index, {item: {}, done: false, kind: "", pieces: []});
  return items.get(index);
}

function addDelta(held, type, data) {
  held.kind = type;
  if (type === "response.reasoning_summary_part.added") {
    if (held.pieces.length) held.pieces.push("\n\n");
  } else {
    held.pieces.push(textOf(data.delta));
  }
}

/** The item as its last event gave it or, where the stream broke off, as its deltas tell it. */
function finished({item, done, kind, pieces}) {
  const text = pieces.join("");
  if (done || !text) return item;
  if (/function_call_arguments/.test(kind)) return {type: "function_call", ...item, arguments: text};
  if (/custom_tool_call_input/.test(kind)) return {type: "custom_tool_call", ...item, input: text};
  if (/reasoning/.test(kind)) return {type: "reasoning", ...item, content: [{text}], summary: []};
  const part = /refusal/.test(kind) ? {type: "refusal", refusal: text} : {type: "output_text", text};
  return {type: "message", role: "assistant", ...item, content: [part]};
}
