/** Pairs the parts of upstream's answer with those of the client's, so that they can stand beside each other. */

import {placeMarks} from "./marks.js";
import {pretty} from "./text.js";

/**
 * @typedef {{key: string, title: string, name: string, id: string, text: string, code: boolean}} Side
 * @typedef {{key: string, title: string, before: Side | null, after: Side | null, equal: boolean, earlier: string}} Row
 *   `earlier`: what earlier attempts of the same answer said, with what parts it from the words of this one
 */

const END = "end"; // the key of the row that tells how each side ended

/**
 * The rows to show: thinking, text, a row for each call, and what else there is; with the repairs placed in them.
 * @param {import("./readers/parts.js").ReadAnswer} before upstream's
 * @param {import("./readers/parts.js").ReadAnswer} after the client's
 * @param {import("./marks.js").NumberedRepair[]} repairs of the answer
 * @param {import("./readers/parts.js").ReadAnswer[]} earlier what earlier attempts said that the client got too
 * @param {boolean} last whether this attempt ended what the client got
 */
export function pairParts(before, after, repairs, earlier = [], last = true) {
  const rows = [
    ...joined("thinking", "Thinking", before, after, earlier),
    ...joined("text", "Text", before, after, earlier),
    ...callRows(callsOf(before), callsOf(after)),
    ...joined("other", "Other", before, after, []),
  ];
  const ends = repairs.filter((repair) => repair.kind === "finish-reason");
  const dropped = droppedCalls(rows, repairs);
  const inText = repairs.filter((repair) => !ends.includes(repair) && !dropped.has(repair.number));
  const marks = {
    before: placeMarks(textsOf(rows, "before"), inText, "before"),
    after: placeMarks(textsOf(rows, "after"), inText, "after"),
  };
  for (const [number, row] of dropped) {
    marks.before.set(`${row.key} name`, [{start: 0, end: row.before.name.length, number}]);
  }
  const atEnd = ends.map(({number}) => ({start: 0, end: 0, number}));
  marks.before.set(END, atEnd);
  marks.after.set(END, last ? atEnd : []);
  return {rows, marks, found: foundIn(rows, marks), before, after};
}

/** The rows of the calls that were left out, by the numbers of the repairs that say so. */
function droppedCalls(rows, repairs) {
  const found = new Map();
  const taken = new Set();
  for (const {kind, before, number} of repairs) {
    if (!kind.startsWith("call-dropped-") || !before) continue;
    const row = rows.find((one) => one.call && one.before && !one.after && !taken.has(one.key) && isCallOf(one.call, before));
    if (!row) continue;
    taken.add(row.key);
    found.set(number, row);
  }
  return found;
}

// The log tells such a call as its name and arguments, shortened, or as what of the two there was.
function isCallOf(call, words) {
  const said = `${call.name} ${call.arguments}`.trim();
  return said.startsWith(words.trim()) || call.arguments.trim() === words.trim() || call.name === words.trim();
}

/** All texts of a side in which a repair can be found. Names and ids are found as wholes only. */
function textsOf(rows, side) {
  return rows.map((row) => row[side]).filter(Boolean).flatMap(({key, text, name, id}) => [
    {key: `${key} name`, text: name, whole: true},
    {key: `${key} id`, text: id, whole: true},
    {key, text, whole: false},
  ]);
}

function joined(type, title, before, after, earlier) {
  const [left, right] = [textSide(type, title, before), textSide(type, title, after)];
  if (!left && !right) return [];
  const said = joinedBlocks(earlier.flatMap((answer) => textsOfType(answer, type)));
  const own = left?.text ?? "";
  const whole = joinedBlocks([said, own].filter(Boolean));
  return [{
    key: type, title, before: left, after: right,
    earlier: said && whole.slice(0, whole.length - own.length),
    equal: !said && left?.text === right?.text,
  }];
}

const textsOfType = (answer, type) => answer.parts.filter((part) => part.type === type).map((part) => part.text).filter(Boolean);

/** Texts one after the other with one empty line between; where there is a part of it already, only the rest. */
function joinedBlocks(texts) {
  let whole = texts[0] ?? "";
  for (const text of texts.slice(1)) {
    const there = whole.length - whole.replace(/\n+$/, "").length + text.length - text.replace(/^\n+/, "").length;
    whole += "\n\n".slice(there) + text;
  }
  return whole;
}

// One channel is one text here even where the format has several blocks of it: only their words are compared.
function textSide(type, title, answer) {
  const texts = textsOfType(answer, type);
  return texts.length ? {key: type, title, name: "", id: "", text: joinedBlocks(texts), code: type === "other"} : null;
}

const callsOf = (answer) => answer.parts.filter((part) => part.type === "call");

function callRows(before, after) {
  const partners = after.map((_, index) => partnerOf(before, after, index));
  settle(partners, before, after);
  const matched = after.map((call, index) => callRow(index + 1, before[partners[index]] ?? null, call));
  const taken = new Set(partners);
  const alone = before.filter((_, index) => !taken.has(index));
  return [...matched, ...alone.map((call, index) => callRow(after.length + index + 1, call, null))];
}

// Ids are often changed by the proxy, names and arguments sometimes: whatever is the same binds two calls.
function partnerOf(before, after, index) {
  const call = after[index];
  const same = (...names) => before.findIndex((other) => names.every((name) => other[name] && other[name] === call[name]));
  return [same("id"), same("name", "arguments"), same("arguments")].find((place) => place >= 0) ?? -1;
}

/** Leaves each partner to one call only, and gives those without one the first that is free and of their name. */
function settle(partners, before, after) {
  const taken = new Set();
  partners.forEach((partner, index) => {
    if (taken.has(partner)) partners[index] = -1;
    else if (partner >= 0) taken.add(partner);
  });
  const pass = (alike) => after.forEach((call, index) => {
    if (partners[index] >= 0) return;
    partners[index] = before.findIndex((other, place) => !taken.has(place) && alike(other, call, place, index));
    if (partners[index] >= 0) taken.add(partners[index]);
  });
  pass((other, call) => other.id && plain(other.id) === plain(call.id));
  pass((other, call) => plain(other.name) === plain(call.name));
  pass((other, call) => call.name && plain(other.name).endsWith(plain(call.name)));
  // As many calls on both sides: then a renamed one stands where it stood.
  if (before.length === after.length) pass((other, call, place, index) => place === index);
}

// `functions.run:1` and `functions_run_1` are one id, told in the characters that a client allows.
const plain = (name) => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_");

function callRow(number, left, right) {
  // Indented only where both can be: beside broken arguments the raw text is what must be compared.
  const readable = [left, right].every((call) => !call || isJson(call.arguments));
  const side = (call) => call && {
    key: `call-${number}`, title: `Call ${number}`, name: call.name, id: call.id, code: true,
    text: readable ? pretty(call.arguments) : call.arguments,
  };
  const equal = Boolean(left && right) && left.name === right.name && left.arguments === right.arguments;
  return {key: `call-${number}`, title: `Call ${number}`, before: side(left), after: side(right), equal, earlier: "", call: left};
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return text === "";
  }
}

/** All marks of a row on one side: in its text, its name and its id. */
export const marksOfRow = (marks, key) => [key, `${key} name`, `${key} id`].flatMap((name) => marks.get(name) ?? []);

/** For each repair's number the titles of the rows in which it was found. */
function foundIn(rows, marks) {
  const found = new Map();
  for (const row of rows) {
    for (const side of ["before", "after"]) {
      for (const mark of row[side] ? marksOfRow(marks[side], row.key) : []) {
        if (!found.has(mark.number)) found.set(mark.number, new Set());
        found.get(mark.number).add(row.title);
      }
    }
  }
  for (const {number} of marks.before.get(END)) found.set(number, new Set(["End"]));
  return found;
}
