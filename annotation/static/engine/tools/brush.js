/** Brush and eraser: a disc that follows the pointer. */

import { along, disc, softDisc } from "../shapes.js";

/** Of the size that is left at a pen's lightest touch. */
const LIGHTEST = 0.2;

/** @typedef {import("../types.js").ToolPoint} ToolPoint */

/** @implements {import("./tool.js").Tool} */
export class Brush {
  drags = true;
  /** @type {{x: number, y: number, radius: number}|null} */ #last = null;
  /** @type {0|1} */ #value = 1;

  /** @param {import("./tool.js").Host} host @param {"brush"|"eraser"} kind */
  constructor(host, kind) {
    this.host = host;
    this.kind = kind;
  }

  /** @param {ToolPoint} point */
  pointerDown(point) {
    this.#value = (this.kind === "brush") !== point.subtract ? 1 : 0;
    const at = this.#sized(point);
    this.#stamp(at.x, at.y, at.radius);
    this.#last = at;
  }

  /** @param {ToolPoint[]} points */
  pointerMove(points) {
    if (!this.#last) return;
    const soft = this.#soft;
    for (const point of points) {
      const at = this.#sized(point);
      along(this.#last, at, soft, (x, y, radius) => this.#stamp(x, y, radius));
      this.#last = at;
    }
  }

  pointerUp() {
    if (!this.#last) return;
    this.#last = null;
    this.host.commit(this.#value ? "brush" : "eraser");
  }

  cancel() {
    const drawing = this.#last !== null;
    this.#last = null;
    if (drawing) this.host.mask.revert();
    return drawing;
  }

  get #soft() {
    return this.host.brush.hardness < 1 && this.host.pixels() !== null;
  }

  /** @param {ToolPoint} point */
  #sized({ x, y, pressure }) {
    const { size, pressure: scales } = this.host.brush;
    const share = scales ? LIGHTEST + (1 - LIGHTEST) * pressure : 1;
    return { x, y, radius: Math.max(0.5, (size * share) / 2) };
  }

  /** @param {number} x @param {number} y @param {number} radius */
  #stamp(x, y, radius) {
    const { hardness } = this.host.brush;
    const pixels = hardness < 1 ? this.host.pixels() : null;
    if (pixels) softDisc(this.host.mask, pixels, x, y, radius, hardness * radius, this.#value);
    else disc(this.host.mask, x, y, radius, this.#value);
  }
}
