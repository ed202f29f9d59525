/** The rows of the table: the ids of all that were seen, newest first, and the rows themselves of a part of them.
 *
 * Ids are ordered by time, and any id is a cursor: so the id of a row (26 characters) is enough to know its place
 * and to ask for it again. Rows far from what is looked at are forgotten, which keeps the memory bounded however far
 * one scrolls. New rows wait aside while the reader is not at the top: nothing may move under their eyes.
 */

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // of ids, in order

/** @typedef {{id: string, state: string}} Row the rest is the server's, see `/api/logs` */

export class RowList {
  /** @param {number} limit the most rows kept; 0: no limit */
  constructor(limit) {
    this.limit = limit;
    /** @type {string[]} newest first, and so descending */
    this.ids = [];
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    /** @type {string[]} newer than what is shown, or between, in any order */
    this.waiting = [];
  }

  /** The row at an index, undefined where it is not in memory. */
  at(index) {
    return this.rows.get(this.ids[index]);
  }

  /** Where an id is, or -1. */
  indexOf(id) {
    const place = this.#place(id);
    return this.ids[place] === id ? place : -1;
  }

  /**
   * Takes rows that began or changed. Those that are known are renewed where they are in memory, others are new.
   * Rows older than all that is known are left to `append`.
   * @param {Row[]} items
   * @param {{hold: boolean, complete?: boolean}} how `hold`: new rows wait; `complete`: nothing older is left to load
   */
  merge(items, {hold, complete = false}) {
    const waiting = new Set(this.waiting);
    for (const row of items) {
      const place = this.#place(row.id);
      if (this.ids[place] === row.id) {
        if (this.rows.has(row.id)) this.rows.set(row.id, row);
      } else if (waiting.has(row.id)) {
        if (this.rows.has(row.id)) this.rows.set(row.id, row);
      } else if (place < this.ids.length || complete || this.ids.length === 0) {
        this.rows.set(row.id, row);
        if (hold) this.waiting.push(row.id);
        else this.ids.splice(place, 0, row.id);
      }
    }
  }

  /** Adds the next page, which is older than all that is known. */
  append(items) {
    const last = this.ids.at(-1);
    for (const row of items) {
      if (last === undefined || row.id < last) this.ids.push(row.id);
      this.rows.set(row.id, row);
    }
  }

  /** Puts the rows that wait into their places. */
  showWaiting() {
    if (this.waiting.length === 0) return;
    const arrived = this.waiting.sort(descending);
    const ordered = this.ids.length === 0 || arrived.at(-1) > this.ids[0];
    this.ids = arrived.concat(this.ids);
    if (!ordered) this.ids.sort(descending);
    this.waiting = [];
  }

  /**
   * What to ask for so that the rows from `first` to `last` are in memory: a cursor, the id that comes first, and how
   * many, at most `page`. Null where all are there.
   * @returns {{cursor: string, id: string, length: number} | null}
   */
  missing(first, last, page) {
    const end = Math.min(last, this.ids.length - 1);
    let from = Math.max(first, 0);
    while (from <= end && this.at(from)) from += 1;
    if (from > end) return null;
    let to = from;
    while (to < end && !this.at(to + 1)) to += 1;
    // What is there below a gap was looked at before: the reader scrolls up, and goes on to.
    if (this.at(to + 1)) from = Math.max(0, Math.min(from, to - page + 1));
    const id = this.ids[from];
    // Without a cursor the newest would come, which are those that wait.
    return {cursor: this.ids[from - 1] ?? next(id), id, length: Math.min(page, this.ids.length - from)};
  }

  /**
   * Takes the answer to what `missing` said. Rows that were asked for but did not come are gone from the log.
   * @param {{id: string, length: number}} asked
   * @param {Row[]} items
   * @param {boolean} ended whether the log has nothing older than these
   */
  fill(asked, items, ended) {
    const oldest = ended ? "" : items.at(-1)?.id ?? "";
    const came = new Set(items.map((row) => row.id));
    const waiting = new Set(this.waiting);
    const start = this.#place(asked.id); // not where it was: rows may have come in meanwhile
    for (const id of this.ids.slice(start, start + asked.length)) {
      if (!came.has(id) && id > oldest) this.remove(id);
    }
    for (const row of items) {
      const place = this.#place(row.id);
      const isBetween = this.ids[place] !== row.id && place > 0 && place < this.ids.length;
      if (isBetween && !waiting.has(row.id)) this.ids.splice(place, 0, row.id);
      if (this.ids[place] === row.id) this.rows.set(row.id, row);
    }
  }

  /** Forgets an exchange altogether. */
  remove(id) {
    const index = this.indexOf(id);
    if (index >= 0) this.ids.splice(index, 1);
    this.rows.delete(id);
  }

  /** Forgets rows so that at most the limit is kept, those around the rows from `first` to `last`. */
  trim(first, last) {
    const limit = this.limit && Math.max(this.limit, last - first + 1);
    if (!limit || this.rows.size <= limit) return;
    const middle = Math.floor((first + last) / 2);
    const start = Math.max(0, Math.min(middle - Math.floor(limit / 2), this.ids.length - limit));
    for (const id of this.rows.keys()) {
      const index = this.indexOf(id);
      if (index < start || index >= start + limit) this.rows.delete(id); // -1, which waits, too
    }
  }

  /** The first index whose id is not newer than this one. */
  #place(id) {
    let [low, high] = [0, this.ids.length];
    if (high > 0 && id > this.ids[0]) return 0; // what is new is most often the newest
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ids[middle] > id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The id that would come right after this one in time: as a cursor, what comes after it begins with this one. */
function next(id) {
  const digits = [...id];
  for (let place = digits.length - 1; place >= 0; place -= 1) {
    const value = ALPHABET.indexOf(digits[place]) + 1;
    digits[place] = ALPHABET[value % ALPHABET.length];
    if (value < ALPHABET.length) break;
  }
  return digits.join("");
}

function descending(one, other) {
  return one < other ? 1 : one > other ? -1 : 0;
}
