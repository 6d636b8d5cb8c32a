/** The mask at the picture's full resolution, and what the stroke in progress has changed of it. */

import { clip, union } from "./rects.js";

/**
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {{rect: Rect, values: Uint8Array, changed: Uint8Array}} Change  what a stroke did inside the smallest
 *   rectangle around it: the new values, and 1 where a pixel changed; both row after row
 */

export class MaskRaster {
  /** @type {Uint8Array} as the last finished stroke left it */ #before;
  /** @type {Rect|null} around what the stroke in progress wrote */ #touched = null;
  /** @type {Rect|null} around what was written since takeDirty */ #dirty = null;

  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** 0 or 1 (blurred), row after row; written only through this class */
    this.data = new Uint8Array(width * height);
    this.#before = new Uint8Array(width * height);
  }

  /** @param {number} x @param {number} y @returns {0|1} outside the picture 0 */
  at(x, y) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height ? this.data[y * this.width + x] : 0;
  }

  /** @returns {number} blurred pixels */
  area() {
    let sum = 0;
    for (let i = 0; i < this.data.length; i++) sum += this.data[i];
    return sum;
  }

  // ---- drawing: a part of the stroke in progress

  /** Set a run of pixels; what lies outside the picture is left out. @param {number} y @param {number} from @param {number} to  the last one @param {0|1} value */
  fillRow(y, from, to, value) {
    if (y < 0 || y >= this.height) return;
    const start = Math.max(0, from);
    const end = Math.min(this.width - 1, to);
    if (end >= start) this.data.fill(value, y * this.width + start, y * this.width + end + 1);
  }

  /** Say which pixels fillRow or a direct write may have changed. @param {Rect} rect */
  touch(rect) {
    const inside = clip(rect, this.width, this.height);
    this.#touched = union(this.#touched, inside);
    this.#dirty = union(this.#dirty, inside);
  }

  /** Set every pixel of a rectangle. @param {Rect} rect  inside the picture @param {(at: number, i: number) => number} value  0 or 1 for the pixel `data[at]`, the rectangle's i-th */
  draw(rect, value) {
    for (let row = 0, i = 0; row < rect.height; row++) {
      const start = (rect.y + row) * this.width + rect.x;
      for (let at = start; at < start + rect.width; at++, i++) this.data[at] = value(at, i);
    }
    this.touch(rect);
  }

  /** @returns {boolean} whether a stroke is in progress */
  get drawing() {
    return this.#touched !== null;
  }

  /** End the stroke in progress. @returns {Change|null} null: it changed nothing */
  commit() {
    const rect = this.#changedRect();
    this.#touched = null;
    if (!rect) return null;
    const values = this.read(rect);
    const changed = new Uint8Array(values.length);
    for (let row = 0, i = 0; row < rect.height; row++) {
      const start = (rect.y + row) * this.width + rect.x;
      for (let at = start; at < start + rect.width; at++, i++) changed[i] = values[i] ^ this.#before[at];
      this.#before.set(this.data.subarray(start, start + rect.width), start);
    }
    return { rect, values, changed };
  }

  /** Take the stroke in progress back. */
  revert() {
    const rect = this.#touched;
    this.#touched = null;
    if (!rect) return;
    for (let y = rect.y; y < rect.y + rect.height; y++) {
      const start = y * this.width + rect.x;
      this.data.set(this.#before.subarray(start, start + rect.width), start);
    }
    this.#dirty = union(this.#dirty, rect);
  }

  /** @returns {Rect|null} the smallest rectangle around what the stroke in progress changed */
  #changedRect() {
    const rect = this.#touched;
    if (!rect) return null;
    let [left, right, top, bottom] = [rect.x + rect.width, -1, -1, -1];
    for (let y = rect.y; y < rect.y + rect.height; y++) {
      const row = y * this.width;
      let from = rect.x;
      let to = rect.x + rect.width - 1;
      while (from <= to && this.data[row + from] === this.#before[row + from]) from++;
      if (from > to) continue;
      while (this.data[row + to] === this.#before[row + to]) to--;
      left = Math.min(left, from);
      right = Math.max(right, to);
      if (top < 0) top = y;
      bottom = y;
    }
    return top < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
  }

  // ---- whole changes: outside any stroke

  /** @param {Rect} rect  inside the picture @returns {Uint8Array} its values, row after row */
  read(rect) {
    const values = new Uint8Array(rect.width * rect.height);
    for (let row = 0; row < rect.height; row++) {
      const start = (rect.y + row) * this.width + rect.x;
      values.set(this.data.subarray(start, start + rect.width), row * rect.width);
    }
    return values;
  }

  /** @param {Rect} rect  inside the picture @param {Uint8Array} values  row after row */
  write(rect, values) {
    for (let row = 0; row < rect.height; row++) {
      const line = values.subarray(row * rect.width, (row + 1) * rect.width);
      this.data.set(line, (rect.y + row) * this.width + rect.x);
      this.#before.set(line, (rect.y + row) * this.width + rect.x);
    }
    this.#dirty = union(this.#dirty, rect);
  }

  /** Undo or redo a stroke: turn over the pixels that it changed. @param {Rect} rect @param {Uint8Array} changed */
  toggle(rect, changed) {
    const values = this.read(rect);
    for (let i = 0; i < values.length; i++) values[i] ^= changed[i];
    this.write(rect, values);
  }

  /** @param {Uint8Array} values  of the whole picture */
  replace(values) {
    this.write({ x: 0, y: 0, width: this.width, height: this.height }, values);
  }

  /** @returns {Rect|null} around everything written since the last call */
  takeDirty() {
    const rect = this.#dirty;
    this.#dirty = null;
    return rect;
  }
}
