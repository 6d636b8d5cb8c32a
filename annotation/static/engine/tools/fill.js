/** Fill: a click inside a closed outline makes its inside blurred; taking away, a click on a blurred region removes it. */

import { flood } from "../shapes.js";

/** @implements {import("./tool.js").Tool} */
export class Fill {
  drags = false;

  /** @param {import("./tool.js").Host} host */
  constructor(host) {
    this.host = host;
  }

  /** @param {import("../types.js").ToolPoint} point */
  pointerDown({ x, y, subtract }) {
    const { mask } = this.host;
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (column < 0 || row < 0 || column >= mask.width || row >= mask.height) return;
    const blurred = mask.at(column, row) === 1;
    if (blurred && !subtract) return void this.host.notice("This is blurred already. To remove this region, hold Alt or switch to taking away.");
    if (!blurred && subtract) return void this.host.notice("There is no blurred region here to remove.");
    setTimeout(() => this.#fill(column, row), 0); // a large region takes longer than a pointer handler should
  }

  /** @param {number} column @param {number} row */
  #fill(column, row) {
    const { mask } = this.host;
    if (!this.host.open() || mask.drawing) return;
    const blurred = mask.at(column, row) === 1;
    if (flood(mask, column, row) && !blurred) {
      mask.revert();
      this.host.notice("The outline is not closed: filling would blur everything around it.");
    } else {
      this.host.commit("fill");
    }
  }

  pointerMove() {}

  pointerUp() {}

  cancel() {
    return false;
  }
}
