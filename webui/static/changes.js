/**
 * The Before / After tab: upstream's answer beside the one the client was given, every repair marked in place and
 * explained. This view is the reason for the whole dashboard: "what was wrong, what was changed, and why".
 */

import {AnswerPair} from "./answer_pair.js";
import {afterReminders, AttemptChoice, hostOf, notAsked} from "./attempt_choice.js";
import {bodyAddress, useBodies, useBody, versionOf} from "./bodies.js";
import {seconds} from "./format.js";
import {Empty} from "./parts.js";
import {readAnswer} from "./readers/index.js";
import {RepairList} from "./repair_list.js";
import {pairParts} from "./pairs.js";
import {isOfRequest, repairsByAttempt} from "./marks.js";
import {RequestPair} from "./request_pair.js";
import {Incomplete, placeholder, visible} from "./text.js";
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
    return html`<${Empty} title="Upstream was not asked">${notAsked(exchange)} There is nothing to compare.<//>`;
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
  const earlier = exchange.attempts.filter(({number, outcome}) => number < attempt.number && outcome === "asked again");
  const before = useBodies(earlier.map(({number}) => bodyAddress(exchange.id, "upstream_response", number)), version);
  const [jump, setJump] = useState(null);
  const [listed, setListed] = useState(null);
  const [lines, setLines] = useState(undefined);
  const pick = (number) => setJump({number, shown: new Set()});
  const list = (number) => setListed({number, shown: new Set()});
  const last = attempt.number === exchange.attempts.at(-1).number;
  const answerRepairs = useMemo(() => repairs.filter((repair) => !isOfRequest(repair)), [repairs.length, attempt]);
  const requestRepairs = useMemo(() => repairs.filter(isOfRequest), [repairs.length, attempt]);
  const sides = useMemo(() => {
    if (!upstream.body || !client.body || !before) return null;
    const said = before.map((body, index) => readAnswer(earlier[index].upstream_format, body?.text ?? ""));
    const [sent, told] = [readAnswer(attempt.upstream_format, upstream.body.text), readAnswer(exchange.client_format, client.body.text)];
    return pairParts(sent, told, answerRepairs, said, last);
  }, [upstream.body, client.body, before, answerRepairs, attempt]);
  // Without the words of all attempts those of an earlier one would be marked as new.
  const comparable = last && (before ?? []).every(Boolean) && exchange.state !== "running";
  const reasons = exchange.repair_reasons ?? {};
  const shared = {reasons, listed, jump, pick};
  return html`
    <${Story} exchange=${exchange} attempt=${attempt} repairs=${repairs} last=${last} />
    ${answerRepairs.length > 0 && html`<${RepairList} name="answer" title="In the answer" repairs=${answerRepairs} found=${sides?.found} ...${shared} />`}
    ${requestRepairs.length > 0 && html`<${RepairList} name="request" title="In the request" repairs=${requestRepairs} found=${lines} always ...${shared} />`}
    <section aria-labelledby="answers-title">
      <h2 id="answers-title">Answer</h2>
      ${placeholder(upstream, "upstream's answer", {exchange, attempt, kind: "upstream_response", size: attempt.upstream_response_size})
        ?? placeholder(client, "the client's answer", {exchange, kind: "client_response", size: exchange.client_response_size})
        ?? (sides && html`
        <${Incomplete} body=${upstream.body} exchange=${exchange} size=${attempt.upstream_response_size} />
        <${AnswerPair} sides=${sides} exchange=${exchange} attempt=${attempt} compared=${compared && comparable} jump=${jump} list=${list} />`)}
    </section>
    <${RequestPair} exchange=${exchange} attempt=${attempt} repairs=${requestRepairs} reasons=${reasons} jump=${jump} list=${list} tell=${setLines} />
  `;
}

/** In a few sentences what happened in this attempt: the first thing a hurried reader should see. */
function Story({exchange, attempt, repairs, last}) {
  const answered = attempt.outcome === "complete" || attempt.outcome === "asked again";
  const joined = exchange.attempts.filter(({outcome}) => outcome === "asked again").length > 0;
  const number = exchange.attempts.length;
  const converted = answered && attempt.upstream_format && attempt.upstream_format !== exchange.client_format;
  const sentences = [
    attempt.reprompt && `This attempt asked once more, because of: ${attempt.reprompt}.`,
    ending(exchange, attempt),
    last && exchange.enforcement === "exhausted"
      && `No usable tool call${afterReminders(exchange.reprompts)}; the client got this with finish reason ${exchange.finish_reason ?? "stop"}.`,
    repairWords(attempt, repairs, answered),
    converted && `It was converted from ${attempt.upstream_format} to ${exchange.client_format}.`,
  ].filter(Boolean);
  return html`
    <p class="story">
      <strong>${visible(asWords([hostOf(attempt), attempt.model]))}:</strong> ${visible(sentences.join(" "))}
      ${number > 1 && joined && html` <span class="muted">The client's answer below is that of all ${number} attempts together.</span>`}
      ${!last && !joined && html` <span class="muted">A later attempt went on; the client's side below is its answer.</span>`}
    </p>
  `;
}

const asWords = (names) => names.filter(Boolean).join(" · ");

/** How an attempt ended, as a sentence. */
function ending(exchange, attempt) {
  const host = hostOf(attempt);
  const because = attempt.reason ? `: ${attempt.reason.replace(/\.$/, "")}` : "";
  const began = attempt.time_to_first_token !== null && attempt.time_to_first_token !== undefined;
  switch (attempt.outcome ?? exchange.state) {
    case "running": return "Still running: below is what has come so far.";
    case "interrupted": return "The proxy ended while this ran; below is what had come.";
    case "cancelled": return `The client left after ${seconds(exchange.duration ?? attempt.duration)}; below is what had come.`;
    case "asked again": return `It answered, and was asked again${because}.`;
    case "failed":
      if (attempt.status >= 400) return `${host} answered ${attempt.status}${because}.`;
      if (began) return `The answer of ${host} failed on the way${because}.`;
      return attempt.status ? `${host} answered ${attempt.status}, but what came was no answer${because}.` : `${host} could not be reached, or did not answer${because}.`;
    default: return "It answered to the end.";
  }
}

/** How many repairs there were of each side. The log counts all of them, and keeps the words of the first ones. */
function repairWords(attempt, repairs, answered) {
  const counts = Object.entries(attempt.repair_counts ?? {});
  const kinds = counts.length ? counts : repairs.map(({kind}) => [kind, 1]);
  const total = (wanted) => kinds.reduce((sum, [kind, number]) => sum + (isOfRequest({kind}) === wanted ? number : 0), 0);
  const [answer, request] = [total(false), total(true)];
  if (answer + request === 0) return answered ? "Nothing had to be repaired." : "";
  const told = (number) => `${number} ${number === 1 ? "repair" : "repairs"}`;
  if (request === 0) return `${told(answer)} of the answer.`;
  return answer === 0 ? `${told(request)} of the request, none of the answer.` : `${told(answer)} of the answer, ${request} of the request.`;
}
