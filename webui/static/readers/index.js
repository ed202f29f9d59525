/** Reads any body of the log for display: finds its format, and never throws whatever stands in it. */

import * as anthropicMessages from "./anthropic_messages.js";
import * as openaiChat from "./openai_chat.js";
import * as openaiResponses from "./openai_responses.js";
import {errorOf, other} from "./parts.js";
import {isStream, parsed} from "./sse.js";

const PAGE_TITLE = 200; // characters of an HTML page's title

const READERS = {
  openai_chat: openaiChat,
  anthropic_messages: anthropicMessages,
  openai_responses: openaiResponses,
};

/**
 * What a client or the proxy asked.
 * @param {string | null} format openai_chat, anthropic_messages or openai_responses
 * @param {string} text the body
 * @returns {import("./parts.js").ReadRequest}
 */
export function readRequest(format, text) {
  const body = parsed(text);
  if (body === null || typeof body !== "object" || Array.isArray(body)) {
    return unreadRequest(text, "The request is not a JSON object: it may have been cut off, or be none of the three formats.");
  }
  try {
    return (READERS[format] ?? openaiChat).readRequest(body);
  } catch (error) {
    return unreadRequest(text, `The request cannot be read as ${format}: ${error.message}`);
  }
}

const unreadRequest = (text, error) => ({
  system: "", messages: text ? [{role: "other", parts: [other("raw text", text)]}] : [], tools: [], error,
});

/**
 * What was answered: a whole body or a stream, complete or not.
 * @param {string | null} format
 * @param {string} text
 * @returns {import("./parts.js").ReadAnswer}
 */
export function readAnswer(format, text) {
  if (text.trim() === "") return {parts: [], finish: null, usage: null, error: null};
  const reader = READERS[format] ?? openaiChat;
  try {
    if (isStream(text)) return reader.readStream(text);
    const body = parsed(text);
    if (body === null || typeof body !== "object") return isPage(text) ? readPage(text) : unread("The answer is not JSON.", text);
    // Google's error bodies are lists of one.
    const whole = Array.isArray(body) ? (body[0] ?? {}) : body;
    const answer = reader.readBody(whole);
    // An envelope that says nothing in this format is shown as it is rather than as nothing.
    if (!answer.parts.length && !answer.error && answer.finish === null) {
      answer.error = errorOf(whole.detail ?? whole.message ?? null);
      answer.parts = [other("raw text", text)];
    }
    return answer;
  } catch (error) {
    return unread(`The answer cannot be read as ${format}: ${error.message}`, text);
  }
}

const isPage = (text) => /^\ufeff?\s*(?:<!doctype html|<html|<head|<body|<title|<h1)\b/i.test(text.slice(0, 500));

/** An HTML page in an answer's place: a gateway in front of the vendor says there what went wrong. */
function readPage(text) {
  const title = /<(title|h1)[^>]{0,200}>([^<]{0,1000})/i.exec(text.slice(0, 20_000))?.[2] ?? "";
  const page = title.replaceAll(/\s+/g, " ").trim().slice(0, PAGE_TITLE);
  return {parts: [other("HTML page", text)], finish: null, usage: null, error: "a gateway's HTML page", page};
}

/**
 * What an answer says went wrong, or null.
 * @param {import("./parts.js").ReadAnswer} answer
 * @param {number | null} [status] with which it came
 */
export function errorWords(answer, status) {
  if (answer.page === undefined) return answer.error;
  return `a gateway's HTML page${status ? `, status ${status}` : ""}${answer.page ? `: ${answer.page}` : ""}`;
}

const unread = (error, text) => ({parts: [other("raw text", text)], finish: null, usage: null, error});
