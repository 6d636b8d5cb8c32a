/** The frames of the open item: decoded once, read pixel by pixel where a tool or the difference needs it. */

/** @typedef {"blurred"|"sharp"} Frame */

/** Nothing of the colours may differ between frames but what the camera saw. @type {ImageBitmapOptions} */
const DECODING = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

/** @param {ImageBitmap} bitmap @returns {Uint8ClampedArray} RGBA */
function pixelsOf(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height).data;
}

export class Pictures {
  /** @type {Partial<Record<Frame, ImageBitmap>>} */ #bitmaps = {};
  /** @type {Partial<Record<Frame, Uint8ClampedArray>>} */ #pixels = {};
  /** @type {Uint8Array|null} largest difference of red, green and blue, pixel by pixel */ #difference = null;
  /** @type {{gain: number, canvas: OffscreenCanvas}|null} */ #heat = null;

  /** @param {import("./api.js").Api} api @param {import("./types.js").Item} item */
  constructor(api, item) {
    this.api = api;
    this.item = item;
  }

  /** Fetch and decode a frame. @param {Frame} which @returns {Promise<ImageBitmap>} */
  async load(which) {
    const bitmap = await createImageBitmap(await this.api.picture(this.item.id, which), DECODING);
    const { width, height } = this.item;
    if (bitmap.width !== width || bitmap.height !== height) {
      throw new Error(`the ${which} picture has ${bitmap.width}×${bitmap.height} pixels where the mask has ${width}×${height}`);
    }
    this.#bitmaps[which] = bitmap;
    return bitmap;
  }

  /** @param {Frame} which @returns {ImageBitmap|null} null: not loaded */
  bitmap(which) {
    return this.#bitmaps[which] ?? null;
  }

  /** @param {Frame} which @returns {Uint8ClampedArray|null} RGBA; null: not loaded */
  pixels(which) {
    const bitmap = this.bitmap(which);
    if (bitmap && !this.#pixels[which]) this.#pixels[which] = pixelsOf(bitmap);
    return this.#pixels[which] ?? null;
  }

  /** @param {number} gain @returns {OffscreenCanvas|null} the amplified difference in colour; null: a frame is not loaded */
  heat(gain) {
    const [blurred, sharp] = [this.pixels("blurred"), this.pixels("sharp")];
    if (!blurred || !sharp) return null;
    if (this.#heat?.gain === gain) return this.#heat.canvas;
    this.#difference ??= largestDifference(blurred, sharp);
    this.#heat = { gain, canvas: heatOf(this.#difference, this.item, gain, this.#heat?.canvas) };
    return this.#heat.canvas;
  }

  /** Give the decoded frames' memory back. */
  close() {
    for (const bitmap of Object.values(this.#bitmaps)) bitmap.close();
    this.#bitmaps = {};
    this.#pixels = {};
  }
}

/** @param {Uint8ClampedArray} a  RGBA @param {Uint8ClampedArray} b @returns {Uint8Array} */
function largestDifference(a, b) {
  const result = new Uint8Array(a.length / 4);
  for (let i = 0, p = 0; i < result.length; i++, p += 4) {
    result[i] = Math.max(Math.abs(a[p] - b[p]), Math.abs(a[p + 1] - b[p + 1]), Math.abs(a[p + 2] - b[p + 2]));
  }
  return result;
}

/** Colours of the heat, from no difference to the largest: black, violet, red, orange, pale yellow, brighter all the
 * way, so that they are told apart without seeing hues. */
const HEAT = [[0, 0, 0], [70, 10, 110], [180, 40, 80], [245, 130, 30], [255, 250, 190]];

/** @param {Uint8Array} difference @param {{width: number, height: number}} size @param {number} gain @param {OffscreenCanvas} [canvas] */
function heatOf(difference, { width, height }, gain, canvas = new OffscreenCanvas(width, height)) {
  const table = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(table.buffer);
  for (let level = 0; level < 256; level++) {
    const place = (Math.min(255, level * gain) / 255) * (HEAT.length - 1);
    const [low, high] = [HEAT[Math.floor(place)], HEAT[Math.ceil(place)]];
    for (let channel = 0; channel < 3; channel++) {
      bytes[4 * level + channel] = low[channel] + (place % 1) * (high[channel] - low[channel]);
    }
    bytes[4 * level + 3] = 255;
  }
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = table[difference[i]];
  /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(image, 0, 0);
  return canvas;
}
