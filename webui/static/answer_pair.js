/** Upstream's answer and the client's in two columns, part by part. */

import {textChanges} from "./differences.js";
import {count} from "./format.js";
import {markId, MarkedText, RepairMark} from "./marked.js";
import {marksOfRow} from "./pairs.js";
import {Chip, Empty} from "./parts.js";
import {errorWords} from "./readers/index.js";
import {LongText, visible} from "./text.js";
import {html, useMemo} from "./vendor/htm-preact.js";

const FOLDED = 600; // characters shown at first of a part that is the same on both sides

/**
 * @param {{sides: ReturnType<import("./pairs.js").pairParts>, exchange: object, attempt: object, compared: boolean,
 *   jump: import("./marked.js").Jump, list: (number: number) => void}} props
 */
export function AnswerPair({sides, exchange, attempt, compared, jump, list}) {
  const {rows, marks, before, after} = sides;
  const scope = `attempt-${attempt.number}`;
  return html`
    <div class="pair" role="table" aria-label="Upstream's answer beside the client's">
      <div class="pair-row pair-head" role="row">
        <span role="columnheader"><span class="visually-hidden">Part</span></span>
        <span role="columnheader"><strong>From upstream</strong> <span class="muted">${[attempt.upstream_host ?? attempt.provider, attempt.upstream_format].filter(Boolean).join(" · ")}</span></span>
        <span role="columnheader"><strong>To the client</strong> <span class="muted">${exchange.client_format}</span></span>
      </div>
      ${rows.map((row) => html`<${Row} key=${row.key} row=${row} marks=${marks} ...${{scope, compared, jump, list}} />`)}
      <${Ends} ...${{before, after, marks, scope, jump, exchange, attempt}} onPick=${list} />
      ${rows.length === 0 && html`<${Empty} title="Neither side has text, thinking or calls" />`}
    </div>
  `;
}

function Row({row, marks, scope, compared, jump, list}) {
  const repaired = marksOfRow(marks.before, row.key).length + marksOfRow(marks.after, row.key).length > 0;
  const comparable = compared && row.after && (row.before || row.earlier);
  const changes = useMemo(() => (
    comparable ? textChanges(row.earlier + (row.before?.text ?? ""), row.after.text) : null
  ), [comparable, row]);
  if (row.equal && !repaired) return html`<${EqualRow} row=${row} />`;
  const props = {changes, scope, jump, onPick: list, code: row.before?.code ?? row.after?.code};
  const uncompared = comparable && changes === null;
  return html`
    <div class="pair-row is-changed" role="row">
      <span class="pair-title" role="rowheader">${row.title}${uncompared && html`<small class="muted">too long or too different to compare</small>`}</span>
      <div role="cell" class="pair-cell"><${Cell} side=${row.before} other=${row.after} marks=${marks.before} which="before" earlier=${row.earlier} offset=${row.earlier.length} ...${props} /></div>
      <div role="cell" class="pair-cell"><${Cell} side=${row.after} other=${row.before} marks=${marks.after} which="after" ...${props} /></div>
    </div>
  `;
}

function Cell({side, other, marks, which, earlier, ...props}) {
  if (!side && earlier) return html`<p class="absent">nothing in this attempt; earlier attempts said it</p>`;
  if (!side) return html`<p class="absent">${which === "before" ? "not there" : "taken out"}</p>`;
  return html`
    ${(side.name || side.id) && html`<p class="call-head"><${Named} side=${side} other=${other} which=${which} marks=${marks} ...${props} /></p>`}
    <${MarkedText} text=${side.text} marks=${marks.get(side.key)} side=${which} ...${props} />
  `;
}

function Named({side, other, which, marks, scope, jump, onPick}) {
  const change = which === "before" ? "removed" : "added";
  const shown = (name) => {
    const tone = other && other[name] !== side[name] ? change : "";
    const words = html`<code class=${`${name} ${tone}`}>${visible(side[name]) || `(no ${name})`}</code>`;
    const mark = marks?.get(`${side.key} ${name}`)?.[0];
    return mark ? html`<${RepairMark} id=${markId(scope, which, mark.number)} number=${mark.number} jump=${jump} onPick=${onPick}>${words}<//>` : words;
  };
  return html`${shown("name")} ${shown("id")}`;
}

function EqualRow({row}) {
  const side = row.before;
  return html`
    <div class="pair-row is-equal" role="row">
      <span class="pair-title" role="rowheader">${row.title}</span>
      <div role="cell" class="pair-cell pair-both" aria-colspan="2">
        <p class="call-head">
          ${side.name && html`<${Named} side=${side} other=${row.after} which="before" />`}
          <${Chip}>unchanged<//> <span class="muted">${count(side.text.length)} characters</span>
        </p>
        <${LongText} text=${side.text} first=${FOLDED} className=${side.code ? "code" : ""} />
      </div>
    </div>
  `;
}

/** How each side says that it ended: the repair of a finish reason has no other place. */
function Ends({before, after, marks, scope, jump, exchange, attempt, onPick}) {
  // The client is told the tokens of all that it was answered by.
  const joined = exchange.attempts.some(({outcome}) => outcome === "asked again");
  const tell = (which, {finish, usage}, words, whose) => html`
    ${words ? html`<p class="bad">${visible(words)}</p>` : html`<${Finish} finish=${finish} numbers=${marks[which].get("end")} ...${{which, scope, jump, onPick}} />`}
    ${usage && html` <span class="muted numbers">${count(usage.input)} in, ${count(usage.output)} out${joined && ` (${whose})`}</span>`}
  `;
  const [sent, told] = [errorWords(before, attempt.status), errorWords(after, exchange.status)];
  return html`
    <div class="pair-row" role="row">
      <span class="pair-title" role="rowheader">End</span>
      <div role="cell" class="pair-cell">${tell("before", before, sent, "this attempt")}</div>
      <div role="cell" class="pair-cell">${sent && sent === told
        ? html`<p class="muted">told as it came</p>`
        : tell("after", after, told, "all attempts together")}</div>
    </div>
  `;
}

function Finish({finish, numbers, which, scope, jump, onPick}) {
  const words = html`<code>${visible(finish) ?? "no finish reason"}</code>`;
  return numbers.reduce((inner, {number}) => html`
    <${RepairMark} id=${markId(scope, which, number)} number=${number} jump=${jump} onPick=${onPick}>${inner}<//>`, words);
}
