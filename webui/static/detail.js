/** The page of one exchange: its header with what matters at a glance, and a tab for each way to look closer. */

import {getJson} from "./api.js";
import {enforcementWords} from "./attempt_choice.js";
import {Attempts, Fact} from "./attempts.js";
import {Changes} from "./changes.js";
import {Conversation} from "./conversation.js";
import {Actions} from "./detail_actions.js";
import {bytes, count, dollars, fullMoment, moment, seconds} from "./format.js";
import {Headers} from "./headers.js";
import {isTyping, navigate, useLocation} from "./navigation.js";
import {Chip, Loading, Problem} from "./parts.js";
import {Raw} from "./raw.js";
import {Stream} from "./stream.js";
import {symbols, visible} from "./text.js";
import {html, useEffect, useRef, useState} from "./vendor/htm-preact.js";

const POLL = 1_000; // milliseconds between two looks at a running exchange

const TABS = [
  {name: "conversation", title: "Conversation", view: Conversation},
  {name: "changes", title: "Before / After", view: Changes, number: (exchange) => repairCount(exchange)},
  {name: "attempts", title: "Attempts", view: Attempts, number: (exchange) => (exchange.attempts.length > 1 ? exchange.attempts.length : 0)},
  {name: "stream", title: "Stream", view: Stream},
  {name: "headers", title: "Headers", view: Headers},
  {name: "raw", title: "Raw", view: Raw},
];

/**
 * @param {{id: string}} props
 */
export function Detail({id}) {
  const {exchange, error, retry} = useExchange(id);
  useEffect(() => {
    document.title = `${exchange?.asked_model ?? "Exchange"} · Kimi Proxy`;
  }, [exchange?.asked_model]);
  if (!exchange && error) {
    const title = error.status === 404 ? "This exchange is not in the log" : "The exchange could not be loaded";
    return html`<${Problem} title=${title} error=${error} retry=${error.status === 404 ? undefined : retry}><p><a href="/">All requests</a></p><//>`;
  }
  if (!exchange) return html`<${Loading} what="Loading the exchange" />`;
  return html`
    <div class="detail">
      <${Summary} exchange=${exchange} />
      ${error && html`<p class="caution" role="status">The last look at this running exchange failed: ${error.message}</p>`}
      <${Tabs} exchange=${exchange} />
    </div>
  `;
}

/** The exchange, looked at again and again while it runs. */
function useExchange(id) {
  const [held, setHeld] = useState({id, exchange: null, error: null});
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const look = async () => {
      try {
        const exchange = await getJson(`/api/logs/${encodeURIComponent(id)}`, {signal: abort.signal});
        setHeld({id, exchange, error: null});
        if (exchange.state === "running") timer = setTimeout(look, POLL);
      } catch (error) {
        if (abort.signal.aborted) return;
        setHeld((before) => ({id, exchange: before.id === id ? before.exchange : null, error}));
        // A running exchange is still worth a look when the server was away for a moment.
        if (error.status !== 404) timer = setTimeout(look, 5 * POLL);
      }
    };
    look();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [id, tries]);
  const own = held.id === id ? held : {exchange: null, error: null};
  return {...own, retry: () => setTries(tries + 1)};
}

const STATES = {running: "accent", complete: "good", failed: "bad", interrupted: "bad", cancelled: "warn"};

// What the states mean that do not speak for themselves.
const STATE_WORDS = {
  running: "The answer is still coming.",
  interrupted: "The proxy ended while this exchange ran. What had come by then is in the log.",
  cancelled: "The client left before the answer was complete.",
};

const repairCount = (exchange) => Object.values(exchange.repair_counts ?? {}).reduce((sum, n) => sum + n, 0);

function Summary({exchange}) {
  const enforcement = enforcementWords(exchange);
  const told = STATE_WORDS[exchange.state];
  const served = [exchange.provider, exchange.model].filter(Boolean).join(" / ");
  return html`
    <header class="detail-head">
      <div class="detail-title">
        <a class="back" href="/" aria-label="All requests" title="All requests">←</a>
        <h1>
          <span title="Asked by the client">${visible(exchange.asked_model) ?? "no model"}</span>
          <span class="arrow" aria-label="served by"> → </span>
          <span title="Served by">${visible(served) || exchange.route || "nobody"}</span>
        </h1>
        <${Chip} tone=${STATES[exchange.state] ?? "plain"} title=${told}>${exchange.state}<//>
        ${exchange.status !== null && html`<${Chip} tone=${exchange.status >= 400 ? "bad" : "plain"} title="Status">${exchange.status}<//>`}
        ${enforcement && html`<${Chip} tone=${exchange.enforcement === "exhausted" ? "bad" : "accent"} title=${enforcement[1]}>${enforcement[0]}<//>`}
        <${Actions} exchange=${exchange} />
      </div>
      ${told && exchange.state !== "running" && html`<p class="detail-state">${told}</p>`}
      ${exchange.error_message && html`<p class="detail-error" role="alert"><strong>${visible(exchange.error_type) ?? "error"}</strong> ${visible(exchange.error_message)}</p>`}
      <dl class="facts">
        <${Fact} name="Began"><span title=${fullMoment(exchange.started_at)}>${moment(exchange.started_at)}</span><//>
        <${Fact} name="First token">${known(exchange.time_to_first_token, seconds)}<//>
        <${Fact} name="Duration">${exchange.state === "running" ? html`<${Elapsed} since=${exchange.started_at} />` : known(exchange.duration, seconds)}<//>
        <${Fact} name="Tokens in">${known(exchange.input_tokens, count)}${exchange.cached_tokens > 0 && html` <span class="muted">${count(exchange.cached_tokens)} cached</span>`}<//>
        <${Fact} name="Tokens out">${known(exchange.output_tokens, count)}${exchange.reasoning_tokens > 0 && html` <span class="muted">${count(exchange.reasoning_tokens)} thinking</span>`}<//>
        <${Fact} name="Cost">${known(exchange.cost_usd, dollars)}<//>
        <${Fact} name="Finish">${visible(exchange.finish_reason)}<//>
        <${Fact} name="Attempts">${exchange.attempt_count}<//>
        <${Fact} name="Calls">${exchange.tools?.length ? html`<span title=${symbols(exchange.tools.join(", "))}>${exchange.tool_call_count} <code class="calls">${visible(exchange.tools.join(", "))}</code></span>` : exchange.tool_call_count}<//>
        <${Fact} name="Sizes">${known(exchange.client_request_size, bytes)} <span class="muted">in,</span> ${known(exchange.client_response_size, bytes) ?? "–"} <span class="muted">out</span><//>
        <${Fact} name="Client">${(exchange.client_agent ?? exchange.client_address) && html`<span title=${exchange.client_address}>${visible(exchange.client_agent) ?? exchange.client_address}</span>`}<//>
        <${Fact} name="Client's format">${exchange.client_format}${exchange.stream ? html` <span class="muted">stream</span>` : ""}<//>
      </dl>
      ${exchange.session_key && html`<p class="detail-others"><a href=${`/?q=${encodeURIComponent(`session:${filterWord(exchange.session_key)}`)}`}>Other requests of this conversation</a></p>`}
      <${RepairCounts} exchange=${exchange} />
    </header>
  `;
}

/** A value for the filter: quoted where it would be read as several words. */
const filterWord = (value) => (/^[\w.:-]+$/.test(value) ? value : `"${value.replaceAll('"', "")}"`);

const known = (value, format) => (value === null || value === undefined ? null : format(value));

function RepairCounts({exchange}) {
  const counts = Object.entries(exchange.repair_counts ?? {});
  if (counts.length === 0) return null;
  return html`
    <p class="detail-repairs">
      <span class="muted">Repaired:</span>
      ${counts.map(([kind, n]) => html`<${Chip} tone="mark" title=${exchange.repair_reasons?.[kind]}>${kind}${n > 1 ? ` × ${n}` : ""}<//>`)}
    </p>
  `;
}

function Elapsed({since}) {
  const [now, setNow] = useState(Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), POLL);
    return () => clearInterval(timer);
  }, []);
  return seconds(Math.max(0, now - since));
}

function Tabs({exchange}) {
  const {path, search} = useLocation();
  const wanted = new URLSearchParams(search).get("tab");
  // Where something was repaired, that is what one came for.
  const usual = repairCount(exchange) > 0 && exchange.state !== "running" ? "changes" : "conversation";
  const first = useRef(usual);
  const current = TABS.find((tab) => tab.name === (wanted ?? first.current)) ?? TABS[0];
  const buttons = useRef({});
  const choose = (name) => navigate(`${path}?tab=${name}`, {replace: true});
  const moved = (event) => {
    const place = TABS.indexOf(current);
    const next = {ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: TABS.length - 1}[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const {name} = TABS[(next + TABS.length) % TABS.length];
    choose(name);
    buttons.current[name]?.focus();
  };
  useEffect(() => {
    const pressed = (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event) || document.querySelector("dialog[open]")) return;
      const tab = /^[1-9]$/.test(event.key) ? TABS[Number(event.key) - 1] : undefined;
      if (tab) choose(tab.name);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [path]);
  const View = current.view;
  return html`
    <div class="tabs" role="tablist" aria-label="Ways to look at this exchange" onKeyDown=${moved}>
      ${TABS.map(({name, title, number}) => html`
        <button type="button" role="tab" id=${`tab-${name}`} key=${name} aria-selected=${name === current.name ? "true" : "false"}
          aria-controls="tab-panel" tabindex=${name === current.name ? 0 : -1} ref=${(element) => { buttons.current[name] = element; }}
          onClick=${() => choose(name)} title=${`Key ${TABS.findIndex((tab) => tab.name === name) + 1}`}>${title}${number?.(exchange) > 0 && html` <span class="badge">${number(exchange)}</span>`}</button>`)}
    </div>
    <div class="tab-panel" role="tabpanel" id="tab-panel" aria-labelledby=${`tab-${current.name}`} tabindex="0">
      <${View} key=${`${exchange.id} ${current.name}`} exchange=${exchange} />
    </div>
  `;
}
