/**
 * Magnetic outline: click along an edge; between the clicks the server finds the way that follows it. Enter, or a click
 * on the first anchor, closes the outline and fills it. While the pointer moves, one question at a time is asked, for
 * where the pointer is then; an answer that no longer belongs to the newest anchor is dropped.
 */

import { polygon } from "../shapes.js";
import { CLOSING } from "./polygon.js";

/**
 * @typedef {import("../types.js").ToolPoint} ToolPoint
 * @typedef {[number, number]} Pixel  column, row
 */

/** @implements {import("./tool.js").Tool} */
export class Scissors {
  drags = false;
  /** @type {Pixel[]} */ #anchors = [];
  /** @type {Promise<Pixel[]>[]} from each anchor to the next */ #legs = [];
  /** @type {{points: Pixel[]}[]} the same, straight until the answer is there */ #paths = [];
  /** @type {Pixel|null} */ #pointer = null;
  /** @type {{target: Pixel, points: Pixel[]}|null} from the last anchor towards the pointer */ #preview = null;
  #asking = false;
  #closing = false;
  /** @type {object} changes with every anchor: older answers are stale */ #generation = {};
  #subtract = false;

  /** @param {import("./tool.js").Host} host */
  constructor(host) {
    this.host = host;
  }

  /** @param {ToolPoint} point @returns {Pixel} the pixel of the picture that is nearest */
  #pixel({ x, y }) {
    const { width, height } = this.host.mask;
    return [Math.min(width - 1, Math.max(0, Math.floor(x))), Math.min(height - 1, Math.max(0, Math.floor(y)))];
  }

  /** @param {ToolPoint} point */
  pointerDown(point) {
    if (this.#closing) return;
    this.#subtract = point.subtract;
    const pixel = this.#pixel(point);
    if (this.#anchors.length > 1 && this.host.view.distance(this.#anchors[0], pixel) <= CLOSING) return void this.finish();
    if (this.#anchors.length) this.#addLeg(pixel);
    this.#anchors.push(pixel);
    this.#generation = {};
    this.#preview = null;
    this.host.redraw();
    return undefined;
  }

  /** @param {Pixel} target */
  #addLeg(target) {
    const anchor = /** @type {Pixel} */ (this.#anchors.at(-1));
    const path = { points: [anchor, target] };
    this.#paths.push(path);
    const leg = this.#path(anchor, target).then((points) => {
      path.points = points;
      this.host.redraw();
      return points;
    });
    this.#legs.push(leg);
  }

  /** @param {Pixel} anchor @param {Pixel} target @returns {Promise<Pixel[]>} straight, with a notice, where the server gives none */
  async #path(anchor, target) {
    const { api, item, frame } = this.host;
    try {
      return await api.scissors(item.id, frame, anchor, target);
    } catch (error) {
      this.host.notice(`Magnetic outline: ${/** @type {Error} */ (error).message}. This part is straight.`);
      return [anchor, target];
    }
  }

  /** @param {ToolPoint[]} points */
  pointerMove(points) {
    this.#pointer = this.#pixel(points[points.length - 1]);
    if (this.#anchors.length && !this.#closing) {
      this.#follow();
      this.host.redraw();
    }
  }

  /** Ask for the way to the pointer, and again while it has moved on. */
  async #follow() {
    if (this.#asking) return;
    this.#asking = true;
    for (let target = this.#pointer; target && this.#anchors.length && !this.#closing && this.host.open(); ) {
      const generation = this.#generation;
      const anchor = /** @type {Pixel} */ (this.#anchors.at(-1));
      const { api, item, frame } = this.host;
      const found = await api.scissors(item.id, frame, anchor, target).catch(() => null); // the click will tell what is wrong
      if (found && generation === this.#generation) {
        this.#preview = { target, points: found };
        this.host.redraw();
      }
      if (!found || (this.#pointer === target && generation === this.#generation)) break;
      target = this.#pointer;
    }
    this.#asking = false;
  }

  pointerUp() {}

  finish() {
    if (this.#closing || this.#anchors.length < 2) return false;
    this.#addLeg(this.#anchors[0]);
    this.#closing = true;
    this.#preview = null;
    this.#close(this.#generation);
    return true;
  }

  /** @param {object} generation */
  async #close(generation) {
    this.host.working("Closing the outline …");
    const legs = await Promise.all(this.#legs);
    this.host.working("");
    if (generation !== this.#generation || !this.host.open()) return; // given up meanwhile
    this.#fill(legs.flat(), this.#subtract ? 0 : 1);
    this.cancel();
  }

  /** The outline's own pixels belong to the region. @param {Pixel[]} outline @param {0|1} value */
  #fill(outline, value) {
    const { mask } = this.host;
    if (mask.drawing) return void setTimeout(() => this.#fill(outline, value), 50);
    polygon(mask, outline.map(([x, y]) => [x + 0.5, y + 0.5]), value);
    for (const [x, y] of outline) {
      mask.fillRow(y, x, x, value);
      mask.touch({ x, y, width: 1, height: 1 });
    }
    this.host.commit("scissors");
    return undefined;
  }

  cancel() {
    const drawing = this.#anchors.length > 0;
    this.#anchors = [];
    this.#legs = [];
    this.#paths = [];
    this.#preview = null;
    this.#closing = false;
    this.#generation = {};
    this.host.redraw();
    return drawing;
  }

  removeLastPoint() {
    if (this.#closing || !this.#anchors.length) return false;
    this.#anchors.pop();
    this.#legs.pop();
    this.#paths.pop();
    this.#generation = {};
    this.#preview = null;
    this.host.redraw();
    return true;
  }

  sketch() {
    if (!this.#anchors.length) return null;
    const lines = this.#paths.map(({ points }) => points);
    const last = /** @type {Pixel} */ (this.#anchors.at(-1));
    if (this.#preview) lines.push(this.#preview.points);
    const from = this.#preview ? this.#preview.target : last;
    if (this.#pointer && !this.#closing) lines.push([from, this.#pointer]);
    const centred = (/** @type {Pixel[]} */ line) => line.map(([x, y]) => /** @type {Pixel} */ ([x + 0.5, y + 0.5]));
    return { lines: lines.map(centred), points: centred(this.#anchors) };
  }
}
