/** The Raw tab: every stored body as it went over the wire, as a tree or as text. Loaded when it is opened. */

import {bodyAddress, useBody, versionOf} from "./bodies.js";
import {bytes} from "./format.js";
import {Chip, Copy} from "./parts.js";
import {parsed} from "./readers/sse.js";
import {Incomplete, LongText, placeholder} from "./text.js";
import {Tree} from "./tree.js";
import {html, useMemo, useState} from "./vendor/htm-preact.js";

/**
 * @param {{exchange: object}} props
 */
export function Raw({exchange}) {
  const bodies = [
    {kind: "client_request", title: "Client's request", size: exchange.client_request_size},
    ...exchange.attempts.flatMap(({number, upstream_request_size: asked, upstream_response_size: answered}) => [
      {kind: "upstream_request", attempt: number, title: `Attempt ${number}: request to upstream`, size: asked},
      {kind: "upstream_response", attempt: number, title: `Attempt ${number}: answer of upstream`, size: answered},
    ]),
    {kind: "client_response", title: "Answer to the client", size: exchange.client_response_size},
  ];
  return html`<div class="raw">${bodies.map((body) => html`<${Section} key=${`${body.kind} ${body.attempt}`} exchange=${exchange} ...${body} />`)}</div>`;
}

function Section({exchange, kind, attempt, title, size}) {
  const [open, setOpen] = useState(false);
  return html`
    <details class="raw-body" onToggle=${(event) => setOpen(event.target.open)}>
      <summary><strong>${title}</strong> <span class="muted numbers">${size === null || size === undefined ? "size not known" : bytes(size)}</span></summary>
      ${open && html`<${Opened} exchange=${exchange} kind=${kind} attempt=${attempt} size=${size} />`}
    </details>
  `;
}

function Opened({exchange, kind, attempt, size}) {
  const address = bodyAddress(exchange.id, kind, attempt);
  const held = useBody(address, versionOf(exchange));
  const value = useMemo(() => (held.body ? parsed(held.body.text) : undefined), [held.body]);
  const isTree = value !== null && typeof value === "object";
  const [asText, setAsText] = useState(false);
  const [wrapped, setWrapped] = useState(true);
  const waiting = placeholder(held, "this body", {exchange, attempt: exchange.attempts.find(({number}) => number === attempt), kind, size});
  if (waiting) return waiting;
  const {body} = held;
  // A body that broke off is not complete either, but of it there is as much as was counted.
  const damaged = !body.cut && exchange.state !== "running" && typeof size === "number" && size !== body.loaded;
  const name = [exchange.id, kind, attempt].filter((part) => part !== undefined).join("-");
  return html`
    <div class="controls">
      ${isTree && html`
        <div class="choice" role="group" aria-label="Show as">
          <button type="button" aria-pressed=${asText ? "false" : "true"} onClick=${() => setAsText(false)}>Tree</button>
          <button type="button" aria-pressed=${asText ? "true" : "false"} onClick=${() => setAsText(true)}>Text</button>
        </div>`}
      ${(asText || !isTree) && html`<label class="toggle"><input type="checkbox" checked=${wrapped} onChange=${(event) => setWrapped(event.target.checked)} /> Wrap lines</label>`}
      <${Copy} text=${body.text} what="this body" />
      <a href=${address} download=${`${name}.txt`}>Download</a>
      <span class="muted numbers">${bytes(body.loaded)} loaded${size !== null && size !== undefined && size !== body.loaded ? ` of ${bytes(size)}` : ""}</span>
      ${!body.complete && !damaged && html`<${Chip} tone="warn">incomplete<//>`}
      ${damaged && html`<${Chip} tone="bad">damaged<//>`}
    </div>
    ${damaged
      ? html`<p class="caution" role="alert">The stored file is damaged or was cut, so it is incomplete: what follows is all that could be read of it.</p>`
      : html`<${Incomplete} body=${body} exchange=${exchange} size=${size} />`}
    ${isTree && !asText
      ? html`<${Tree} value=${value} label="JSON of this body" />`
      : html`<${LongText} text=${body.text} first=${20_000} className=${wrapped ? "code" : "code no-wrap"} />`}
  `;
}
