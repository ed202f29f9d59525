/** What a row of the scorecard opens: all repairs by kind, all errors by class, and the rates in words. */

import {count, plural} from "./format.js";
import {RankedList} from "./ranked_list.js";
import {rateInWords} from "./rates.js";
import {requestsWith} from "./request_links.js";
import {per100} from "./scorecard.js";
import {html} from "./vendor/htm-preact.js";

/** The details of a card. */
export function ProviderDetails({card}) {
  const {provider, host, model} = card;
  return html`<div class="provider-details">
    <section><h3>Repairs of answers, for each hundred</h3>
      <${RankedList} values=${card.repairs_per_100} shown=${per100} none="Nothing had to be repaired."
        link=${(repair) => requestsWith({repair, provider, host, model})} testid="provider-repairs" /></section>
    <section><h3>Errors by class</h3>
      <${RankedList} values=${card.errors} shown=${count} tone="bad" none="No attempt failed."
        link=${(error) => requestsWith({error, provider, host, model})} testid="provider-errors" /></section>
    <section><h3>In words</h3>
      <dl class="in-words">
        <dt>Tool-call rate</dt><dd>${rateInWords(card.tool_call_rate, "answers to requests with tools")}</dd>
        <dt>Schema accuracy as sent</dt><dd>${rateInWords(card.schema_before, "tool calls")}</dd>
        <dt>Schema accuracy as delivered</dt><dd>${rateInWords(card.schema_after, "tool calls")}</dd>
        <dt>Early stops</dt><dd>${rateInWords(card.early_stops, "answers to requests with tools")}
          ${card.reprompts > 0 && ` Asked again: ${plural(card.reprompts, "time")}.`}</dd>
        <dt>Errors</dt><dd>${rateInWords(card.error_rate, "attempts")}</dd>
      </dl></section>
  </div>`;
}
