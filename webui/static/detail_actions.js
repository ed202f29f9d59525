/** What can be done with an exchange: copy it as a command, export it, open it in mitmweb. */

import {useConfig} from "./bodies.js";
import {clientCommand, harDocument, saveFile, upstreamCommand} from "./export.js";
import {announce} from "./notices.js";
import {Copy} from "./parts.js";
import {html} from "./vendor/htm-preact.js";

/**
 * @param {{exchange: object}} props
 */
export function Actions({exchange}) {
  const {config} = useConfig();
  const flow = exchange.attempts.at(-1)?.flow_id;
  const saveHar = async () => {
    try {
      const har = await harDocument(exchange, config?.version ?? "");
      saveFile(`kimi-proxy-${exchange.id}.har`, JSON.stringify(har, null, 2));
    } catch (error) {
      announce(`The HAR file could not be made: ${error.message}`, "bad");
    }
  };
  return html`
    <div class="actions" role="group" aria-label="Actions">
      <${Copy} text=${() => clientCommand(exchange)} label="Copy as curl" title="The client's request, with the key as $KIMI_PROXY_API_KEY" />
      ${exchange.attempts.length > 0 && html`<${CopyUpstream} exchange=${exchange} attempt=${exchange.attempts.at(-1)} />`}
      <button type="button" class="quiet" onClick=${saveHar} title="HAR 1.2: the client's exchange and every attempt">Export HAR</button>
      ${config?.mitmweb && flow && html`<a class="button quiet" href=${mitmwebAddress(config.mitmweb, flow)} target="_blank" rel="noreferrer">mitmweb ↗</a>`}
    </div>
  `;
}

/**
 * Copies the request of one attempt.
 * @param {{exchange: object, attempt: object}} props
 */
export const CopyUpstream = ({exchange, attempt}) => html`
  <${Copy} text=${() => upstreamCommand(exchange, attempt)} label="Copy upstream curl"
    title=${`The request of attempt ${attempt.number} to ${attempt.upstream_host ?? "upstream"}. Its key is $UPSTREAM_API_KEY: set it to yours of the provider ${attempt.provider ?? "asked"}.`} />`;

/** mitmweb keeps its place behind the #; a query before it may hold its token. */
export const mitmwebAddress = (base, flow) => `${base.replace(/\/$/, "")}/#/flows/${encodeURIComponent(flow)}`;
