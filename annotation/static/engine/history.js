/** Where one layer stands for this page: its head, what undo and redo lead to, and what each known stroke changed. */

import { fromBits, toBits } from "./packing.js";

/** @typedef {import("./types.js").Rect} Rect */

export class History {
  /** @type {Map<string, string|null>} */ #parents = new Map();
  /** @type {Map<string, {rect: Rect|null, bits: Uint8Array|null}>} changed pixels of strokes, packed; null: none */ #changes = new Map();
  /** @type {string[]} what was undone, the next one to redo last */ #redo = [];

  /** @param {string} head */
  constructor(head) {
    this.head = head;
  }

  /** @param {string} revision @param {string|null} parent */
  learn(revision, parent) {
    this.#parents.set(revision, parent);
  }

  /** @returns {string|null|undefined} null: the head is the first revision; undefined: not known */
  get undoTarget() {
    return this.#parents.get(this.head);
  }

  /** @returns {string|null} */
  get redoTarget() {
    return this.#redo.at(-1) ?? null;
  }

  /** @returns {string[]} a copy, to be kept in the journal */
  get redoChain() {
    return [...this.#redo];
  }

  /** @param {string[]} chain */
  setRedo(chain) {
    this.#redo = [...chain];
  }

  /** A new revision on top of the head. @param {string} revision @param {{rect: Rect, changed: Uint8Array}|null} change  null: the same mask */
  add(revision, change) {
    this.#parents.set(revision, this.head);
    const rect = change && change.rect;
    this.#changes.set(revision, { rect, bits: change && toBits(change.changed, change.rect.width, change.rect.height) });
    this.head = revision;
    this.#redo = [];
  }

  /** Show another revision instead. @param {string} head */
  reset(head) {
    this.head = head;
    this.#redo = [];
  }

  /** @param {string} target @param {"undo"|"redo"|"restore"} why */
  move(target, why) {
    if (why === "undo") this.#redo.push(this.head);
    else if (why === "redo") this.#redo.pop();
    else this.#redo = [];
    this.head = target;
  }

  /** @param {string} target @returns {boolean} whether head and target are one known stroke apart */
  isNear(target) {
    return this.#strokeTo(target) !== undefined;
  }

  /** @param {string} target  near @returns {{rect: Rect, changed: Uint8Array}|null} the pixels in which it differs from the head; null: none */
  difference(target) {
    const change = this.#strokeTo(target);
    if (!change?.rect || !change.bits) return null;
    return { rect: change.rect, changed: fromBits(change.bits, change.rect.width, change.rect.height) };
  }

  /** @param {string} target */
  #strokeTo(target) {
    if (this.#parents.get(this.head) === target) return this.#changes.get(this.head);
    return this.#parents.get(target) === this.head ? this.#changes.get(target) : undefined;
  }
}
