/** Where repairs are seen: finds the text of each repair on both sides, and cuts texts into marked pieces. */

import {pretty} from "./text.js";

const SHORTEST = 2; // a repair of one character would be "found" anywhere

/**
 * @typedef {{kind: string, before: string, after: string, number: number}} NumberedRepair
 * @typedef {{start: number, end: number, number: number}} Mark
 */

/** Whether a repair is of what was asked; the others are of what was answered. */
export const isOfRequest = ({kind}) => /^(?:request|history)-/.test(kind);

/**
 * Gives every repair its number, and every attempt its own: the log keeps them in the order of the attempts, with
 * each attempt's counts beside it. Those of the answer have the first numbers, as they are told first.
 * @param {object} exchange
 * @returns {Map<number, NumberedRepair[]>} by the attempt's number; the key 0 holds what belongs to none
 */
export function repairsByAttempt(exchange) {
  const left = exchange.attempts.map((attempt) => ({number: attempt.number, counts: {...attempt.repair_counts}}));
  const found = new Map([[0, []], ...left.map(({number}) => [number, []])]);
  const numbers = numbered(exchange.repairs ?? []);
  let from = 0;
  (exchange.repairs ?? []).forEach((repair, index) => {
    let place = left.findIndex(({counts}, at) => at >= from && counts[repair.kind] > 0);
    if (place < 0) place = left.length === 1 ? 0 : -1;
    if (place >= 0) {
      from = place;
      left[place].counts[repair.kind] -= 1;
    }
    found.get(place < 0 ? 0 : left[place].number).push({...repair, number: numbers[index]});
  });
  return found;
}

function numbered(repairs) {
  const answers = repairs.filter((repair) => !isOfRequest(repair)).length;
  const next = {answer: 1, request: answers + 1};
  return repairs.map((repair) => next[isOfRequest(repair) ? "request" : "answer"]++);
}

/**
 * Places the repairs in the texts of one side. Each text is searched from behind the last find of the same words,
 * so that two equal repairs mark two places.
 * @param {{key: string, text: string, whole?: boolean}[]} texts of the side; one that is `whole` holds nothing but the repair
 * @param {NumberedRepair[]} repairs
 * @param {"before" | "after"} side
 * @returns {Map<string, Mark[]>} by the text's key
 */
export function placeMarks(texts, repairs, side) {
  const placed = new Map(texts.map(({key}) => [key, []]));
  // A name that is a repair's very words is its place, though the same words stand in other texts too.
  const inOrder = [...texts].sort((left, right) => Number(right.whole ?? false) - Number(left.whole ?? false));
  for (const repair of repairs) {
    for (const words of spellings(repair[side])) {
      if (inOrder.some(({key, text, whole}) => (!whole || text === words) && placeOne(placed.get(key), text, words, repair.number))) break;
    }
  }
  for (const marks of placed.values()) marks.sort((left, right) => left.start - right.start);
  return placed;
}

function placeOne(marks, text, words, number) {
  for (let start = text.indexOf(words); start >= 0; start = text.indexOf(words, start + 1)) {
    const end = start + words.length;
    if (marks.some((mark) => start < mark.end && mark.start < end)) continue;
    marks.push({start, end, number});
    return true;
  }
  return false;
}

/** A repair's words as they are, and as they look where arguments are shown with indentation. */
function spellings(words) {
  if (!words || words.trim().length < SHORTEST) return [];
  return [...new Set([words, pretty(words), words.trim()])];
}

/**
 * Cuts a text at the borders of marks and changes.
 * @param {string} text
 * @param {Mark[]} marks
 * @param {{start: number, end: number}[]} changes
 * @returns {{text: string, number: number | null, changed: boolean, first: boolean}[]} `first`: a mark begins here
 */
export function pieces(text, marks, changes) {
  const borders = new Set([0, text.length]);
  for (const {start, end} of [...marks, ...changes]) borders.add(Math.min(start, text.length)).add(Math.min(end, text.length));
  const inOrder = [...borders].sort((left, right) => left - right);
  const [markAt, changeAt] = [walker(marks), walker(changes)];
  return inOrder.slice(0, -1).map((start, index) => {
    const mark = markAt(start);
    return {
      text: text.slice(start, inOrder[index + 1]),
      number: mark?.number ?? null,
      changed: changeAt(start) !== null,
      first: mark?.start === start,
    };
  });
}

/** Finds the range at rising offsets in ranges that are sorted and do not overlap. */
function walker(ranges) {
  let index = 0;
  return (offset) => {
    while (index < ranges.length && ranges[index].end <= offset) index += 1;
    return index < ranges.length && ranges[index].start <= offset ? ranges[index] : null;
  };
}
