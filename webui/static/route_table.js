/** The effective routes in their groups: entries of one name and profile, of which the strategy chooses. */

import {seconds, UNKNOWN, visible} from "./format.js";
import {Chip} from "./parts.js";
import {requestsWith} from "./request_links.js";
import {html} from "./vendor/htm-preact.js";

const HEALTH = {"ok": "good", "cooling down": "bad", "probing": "warn"};
const KEY = {
  present: {tone: "good", words: "There is a key."},
  missing: {tone: "bad", words: "There is no key: requests will be refused."},
  fetched: {tone: "plain", words: "Access tokens are fetched with the account's credentials."},
};
const NO_KEY = {tone: "plain", words: "No key is sent."};
const COLUMNS = ["Provider", "Upstream model", "Health", "Key", "Weight", "Tool call", "Host", "Vendor rules", "Family"];
const ensured = () => html`<${Chip} tone="accent" title="A turn that ends without a tool call is asked again">ensured<//>`;

/** The table, a group after the other in the order in which they are tried. */
export function RouteTable({routes}) {
  return html`<div class="table-frame" role="region" aria-label="Routes, scrolls sideways" tabindex="0">
    <table class="figures routes" data-testid="routes">
      <thead><tr>${COLUMNS.map((label) => html`<th scope="col" key=${label}
        class=${label === "Weight" ? "" : "worded"}>${label}</th>`)}</tr></thead>
      ${groupsOf(routes).map((group) => html`<${Group} key=${`${group.profile}/${group.name}`} group=${group} />`)}
    </table></div>`;
}

function Group({group}) {
  const {name, profile, strategy, routes} = group;
  const weighed = strategy === "weighted_random" && routes.length > 1;
  const all = routes.reduce((sum, route) => sum + (route.weight ?? 1), 0);
  return html`<tbody data-testid="route-group">
    <tr class="group"><th scope="rowgroup" colspan=${COLUMNS.length}><span class="group-name">${visible(name)}</span>
      ${profile && html` <span class="muted">under /${visible(profile)}/v1</span>`}
      ${routes.length > 1 && html` <${Chip} title="How an entry of the group is chosen">${visible(strategy)}<//>`}</th></tr>
    ${routes.map((route, index) => html`<tr key=${index}>
      <td class="worded"><a href=${requestsWith({provider: route.provider, host: route.host})}>${visible(route.provider)}</a></td>
      <td class="worded mono">${route.model ? visible(route.model) : html`<span class="muted">as asked</span>`}</td>
      <td class="worded"><${Health} route=${route} /></td>
      <td class="worded"><${Key} state=${route.key} /></td>
      <td title=${weighed ? "weight, and its share of the group" : undefined}>${route.weight ?? 1}${weighed && all > 0
        ? html` <span class="muted">${Math.round((100 * (route.weight ?? 1)) / all)} %</span>` : ""}</td>
      <td class="worded">${route.ensure_tool_call ? ensured() : UNKNOWN}</td>
      <td class="worded mono">${visible(route.host ?? UNKNOWN)}</td>
      <td class="worded">${visible(route.vendor ?? UNKNOWN)}</td>
      <td class="worded">${visible(route.family ?? UNKNOWN)}</td>
    </tr>`)}
  </tbody>`;
}

function Key({state}) {
  const {tone, words} = KEY[state] ?? NO_KEY;
  return html`<${Chip} tone=${tone} title=${words}>${state}<//>`;
}

function Health({route}) {
  const {health, cooldown_seconds: left, reason} = route;
  return html`<${Chip} tone=${HEALTH[health] ?? "plain"} data-testid="health">${health}<//>
    ${left > 0 && html` <span title="until it is tried again">${remaining(left)}</span>`}
    ${reason && html`<div class="health-reason muted" title=${visible(reason)}>${visible(reason)}</div>`}`;
}

/** Whole seconds: a countdown of tenths that moves every two seconds only flickers. */
function remaining(left) {
  return left < 60 ? `${Math.ceil(left)} s` : seconds(left);
}

/** Routes by name and profile, in the order in which they first occur. */
function groupsOf(routes) {
  const groups = new Map();
  for (const route of routes) {
    const key = JSON.stringify([route.name, route.profile]);
    if (!groups.has(key)) groups.set(key, {name: route.name, profile: route.profile, strategy: route.strategy, routes: []});
    groups.get(key).routes.push(route);
  }
  return [...groups.values()];
}
