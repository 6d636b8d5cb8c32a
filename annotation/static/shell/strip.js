/**
 * The line between the top bar and the picture. It is always there and always as high, so that the picture never moves
 * under the pen; of what could stand in it, the most pressing does: news, then a proposal, then how the tool works.
 */

import { fill, make } from "./dom.js";

const ORDER = /** @type {const} */ (["notice", "proposal", "hint"]);

export class Strip {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.lines = new Map(ORDER.map((name) => [name, make("div", { class: `line ${name}`, hidden: true })]));
    this.filled = new Set();
    fill(place, [...this.lines.values()]);
  }

  /** @param {typeof ORDER[number]} name @param {...import("./dom.js").Child} children nothing: the line has nothing to say */
  put(name, ...children) {
    const line = /** @type {HTMLElement} */ (this.lines.get(name));
    if (children.length) this.filled.add(name);
    else this.filled.delete(name);
    fill(line, children);
    const shown = ORDER.find((each) => this.filled.has(each));
    for (const [each, element] of this.lines) element.hidden = each !== shown;
  }

  /** @param {typeof ORDER[number]} name @param {string} looks @param {boolean} on */
  mark(name, looks, on) {
    this.lines.get(name)?.classList.toggle(looks, on);
  }
}
