/**
 * Shapes on a mask. One rule for all: a pixel belongs to a shape if its centre (x + ½, y + ½) does. A disc or segment takes
 * the pixel under its centre in any case, so that a brush of one pixel never misses.
 */

/** @typedef {import("./mask.js").MaskRaster} MaskRaster */

/** Largest difference in any of red, green and blue (0 … 255) at which a soft brush's rim takes a pixel. Ours: blurred
 * edges in 8-bit photographs pass through such steps within about a tenth of their contrast. */
export const RIM_TOLERANCE = 24;

/** @param {MaskRaster} mask @param {number} x @param {number} y @param {number} radius @param {0|1} value */
function discRows(mask, x, y, radius, value) {
  const bottom = Math.floor(y + radius - 0.5);
  for (let row = Math.ceil(y - radius - 0.5); row <= bottom; row++) {
    const half = Math.sqrt(Math.max(0, radius * radius - (row + 0.5 - y) ** 2));
    mask.fillRow(row, Math.ceil(x - half - 0.5), Math.floor(x + half - 0.5), value);
  }
  mask.fillRow(Math.floor(y), Math.floor(x), Math.floor(x), value);
}

/** @param {MaskRaster} mask @param {number} x @param {number} y @param {number} radius */
function touchDisc(mask, x, y, radius) {
  mask.touch({ x: x - radius - 1, y: y - radius - 1, width: 2 * radius + 2, height: 2 * radius + 2 });
}

/** @param {MaskRaster} mask @param {number} x @param {number} y @param {number} radius  image pixels @param {0|1} value */
export function disc(mask, x, y, radius, value) {
  discRows(mask, x, y, radius, value);
  touchDisc(mask, x, y, radius);
}

/**
 * A disc whose rim follows the picture: within `core` every pixel is taken; between core and radius only those whose
 * colour is within RIM_TOLERANCE of the colour under the centre.
 * @param {MaskRaster} mask @param {Uint8ClampedArray} pixels  RGBA of the picture
 * @param {number} x @param {number} y @param {number} radius @param {number} core @param {0|1} value
 */
export function softDisc(mask, pixels, x, y, radius, core, value) {
  const { width, height, data } = mask;
  const centre = 4 * (Math.min(height - 1, Math.max(0, Math.floor(y))) * width + Math.min(width - 1, Math.max(0, Math.floor(x))));
  const [red, green, blue] = [pixels[centre], pixels[centre + 1], pixels[centre + 2]];
  const bottom = Math.min(height - 1, Math.floor(y + radius - 0.5));
  for (let row = Math.max(0, Math.ceil(y - radius - 0.5)); row <= bottom; row++) {
    const half = Math.sqrt(Math.max(0, radius * radius - (row + 0.5 - y) ** 2));
    const right = Math.min(width - 1, Math.floor(x + half - 0.5));
    for (let column = Math.max(0, Math.ceil(x - half - 0.5)); column <= right; column++) {
      const at = row * width + column;
      const p = 4 * at;
      if (
        Math.abs(pixels[p] - red) <= RIM_TOLERANCE &&
        Math.abs(pixels[p + 1] - green) <= RIM_TOLERANCE &&
        Math.abs(pixels[p + 2] - blue) <= RIM_TOLERANCE
      ) {
        data[at] = value;
      }
    }
  }
  discRows(mask, x, y, core, value);
  touchDisc(mask, x, y, radius);
}

/**
 * Discs from one point to another, so close that the scallops between them stay under a quarter of a pixel (for discs of
 * radius r at distance s the dent is s²/8r); a soft brush is set down at every quarter of its radius.
 * @param {{x: number, y: number, radius: number}} from @param {{x: number, y: number, radius: number}} to
 * @param {boolean} soft @param {(x: number, y: number, radius: number) => void} stamp  not called for `from`
 */
export function along(from, to, soft, stamp) {
  const radius = Math.min(from.radius, to.radius);
  const step = soft ? Math.max(1, radius / 4) : Math.max(0.5, Math.sqrt(2 * radius));
  const count = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / step));
  for (let i = 1; i <= count; i++) {
    const t = i / count;
    stamp(from.x + t * (to.x - from.x), from.y + t * (to.y - from.y), from.radius + t * (to.radius - from.radius));
  }
}

/**
 * Fill a polygon by the non-zero winding rule (where it overlaps itself it stays filled). A pixel whose centre lies
 * exactly on a left or upper edge belongs to it, on a right or lower edge not.
 * @param {MaskRaster} mask @param {[number, number][]} points @param {0|1} value
 */
export function polygon(mask, points, value) {
  const rows = crossings(points, mask.height);
  for (const [y, row] of rows) {
    row.sort((a, b) => a.x - b.x);
    for (let i = 0, winding = 0; i + 1 < row.length; i++) {
      winding += row[i].turn;
      if (winding) mask.fillRow(y, Math.ceil(row[i].x - 0.5), Math.ceil(row[i + 1].x - 0.5) - 1, value);
    }
  }
  const [xs, ys] = [points.map((point) => point[0]), points.map((point) => point[1])];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  mask.touch({ x, y, width: Math.max(...xs) - x + 1, height: Math.max(...ys) - y + 1 });
}

/** @param {[number, number][]} points @param {number} height @returns {Map<number, {x: number, turn: 1|-1}[]>} where edges cross the rows' centres */
function crossings(points, height) {
  const rows = new Map();
  points.forEach(([x0, y0], i) => {
    const [x1, y1] = points[(i + 1) % points.length];
    const turn = y0 < y1 ? 1 : -1;
    const [top, bottom] = [Math.min(y0, y1), Math.max(y0, y1)];
    for (let y = Math.max(0, Math.ceil(top - 0.5)); y < Math.min(height, Math.ceil(bottom - 0.5)); y++) {
      if (!rows.has(y)) rows.set(y, []);
      rows.get(y).push({ x: x0 + ((y + 0.5 - y0) * (x1 - x0)) / (y1 - y0), turn });
    }
  });
  return rows;
}

/**
 * Give the connected region of equal pixels around a point the other value. Sharp regions are 4-connected and blurred
 * ones 8-connected, so that an outline closed only diagonally is closed.
 * @param {MaskRaster} mask @param {number} x @param {number} y  a pixel of the picture
 * @returns {boolean} whether the region touches all four sides of the picture
 */
export function flood(mask, x, y) {
  const { width, height, data } = mask;
  const from = data[y * width + x];
  const reach = from; // 8-connected: look one further to both sides
  const stack = [x, y];
  const box = { left: x, right: x, top: y, bottom: y };
  while (stack.length) {
    const row = stack.pop();
    const column = stack.pop();
    const start = row * width;
    if (data[start + column] !== from) continue;
    let [left, right] = [column, column];
    while (left > 0 && data[start + left - 1] === from) left--;
    while (right < width - 1 && data[start + right + 1] === from) right++;
    data.fill(1 - from, start + left, start + right + 1);
    box.left = Math.min(box.left, left);
    box.right = Math.max(box.right, right);
    box.top = Math.min(box.top, row);
    box.bottom = Math.max(box.bottom, row);
    for (const next of [row - 1, row + 1]) {
      if (next < 0 || next >= height) continue;
      let inside = false;
      for (let at = Math.max(0, left - reach); at <= Math.min(width - 1, right + reach); at++) {
        const equal = data[next * width + at] === from;
        if (equal && !inside) stack.push(at, next);
        inside = equal;
      }
    }
  }
  mask.touch({ x: box.left, y: box.top, width: box.right - box.left + 1, height: box.bottom - box.top + 1 });
  return box.left === 0 && box.top === 0 && box.right === width - 1 && box.bottom === height - 1;
}
