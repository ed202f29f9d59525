/** Keeps the rows of one filter in step with the log: asks for the first page, for older ones when they are wanted,
 * and twice a second for what is new.
 *
 * Without a filter `/api/livestore/pull` tells each change once. With one, only the server knows what matches, so
 * the first page is asked for again. There is never more than one of these requests under way, nor more than one
 * for rows that the reader scrolls to.
 */

import {getJson, isAbort, withParameters} from "./api.js";
import {RowList} from "./rowlist.js";

const EVERY = 500; // milliseconds between two questions
const SLOWEST = 5_000; // after errors
const PAGE = 100; // rows asked for at once, less where few are kept
const BEHIND = 10; // pages of new rows between two questions: beyond, the table begins anew

export class Livestore {
  /** @param {{query: string, limit: number, batch: number}} options `limit` and `batch`: of `/api/config` */
  constructor({query, limit, batch}) {
    this.query = query;
    this.batch = batch;
    this.page = limit ? Math.max(10, Math.min(PAGE, Math.floor(limit / 4))) : PAGE;
    this.limit = limit;
    this.list = new RowList(limit);
    this.loaded = false; // the first page is there
    this.older = null; // the cursor of the next older page, null at the end
    this.outdated = false; // more came than could be followed: going to the top loads anew
    this.error = null; // of the last question, null when it was answered
    this.paused = false;
    this.atTop = true;
    this.failures = 0;
    this.behind = 0; // full answers of `pull` one after the other
    this.visible = [0, 0];
    this.scrolling = false; // a request for rows that were scrolled to is under way
    this.listeners = new Set();
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  start() {
    this.control = new AbortController();
    this.asking = this.scrolling = false;
    document.addEventListener("visibilitychange", this.#seen);
    this.#run();
  }

  stop() {
    this.control?.abort();
    clearTimeout(this.timer);
    clearTimeout(this.scrollTimer);
    document.removeEventListener("visibilitychange", this.#seen);
  }

  /** Asks at once, after an error. */
  retry() {
    clearTimeout(this.timer);
    this.failures = 0;
    if (!this.asking) this.#run();
  }

  /** How many rows came while the reader was not at the top. */
  get waitingCount() {
    return this.list.waiting.length;
  }

  /** Tells which rows are on the screen, and whether the first is at its top. What is missing there is asked for. */
  look(first, last, atTop) {
    this.visible = [first, last];
    if (atTop && !this.atTop) this.#arriveAtTop();
    this.atTop = atTop;
    this.#load();
  }

  /** Shows what waits: the caller scrolls to the top. */
  showNew() {
    this.atTop = true;
    this.#arriveAtTop();
  }

  #arriveAtTop() {
    if (this.outdated) {
      this.#begin();
      this.retry();
    } else if (this.list.waiting.length > 0) {
      this.list.showWaiting();
      this.#tell();
    }
  }

  #begin() {
    this.list = new RowList(this.limit);
    this.visible = [0, 0];
    this.loaded = this.outdated = false;
    this.older = null;
    this.#tell();
  }

  #seen = () => {
    if (!document.hidden && !this.asking) this.#run();
  };

  async #run() {
    clearTimeout(this.timer);
    if (this.paused !== document.hidden) {
      this.paused = document.hidden;
      this.#tell();
    }
    if (document.hidden) return;
    this.asking = true;
    const {signal} = this.control;
    const began = performance.now();
    let delay = EVERY;
    try {
      const more = this.loaded ? await this.#follow(signal) : await this.#first(signal);
      this.failures = 0;
      if (this.error) this.#fail(null);
      // A filter that takes long to answer is asked less often.
      delay = more ? 0 : Math.min(SLOWEST, Math.max(EVERY, 2 * (performance.now() - began)));
    } catch (error) {
      if (isAbort(error)) return;
      this.#fail(error);
      if (error.status === 400) return; // the filter is wrong, and will not get better
      this.failures += 1;
      delay = Math.min(SLOWEST, EVERY * 2 ** this.failures);
    } finally {
      if (!signal.aborted) this.asking = false;
    }
    this.timer = setTimeout(() => this.#run(), delay);
  }

  /** The first page. Where to go on from is asked before it, so that nothing falls between the two. */
  async #first(signal) {
    if (!this.query) this.point = await this.#now(signal);
    const {items, next} = await this.#ask(undefined, this.page, signal);
    this.list.append(items);
    this.older = next;
    this.loaded = true;
    this.#tell();
    return false;
  }

  #follow(signal) {
    return this.query ? this.#askAgain(signal) : this.#pull(signal);
  }

  async #pull(signal) {
    const {timestamp, id} = this.point;
    const {items, next} = await getJson(withParameters("/api/livestore/pull", {timestamp, id}), {signal});
    this.point = next;
    this.#merge(items);
    this.behind = items.length >= this.batch ? this.behind + 1 : 0;
    if (this.behind > BEHIND) { // as after a night in a hidden tab
      this.behind = 0;
      this.point = await this.#now(signal);
      this.#overtaken();
    }
    return this.behind > 0;
  }

  /** The point in the changes of the log from which `pull` goes on. */
  async #now(signal) {
    return (await getJson("/api/livestore/pull?limit=1", {signal})).next;
  }

  /** The newest pages, until one has a row that is known. */
  async #askAgain(signal) {
    const found = [];
    let cursor;
    for (let pages = 0; ; pages += 1) {
      const {items, next} = await this.#ask(cursor, this.page, signal);
      found.push(...items);
      const newest = this.list.ids[0];
      if (next === null || (newest !== undefined && items.some((row) => row.id <= newest))) break;
      if (pages === BEHIND) {
        this.#overtaken();
        return false;
      }
      cursor = next;
    }
    this.#merge(found);
    if (this.atTop) this.#removeUnmatched(found);
    return false;
  }

  /** What the pages should have but have not does not match any more: `state:running` is such a filter. */
  #removeUnmatched(found) {
    const came = new Set(found.map((row) => row.id));
    const oldest = found.at(-1)?.id ?? "";
    const gone = this.list.ids.slice(0, found.length + this.page).filter((id) => id > oldest && !came.has(id));
    for (const id of gone) this.list.remove(id);
    if (gone.length > 0) this.#tell();
  }

  #overtaken() {
    if (this.atTop) {
      this.#begin();
    } else if (!this.outdated) {
      this.outdated = true;
      this.#tell();
    }
  }

  #merge(items) {
    if (items.length === 0) return;
    this.list.merge(items, {hold: !this.atTop, complete: this.older === null});
    this.list.trim(...this.#near());
    this.#tell();
  }

  /** The rows on the screen and some around them, which are kept whatever the limit. */
  #near() {
    const margin = Math.floor(this.page / 4);
    return [this.visible[0] - margin, this.visible[1] + margin];
  }

  /** Asks for rows that are on the screen, or nearly so, and are not in memory. */
  async #load() {
    if (!this.loaded || this.scrolling || this.scrollTimer) return;
    const {signal} = this.control;
    const [first, last] = this.#near();
    const list = this.list;
    const gap = list.missing(first, last, this.page);
    const atEnd = last >= list.ids.length && this.older !== null;
    if (!gap && !atEnd) return;
    this.scrolling = true;
    let failed = false;
    try {
      const {items, next} = await this.#ask(gap ? gap.cursor : this.older, gap ? gap.length : this.page, signal);
      if (list !== this.list) return; // begun anew meanwhile
      if (gap) {
        list.fill(gap, items, next === null);
      } else {
        list.append(items);
        this.older = next;
      }
      list.trim(first, last);
      this.#tell();
    } catch (error) {
      if (isAbort(error)) return;
      failed = true;
      this.#fail(error);
    } finally {
      this.scrolling = false;
    }
    if (failed) this.scrollTimer = setTimeout(() => this.#loadAgain(), 2 * EVERY);
    else this.#load();
  }

  #loadAgain() {
    this.scrollTimer = 0;
    this.#load();
  }

  #ask(cursor, limit, signal) {
    return getJson(withParameters("/api/logs", {q: this.query, cursor, limit}), {signal});
  }

  #fail(error) {
    this.error = error;
    this.#tell();
  }

  #tell() {
    for (const listener of this.listeners) listener();
  }
}
