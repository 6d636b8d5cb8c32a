/** The painter's top canvas: the cursor, and what a tool is drawing. Every line is dark and light at once, so that it
 * shows on any picture. */

/**
 * @typedef {object} SketchState
 * @property {{x: number, y: number}|null} cursor  in image coordinates
 * @property {number} diameter  of the brush in image pixels; 0: a tool without size
 * @property {boolean} keyboard  the cursor is moved by keys
 * @property {boolean} down  and the tool is put down
 * @property {boolean} subtract
 * @property {import("./tools/tool.js").Sketch|null} tool
 */

/** @param {CanvasRenderingContext2D} context @param {() => void} trace  lays a path */
function twice(context, trace) {
  for (const [width, colour] of /** @type {[number, string][]} */ ([[3, "rgb(0 0 0 / 0.65)"], [1.25, "#fff"]])) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    trace();
    context.stroke();
  }
}

/** @param {CanvasRenderingContext2D} context  in CSS pixels @param {import("./view.js").View} view @param {SketchState} state */
export function drawSketch(context, view, state) {
  if (state.tool) drawTool(context, view, state.tool);
  if (!state.cursor) return;
  const [x, y] = view.toScreen(state.cursor.x, state.cursor.y);
  const radius = (state.diameter * view.scale) / 2;
  if (state.diameter) twice(context, () => context.arc(x, y, Math.max(1.5, radius), 0, 2 * Math.PI));
  if (state.subtract) {
    twice(context, () => {
      context.moveTo(x - 4, y);
      context.lineTo(x + 4, y);
    });
  }
  if (state.keyboard) drawCross(context, x, y, Math.max(radius, 4), state.down);
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} gap @param {boolean} down */
function drawCross(context, x, y, gap, down) {
  twice(context, () => {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + dx * (down ? 0 : gap), y + dy * (down ? 0 : gap));
      context.lineTo(x + dx * (gap + 14), y + dy * (gap + 14));
    }
  });
}

/** @param {CanvasRenderingContext2D} context @param {import("./view.js").View} view @param {import("./tools/tool.js").Sketch} sketch */
function drawTool(context, view, { lines, points }) {
  twice(context, () => {
    for (const line of lines) {
      line.forEach(([x, y], i) => {
        const [screenX, screenY] = view.toScreen(x, y);
        if (i) context.lineTo(screenX, screenY);
        else context.moveTo(screenX, screenY);
      });
    }
  });
  twice(context, () => {
    for (const [x, y] of points) {
      const [screenX, screenY] = view.toScreen(x, y);
      context.rect(screenX - 3, screenY - 3, 6, 6);
    }
  });
}
