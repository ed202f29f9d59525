/** Attempts in words: what became of each, and the buttons that choose between them. */

import {symbols, visible} from "./text.js";
import {html} from "./vendor/htm-preact.js";

const REASON = 60; // characters of a reason on a button; the whole is in its title

/** Who answered, or was to answer. */
export const hostOf = (attempt) => attempt.upstream_host ?? attempt.provider ?? attempt.route ?? "upstream";

/** What became of an attempt, in words: `asked again: no tool call`, `failed: status 503`. */
export function outcomeWords({outcome, reason, status}) {
  const what = outcome ?? "running";
  if (reason && (what === "asked again" || what === "failed")) return `${what}: ${reason}`;
  return what === "failed" && status >= 400 ? `failed: status ${status}` : what;
}

/**
 * Chooses between the attempts of an exchange.
 * @param {{attempts: object[], chosen: number, choose: (number: number) => void, repairs?: Map<number, object[]>}} props
 */
export function AttemptChoice({attempts, chosen, choose, repairs}) {
  return html`
    <div class="choice" role="group" aria-label="Attempt">
      ${attempts.map((attempt) => {
        const {number} = attempt;
        const words = outcomeWords(attempt);
        return html`
          <button type="button" key=${number} aria-pressed=${number === chosen ? "true" : "false"} onClick=${() => choose(number)}
            title=${symbols(`Attempt ${number} at ${hostOf(attempt)}: ${words}`)}>
            ${number} <span class="muted">· ${visible(hostOf(attempt))} · ${visible(words.length > REASON ? `${words.slice(0, REASON)}…` : words)}</span>
            ${repairs?.get(number)?.length > 0 && html` <span class="badge" title="repairs">${repairs.get(number).length}</span>`}
          </button>`;
      })}
    </div>
  `;
}

const ENFORCED = {
  called: ["called", "Every turn must end with a tool call. It did."],
  ended: ["ended", "Every turn must end with a tool call. The model called the tool that ends it, with a final answer."],
  exhausted: ["gave up", "The model did not call a tool that can be used, though it was reminded. The client got its answer as it was."],
  "cut short": ["answer cut short", "The answer ended at a limit, so the model was not asked again."],
  refused: ["refused", "The model or a filter refused, so the model was not asked again."],
};

/**
 * What became of a demanded tool call, as `[words, explanation]`; null where none was demanded.
 * @param {object} exchange
 */
export function enforcementWords({enforcement, reprompts}) {
  if (!enforcement) return null;
  const [words, explanation] = Object.hasOwn(ENFORCED, enforcement) ? ENFORCED[enforcement] : [symbols(enforcement), "What became of a demanded tool call."];
  return [`tool call demanded: ${words}${afterReminders(reprompts)}`, explanation];
}

/** ` after 2 reminders`, or nothing where there was none. */
export function afterReminders(reprompts) {
  const number = reprompts?.length ?? 0;
  return number === 0 ? "" : ` after ${number} ${number === 1 ? "reminder" : "reminders"}`;
}

/** Why there is no attempt at all. */
export function notAsked({state}) {
  switch (state) {
    case "running": return "The request is still being prepared.";
    case "interrupted": return "The proxy ended before it asked.";
    case "cancelled": return "The client left before the proxy asked.";
    default: return "The proxy answered this itself.";
  }
}
