/** The Stream tab: the events of a streamed answer with the time at which each was complete. */

import {AttemptChoice} from "./attempt_choice.js";
import {bodyAddress, useBody, versionOf} from "./bodies.js";
import {bytes, count} from "./format.js";
import {Empty} from "./parts.js";
import {readEvents} from "./stream_events.js";
import {Incomplete, LongText, placeholder, pretty, symbols, visible} from "./text.js";
import {html, useMemo, useState} from "./vendor/htm-preact.js";

const PAGE = 500;
const LONG_GAP = 1_000; // milliseconds after which a pause is pointed out

/**
 * @param {{exchange: object}} props
 */
export function Stream({exchange}) {
  const {attempts} = exchange;
  const [attempt, setAttempt] = useState(attempts.at(-1)?.number ?? null);
  const [side, setSide] = useState(attempts.length ? "upstream" : "client");
  const version = versionOf(exchange);
  const fromUpstream = side === "upstream";
  const address = fromUpstream ? bodyAddress(exchange.id, "upstream_response", attempt) : bodyAddress(exchange.id, "client_response");
  const held = useBody(address, version);
  const times = useBody(fromUpstream ? bodyAddress(exchange.id, "upstream_times", attempt) : null, version);
  const asked = attempts.find(({number}) => number === attempt);
  const size = fromUpstream ? asked?.upstream_response_size : exchange.client_response_size;
  const waiting = placeholder(held, fromUpstream ? "upstream's answer" : "the client's answer", {
    exchange, attempt: fromUpstream ? asked : undefined, kind: fromUpstream ? "upstream_response" : "client_response", size,
  });
  return html`
    <div class="stream">
      <div class="controls">
        <div class="choice" role="group" aria-label="Side">
          <button type="button" aria-pressed=${fromUpstream ? "true" : "false"} disabled=${attempts.length === 0} onClick=${() => setSide("upstream")}>From upstream</button>
          <button type="button" aria-pressed=${fromUpstream ? "false" : "true"} onClick=${() => setSide("client")}>To the client</button>
        </div>
        ${fromUpstream && attempts.length > 1 && html`<${AttemptChoice} attempts=${attempts} chosen=${attempt} choose=${setAttempt} />`}
        ${!fromUpstream && html`<span class="muted">Only upstream's pieces are timed.</span>`}
      </div>
      ${waiting ?? html`<${Incomplete} body=${held.body} exchange=${exchange} size=${size} /><${Events} key=${address} text=${held.body.text} times=${times.body?.text ?? null} />`}
    </div>
  `;
}

function Events({text, times}) {
  const events = useMemo(() => readEvents(text, times), [text, times]);
  const [filter, setFilter] = useState("");
  const [page, setPage] = useState(0);
  const found = useMemo(() => {
    const words = filter.trim().toLowerCase();
    return words ? events.filter((event) => `${event.kind} ${event.data}`.toLowerCase().includes(words)) : events;
  }, [events, filter]);
  if (events.length === 0) return html`<${Empty} title="This answer was not streamed">It came as one body, which is under Raw.<//>`;
  const pages = Math.ceil(found.length / PAGE);
  const current = Math.min(page, Math.max(0, pages - 1));
  const timed = events.some((event) => event.time !== null);
  return html`
    <div class="controls">
      <label class="search">Filter <input type="search" value=${filter} onInput=${(event) => { setFilter(event.target.value); setPage(0); }} placeholder="a kind or any text" /></label>
      <span class="muted numbers" role="status">${found.length === events.length ? `${count(events.length)} events` : `${count(found.length)} of ${count(events.length)} events`}, ${bytes(events.at(-1).endByte)}</span>
      ${pages > 1 && html`<${Pages} page=${current} pages=${pages} setPage=${setPage} />`}
    </div>
    ${found.length === 0 ? html`<${Empty} title="No event has these words" />` : html`
      <table class="events">
        <thead><tr><th class="number-column">#</th>${timed && html`<th class="number-column">Time s</th><th class="number-column">Gap s</th>`}<th>Kind</th><th>Content</th></tr></thead>
        <tbody>${found.slice(current * PAGE, (current + 1) * PAGE).map((event) => html`<${Event} key=${event.number} event=${event} timed=${timed} />`)}</tbody>
      </table>`}
    ${pages > 1 && html`<div class="controls"><${Pages} page=${current} pages=${pages} setPage=${setPage} /></div>`}
  `;
}

function Pages({page, pages, setPage}) {
  return html`
    <nav class="pages" aria-label="Pages of events">
      <button type="button" disabled=${page === 0} onClick=${() => setPage(page - 1)}>Previous</button>
      <span class="numbers">${page + 1} / ${pages}</span>
      <button type="button" disabled=${page === pages - 1} onClick=${() => setPage(page + 1)}>Next</button>
    </nav>
  `;
}

function Event({event, timed}) {
  const [open, setOpen] = useState(false);
  return html`
    <tr class=${`event is-${event.channel}`}>
      <td class="number-column muted">${event.number}</td>
      ${timed && html`
        <td class="number-column">${event.time === null ? "" : exactSeconds(event.time)}</td>
        <td class=${`number-column ${event.gap > LONG_GAP ? "is-long" : "muted"}`}>${event.gap === null ? "" : `+${exactSeconds(event.gap)}`}</td>`}
      <td class="kind">${visible(event.kind)}${!event.complete && html` <span class="bad">cut off</span>`}</td>
      <td>
        <button type="button" class="content" aria-expanded=${open ? "true" : "false"} aria-label=${`Event ${event.number}: ${symbols(event.summary || event.kind)}`} onClick=${() => setOpen(!open)}>${visible(event.summary) || "…"}</button>
        ${open && html`<${LongText} text=${pretty(event.data)} className="code" />`}
      </td>
    </tr>
  `;
}

const exactSeconds = (milliseconds) => (milliseconds / 1000).toFixed(3);
