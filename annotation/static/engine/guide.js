/** The painter's guide canvas: which windows are kept, and the line of the split view. */

import { fromBase64, unpack } from "./packing.js";

/** Below this size on the screen (CSS pixels) windows are tinted without lines between them. */
const LINES_FROM = 6;
/** Colour-blind-safe blue of Okabe and Ito, apart from every overlay colour by its brightness. */
const WINDOW_COLOUR = [0, 114, 178];

/**
 * @typedef {object} Windows
 * @property {number} size  image pixels
 * @property {number} columns
 * @property {number} rows
 * @property {{left: number, top: number}} pad  image pixels in front of the picture's corner
 * @property {OffscreenCanvas} kept  a pixel a window
 */

/**
 * @param {{size: number, columns: number, rows: number, grid: string, pad: {left: number, top: number}}} told  as the server tells it
 * @returns {Promise<Windows>}
 */
export async function decodeWindows({ size, columns, rows, grid, pad }) {
  const values = await unpack(fromBase64(grid), columns, rows);
  const image = new ImageData(columns, rows);
  for (let i = 0; i < values.length; i++) image.data.set([...WINDOW_COLOUR, values[i] ? 90 : 0], 4 * i);
  const kept = new OffscreenCanvas(columns, rows);
  /** @type {OffscreenCanvasRenderingContext2D} */ (kept.getContext("2d")).putImageData(image, 0, 0);
  return { size, columns, rows, pad, kept };
}

/** @param {CanvasRenderingContext2D} context  in CSS pixels @param {import("./view.js").View} view @param {Windows} windows */
export function drawWindows(context, view, { size, columns, rows, pad, kept }) {
  const [left, top] = view.toScreen(-pad.left, -pad.top);
  const cell = size * view.scale;
  context.imageSmoothingEnabled = false;
  context.drawImage(kept, left, top, columns * cell, rows * cell);
  if (cell < LINES_FROM) return;
  context.strokeStyle = `rgb(${WINDOW_COLOUR.join(" ")} / 0.55)`;
  context.lineWidth = 1;
  context.beginPath();
  const [right, bottom] = [left + columns * cell, top + rows * cell];
  for (let x = left + Math.max(0, Math.ceil(-left / cell)) * cell; x <= Math.min(view.width, right); x += cell) {
    context.moveTo(Math.round(x) + 0.5, Math.max(0, top));
    context.lineTo(Math.round(x) + 0.5, Math.min(view.height, bottom));
  }
  for (let y = top + Math.max(0, Math.ceil(-top / cell)) * cell; y <= Math.min(view.height, bottom); y += cell) {
    context.moveTo(Math.max(0, left), Math.round(y) + 0.5);
    context.lineTo(Math.min(view.width, right), Math.round(y) + 0.5);
  }
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context  in CSS pixels @param {import("./view.js").View} view @param {number} split  0 … 1 */
export function drawSplitLine(context, view, split) {
  const x = Math.round(split * view.width);
  for (const [width, colour] of /** @type {[number, string][]} */ ([[4, "rgb(0 0 0 / 0.6)"], [2, "#fff"]])) {
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, view.height);
    context.stroke();
    context.beginPath();
    context.arc(x, view.height / 2, 6 + width, 0, 2 * Math.PI);
    context.fill();
  }
}
