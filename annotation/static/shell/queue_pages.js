/**
 * The rows of the queue, fetched in keyset pages as they are needed and never fetched again: what changes is changed in
 * place. One object per filter, and one per search.
 *
 * @typedef {import("./requests.js").ItemRow} ItemRow
 * @typedef {import("./requests.js").ItemPage} ItemPage
 */

/** The first page is small, so that it is there at once; the others are as large as the server gives them. */
export const FIRST_PAGE = 200;
const PAGE = 1000;

export class QueuePages extends EventTarget {
  /** @param {(after: number, limit: number) => Promise<ItemPage>} read */
  constructor(read) {
    super();
    this.read = read;
    /** @type {ItemRow[]} */
    this.rows = [];
    /** @type {Map<number, number>} item id → index in rows */
    this.places = new Map();
    /** @type {number | null} where the next page begins; null at the end */
    this.next = 0;
    this.pending = null;
  }

  get complete() {
    return this.next === null;
  }

  /** Fetch one more page; calls at the same time share it. Dispatches "rows". */
  more() {
    if (this.complete) return Promise.resolve();
    this.pending ??= this.#page().finally(() => {
      this.pending = null;
    });
    return this.pending;
  }

  async #page() {
    const page = await this.read(this.next ?? 0, this.rows.length ? PAGE : FIRST_PAGE);
    for (const row of page.items) {
      if (this.places.has(row.id)) continue;
      this.places.set(row.id, this.rows.length);
      this.rows.push(row);
    }
    this.next = page.next;
    this.dispatchEvent(new Event("rows"));
  }

  /** Fetch pages until there are so many rows, or all. @param {number} number */
  async atLeast(number) {
    while (this.rows.length < number && !this.complete) await this.more();
  }

  /** Fetch pages until an item is among the rows; its index, or -1. Ids rise, so the search knows when to stop. */
  async find(id) {
    while (!this.places.has(id) && !this.complete && (this.rows.at(-1)?.id ?? 0) < id) await this.more();
    return this.places.get(id) ?? -1;
  }

  /** Fetch everything, while `wanted` says so. @param {() => boolean} wanted */
  async everything(wanted = () => true) {
    while (!this.complete && wanted()) await this.more();
  }

  /** @param {number} id @returns {ItemRow | undefined} */
  row(id) {
    return this.rows[this.places.get(id) ?? -1];
  }

  /** Change a row in place. @param {number} id @param {Partial<ItemRow>} change @returns {boolean} */
  change(id, change) {
    const place = this.places.get(id);
    if (place === undefined) return false;
    this.rows[place] = { ...this.rows[place], ...change };
    this.dispatchEvent(new Event("rows"));
    return true;
  }
}
