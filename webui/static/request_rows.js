/** Makes rows of two columns from line changes, and folds what did not change. */

const CONTEXT = 3; // unchanged lines shown around a change
const SHORTEST = 2; // characters of a repair that can be found
const NEEDLE = 80; // characters of a repair that are searched for: the log may have cut it
const SHORT = 2; // so few lines are not worth a fold

/**
 * @typedef {{number: number, text: string} | null} Line
 * @typedef {{key: string, folded?: number, left?: Line, right?: Line, changed?: boolean}} Row
 */

/**
 * @param {import("./differences.js").Change[]} changes
 * @param {Set<string>} opened keys of the folds that were opened
 * @returns {Row[]}
 */
export function rowsOf(changes, opened) {
  const at = {left: 0, right: 0};
  const rows = [];
  for (let index = 0; index < changes.length; index += 1) {
    const change = changes[index];
    if (change.removed || change.added) {
      // What went and what came for it stand on the same rows, whichever is named first.
      const next = changes[index + 1];
      const isPair = next && ((change.removed && next.added) || (change.added && next.removed));
      const both = isPair ? [change, next] : [change];
      if (isPair) index += 1;
      const removed = both.find((one) => one.removed);
      const added = both.find((one) => one.added);
      rows.push(...changedRows(removed ? linesOf(removed.value) : [], added ? linesOf(added.value) : [], at));
    } else {
      rows.push(...equalRows(linesOf(change.value), at, opened, {first: index === 0, last: index === changes.length - 1}));
    }
  }
  return rows;
}

/**
 * The lines of the client's request in which repairs of it are found: first among those that did not go upstream,
 * as a word of an unchanged line is hardly what was repaired.
 * @param {import("./differences.js").Change[]} changes
 * @param {import("./marks.js").NumberedRepair[]} repairs
 * @returns {Map<number, import("./marks.js").NumberedRepair[]>} by the line's number
 */
export function linesOfRepairs(changes, repairs) {
  const found = new Map();
  if (repairs.length === 0) return found;
  const gone = [];
  let number = 0;
  for (const {value, added, removed} of changes) {
    if (added) continue;
    for (const text of linesOf(value)) {
      number += 1;
      if (removed) gone.push({number, text});
    }
  }
  for (const repair of repairs) {
    const free = ({number: line}) => !found.get(line)?.some(({kind, before}) => kind === repair.kind && before === repair.before);
    const line = needles(repair.before ?? "").map((words) => gone.find((one) => one.text.includes(words) && free(one))).find(Boolean);
    if (line) found.set(line.number, [...(found.get(line.number) ?? []), repair]);
  }
  return found;
}

/** How a repair's words may stand in a line: as they are, as a JSON string, and for `name=value` by the name. */
function needles(before) {
  const words = before.trim();
  if (words.length < SHORTEST) return [];
  const field = /^([\w.]{2,60})=/.exec(words);
  const first = words.split("\n")[0].slice(0, NEEDLE);
  const found = [JSON.stringify(words).slice(1, -1).slice(0, NEEDLE), first, ...(field ? [`"${field[1].split(".").at(-1)}":`] : [])];
  return found.filter((needle) => needle.length >= SHORTEST);
}

function linesOf(text) {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function changedRows(removed, added, at) {
  return Array.from({length: Math.max(removed.length, added.length)}, (_, index) => {
    const left = index < removed.length ? {number: (at.left += 1), text: removed[index]} : null;
    const right = index < added.length ? {number: (at.right += 1), text: added[index]} : null;
    return {key: `${left?.number ?? ""}:${right?.number ?? ""}`, left, right, changed: true};
  });
}

function equalRows(lines, at, opened, {first, last}) {
  const key = `fold ${at.left + 1}`;
  const head = first ? 0 : CONTEXT;
  const tail = last ? 0 : CONTEXT;
  const folded = lines.length - head - tail;
  const isFolded = folded > SHORT && !opened.has(key);
  const rows = [];
  lines.forEach((text, index) => {
    at.left += 1;
    at.right += 1;
    if (!isFolded || index < head || index >= lines.length - tail) {
      rows.push({key: `${at.left}:${at.right}`, left: {number: at.left, text}, right: {number: at.right, text}, changed: false});
    } else if (index === head) {
      rows.push({key, folded});
    }
  });
  return rows;
}
