/** The request before and after: the client's beside the one sent upstream, as lines with what changed between them. */

import {bodyAddress, useBody, versionOf} from "./bodies.js";
import {changedSpan, lineChanges, roughChanges} from "./differences.js";
import {count} from "./format.js";
import {markId, RepairMark} from "./marked.js";
import {readRequest} from "./readers/index.js";
import {linesOfRepairs, rowsOf} from "./request_rows.js";
import {Incomplete, placeholder, pretty, visible} from "./text.js";
import {html, useEffect, useMemo, useState} from "./vendor/htm-preact.js";

const ROWS = 600; // rows drawn at first, and with each step
const LINE = 1_500; // characters of a changed line that are drawn
const QUIET_LINE = 300; // and of a line that only gives context
const INDENTED = 20_000_000; // characters of a request that are still indented: without lines nothing can be folded
const AROUND = 200; // characters drawn before a change within a long line

/**
 * Loads nothing until it is opened: requests are large, and most questions are about the answer.
 * @param {{exchange: object, attempt: object, repairs: import("./marks.js").NumberedRepair[],
 *   reasons: Record<string, string>, jump: import("./marked.js").Jump, list: (number: number) => void,
 *   tell: (found: Map<number, Set<string>>) => void}} props `tell` is told where the repairs were found
 */
export function RequestPair({exchange, attempt, repairs, reasons, jump, list, tell}) {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (repairs.some(({number}) => number === jump?.number)) setOpen(true);
  }, [jump]);
  return html`
    <details class="request-pair" open=${open} onToggle=${(event) => setOpen(event.target.open)}>
      <summary><h2>Request</h2> <span class="muted">what the client sent beside what was sent to ${attempt.upstream_host ?? attempt.provider ?? "upstream"}</span></summary>
      ${open && html`<${Requests} ...${{exchange, attempt, repairs, reasons, jump, list, tell}} />`}
    </details>
  `;
}

function Requests({exchange, attempt, ...marking}) {
  const version = versionOf(exchange);
  const client = useBody(bodyAddress(exchange.id, "client_request"), version);
  const upstream = useBody(bodyAddress(exchange.id, "upstream_request", attempt.number), version);
  // Two formats of one conversation have no line in common: then its words are what can be compared.
  const [asRead, setAsRead] = useState(exchange.client_format !== attempt.upstream_format);
  const texts = useMemo(() => {
    if (!client.body || !upstream.body) return null;
    return asRead
      ? [asConversation(exchange.client_format, client.body.text), asConversation(attempt.upstream_format, upstream.body.text)]
      : [pretty(client.body.text, INDENTED), pretty(upstream.body.text, INDENTED)];
  }, [client.body, upstream.body, asRead]);
  const waiting = placeholder(client, "the client's request", {exchange, kind: "client_request", size: exchange.client_request_size})
    ?? placeholder(upstream, "the request to upstream", {exchange, attempt, kind: "upstream_request", size: attempt.upstream_request_size});
  if (waiting) return waiting;
  return html`
    <div class="controls">
      <div class="choice" role="group" aria-label="Compare as">
        <button type="button" aria-pressed=${asRead ? "false" : "true"} onClick=${() => setAsRead(false)}>JSON</button>
        <button type="button" aria-pressed=${asRead ? "true" : "false"} onClick=${() => setAsRead(true)}>Conversation</button>
      </div>
      <span class="muted">${exchange.client_format} → ${attempt.upstream_format}</span>
    </div>
    <${Incomplete} body=${upstream.body.complete ? client.body : upstream.body} exchange=${exchange}
      size=${upstream.body.complete ? exchange.client_request_size : attempt.upstream_request_size} />
    <${Lines} before=${texts[0]} after=${texts[1]} ...${marking} />
  `;
}

/** A request as plain lines that are alike in all formats. */
function asConversation(format, text) {
  const request = readRequest(format, text);
  const blocks = request.messages.map(({role, parts}) => parts.map((part) => `[${part.type === "result" ? "tool" : role}] ${partLines(part)}`).join("\n"));
  return [`[tools] ${request.tools.join(", ")}`, `[system] ${request.system}`, ...blocks, ""].join("\n");
}

function partLines(part) {
  switch (part.type) {
    case "text": return part.text;
    case "thinking": return `thinking: ${part.sealed ? "(sealed)" : part.text}`;
    case "call": return `calls ${part.name} (${part.id})\n${pretty(part.arguments)}`;
    case "result": return `result of ${part.id}\n${part.text}`;
    case "image": return `image ${part.media}`;
    default: return `${part.label}\n${part.text}`;
  }
}

function Lines({before, after, repairs, reasons, jump, list, tell}) {
  const changes = useMemo(() => lineChanges(before, after) ?? roughChanges(before, after), [before, after]);
  const places = useMemo(() => linesOfRepairs(changes, repairs), [changes, repairs]);
  const [opened, setOpened] = useState(new Set());
  const [limit, setLimit] = useState(ROWS);
  const rows = useMemo(() => rowsOf(changes, opened), [changes, opened]);
  useEffect(() => {
    tell(new Map([...places].flatMap(([line, found]) => found.map(({number}) => [number, new Set([`line ${line} of the client's request`])]))));
  }, [places]);
  useEffect(() => {
    const place = rows.findIndex(({left}) => left && places.get(left.number)?.some(({number}) => number === jump?.number));
    if (place >= limit) setLimit(place + ROWS);
  }, [jump, rows]);
  if (before === after) return html`<p class="muted">The request went upstream as it came.</p>`;
  const unfold = (key) => setOpened(new Set([...opened, key]));
  return html`
    <table class="lines" aria-label="Lines of the two requests">
      <colgroup><col class="line-number" /><col /><col class="line-number" /><col /></colgroup>
      <thead class="visually-hidden"><tr><th>Line</th><th>From the client</th><th>Line</th><th>To upstream</th></tr></thead>
      <tbody>
        ${rows.slice(0, limit).map((row) => (row.folded
          ? html`<tr key=${row.key} class="fold-row"><td colspan="4"><button type="button" class="quiet" onClick=${() => unfold(row.key)}>⋯ ${count(row.folded)} unchanged lines</button></td></tr>`
          : html`<${Line} key=${row.key} row=${row} marks=${(row.left && places.get(row.left.number)) ?? []} ...${{reasons, jump, list}} />`))}
      </tbody>
    </table>
    ${rows.length > limit && html`<p class="more"><span class="muted">${count(rows.length - limit)} more rows</span> <button type="button" class="quiet" onClick=${() => setLimit(limit + ROWS)}>Show ${count(Math.min(ROWS, rows.length - limit))}</button></p>`}
  `;
}

function Line({row, marks, reasons, jump, list}) {
  const {left, right} = row;
  // Where nothing stands beside it, the colour of the whole line tells that it is new or gone.
  const span = left && right && row.changed ? changedSpan(left.text, right.text) : null;
  const numbers = marks.map(({number, kind}) => html`<span title=${reasons[kind] ?? kind}><${RepairMark} id=${markId("request", "before", number)} number=${number} jump=${jump} onPick=${list} /></span>`);
  return html`
    <tr class=${row.changed ? "is-changed" : ""}>
      <td class="line-number">${left?.number}</td>
      <td class=${row.changed && left ? "gone" : ""}>${numbers}${left && html`<${Words} text=${left.text} start=${span?.[0]} end=${span?.[1]} change="removed" />`}</td>
      <td class="line-number">${right?.number}</td>
      <td class=${row.changed && right ? "come" : ""}>${right && html`<${Words} text=${right.text} start=${span?.[0]} end=${span?.[2]} change="added" />`}</td>
    </tr>
  `;
}

/** A line with its changed part marked; a long one is cut so that the change is seen. */
function Words({text, start = 0, end = 0, change}) {
  const room = end > start ? LINE : QUIET_LINE;
  const from = text.length > room ? Math.max(0, Math.min(start, text.length) - AROUND) : 0;
  const to = Math.min(text.length, from + room);
  const [first, last] = [Math.min(start, to), Math.min(end, to)];
  return html`<code dir="ltr">${from > 0 && html`<i class="muted">… ${count(from)} characters …</i>`}${visible(text.slice(from, first))}${last > first && html`<span class=${change}>${visible(text.slice(first, last))}</span>`}${visible(text.slice(Math.max(first, last), to))}${to < text.length && html`<i class="muted">… ${count(text.length - to)} characters …</i>`}</code>`;
}
