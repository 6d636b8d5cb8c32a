/** GrabCut: drag a box around something; the server finds its outline. */

import { fromBase64, unpack } from "../packing.js";
import { between, clip } from "../rects.js";

/** A smaller box is taken for a click by mistake: image pixels. */
const SMALLEST = 4;

/** @typedef {import("../types.js").ToolPoint} ToolPoint */

/** @implements {import("./tool.js").Tool} */
export class GrabCut {
  drags = true;
  /** @type {[number, number]|null} */ #from = null;
  /** @type {[number, number]} */ #to = [0, 0];
  #subtract = false;
  /** @type {AbortController|null} */ #asked = null;

  /** @param {import("./tool.js").Host} host */
  constructor(host) {
    this.host = host;
  }

  /** @param {ToolPoint} point */
  pointerDown({ x, y, subtract }) {
    this.#subtract = subtract;
    this.#from = this.#to = [Math.floor(x), Math.floor(y)];
  }

  /** @param {ToolPoint[]} points */
  pointerMove(points) {
    if (!this.#from) return;
    const { x, y } = points[points.length - 1];
    this.#to = [Math.floor(x), Math.floor(y)];
    this.host.redraw();
  }

  pointerUp() {
    const box = this.#box();
    this.#from = null;
    this.host.redraw();
    if (box && box.width >= SMALLEST && box.height >= SMALLEST) this.#ask(box, this.#subtract ? 0 : 1);
  }

  /** @returns {import("../types.js").Rect|null} */
  #box() {
    return this.#from && clip(between(this.#from, this.#to), this.host.mask.width, this.host.mask.height);
  }

  /** @param {import("../types.js").Rect} box @param {0|1} value */
  async #ask(box, value) {
    this.#asked?.abort();
    const asked = (this.#asked = new AbortController());
    const { api, item, frame } = this.host;
    this.host.working("Looking for the outline inside the box …");
    try {
      const found = await api.grabcut(item.id, frame, box);
      const values = await unpack(fromBase64(found.values), found.width, found.height);
      if (!asked.signal.aborted) this.#apply(found, values, value);
    } catch (error) {
      if (!asked.signal.aborted) this.host.notice(`GrabCut: ${/** @type {Error} */ (error).message}`);
    }
    if (this.#asked === asked) this.#stopWaiting();
  }

  /** @param {import("../types.js").Rect} rect @param {Uint8Array} values @param {0|1} value */
  #apply(rect, values, value) {
    const { mask } = this.host;
    if (!this.host.open()) return;
    if (mask.drawing) return void setTimeout(() => this.#apply(rect, values, value), 50);
    mask.draw(rect, (at, i) => (values[i] ? value : mask.data[at]));
    if (!this.host.commit("grabcut")) this.host.notice("GrabCut found nothing new inside the box.");
    return undefined;
  }

  #stopWaiting() {
    this.#asked = null;
    this.host.working("");
  }

  cancel() {
    const drawing = this.#from !== null || this.#asked !== null;
    this.#asked?.abort();
    if (this.#asked) this.#stopWaiting();
    this.#from = null;
    this.host.redraw();
    return drawing;
  }

  sketch() {
    const box = this.#box();
    if (!box) return null;
    const [right, bottom] = [box.x + box.width, box.y + box.height];
    const corners = /** @type {[number, number][]} */ ([[box.x, box.y], [right, box.y], [right, bottom], [box.x, bottom], [box.x, box.y]]);
    return { lines: [corners], points: [] };
  }
}
