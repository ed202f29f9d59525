/** The Attempts tab: a waterfall of the attempts on one time axis, and what came of each. */

import {hostOf, notAsked, outcomeWords} from "./attempt_choice.js";
import {CopyUpstream} from "./detail_actions.js";
import {count, dollars, fullMoment, moment, seconds} from "./format.js";
import {Chip, Empty} from "./parts.js";
import {symbols, visible} from "./text.js";
import {html} from "./vendor/htm-preact.js";

const TICKS = 5;

/**
 * @param {{exchange: object}} props
 */
export function Attempts({exchange}) {
  const {attempts} = exchange;
  if (attempts.length === 0) return html`<${Empty} title="Upstream was not asked">${notAsked(exchange)}<//>`;
  const span = spanOf(exchange);
  return html`
    <div class="waterfall">
      <div class="axis" aria-hidden="true">
        <span></span>
        <span class="scale">${ticks(span.length).map((tick) => html`<i style=${{left: part(tick, span)}}>${seconds(tick)}</i>`)}</span>
        <span></span>
      </div>
      <ol>
        ${attempts.map((attempt) => html`<${Attempt} key=${attempt.number} exchange=${exchange} attempt=${attempt} span=${span} />`)}
      </ol>
      <p class="legend muted"><span><i class="swatch waiting"></i> waiting for the first token</span><span><i class="swatch answering"></i> answering</span></p>
    </div>
  `;
}

/** The time that the axis covers: from the exchange's start to the last known end. */
function spanOf(exchange) {
  const ends = exchange.attempts.map((attempt) => attempt.started_at + (attempt.duration ?? attempt.time_to_first_token ?? 0));
  const now = exchange.state === "running" ? Date.now() / 1000 : 0;
  const end = Math.max(exchange.started_at + (exchange.duration ?? 0), ...ends, now);
  return {start: exchange.started_at, length: Math.max(end - exchange.started_at, 0.001)};
}

const part = (offset, span) => `${Math.min(100, Math.max(0, (offset / span.length) * 100))}%`;

/** Round times along the axis. */
function ticks(length) {
  const rough = length / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  return Array.from({length: Math.floor(length / step) + 1}, (_, index) => index * step);
}

const TONES = {complete: "good", failed: "bad", interrupted: "bad", cancelled: "warn", "asked again": "warn", running: "accent"};

function Attempt({exchange, attempt, span}) {
  const begin = attempt.started_at - span.start;
  const whole = attempt.duration ?? span.length - begin;
  const first = Math.min(attempt.time_to_first_token ?? whole, whole);
  const repaired = Object.entries(attempt.repair_counts ?? {});
  const told = `Attempt ${attempt.number}: began after ${seconds(begin)}, ${attempt.time_to_first_token === null ? "no token came" : `first token after ${seconds(attempt.time_to_first_token)}`}, took ${seconds(whole)}`;
  return html`
    <li class="attempt">
      <div class="attempt-line">
        <div class="attempt-name">
          <strong>${attempt.number} · ${visible(hostOf(attempt))}</strong>
          <span class="muted">${visible(attempt.model ?? attempt.route)}</span>
        </div>
        <div class="track" role="img" aria-label=${told}>
          <span class="waiting" style=${{left: part(begin, span), width: part(first, span)}}></span>
          <span class=${`answering is-${(attempt.outcome ?? "").replace(" ", "-")}`} style=${{left: part(begin + first, span), width: part(whole - first, span)}}></span>
        </div>
        <div class="attempt-outcome"><${Chip} tone=${TONES[attempt.outcome] ?? "plain"} title=${symbols(outcomeWords(attempt))}>${attempt.outcome ?? "running"}<//> <span class="numbers">${seconds(whole)}</span></div>
      </div>
      ${attempt.reason && html`<p class="attempt-reason"><strong>${attempt.outcome === "asked again" ? "Asked again" : "Why it ended"}:</strong> ${visible(attempt.reason)}</p>`}
      ${attempt.reprompt && html`<p class="attempt-reason"><strong>Asks once more, because of:</strong> ${visible(attempt.reprompt)}</p>`}
      <dl class="facts small">
        <${Fact} name="Began"><span title=${fullMoment(attempt.started_at)}>${moment(attempt.started_at)}</span> <span class="muted">+${seconds(begin)}</span><//>
        <${Fact} name="Status">${attempt.status}<//>
        <${Fact} name="Finish">${visible(attempt.finish_reason)}<//>
        <${Fact} name="First token">${attempt.time_to_first_token === null ? null : seconds(attempt.time_to_first_token)}<//>
        <${Fact} name="Tokens">${tokens(attempt)}<//>
        <${Fact} name="Cost">${attempt.cost_usd === null ? null : dollars(attempt.cost_usd)}<//>
        <${Fact} name="Format">${attempt.upstream_format}<//>
        <${Fact} name="Upstream's id">${attempt.upstream_request_id && html`<code>${visible(attempt.upstream_request_id)}</code>`}<//>
      </dl>
      ${repaired.length > 0 && html`<p class="attempt-repairs"><span class="muted">Repaired:</span> <${Kinds} counts=${repaired} reasons=${exchange.repair_reasons ?? {}} /></p>`}
      <div class="attempt-foot"><code class="address muted">${visible(attempt.upstream_url)}</code><${CopyUpstream} exchange=${exchange} attempt=${attempt} /></div>
    </li>
  `;
}

const Kinds = ({counts, reasons}) => counts.map(([kind, n]) => html`<${Chip} tone="mark" title=${reasons[kind]}>${kind}${n > 1 ? ` × ${count(n)}` : ""}<//> `);

const tokens = ({input_tokens: asked, output_tokens: answered}) => (
  asked === null && answered === null ? null : `${count(asked)} in, ${count(answered)} out`
);

/**
 * A named value; one that is not known is a dash.
 * @param {{name: string, children: any}} props
 */
export function Fact({name, children}) {
  const known = [children].flat().some((child) => child !== null && child !== undefined && child !== false && child !== "");
  return html`<div><dt>${name}</dt><dd>${known ? children : html`<span class="muted">–</span>`}</dd></div>`;
}
