/** Reads OpenAI Chat Completions for display: requests, whole answers and streams, as vendors really send them. */

import {call, errorOf, image, listOf, objectOf, other, textOf, usageOf} from "./parts.js";
import {jsonEvents} from "./sse.js";

/**
 * @param {any} body
 * @returns {import("./parts.js").ReadRequest}
 */
export function readRequest(body) {
  const messages = listOf(body.messages).map(readMessage);
  // Only what stands in front is the system prompt; a later instruction keeps its place among the messages.
  const first = messages.findIndex((message) => message.role !== "system" && message.role !== "developer");
  const leading = messages.splice(0, first < 0 ? messages.length : first);
  const system = leading.flatMap((message) => message.parts).map((part) => part.text ?? "").join("\n\n");
  return {system, messages, tools: listOf(body.tools).map(toolName), error: null};
}

const toolName = (tool) => textOf(tool?.function?.name ?? tool?.name ?? tool?.type);

function readMessage(value) {
  const message = objectOf(value);
  const role = textOf(message.role) || "unknown";
  const parts = contentParts(message.content);
  if (role === "tool" || role === "function") {
    const text = parts.filter((part) => part.type === "text").map((part) => part.text).join("\n");
    const rest = parts.filter((part) => part.type !== "text");
    return {role: "tool", parts: [{type: "result", id: textOf(message.tool_call_id ?? message.name), text, failed: false}, ...rest]};
  }
  return {role, parts: [...thinkingParts(message), ...parts, ...refusalParts(message), ...callParts(message)]};
}

function contentParts(content) {
  if (typeof content === "string") return content === "" ? [] : [{type: "text", text: content}];
  return listOf(content).map(contentPart);
}

function contentPart(value) {
  if (typeof value === "string") return {type: "text", text: value};
  const part = objectOf(value);
  switch (part.type) {
    case "text": return {type: "text", text: textOf(part.text)};
    case "refusal": return {type: "text", text: textOf(part.refusal), refusal: true};
    case "thinking": return {type: "thinking", text: textOf(part.thinking)};
    case "image_url": return image(part.image_url?.url ?? part.image_url);
    default: return other(part.type, part);
  }
}

function thinkingParts(message) {
  const text = reasoningOf(message);
  if (text) return [{type: "thinking", text}];
  const details = listOf(message.reasoning_details);
  const words = details.map((detail) => textOf(detail?.text ?? detail?.summary)).join("");
  return details.length ? [{type: "thinking", text: words, sealed: !words}] : [];
}

// `reasoning` and `reasoning_content` often come both, with the same words.
const reasoningOf = (message) => textOf(message.reasoning_content) || textOf(message.reasoning);

const refusalParts = (message) => (message.refusal ? [{type: "text", text: textOf(message.refusal), refusal: true}] : []);

function callParts(message) {
  const calls = listOf(message.tool_calls).map((entry) => {
    const inner = objectOf(entry?.function ?? entry?.custom);
    return call(entry?.id, inner.name ?? entry?.name, inner.arguments ?? inner.input ?? entry?.arguments);
  });
  const old = message.function_call;
  return old ? [...calls, call("", old.name, old.arguments)] : calls;
}

/**
 * @param {any} body a whole answer
 * @returns {import("./parts.js").ReadAnswer}
 */
export function readBody(body) {
  const choices = listOf(body.choices);
  const parts = choices.flatMap((choice, index) => {
    const read = readMessage({role: "assistant", ...objectOf(choice?.message ?? choice?.delta)}).parts;
    const plain = typeof choice?.text === "string" ? [{type: "text", text: choice.text}] : [];
    return numbered([...read, ...plain], index);
  });
  const finish = choices[0]?.finish_reason ?? null;
  const error = errorOf(body.error ?? choices[0]?.error);
  return {parts, finish, usage: usageOf(body.usage ?? choices[0]?.usage), error};
}

const numbered = (parts, choice) => (choice > 0 ? parts.map((part) => ({...part, choice})) : parts);

/**
 * @param {string} text a stream of events
 * @returns {import("./parts.js").ReadAnswer}
 */
export function readStream(text) {
  const choices = new Map();
  const answer = {parts: [], finish: null, usage: null, error: null};
  const unread = [];
  for (const event of jsonEvents(text)) {
    if ("unreadable" in event) {
      unread.push(other("not JSON", event.unreadable));
      continue;
    }
    const chunk = event.data;
    answer.usage = usageOf(chunk.usage) ?? answer.usage;
    answer.error = errorOf(chunk.error) ?? answer.error;
    for (const value of listOf(chunk.choices)) {
      const choice = objectOf(value);
      const index = Number.isInteger(choice.index) ? choice.index : 0;
      if (!choices.has(index)) choices.set(index, new Gatherer());
      choices.get(index).add(objectOf(choice.delta ?? choice.message), textOf(choice.text));
      // Moonshot counts in the choice, and some vendors put an error there.
      answer.usage = usageOf(choice.usage) ?? answer.usage;
      answer.error = errorOf(choice.error) ?? answer.error;
      if (index === 0 && choice.finish_reason) answer.finish = choice.finish_reason;
    }
  }
  const inOrder = [...choices].sort(([left], [right]) => left - right);
  answer.parts = inOrder.flatMap(([index, gatherer]) => numbered(gatherer.parts(), index));
  answer.parts.push(...unread);
  return answer;
}

/** Puts the deltas of one choice together: a part for each channel, in the order in which they first spoke. */
class Gatherer {
  #channels = new Map();
  #calls = [];

  add(delta, plain) {
    this.#append("thinking", reasoningOf(delta) || detailWords(delta));
    const parts = contentParts(delta.content);
    for (const part of parts) {
      if (part.type === "text" || part.type === "thinking") this.#append(part.type, part.text);
      else this.#channels.set(part, part);
    }
    this.#append("text", plain);
    this.#append("refusal", textOf(delta.refusal));
    for (const entry of listOf(delta.tool_calls)) this.#addCall(objectOf(entry));
    if (delta.function_call) this.#addCall({index: 0, function: delta.function_call});
  }

  #append(channel, text) {
    if (!text) return;
    if (!this.#channels.has(channel)) this.#channels.set(channel, []);
    this.#channels.get(channel).push(text);
  }

  #addCall(entry) {
    const inner = objectOf(entry.function ?? entry.custom);
    const id = textOf(entry.id);
    const name = textOf(inner.name);
    const key = entry.index ?? (id || this.#calls.at(-1)?.key || 0);
    let open = this.#calls.findLast((known) => known.key === key);
    // Some vendors number every call 0: a new id together with a name is a new call.
    if (!open || (id && open.id && id !== open.id && name)) {
      open = {key, id: "", name: "", pieces: []};
      this.#calls.push(open);
      this.#channels.set(open, open);
    }
    open.id ||= id;
    if (name && name !== open.name) open.name += name;
    open.pieces.push(textOf(inner.arguments ?? inner.input));
  }

  parts() {
    return [...this.#channels].map(([channel, held]) => {
      if (channel === "text") return {type: "text", text: held.join("")};
      if (channel === "refusal") return {type: "text", text: held.join(""), refusal: true};
      if (channel === "thinking") return {type: "thinking", text: held.join("")};
      return held.pieces ? call(held.id, held.name, held.pieces.join("")) : held;
    });
  }
}

const detailWords = (delta) => listOf(delta.reasoning_details).map((detail) => textOf(detail?.text ?? detail?.summary)).join("");
