/** Reads Anthropic Messages for display: requests, whole answers and streams. */

import {call, errorOf, image, imageData, listOf, objectOf, other, textOf, usageOf} from "./parts.js";
import {jsonEvents} from "./sse.js";

/**
 * @param {any} body
 * @returns {import("./parts.js").ReadRequest}
 */
export function readRequest(body) {
  const system = blocks(body.system).map((part) => part.text ?? "").join("\n\n");
  const messages = listOf(body.messages).map((value) => {
    const message = objectOf(value);
    return {role: textOf(message.role) || "unknown", parts: blocks(message.content)};
  });
  return {system, messages, tools: listOf(body.tools).map((tool) => textOf(tool?.name ?? tool?.type)), error: null};
}

function blocks(content) {
  if (typeof content === "string") return content === "" ? [] : [{type: "text", text: content}];
  return listOf(content).flatMap(readBlock);
}

function readBlock(value) {
  const block = objectOf(value);
  switch (block.type) {
    case "text": return [{type: "text", text: textOf(block.text)}];
    case "thinking": return [{type: "thinking", text: textOf(block.thinking), sealed: !block.thinking}];
    case "redacted_thinking": return [{type: "thinking", text: "", sealed: true}];
    case "tool_use":
    case "server_tool_use": return [call(block.id, block.name, block.input)];
    case "tool_result": return resultParts(block);
    case "image": return [imagePart(objectOf(block.source))];
    default: return [other(block.type, block)];
  }
}

const imagePart = (source) => (source.type === "base64" ? imageData(source.media_type, source.data) : image(source.url));

function resultParts(block) {
  const inside = blocks(block.content);
  const text = inside.filter((part) => part.type === "text").map((part) => part.text).join("\n");
  const result = {type: "result", id: textOf(block.tool_use_id), text, failed: block.is_error === true};
  return [result, ...inside.filter((part) => part.type !== "text")];
}

/**
 * @param {any} body a whole answer, or an error's body
 * @returns {import("./parts.js").ReadAnswer}
 */
export function readBody(body) {
  return {
    parts: blocks(body.content),
    finish: body.stop_reason ?? null,
    usage: usageOf(body.usage),
    error: errorOf(body.error),
  };
}

/**
 * @param {string} text a stream of events
 * @returns {import("./parts.js").ReadAnswer}
 */
export function readStream(text) {
  const open = new Map();
  const unread = [];
  const answer = {parts: [], finish: null, usage: null, error: null};
  let usage = null;
  for (const event of jsonEvents(text)) {
    if ("unreadable" in event) {
      unread.push(other("not JSON", event.unreadable));
      continue;
    }
    const {data} = event;
    switch (data.type ?? event.event) {
      case "message_start":
        usage = {...objectOf(data.message?.usage)};
        for (const block of listOf(data.message?.content)) open.set(Symbol("early"), opened(block));
        break;
      case "content_block_start":
        open.set(data.index, opened(data.content_block));
        break;
      case "content_block_delta":
        if (!open.has(data.index)) open.set(data.index, opened(implied(data.delta)));
        addDelta(open.get(data.index), objectOf(data.delta));
        break;
      case "message_delta":
        answer.finish = data.delta?.stop_reason ?? answer.finish;
        usage = {...usage, ...objectOf(data.usage)};
        break;
      case "error":
        answer.error = errorOf(data.error ?? data);
        break;
      case "content_block_stop":
      case "message_stop":
      case "ping":
        break;
      default:
        unread.push(other(data.type ?? event.event, data));
    }
  }
  answer.parts = [...[...open.values()].flatMap(closed), ...unread];
  answer.usage = usageOf(usage);
  return answer;
}

const opened = (block) => ({block: objectOf(block), text: [], thinking: [], input: []});

// A delta whose block was never opened is still shown, as what it must belong to.
const implied = (delta) => ({type: {thinking_delta: "thinking", input_json_delta: "tool_use"}[delta?.type] ?? "text"});

function addDelta(held, delta) {
  if (delta.type === "text_delta") held.text.push(textOf(delta.text));
  else if (delta.type === "thinking_delta") held.thinking.push(textOf(delta.thinking));
  else if (delta.type === "input_json_delta") held.input.push(textOf(delta.partial_json));
}

function closed({block, text, thinking, input}) {
  const whole = {...block};
  if (text.length) whole.text = textOf(block.text) + text.join("");
  if (thinking.length) whole.thinking = textOf(block.thinking) + thinking.join("");
  // Raw text on purpose: what is not valid JSON is just what one wants to see.
  if (input.length) whole.input = input.join("");
  return readBlock(whole);
}
