/** The Conversation tab: what the client asked and what it was answered, as a chat. */

import {bodyAddress, useBody, versionOf} from "./bodies.js";
import {bytes, count} from "./format.js";
import {flash} from "./marked.js";
import {Chip, Copy, Empty} from "./parts.js";
import {errorWords, readAnswer, readRequest} from "./readers/index.js";
import {Incomplete, LongText, placeholder, pretty, symbols, visible} from "./text.js";
import {html, useMemo, useState} from "./vendor/htm-preact.js";

const LAST = 4; // messages shown at first: the end of a conversation is what an answer answers
const STEP = 50;
const OPEN_LIMIT = 2_000; // longer results and thinking of earlier turns are folded

/**
 * @param {{exchange: object}} props
 */
export function Conversation({exchange}) {
  const version = versionOf(exchange);
  const asked = useBody(bodyAddress(exchange.id, "client_request"), version);
  const answered = useBody(bodyAddress(exchange.id, "client_response"), version);
  return html`
    <div class="conversation">
      <p class="to-answer"><button type="button" class="quiet" onClick=${() => flash(document.getElementById("answer"), true)}>To the answer ↓</button></p>
      ${placeholder(asked, "the client's request", {exchange, kind: "client_request", size: exchange.client_request_size})
        ?? html`<${Asked} exchange=${exchange} body=${asked.body} />`}
      ${placeholder(answered, "the answer", {exchange, kind: "client_response", size: exchange.client_response_size})
        ?? html`<${Answered} exchange=${exchange} body=${answered.body} />`}
    </div>
  `;
}

function Asked({exchange, body}) {
  const format = exchange.client_format;
  const request = useMemo(() => readRequest(format, body.text), [format, body.text]);
  const names = useMemo(() => callNames(request.messages), [request]);
  const [shown, setShown] = useState(LAST);
  const {messages, system, tools, error} = request;
  const hidden = Math.max(0, messages.length - shown);
  return html`
    ${error && html`<p class="caution" role="alert">${visible(error)}</p>`}
    <${Incomplete} body=${body} exchange=${exchange} size=${exchange.client_request_size} />
    ${system && html`<${Folded} title="System prompt" size=${system.length} text=${system} className="system" />`}
    ${tools.length > 0 && html`<${Tools} names=${tools} />`}
    ${hidden > 0 && html`
      <p class="earlier">
        <button type="button" onClick=${() => setShown(shown + STEP)}>
          ${hidden <= STEP ? `Show ${count(hidden)} earlier messages` : `Show ${STEP} of ${count(hidden)} earlier messages`}
        </button>
      </p>`}
    ${messages.slice(hidden).map((message, index) => html`
      <${Message} key=${hidden + index} place=${hidden + index + 1} message=${message} names=${names} />
    `)}
    ${messages.length === 0 && !error && html`<${Empty} title="The request has no messages" />`}
  `;
}

/** The names of the calls by their ids: a result alone says only which id it answers. */
function callNames(messages) {
  const calls = messages.flatMap((message) => message.parts).filter((part) => part.type === "call" && part.id);
  return new Map(calls.map((part) => [part.id, part.name]));
}

function Tools({names}) {
  return html`
    <details class="fold">
      <summary>Tools offered <span class="muted">${count(names.length)}</span></summary>
      <p class="names">${names.map((name) => html`<code>${visible(name)}</code> `)}</p>
    </details>
  `;
}

function Answered({exchange, body}) {
  const answer = useMemo(() => readAnswer(exchange.client_format, body.text), [exchange.client_format, body.text]);
  const failed = answer.error !== null || exchange.state === "failed";
  const message = {role: failed ? "failed" : "answer", parts: answer.parts};
  return html`
    <${Incomplete} body=${body} exchange=${exchange} size=${exchange.client_response_size} />
    ${failed && html`<${AnswerError} exchange=${exchange} answer=${answer} />`}
    ${answer.parts.length > 0 && html`<${Message} message=${message} names=${new Map()} open=${true} />`}
    ${answer.parts.length === 0 && !failed && html`<${Empty} title=${exchange.state === "running" ? "Nothing has been answered yet" : "The answer has no text and no calls"} />`}
    ${answer.finish && html`<p class="ending muted">finished: <code>${visible(answer.finish)}</code></p>`}
  `;
}

/** What the client was told went wrong: where the head of the page says the same already, only that it was told. */
function AnswerError({exchange, answer}) {
  const words = answer.page === undefined ? answer.error : errorWords(answer, exchange.status);
  const told = exchange.error_message;
  const known = words === null || (told && answer.page === undefined && words.includes(told));
  return html`
    <p id=${answer.parts.length ? undefined : "answer"} tabindex="-1" class="answer-error">
      ${known ? html`<span class="muted">${answer.error === null ? "It failed on the way; see above." : "The client was told the error above."}</span>` : html`<strong>The client was told:</strong> ${visible(words)}`}
    </p>`;
}

const ROLES = {answer: "Answer", failed: "Answer, failed", tool: "Tool result", user: "User", assistant: "Assistant", system: "System", developer: "Developer"};

function Message({message, place, names, open = false}) {
  const {parts} = message;
  // Anthropic sends tool results as messages of the user, which they are not to a reader.
  const role = parts.length > 0 && parts.every((part) => part.type === "result") ? "tool" : message.role;
  const title = Object.hasOwn(ROLES, role) ? ROLES[role] : symbols(role);
  const isAnswer = role === "answer" || role === "failed";
  return html`
    <article id=${isAnswer ? "answer" : undefined} tabindex=${isAnswer ? -1 : undefined} class=${`message is-${Object.hasOwn(ROLES, role) ? role : "other"}`} aria-label=${place ? `${title}, message ${place}` : title}>
      <header><span class="role">${title}</span>${place && html`<span class="place">${place}</span>`}</header>
      <div class="parts">
        ${parts.map((part, index) => html`<${Part} part=${behind(parts[index - 1], part)} names=${names} open=${open} />`)}
        ${parts.length === 0 && html`<p class="muted">(empty)</p>`}
      </div>
    </article>
  `;
}

// Two texts already stand apart: empty lines that part them as well would be one too many.
const behind = (before, part) => (before?.type === "text" && part.type === "text" ? {...part, text: part.text.replace(/^\n+/, "")} : part);

function Part({part, names, open}) {
  switch (part.type) {
    case "text": return html`<div class="part text">${choice(part)}${part.refusal && html`<${Chip} tone="warn">refusal<//>`}<${LongText} text=${part.text} /></div>`;
    case "thinking": return html`<${Thinking} part=${part} open=${open} />`;
    case "call": return html`<${Call} part=${part} />`;
    case "result": return html`<${Result} part=${part} name=${names.get(part.id)} />`;
    case "image": return html`<p class="part image"><span aria-hidden="true">▧</span> Image <code>${visible(part.media)}</code> ${part.size === null ? html`<span class="muted address">${visible(part.address)}</span>` : html`<span class="muted">${bytes(part.size)}</span>`}</p>`;
    default: return html`<${Folded} title=${visible(part.label)} size=${part.text.length} text=${part.text} className="code" />`;
  }
}

const choice = (part) => (part.choice ? html`<span class="muted">choice ${part.choice + 1}</span> ` : null);

function Thinking({part, open}) {
  if (part.sealed) return html`<p class="part thinking sealed muted">Thinking that only its vendor can read.</p>`;
  return html`<${Folded} title="Thinking" size=${part.text.length} text=${part.text} className="thinking" open=${open && part.text.length < OPEN_LIMIT} />`;
}

function Folded({title, size, text, className, open = false}) {
  const [seen, setSeen] = useState(open);
  return html`
    <details class=${`fold part ${className}`} open=${open} onToggle=${(event) => event.target.open && setSeen(true)}>
      <summary>${title} <span class="muted">${count(size)} characters</span></summary>
      ${seen && html`<${LongText} text=${text} />`}
    </details>
  `;
}

function Call({part}) {
  const text = useMemo(() => pretty(part.arguments), [part.arguments]);
  return html`
    <section class="part call" aria-label=${`Call of ${symbols(part.name) || "a tool without a name"}`}>
      <header>
        ${choice(part)}<span class="muted">calls</span> <code class="name">${visible(part.name) || "(no name)"}</code>
        <code class="id">${visible(part.id)}</code>
        <${Copy} text=${part.arguments} what="the arguments" />
      </header>
      ${text && text !== "{}" ? html`<${LongText} text=${text} className="code" label="Arguments" />` : html`<p class="muted">no arguments</p>`}
    </section>
  `;
}

function Result({part, name}) {
  const title = html`${name ? html`<code class="name">${visible(name)}</code>` : "Result"} <code class="id">${visible(part.id)}</code>${part.failed && html` <${Chip} tone="bad">failed<//>`}`;
  if (part.text.length > OPEN_LIMIT) return html`<${Folded} title=${title} size=${part.text.length} text=${part.text} className="result" />`;
  return html`
    <section class="part result" aria-label="Tool result">
      <header>${title}</header>
      ${part.text ? html`<${LongText} text=${part.text} className="code" />` : html`<p class="muted">(empty)</p>`}
    </section>
  `;
}
