/**
 * The Before / After tab: upstream's answer beside the one the client was given, every repair marked in place and
 * explained. This view is the reason for the whole dashboard: "what was wrong, what was changed, and why".
 */

import {AnswerPair} from "./answer_pair.js";
import {AttemptChoice} from "./attempt_choice.js";
import {bodyAddress, useBody, versionOf} from "./bodies.js";
import {Empty} from "./parts.js";
import {readAnswer} from "./readers/index.js";
import {RepairList} from "./repair_list.js";
import {pairParts} from "./pairs.js";
import {repairsByAttempt} from "./marks.js";
import {RequestPair} from "./request_pair.js";
import {Incomplete, placeholder} from "./text.js";
import {html, useMemo, useState} from "./vendor/htm-preact.js";

/**
 * @param {{exchange: object}} props
 */
export function Changes({exchange}) {
  const {attempts} = exchange;
  const [chosen, setChosen] = useState(null);
  const [compared, setCompared] = useState(true);
  const repairs = useMemo(() => repairsByAttempt(exchange), [exchange]);
  if (attempts.length === 0) {
    return html`<${Empty} title="Upstream was not asked">There is nothing to compare: this exchange was answered by the proxy itself, or it ended before.<//>`;
  }
  // The last attempt is the one whose answer reached the client.
  const attempt = attempts.find(({number}) => number === chosen) ?? attempts.at(-1);
  const own = [...repairs.get(0), ...(repairs.get(attempt.number) ?? [])];
  return html`
    <div class="changes">
      <div class="controls">
        ${attempts.length > 1 && html`<${AttemptChoice} attempts=${attempts} chosen=${attempt.number} choose=${setChosen} repairs=${repairs} />`}
        <label class="toggle"><input type="checkbox" checked=${compared} onChange=${(event) => setCompared(event.target.checked)} /> Mark differences</label>
        <p class="legend">
          <span><mark class="sample">1</mark> repaired</span>
          ${compared && html`<span><span class="removed">gone</span></span><span><span class="added">new</span></span>`}
        </p>
      </div>
      <${Attempt} key=${attempt.number} exchange=${exchange} attempt=${attempt} repairs=${own} compared=${compared} />
    </div>
  `;
}

function Attempt({exchange, attempt, repairs, compared}) {
  const version = versionOf(exchange);
  const upstream = useBody(bodyAddress(exchange.id, "upstream_response", attempt.number), version);
  const client = useBody(bodyAddress(exchange.id, "client_response"), version);
  const [jump, setJump] = useState(null);
  const [listed, setListed] = useState(null);
  const pick = (number) => setJump({number, shown: new Set()});
  const list = (number) => setListed({number, shown: new Set()});
  const sides = useMemo(() => {
    if (!upstream.body || !client.body) return null;
    const before = readAnswer(attempt.upstream_format, upstream.body.text);
    const after = readAnswer(exchange.client_format, client.body.text);
    return pairParts(before, after, repairs);
  }, [upstream.body, client.body, repairs.length, attempt]);
  const replaced = attempt.number !== exchange.attempts.at(-1).number;
  return html`
    <${Story} exchange=${exchange} attempt=${attempt} repairs=${repairs} replaced=${replaced} />
    ${repairs.length > 0 && html`<${RepairList} repairs=${repairs} reasons=${exchange.repair_reasons ?? {}} found=${sides?.found} listed=${listed} jump=${jump} pick=${pick} />`}
    <section aria-labelledby="answers-title">
      <h2 id="answers-title">Answer</h2>
      ${placeholder(upstream, "upstream's answer") ?? placeholder(client, "the client's answer") ?? html`
        <${Incomplete} body=${upstream.body} />
        <${AnswerPair} sides=${sides} exchange=${exchange} attempt=${attempt} compared=${compared && !replaced} jump=${jump} list=${list} />`}
    </section>
    <${RequestPair} exchange=${exchange} attempt=${attempt} />
  `;
}

/** In a sentence what happened in this attempt: the first thing a hurried reader should see. */
function Story({exchange, attempt, repairs, replaced}) {
  const kinds = new Set(repairs.map((repair) => repair.kind)).size;
  const who = [attempt.provider, attempt.model].filter(Boolean).join(" / ") || attempt.route;
  const repaired = repairs.length === 0
    ? "Nothing had to be repaired."
    : `${repairs.length} ${repairs.length === 1 ? "repair" : "repairs"}${kinds > 1 ? ` of ${kinds} kinds` : ""} made it what the client could use.`;
  const converted = attempt.upstream_format && attempt.upstream_format !== exchange.client_format
    ? ` It was converted from ${attempt.upstream_format} to ${exchange.client_format}.`
    : "";
  return html`
    <p class="story">
      ${attempt.outcome === "failed" ? "Asked" : "Answered by"} <strong>${who}</strong>.
      ${attempt.reason && html` <strong>${attempt.outcome === "asked again" ? "Asked again" : "Ended"}:</strong> ${attempt.reason}.`}
      ${" "}${repaired}${converted}
      ${replaced && html` <span class="muted">A later attempt went on; the client's side below is the answer of all attempts together.</span>`}
    </p>
  `;
}
