/** The numbers behind the charts as a table, for those who cannot see them or want to copy them. */

import {timeOf} from "./charts.js";
import {count, dollars, seconds} from "./format.js";
import {html, useState} from "./vendor/htm-preact.js";

const COLUMNS = [
  ["Requests", "requests", count], ["Errors", "errors", count], ["TTFT p50", "ttft_p50", seconds],
  ["TTFT p95", "ttft_p95", seconds], ["Input tokens", "input_tokens", count], ["Cached", "cached_tokens", count],
  ["Output tokens", "output_tokens", count], ["Reasoning", "reasoning_tokens", count], ["Repairs", "repairs", count],
  ["Re-prompts", "reprompts", count], ["Cost", "cost_usd", dollars],
];

/** The disclosure; the newest time comes first, times without traffic are left out. */
export function SeriesTable({stats}) {
  const [open, setOpen] = useState(false);
  const points = open ? stats.series.filter((point) => point.requests || point.repairs || point.input_tokens).reverse() : [];
  return html`<details class="meanings" onToggle=${(event) => setOpen(event.currentTarget.open)} data-testid="series">
    <summary>The numbers as a table</summary>
    ${open && html`<div class="table-frame" role="region" aria-label="Numbers over time" tabindex="0"><table class="figures">
      <thead><tr><th scope="col">Time</th>
        ${COLUMNS.map(([label]) => html`<th scope="col" key=${label}>${label}</th>`)}</tr></thead>
      <tbody>${points.map((point) => html`<tr key=${point.time}>
        <th scope="row">${timeOf(point, stats.bucket)}</th>${cells(point)}</tr>`)}</tbody>
      <tfoot><tr><th scope="row">In all</th>${cells(stats.totals)}</tr></tfoot>
    </table></div>`}
  </details>`;
}

function cells(numbers) {
  return COLUMNS.map(([label, name, shown]) => html`<td key=${label}>${shown(numbers[name])}</td>`);
}
