/** Differences between two texts, bounded in time and size: the only place that knows the diff library. */

import {diffLines, diffWordsWithSpace} from "./vendor/diff.js";

const WORDS_LIMIT = 20_000; // characters of both texts up to which words are compared, beyond it lines
const TEXT_LIMIT = 400_000; // beyond this an answer is not compared
const LINES_LIMIT = 40_000_000; // of two requests: many lines are quick to compare where few of them differ
const TIMEOUT = 1_000; // milliseconds: two texts that have nothing in common are quadratic to compare

/** @typedef {{value: string, added?: boolean, removed?: boolean}} Change */

/**
 * The changes that make the second text from the first, or null where comparing would take too long.
 * @param {string} before
 * @param {string} after
 * @returns {Change[] | null}
 */
export function textChanges(before, after) {
  if (before === after) return before ? [{value: before}] : [];
  const longest = Math.max(before.length, after.length);
  if (longest > TEXT_LIMIT) return null;
  return longest > WORDS_LIMIT ? lineChanges(before, after) : diffWordsWithSpace(before, after, {timeout: TIMEOUT}) ?? null;
}

/**
 * The same by lines, for texts of any length: what is equal at both ends is not compared, which leaves little
 * of a request in which one message was changed.
 * @param {string} before
 * @param {string} after
 * @returns {Change[] | null}
 */
export function lineChanges(before, after) {
  const start = equalStart(before, after);
  const tail = equalEnd(before, after, start);
  const middle = [before.slice(start, before.length - tail), after.slice(start, after.length - tail)];
  const changes = middle[0] === "" || middle[1] === "" ? plainChange(middle) : comparedLines(middle);
  if (!changes) return null;
  return [
    ...(start ? [{value: before.slice(0, start)}] : []),
    ...changes,
    ...(tail ? [{value: before.slice(before.length - tail)}] : []),
  ];
}

/**
 * The changes where comparing takes too long: what is equal at both ends is cut off, and the rest is one change.
 * @param {string} before
 * @param {string} after
 * @returns {Change[]}
 */
export function roughChanges(before, after) {
  const start = equalStart(before, after);
  const tail = equalEnd(before, after, start);
  return [
    {value: before.slice(0, start)},
    {value: before.slice(start, before.length - tail), removed: true},
    {value: after.slice(start, after.length - tail), added: true},
    {value: before.slice(before.length - tail)},
  ].filter(({value}) => value);
}

function comparedLines([before, after]) {
  if (before.length + after.length > LINES_LIMIT) return null;
  return diffLines(before, after, {timeout: TIMEOUT}) ?? null;
}

function plainChange([before, after]) {
  if (before) return [{value: before, removed: true}];
  return after ? [{value: after, added: true}] : [];
}

/** Characters at the beginning that are equal in both, up to a line's border. */
function equalStart(before, after) {
  const shorter = Math.min(before.length, after.length);
  let same = 0;
  while (same < shorter && before.charCodeAt(same) === after.charCodeAt(same)) same += 1;
  return before.lastIndexOf("\n", same - 1) + 1;
}

/** Characters at the end that are equal in both, from a line's border, without those equal at the beginning. */
function equalEnd(before, after, start) {
  const shorter = Math.min(before.length, after.length) - start;
  let same = 0;
  while (same < shorter && before.charCodeAt(before.length - 1 - same) === after.charCodeAt(after.length - 1 - same)) same += 1;
  const from = before.length - same;
  const border = before.indexOf("\n", from);
  return border < 0 ? 0 : before.length - border - 1;
}

/**
 * The part in which two long lines differ, as `[start, endBefore, endAfter]`.
 * @param {string} before
 * @param {string} after
 */
export function changedSpan(before, after) {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let tail = 0;
  while (tail < shorter - start && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  return [start, before.length - tail, after.length - tail];
}

/**
 * One side of the changes as ranges in that side's text.
 * @param {Change[] | null} changes
 * @param {"before" | "after"} side
 * @returns {{start: number, end: number}[]}
 */
export function changedRanges(changes, side) {
  const ranges = [];
  let offset = 0;
  for (const {value, added, removed} of changes ?? []) {
    if (side === "before" ? added : removed) continue;
    if (added || removed) ranges.push({start: offset, end: offset + value.length});
    offset += value.length;
  }
  return ranges;
}
