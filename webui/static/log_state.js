/** How the log is: what it keeps, how large it is, and whether the processes that write it lose something. */

import {bytes, count, fullMoment, moment, sentence, UNKNOWN, visible} from "./format.js";
import {Chip, isNothingLogged} from "./parts.js";
import {html} from "./vendor/htm-preact.js";

const LITTLE = 1e9; // bytes of free space below which it is a warning

/** The panel. */
export function LogState({log, writers}) {
  const scarce = typeof log.free_bytes === "number" && log.free_bytes < LITTLE;
  return html`<section class="panel" aria-labelledby="log-title" data-testid="log-state"><h2 id="log-title">Log</h2>
    ${log.problem && (isNothingLogged(log.problem)
      ? html`<p class="log-calm muted">${sentence(log.problem)}</p>`
      : html`<p class="log-problem" role="alert">${sentence(log.problem)}</p>`)}
    <dl class="pairs">
      <dt>Mode</dt><dd>${visible(log.mode ?? UNKNOWN)}</dd>
      <dt>Exchanges</dt><dd>${count(log.exchanges)}
        ${log.oldest && html`<span class="muted" title=${fullMoment(log.oldest)}> since ${moment(log.oldest)}</span>`}</dd>
      <dt>Database</dt><dd>${bytes(log.database_bytes)}</dd>
      <dt>Bodies</dt><dd title="What requests and answers take on the disk, as counted now and then">${
        typeof log.blob_bytes === "number" ? `about ${bytes(log.blob_bytes)}` : UNKNOWN}</dd>
      <dt>Free space</dt><dd class=${scarce ? "log-scarce" : ""}>${bytes(log.free_bytes)}</dd>
    </dl>
    <h3>Processes that write it</h3>
    ${writers.length === 0 ? html`<p class="muted">None at present.</p>` : html`<${Writers} writers=${writers} />`}
  </section>`;
}

function Writers({writers}) {
  return html`<div class="table-frame" role="region" aria-label="Processes that write the log" tabindex="0">
    <table class="figures">
    <thead><tr><th scope="col" class="worded">Process</th><th scope="col">Since</th><th scope="col">Queued</th>
      <th scope="col" title="entries that found the queue full">Dropped</th>
      <th scope="col" title="entries that could not be written">Failed</th></tr></thead>
    ${writers.map((writer) => html`<tbody key=${writer.id} data-testid="writer"><tr>
      <th scope="row" class="worded"><span class="writer-name" title=${`${writer.pid} on ${visible(writer.host)}`}>
        ${writer.pid}<span class="muted"> on ${visible(writer.host)}</span></span></th>
      <td title=${fullMoment(writer.started_at)}>${moment(writer.started_at)}</td>
      <td>${count(writer.queued)}</td>
      <td><${Loss} number=${writer.dropped} /></td>
      <td><${Loss} number=${writer.failed} /></td>
    </tr>${writer.last_error && html`<tr>
      <td colspan="5" class="worded writer-error">Last error: ${sentence(writer.last_error)}</td></tr>`}</tbody>`)}
  </table></div>`;
}

function Loss({number}) {
  return number > 0 ? html`<${Chip} tone="bad">${count(number)}<//>` : html`<span class="muted">${count(number)}</span>`;
}
