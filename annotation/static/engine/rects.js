/** Rectangles of whole image pixels. @typedef {import("./types.js").Rect} Rect */

/** @param {Rect|null} a @param {Rect|null} b @returns {Rect|null} the smallest rectangle around both */
export function union(a, b) {
  if (!a || !b) return a ?? b;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  const right = Math.max(a.x + a.width, b.x + b.width);
  const bottom = Math.max(a.y + a.height, b.y + b.height);
  return { x, y, width: right - x, height: bottom - y };
}

/** @param {Rect} rect @param {number} width @param {number} height @returns {Rect|null} its part of a picture */
export function clip(rect, width, height) {
  const x = Math.max(0, Math.floor(rect.x));
  const y = Math.max(0, Math.floor(rect.y));
  const right = Math.min(width, Math.ceil(rect.x + rect.width));
  const bottom = Math.min(height, Math.ceil(rect.y + rect.height));
  return right > x && bottom > y ? { x, y, width: right - x, height: bottom - y } : null;
}

/** @param {Rect} rect @param {number} by @returns {Rect} */
export function grow(rect, by) {
  return { x: rect.x - by, y: rect.y - by, width: rect.width + 2 * by, height: rect.height + 2 * by };
}

/** @param {[number, number]} a @param {[number, number]} b  two corner pixels, both inside @returns {Rect} */
export function between(a, b) {
  const x = Math.min(a[0], b[0]);
  const y = Math.min(a[1], b[1]);
  return { x, y, width: Math.abs(a[0] - b[0]) + 1, height: Math.abs(a[1] - b[1]) + 1 };
}
