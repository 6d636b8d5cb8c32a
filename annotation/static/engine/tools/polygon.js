/** Polygon: a click sets a corner; Enter, or a click on the first corner, closes it. */

import { polygon } from "../shapes.js";

/** How near to the first corner a click closes, in screen pixels. */
export const CLOSING = 10;

/** @typedef {import("../types.js").ToolPoint} ToolPoint */

/** @implements {import("./tool.js").Tool} */
export class Polygon {
  drags = false;
  /** @type {[number, number][]} */ #corners = [];
  /** @type {[number, number]|null} */ #pointer = null;
  #subtract = false;

  /** @param {import("./tool.js").Host} host */
  constructor(host) {
    this.host = host;
  }

  /** @param {ToolPoint} point */
  pointerDown({ x, y, subtract }) {
    this.#subtract = subtract;
    if (this.#corners.length > 2 && this.host.view.distance(this.#corners[0], [x, y]) <= CLOSING) return void this.finish();
    this.#corners.push([x, y]);
    this.host.redraw();
    return undefined;
  }

  /** @param {ToolPoint[]} points */
  pointerMove(points) {
    const { x, y } = points[points.length - 1];
    this.#pointer = [x, y];
    if (this.#corners.length) this.host.redraw();
  }

  pointerUp() {}

  finish() {
    if (this.#corners.length < 3) return false;
    polygon(this.host.mask, this.#corners, this.#subtract ? 0 : 1);
    this.cancel();
    this.host.commit("polygon");
    return true;
  }

  cancel() {
    const drawing = this.#corners.length > 0;
    this.#corners = [];
    this.host.redraw();
    return drawing;
  }

  removeLastPoint() {
    const removed = this.#corners.pop() !== undefined;
    this.host.redraw();
    return removed;
  }

  sketch() {
    if (!this.#corners.length) return null;
    const line = this.#pointer ? [...this.#corners, this.#pointer] : this.#corners;
    return { lines: [line], points: this.#corners };
  }
}
