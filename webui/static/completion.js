/** What the filter box proposes for the word at the caret: names of fields, then values of one. */

const MOST = 12;

/** @typedef {{name: string, kind: string, hint: string, values: string[]}} Field as `/api/fields` has it */
/** @typedef {{text: string, label: string, hint: string, ends: boolean}} Proposal `ends`: the word is then whole */

/**
 * The proposals, the part of the text that they stand for, and a hint for a field whose values are endless.
 * @param {Field[]} fields
 * @param {string} text
 * @param {number} caret
 * @returns {{from: number, to: number, proposals: Proposal[], hint: string}}
 */
export function complete(fields, text, caret) {
  const {from, to} = wordAt(text, caret);
  const word = text.slice(from, caret);
  const [, minus, name, colon, begun] = /^(-?)([A-Za-z_]*)(:?)(.*)$/s.exec(word);
  if (!colon) return {from, to, proposals: begun ? [] : names(fields, minus, name), hint: ""};
  const field = fields.find((known) => known.name === name.toLowerCase());
  if (!field) return {from, to, proposals: [], hint: ""};
  return {from, to, proposals: values(field, minus, begun), hint: `${field.name}: ${field.hint}`};
}

/** The text with the proposal in its place, and where the caret is then. */
export function accept(text, {from, to}, proposal) {
  const before = text.slice(0, from) + proposal.text + (proposal.ends ? " " : "");
  const after = text.slice(to);
  return {text: before + (proposal.ends ? after.trimStart() : after), caret: before.length};
}

function names(fields, minus, begun) {
  const lower = begun.toLowerCase();
  const starting = fields.filter((field) => field.name.startsWith(lower));
  const within = lower.length < 2 ? [] : fields.filter((field) => field.name.indexOf(lower) > 0);
  const proposal = ({name, hint}) => ({text: `${minus}${name}:`, label: `${name}:`, hint, ends: false});
  return [...starting, ...within].map(proposal);
}

function values(field, minus, begun) {
  const lower = begun.replace(/^"/, "").toLowerCase();
  const all = (field.values ?? []).map(String);
  const starting = all.filter((value) => value.toLowerCase().startsWith(lower));
  const within = all.filter((value) => !starting.includes(value) && value.toLowerCase().includes(lower));
  const proposal = (value) => ({text: `${minus}${field.name}:${quoted(value)}`, label: value, hint: "", ends: true});
  return [...starting, ...within].slice(0, MOST).map(proposal);
}

/** A value as the language takes it: in quotes where it has something that would end it. */
function quoted(value) {
  return /^[^\s"\\]+$/.test(value) ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

/** The word around the caret; what is in quotes does not end it. */
function wordAt(text, caret) {
  for (const match of text.matchAll(/(?:[^\s"]|"(?:[^"\\]|\\.)*"?)+/g)) {
    const end = match.index + match[0].length;
    if (match.index <= caret && caret <= end) return {from: match.index, to: end};
  }
  return {from: caret, to: caret};
}
