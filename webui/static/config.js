/** What the proxy is set up to do and how its parts are: routes with their health, warnings, settings, the log. */

import {sentence, visible} from "./format.js";
import {Chip, Empty, Loading, Problem} from "./parts.js";
import {usePolled} from "./polling.js";
import {LogState} from "./log_state.js";
import {RouteTable} from "./route_table.js";
import {html} from "./vendor/htm-preact.js";

const EVERY = 2000; // milliseconds
const empty = () => html`<span class="muted">empty</span>`;

/** The page. */
export function Config() {
  const {data, error, retry} = usePolled("/api/config", EVERY);
  return html`<div class="sheet" data-testid="config">
    <header class="sheet-head">
      <div><h1>Config</h1>
        <p class="muted">What the proxy is set up to do, and how it is. Keys are never shown, only whether there is one.</p></div>
      ${data && html`<${Running} data=${data} />`}
    </header>
    ${data && error && html`<p class="stale" role="status">This is old: ${sentence(error.message)}
      <button type="button" class="quiet" onClick=${retry}>Try again</button></p>`}
    ${content({data, error, retry})}
  </div>`;
}

function content({data, error, retry}) {
  if (!data && error) return html`<${Problem} error=${error} retry=${retry} />`;
  if (!data) return html`<${Loading} what="Loading the configuration" />`;
  return html`${!data.running && html`<p class="stale" role="status" data-testid="not-running">
      No proxy writes this log now.${data.routes.length > 0 && " This is what the last one said."}</p>`}
    ${data.warnings.length > 0 && html`<section class="panel warnings" aria-labelledby="warnings-title" data-testid="warnings">
      <h2 id="warnings-title">Warnings</h2><ul>${data.warnings.map((text) => html`<li key=${text}>${visible(text)}</li>`)}</ul></section>`}
    <section aria-labelledby="routes-title"><h2 id="routes-title">Routes</h2>
      ${data.routes.length === 0
        ? html`<${Empty} title="No routes are known">Routes are the entries of model-config.yaml; a running proxy tells them here.<//>`
        : html`<${RouteTable} routes=${data.routes} />`}</section>
    <div class="columns">
      <${LogState} log=${data.log} writers=${data.writers} />
      <${Settings} settings=${data.settings} livestore=${data.livestore} />
    </div>`;
}

function Running({data}) {
  const link = webLink(data.mitmweb);
  return html`<p class="running">
    ${link && html`<a href=${link} target="_blank" rel="noreferrer noopener">mitmweb ↗</a>`}
    ${data.version && html`<span class="muted">version ${visible(data.version)}</span>`}
    <${Chip} tone=${data.running ? "good" : "warn"} data-testid="running">${data.running ? "running" : "not running"}<//></p>`;
}

function Settings({settings, livestore}) {
  const rows = Object.entries(settings);
  return html`<section class="panel" aria-labelledby="settings-title" data-testid="settings"><h2 id="settings-title">Settings</h2>
    <dl class="pairs">
      ${rows.map(([name, value]) => html`<dt key=${name} class="mono">${name}</dt><dd>${visible(value) || empty()}</dd>`)}
      ${rows.length > 0 && livestore && html`<dt>Live updates</dt>
        <dd>${livestore.batch} rows a time, ${livestore.max_records} kept</dd>`}
    </dl>
    ${rows.length === 0 && html`<p class="muted">None are known.</p>`}</section>`;
}

/** An address is shown as a link only where it is one of the web. */
function webLink(text) {
  return typeof text === "string" && /^https?:\/\//.test(text) ? text : null;
}
