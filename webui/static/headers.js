/** The Headers tab: what was sent and received on both sides, with the secrets already masked by the log. */

import {visible} from "./text.js";
import {html} from "./vendor/htm-preact.js";

/**
 * @param {{exchange: object}} props
 */
export function Headers({exchange}) {
  return html`
    <div class="headers">
      <${Table} title="Client's request" address=${exchange.client_url} headers=${exchange.client_request_headers} />
      <${Table} title="Answer to the client" status=${exchange.status} headers=${exchange.client_response_headers} />
      ${exchange.attempts.map((attempt) => html`
        <${Table} title=${`Attempt ${attempt.number}: request to upstream`} address=${attempt.upstream_url} headers=${attempt.upstream_request_headers} />
        <${Table} title=${`Attempt ${attempt.number}: answer of upstream`} status=${attempt.status} headers=${attempt.upstream_response_headers} />
      `)}
    </div>
  `;
}

function Table({title, address, status, headers}) {
  return html`
    <section aria-label=${title}>
      <h2>${title}</h2>
      <p class="address muted">${address && html`<code>${visible(address)}</code>`}${status !== null && status !== undefined && html`status <code>${status}</code>`}</p>
      ${headers === null || headers === undefined ? html`<p class="muted">Not known.</p>`
        : headers.length === 0 ? html`<p class="muted">None.</p>`
        : html`<table class="header-table"><tbody>${headers.map(([name, value]) => html`<tr><th scope="row">${visible(name)}</th><td><code>${visible(value)}</code></td></tr>`)}</tbody></table>`}
    </section>
  `;
}
