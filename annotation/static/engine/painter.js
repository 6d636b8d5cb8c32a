/**
 * Draws what the stage shows, on four canvases above each other, each redrawn only when its own content changes: picture,
 * mask, guide (windows and split line) and sketch (cursor and what a tool is drawing). All drawing happens in animation
 * frames; of the mask only the rectangle that changed.
 */

import { drawSplitLine, drawWindows } from "./guide.js";
import { MaskLayer } from "./mask_layer.js";
import { drawSketch } from "./sketch.js";

/**
 * @typedef {import("./types.js").Rect} Rect
 * @typedef {"picture"|"mask"|"guide"|"sketch"} LayerName
 */

/** @type {LayerName[]} */
const LAYERS = ["picture", "mask", "guide", "sketch"];

export class Painter {
  /** @type {Map<LayerName, CanvasRenderingContext2D>} */ #contexts = new Map();
  /** @type {Set<LayerName>} to be redrawn as a whole */ #stale = new Set();
  /** @type {MaskLayer|null} */ #maskLayer = null;
  /** the animation frame that was asked for, 0: none */ #frame = 0;
  /** device pixels per CSS pixel */ #ratio = 1;

  /** @type {import("./pictures.js").Pictures|null} */ pictures = null;
  /** @type {{mode: "fill"|"outline"|"hidden", opacity: number, colour: string, pattern: "solid"|"dashed"|"dotted"}} the
   * default colour is Okabe and Ito's orange; the pattern is the outline's */
  overlay = { mode: "fill", opacity: 0.5, colour: "#e69f00", pattern: "solid" };
  /** @type {import("./types.js").PictureMode} */ picture = "blurred";
  /** the other frame of the pair is shown for a moment */ flickering = false;
  gain = 4;
  split = 0.5;
  /** @type {import("./guide.js").Windows|null} */ windows = null;
  /** @type {() => import("./sketch.js").SketchState} */ sketch;

  /** @param {HTMLElement} stage @param {import("./view.js").View} view @param {() => import("./sketch.js").SketchState} sketch */
  constructor(stage, view, sketch) {
    this.view = view;
    this.sketch = sketch;
    for (const name of LAYERS) {
      const canvas = document.createElement("canvas");
      canvas.dataset.layer = name;
      canvas.setAttribute("aria-hidden", "true");
      Object.assign(canvas.style, { position: "absolute", left: "0", top: "0", pointerEvents: "none" });
      stage.append(canvas);
      this.#contexts.set(name, /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")));
    }
    this.redraw();
  }

  /** @param {import("./mask.js").MaskRaster|null} mask */
  setMask(mask) {
    this.#maskLayer = mask && new MaskLayer(mask);
    this.redraw("mask");
  }

  /** @param {number} width @param {number} height  CSS pixels */
  resize(width, height) {
    this.#ratio = window.devicePixelRatio || 1;
    for (const { canvas } of this.#contexts.values()) {
      canvas.width = Math.max(1, Math.round(width * this.#ratio));
      canvas.height = Math.max(1, Math.round(height * this.#ratio));
      // Exactly as large as its pixels: a stage of 630.2 pixels would stretch a canvas of 630 and soften every edge.
      canvas.style.width = `${canvas.width / this.#ratio}px`;
      canvas.style.height = `${canvas.height / this.#ratio}px`;
    }
    this.redraw();
  }

  /** Draw these layers as a whole in the next frame; without names all. @param {LayerName[]} names */
  redraw(...names) {
    for (const name of names.length ? names : LAYERS) this.#stale.add(name);
    this.wake();
  }

  /** Draw in the next frame what is stale, and what the mask says has changed. */
  wake() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** Draw no more. */
  close() {
    cancelAnimationFrame(this.#frame);
    for (const { canvas } of this.#contexts.values()) canvas.remove();
  }

  #draw() {
    this.#frame = 0;
    const stale = new Set(this.#stale);
    this.#stale.clear();
    if (stale.has("picture")) this.#drawPicture(this.#clear("picture"));
    this.#drawMask(stale.has("mask"));
    if (stale.has("guide")) this.#drawGuide(this.#clear("guide"));
    if (stale.has("sketch")) drawSketch(this.#clear("sketch"), this.view, this.sketch());
  }

  /** @param {LayerName} name @returns {CanvasRenderingContext2D} empty, in CSS pixels */
  #clear(name) {
    const context = /** @type {CanvasRenderingContext2D} */ (this.#contexts.get(name));
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    return context;
  }

  /** Let a context draw in image coordinates; pixels stay squares above 1:1. @param {CanvasRenderingContext2D} context */
  #inImage(context) {
    const scale = this.#ratio * this.view.scale;
    context.setTransform(scale, 0, 0, scale, -this.view.left * scale, -this.view.top * scale);
    context.imageSmoothingEnabled = this.view.scale < 1;
  }

  /** @param {CanvasRenderingContext2D} context */
  #drawPicture(context) {
    if (!this.pictures) return;
    const [first, second] = this.#frames();
    this.#drawWhole(context, first);
    if (!second) return;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    const x = this.split * this.view.width;
    context.save();
    context.beginPath();
    context.rect(x, 0, this.view.width - x, this.view.height);
    context.clip();
    context.clearRect(x, 0, this.view.width - x, this.view.height);
    this.#drawWhole(context, second);
    context.restore();
  }

  /** @returns {(CanvasImageSource|null)[]} what to draw, and what to draw right of the split line */
  #frames() {
    const pictures = /** @type {import("./pictures.js").Pictures} */ (this.pictures);
    const blurred = pictures.bitmap("blurred");
    const sharp = pictures.bitmap("sharp");
    if (!sharp) return [blurred, null];
    if (this.picture === "split") return this.flickering ? [sharp, blurred] : [blurred, sharp];
    if (this.picture === "heat" && !this.flickering) return [pictures.heat(this.gain), null];
    return [(this.picture === "sharp") === this.flickering ? blurred : sharp, null];
  }

  /** @param {CanvasRenderingContext2D} context @param {CanvasImageSource|null} source */
  #drawWhole(context, source) {
    if (!source) return;
    this.#inImage(context);
    context.drawImage(source, 0, 0);
  }

  /** @param {boolean} whole */
  #drawMask(whole) {
    if (!this.#maskLayer) return void (whole && this.#clear("mask"));
    const { mode, opacity, colour, pattern } = this.overlay;
    const context = /** @type {CanvasRenderingContext2D} */ (this.#contexts.get("mask"));
    context.canvas.style.opacity = String(mode === "hidden" ? 0 : mode === "outline" ? 1 : opacity);
    const outline = mode === "outline" ? Math.max(1, Math.ceil(1.5 / this.view.scale)) : 0;
    const rect = this.#maskLayer.refresh(colour, outline, pattern);
    if (whole) {
      this.#clear("mask");
      this.#drawWhole(context, this.#maskLayer.canvas);
    } else if (rect) {
      this.#drawMaskPart(context, this.#maskLayer.canvas, rect);
    }
    return undefined;
  }

  /** @param {CanvasRenderingContext2D} context @param {OffscreenCanvas} source @param {Rect} rect */
  #drawMaskPart(context, source, rect) {
    const [left, top] = this.view.toScreen(rect.x, rect.y);
    const scale = this.view.scale;
    const from = [Math.floor((left - 1) * this.#ratio) - 1, Math.floor((top - 1) * this.#ratio) - 1];
    const size = [(rect.width * scale + 2) * this.#ratio, (rect.height * scale + 2) * this.#ratio].map((side) => Math.ceil(side) + 3);
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(from[0], from[1], size[0], size[1]);
    context.clip();
    context.clearRect(from[0], from[1], size[0], size[1]);
    this.#drawWhole(context, source);
    context.restore();
  }

  /** @param {CanvasRenderingContext2D} context */
  #drawGuide(context) {
    if (this.windows) drawWindows(context, this.view, this.windows);
    if (this.picture === "split" && this.pictures?.bitmap("sharp")) drawSplitLine(context, this.view, this.split);
  }
}
