/** The scorecard: how well each provider and model did within a window of time, and what the proxy had to repair. */

import {withParameters} from "./api.js";
import {moment, plural, sentence, vendorOf, visible} from "./format.js";
import {useLocation} from "./navigation.js";
import {Empty, Loading, Problem} from "./parts.js";
import {usePolled} from "./polling.js";
import {ProviderDetails} from "./provider_details.js";
import {requestsWith} from "./request_links.js";
import {COLUMNS, nameOf, sortCards} from "./scorecard.js";
import {useTips} from "./tips.js";
import {html, useState} from "./vendor/htm-preact.js";
import {setParameters, useTimeWindow, WINDOWS, WindowSwitch} from "./windows.js";

const EVERY = 15_000; // milliseconds
const VERIFIER = "https://github.com/MoonshotAI/K2-Vendor-Verifier";
const PROVIDER = {
  key: "provider", label: "Provider and model", rising: true,
  meaning: "Who answered: the host, where a provider's format is spoken by many vendors. A click shows the requests. The " +
    "arrow opens all repairs and errors.",
};

/** The page. */
export function Providers() {
  const window = useTimeWindow();
  const {data, error, pending, retry} = usePolled(withParameters("/api/stats", {window}), EVERY);
  return html`<div class="sheet" data-testid="providers">
    <header class="sheet-head">
      <div><h1>Providers</h1>
        <p class="muted">What each vendor's answers were like in ${WINDOWS[window]}, before and after repair.</p></div>
      <${WindowSwitch} chosen=${window} />
    </header>
    ${data && error && html`<p class="stale" role="status">These numbers are old: ${sentence(error.message)}
      <button type="button" class="quiet" onClick=${retry}>Try again</button></p>`}
    ${content({data, error, pending, retry, window})}
    <${Meanings} />
  </div>`;
}

function content({data, error, pending, retry, window}) {
  if (!data && error) return html`<${Problem} error=${error} retry=${retry} />`;
  if (!data) return html`<${Loading} what="Loading the scorecard" />`;
  if (data.providers.length === 0) {
    return html`<${Empty} title=${`No answers in ${WINDOWS[window]}`}>
      A row appears for each provider and model once a request went upstream. Perhaps a longer window has some.<//>`;
  }
  return html`<${Scorecard} cards=${data.providers} pending=${pending} />
    <p class="foot muted">${plural(data.providers.length, "row")} · since ${moment(data.from)} ·
      bars are 95 % Wilson intervals on a line from 0 to 100 %; small numbers are how many the rate is of; greyed below 30</p>`;
}

function Scorecard({cards, pending}) {
  const {key, falling} = useSorting();
  const {tipped, tip} = useTips();
  const [open, setOpen] = useState(() => new Set());
  const toggle = (name) => setOpen((before) => {
    const after = new Set(before);
    if (!after.delete(name)) after.add(name);
    return after;
  });
  return html`<div class="table-frame" role="region" aria-label="Scorecard, scrolls sideways" tabindex="0" aria-busy=${pending}>
    <table class=${`figures scorecard ${pending ? "pending" : ""}`} data-testid="scorecard">
      <caption class="visually-hidden">Providers and models, sorted by ${labelOf(key)}</caption>
      <thead><tr>${[PROVIDER, ...COLUMNS].map((column) => html`<${Heading} key=${column.key} column=${column}
        sorted=${column.key === key ? (falling ? "descending" : "ascending") : null} tipped=${tipped} />`)}</tr></thead>
      <tbody>${sortCards(cards, key, falling).map((card) => html`<${Card} key=${nameOf(card)} card=${card}
        open=${open.has(nameOf(card))} toggle=${() => toggle(nameOf(card))} />`)}</tbody>
    </table>${tip}
  </div>`;
}

function Heading({column, sorted, tipped}) {
  const sort = () => {
    const falling = sorted ? sorted === "ascending" : !column.rising;
    setParameters({sort: `${falling ? "-" : ""}${column.key}`});
  };
  return html`<th scope="col" class=${`column-${column.key}`} aria-sort=${sorted ?? "none"}>
    <button type="button" onClick=${sort} ...${tipped(column.meaning)} aria-describedby=${`meaning-${column.key}`}
      data-testid=${`sort-${column.key}`}>${column.label}<span class="sort-mark" aria-hidden="true">${
        {ascending: "▲", descending: "▼"}[sorted] ?? ""}</span></button></th>`;
}

function Card({card, open, toggle}) {
  const {provider, host, model} = card;
  const vendor = vendorOf(provider || "unknown", host);
  const detail = `details-${encodeURIComponent(nameOf(card))}`;
  const name = `${vendor.name} ${visible(model)}`;
  const title = `Requests of ${name}${host ? ` (${visible(provider)}, ${visible(host)})` : ""}`;
  return html`<tr class=${open ? "opened" : ""} data-testid="provider-row">
    <th scope="row" class="column-provider"><div class="provider">
      <button type="button" class="quiet disclose" aria-expanded=${open ? "true" : "false"}
        aria-controls=${open ? detail : undefined} aria-label=${`Repairs and errors of ${name}`}
        onClick=${toggle} data-testid="provider-open"><span aria-hidden="true">▸</span></button>
      <a href=${requestsWith({provider, host, model})} title=${title}>
        <span class="provider-name"><bdi>${vendor.name}</bdi>${vendor.kind && html` <span
          class="provider-kind">${vendor.kind}</span>`}</span>
        <span class="provider-model"><bdi>${visible(model) || "–"}</bdi></span></a>
    </div></th>
    ${COLUMNS.map((column) => html`<td key=${column.key} class=${`column-${column.key}`}>${column.show(card)}</td>`)}
  </tr>
  ${open && html`<tr class="details"><td id=${detail} colspan=${COLUMNS.length + 1}>
    <${ProviderDetails} card=${card} /></td></tr>`}`;
}

/** What the columns mean, for those who want to read it in full; the headings' descriptions for screen readers. */
function Meanings() {
  return html`<details class="meanings" data-testid="meanings"><summary>What do these mean?</summary>
    <dl>${[PROVIDER, ...COLUMNS].map(({key, label, meaning}) => html`<div key=${key}><dt>${label}</dt>
      <dd id=${`meaning-${key}`}>${meaning}</dd></div>`)}</dl>
    <p>The tool-call trigger rate and schema accuracy are defined as in
      ${" "}<a href=${VERIFIER} target="_blank" rel="noreferrer noopener">K2 Vendor Verifier</a>,
      which sends every vendor the same requests. Here they are of your own traffic, so compare vendors only where
      they got similar work.</p>
    <p>Each rate is drawn with its Wilson interval: with 95 % confidence the true rate is between its ends. Where two
      vendors' bars overlap widely, the difference may be chance.</p>
  </details>`;
}

/** By what the address says that the table is sorted. */
function useSorting() {
  const named = new URLSearchParams(useLocation().search).get("sort") ?? "-answers";
  const key = named.replace(/^-/, "");
  const known = key === "provider" || COLUMNS.some((column) => column.key === key);
  return known ? {key, falling: named.startsWith("-")} : {key: "answers", falling: true};
}

function labelOf(key) {
  return [PROVIDER, ...COLUMNS].find((column) => column.key === key).label;
}
