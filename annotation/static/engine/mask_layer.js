/** The mask in colour, at the picture's resolution: what the painter lays over the picture. */

import { clip, grow } from "./rects.js";

/** @typedef {import("./types.js").Rect} Rect */

/** An outline's pattern tells it apart where its colour does not: the side of its dark squares, in widths of the outline. */
const DASHES = { solid: 0, dashed: 6, dotted: 2 };
/** What stands between the colour's dashes: dark, so that no outline has gaps. */
const DARK = word("#16191d");

/** @param {string} colour  "#rrggbb" @returns {number} as ImageData's bytes in one number, opaque */
function word(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  const bytes = new Uint8ClampedArray([red, green, blue, 255]);
  return new Uint32Array(bytes.buffer)[0];
}

export class MaskLayer {
  #word = 0;
  /** side of the dark squares in image pixels, 0: none */ #dash = 0;
  /** @type {number} 0: the whole area; else the outline's width in image pixels */ #outline = 0;

  /** @param {import("./mask.js").MaskRaster} mask */
  constructor(mask) {
    this.mask = mask;
    this.canvas = new OffscreenCanvas(mask.width, mask.height);
    this.#context = /** @type {OffscreenCanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
  }

  /** @type {OffscreenCanvasRenderingContext2D} */ #context;

  /**
   * @param {string} colour  "#rrggbb" @param {number} outline  0: the whole area; else the outline's width in image pixels
   * @param {keyof typeof DASHES} [pattern]  of the outline
   * @returns {Rect|null} what has to be drawn anew on the stage
   */
  refresh(colour, outline, pattern = "solid") {
    const dirty = this.mask.takeDirty();
    const next = word(colour);
    const dash = outline * DASHES[pattern];
    const all = next !== this.#word || outline !== this.#outline || dash !== this.#dash;
    this.#word = next;
    this.#dash = dash;
    this.#outline = outline;
    const whole = { x: 0, y: 0, width: this.mask.width, height: this.mask.height };
    const rect = all ? whole : dirty && clip(grow(dirty, outline), whole.width, whole.height);
    if (rect) this.#context.putImageData(this.#coloured(rect), rect.x, rect.y);
    return rect;
  }

  /** @param {Rect} rect @returns {ImageData} */
  #coloured(rect) {
    const image = new ImageData(rect.width, rect.height);
    const words = new Uint32Array(image.data.buffer);
    const { data, width } = this.mask;
    for (let row = 0, i = 0; row < rect.height; row++) {
      const start = (rect.y + row) * width + rect.x;
      for (let at = start; at < start + rect.width; at++, i++) {
        if (data[at] && (!this.#outline || this.#onOutline(at, width, data))) words[i] = this.#colourAt(at % width, rect.y + row);
      }
    }
    return image;
  }

  /** @param {number} x @param {number} y */
  #colourAt(x, y) {
    if (!this.#dash) return this.#word;
    const dark = (Math.floor(x / this.#dash) + Math.floor(y / this.#dash)) % 2;
    return dark ? DARK : this.#word;
  }

  /** Whether one of the eight pixels at the outline's distance or next to it is sharp, or outside the picture's rows.
   * @param {number} at @param {number} width @param {Uint8Array} data */
  #onOutline(at, width, data) {
    const far = this.#outline;
    const column = at % width;
    if (column < far || column >= width - far) return true;
    return !(
      data[at - 1] && data[at + 1] && data[at - width] && data[at + width] &&
      data[at - far] && data[at + far] && data[at - far * width] && data[at + far * width]
    ); // rows outside the picture read as undefined: the picture's border belongs to the outline
  }
}
