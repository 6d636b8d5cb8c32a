/**
 * The editor of one blur mask: what the page around it calls. Everything it shows stands inside one element, the stage.
 *
 * Events (all CustomEvent, see `detail`):
 *   "opened"    {item, layer}                          a layer is on the canvas
 *   "status"    Status                                 saved | saving | offline | conflict | refused
 *   "history"   {head, canUndo, canRedo}
 *   "stroke"    {revision, kind, rect}                 a stroke was put down (not yet saved)
 *   "layer"     Layer                                  the server told something new about the open layer
 *   "conflict"  {annotator, message}                   somebody else drew on this layer: call resolveConflict
 *   "resolved"  null                                   the conflict is over
 *   "notice"    {message}                              one line for a person: a tool could not do what was asked
 *   "working"   {on, message}                          a tool waits for the server
 *   "view"      {scale}                                zoom or pan changed
 *   "tool"      {tool, size, hardness, pressure, subtract}
 *   "display"   {overlay, picture, gain, split, pair}  pair: the sharp frame is there
 *   "cursor"    {x, y, inside, blurred, down, keyboard}    whole image pixels
 */

import { Api } from "./api.js";
import { decodeWindows } from "./guide.js";
import { Outbox } from "./outbox.js";
import { Painter } from "./painter.js";
import { Pictures } from "./pictures.js";
import { PointerInput } from "./pointer.js";
import { LayerSession } from "./session.js";
import { makeTool } from "./tools/make_tool.js";
import { View } from "./view.js";

/**
 * @typedef {import("./types.js").Item} Item
 * @typedef {import("./types.js").Layer} Layer
 * @typedef {import("./types.js").ToolPoint} ToolPoint
 * @typedef {import("./tools/tool.js").Tool} Tool
 */

/** Smallest and largest diameter of the brush in image pixels. */
export const BRUSH_SIZES = /** @type {const} */ ([1, 200]);
/** How near to the split line a press takes hold of it: screen pixels. */
const SPLIT_GRIP = 6;

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @param {string} name @returns {string} as the server stores it: one person has one name */
const tidyName = (name) => name.normalize("NFC").trim().replace(/\s+/g, " ");

export class Editor extends EventTarget {
  /** @type {LayerSession|null} */ #session = null;
  /** @type {Promise<Outbox>} */ #started;
  /** @type {Tool|null} null: the hand */ #tool = null;
  /** @type {import("./types.js").ToolName} */ #toolName = "brush";
  /** @type {{x: number, y: number}|null} in image coordinates */ #cursor = null;
  #keyboard = false;
  #keyboardDown = false;
  #subtract = false;
  #panning = false;
  #panned = false;
  #opening = 0;
  /** @type {ResizeObserver} */ #observer;
  #destroyed = new AbortController();

  /** @type {Item|null} */ item = null;
  brush = { size: 40, hardness: 1, pressure: true };

  /**
   * @param {HTMLElement} stage  gets its canvases here; its size is the page's business, its position must not be static
   * @param {{annotator: string, project: {id: string, name: string}, api?: Api}} who  the name that strokes carry; the
   *   project that they are meant for, alone
   */
  constructor(stage, { annotator, project, api = new Api() }) {
    super();
    this.stage = stage;
    this.annotator = tidyName(annotator);
    this.api = api;
    this.api.project = project.id;
    this.view = new View();
    this.outbox = new Outbox(api, project);
    this.outbox.addEventListener("status", (event) => this.#emit("status", /** @type {CustomEvent} */ (event).detail));
    this.#started = this.outbox.start();
    this.painter = new Painter(stage, this.view, () => this.#sketchState());
    this.input = new PointerInput(stage, this.view, this.#pointerHost());
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(stage);
    this.#resize();
    this.#watchRatio();
  }

  /** The page may be moved to a screen with smaller pixels without changing its size. */
  #watchRatio() {
    const changed = () => {
      this.#resize();
      this.#watchRatio();
    };
    const { signal } = this.#destroyed;
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", changed, { once: true, signal });
  }

  /** @param {string} name @param {any} [detail] */
  #emit(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #resize() {
    const { clientWidth, clientHeight } = this.stage;
    this.view.resize(clientWidth, clientHeight);
    this.painter.resize(clientWidth, clientHeight);
    this.#emit("view", { scale: this.view.scale });
  }

  /** Take the editor off the page; what is unsent waits in the journal. */
  destroy() {
    this.close();
    this.#observer.disconnect();
    this.#destroyed.abort();
    this.input.close();
    this.painter.close();
    this.outbox.close();
  }

  // ---- what is open

  /** @returns {Layer|null} what the server said last */
  get layer() {
    return this.#session?.layer ?? null;
  }

  /** @returns {import("./mask.js").MaskRaster|null} what is on the canvas; to be read, not written */
  get mask() {
    return this.#session?.mask ?? null;
  }

  /** @returns {import("./types.js").Status} */
  get status() {
    return this.outbox.status;
  }

  /** Show a layer, with whatever of it was not sent yet. @param {{id: number}} item @param {{id: number}} layer */
  async open(item, layer) {
    this.close();
    const ticket = ++this.#opening;
    if (typeof CompressionStream === "undefined") throw new Error("this browser is too old for the editor: update it");
    await this.#started;
    await this.outbox.settled();
    const unsent = this.outbox.of(layer.id, this.annotator); // before the server is asked: see LayerSession
    const whole = await this.api.item(item.id);
    const found = whole.layers.find(({ id }) => id === layer.id);
    if (!found) throw new Error(`picture ${whole.name} has no layer ${layer.id}`);
    const pictures = new Pictures(this.api, whole);
    const session = new LayerSession(this.api, this.outbox, whole, found, this.annotator, unsent);
    await Promise.all([pictures.load("blurred"), session.open()]).catch((error) => {
      session.close();
      throw error;
    });
    if (ticket !== this.#opening) return session.close(); // the person went on to the next one
    this.#attach(whole, session, pictures);
    if (whole.pair) this.#loadSharp(pictures);
    return undefined;
  }

  /** @param {Item} item @param {LayerSession} session @param {Pictures} pictures */
  #attach(item, session, pictures) {
    this.item = item;
    this.#session = session;
    this.painter.pictures = pictures;
    this.painter.setMask(session.mask);
    this.view.setImage(item.width, item.height);
    for (const name of ["history", "stroke", "layer", "conflict", "resolved", "notice"]) {
      session.addEventListener(name, (event) => this.#emit(name, /** @type {CustomEvent} */ (event).detail));
    }
    session.addEventListener("changed", () => this.painter.wake());
    this.setTool(this.#toolName);
    this.#readAhead();
    this.painter.redraw();
    this.#emit("opened", { item, layer: session.layer });
    this.#emit("view", { scale: this.view.scale });
    this.#tellDisplay();
    session.announce();
  }

  /** @param {Pictures} pictures */
  async #loadSharp(pictures) {
    try {
      await pictures.load("sharp");
    } catch (error) {
      this.#emit("notice", { message: `The sharp frame is missing: ${/** @type {Error} */ (error).message}` });
    }
    if (this.painter.pictures !== pictures) return pictures.close();
    this.painter.redraw("picture", "guide");
    return this.#tellDisplay();
  }

  /** Leave the layer; what is unsent goes on being sent. */
  close() {
    this.#opening++;
    this.cancel();
    this.#session?.close();
    this.#session = null;
    this.#tool = null;
    this.item = null;
    this.painter.pictures?.close();
    this.painter.pictures = null;
    this.painter.windows = null;
    this.painter.setMask(null);
    this.painter.redraw();
  }

  /** Ask the server for the head and show it, if nothing of ours is unsent (after a proposal was asked for, say). */
  async reload() {
    await this.#session?.refresh();
  }

  /** @param {string} name  the name that strokes carry from now on; the open layer is opened again under it */
  async setAnnotator(name) {
    const { item, layer } = this;
    this.annotator = tidyName(name);
    if (item && layer) await this.open(item, layer);
  }

  /** Resolves when everything of this layer is saved; rejects with the server's line when that is refused. */
  async flushed() {
    if (this.layer) await this.outbox.flushed(this.layer.id);
  }

  /**
   * Set the layer's state, after everything drawn is saved. Rejects with the server's line.
   * @param {string} state @param {string} [reason]
   */
  async setState(state, reason = "") {
    const session = this.#session;
    if (!session) return;
    await this.outbox.flushed(session.layer.id);
    if (session.conflict !== null) throw new Error("somebody else changed this mask meanwhile: choose first which strokes count");
    const { id, version } = await session.current();
    session.learn(await this.api.setState(id, state, reason, version, session.annotator));
  }

  // ---- tools

  /** @param {import("./types.js").ToolName} name */
  setTool(name) {
    this.cancel();
    this.#toolName = name;
    const host = this.#session && this.#toolHost(this.#session);
    this.#tool = host && makeTool(name, host);
    this.painter.redraw("sketch");
    this.#tellTool();
  }

  get tool() {
    return this.#toolName;
  }

  get subtract() {
    return this.#subtract;
  }

  /**
   * size: diameter, 1 … 200 image pixels. pressure: a pen's pressure scales it, down to a fifth. hardness 0 … 1: a mask
   * knows no half-covered pixels, so this says how much of the brush is taken whatever the picture shows: within that
   * share of the radius every pixel, outside it only pixels that look like the one under the brush's centre. 1: a disc.
   * @param {{size?: number, hardness?: number, pressure?: boolean}} change
   */
  setBrush({ size = this.brush.size, hardness = this.brush.hardness, pressure = this.brush.pressure }) {
    this.brush.size = clamp(Math.round(size), ...BRUSH_SIZES);
    this.brush.hardness = clamp(hardness, 0, 1);
    this.brush.pressure = pressure;
    this.#readAhead();
    this.painter.redraw("sketch");
    this.#tellTool();
  }

  /** A soft brush looks at the picture's pixels: have them before the first stroke does. */
  #readAhead() {
    if (this.brush.hardness < 1) setTimeout(() => this.painter.pictures?.pixels(this.#frame), 0);
  }

  /** Tools take away while on (the Alt key does the same for one stroke). @param {boolean} on */
  setSubtract(on) {
    this.#subtract = on;
    this.painter.redraw("sketch");
    this.#tellTool();
  }

  /** Close the polygon or magnetic outline. @returns {boolean} false: there was none to close */
  finish() {
    return this.#tool?.finish?.() ?? false;
  }

  /** Give up what is being drawn. @returns {boolean} false: nothing was */
  cancel() {
    this.#keyboardDown = false;
    const cancelled = this.#tool?.cancel() ?? false;
    this.painter.wake();
    return cancelled;
  }

  /** Take back the last point of a polygon or magnetic outline. @returns {boolean} */
  removeLastPoint() {
    return this.#tool?.removeLastPoint?.() ?? false;
  }

  /** Empty the mask, as a stroke that can be undone. */
  clear() {
    const session = this.#session;
    if (!session) return;
    this.cancel();
    const { width, height } = session.mask;
    session.mask.draw({ x: 0, y: 0, width, height }, () => 0);
    session.commit("clear");
    this.painter.wake();
  }

  // ---- history

  get canUndo() {
    return this.#session?.canUndo ?? false;
  }

  get canRedo() {
    return this.#session?.canRedo ?? false;
  }

  /** @returns {string|null} the revision on the canvas */
  get head() {
    return this.#session?.history.head ?? null;
  }

  undo() {
    return this.#try((session) => session.undo());
  }

  redo() {
    return this.#try((session) => session.redo());
  }

  /** @param {string} revision  any revision of the layer */
  restore(revision) {
    return this.#try((session) => session.restore(revision));
  }

  /** A person takes the proposal as it is. */
  accept() {
    return this.#try((session) => session.accept());
  }

  /**
   * @param {"theirs"|"mine"} choice  "theirs": show the head; ours stays in the history, where it can be restored.
   *   "mine": every pixel that we changed since we parted goes on top of theirs, as one new stroke that can be undone.
   */
  resolveConflict(choice) {
    return this.#try((session) => session.resolve(choice));
  }

  /** Send again now: after a refusal was put right (signing in, say), or not to wait for the next attempt. */
  retry() {
    this.outbox.retry();
  }

  /** Drop this layer's unsent strokes and whatever the server refused; show what it has. Ask the person first. */
  discardUnsent() {
    return this.#try(async (session) => {
      if (this.status.since) throw new Error("the server cannot be reached, and without it nothing could be shown instead");
      await this.outbox.discard(session.layer.id);
      await session.resolve("theirs");
    });
  }

  /** @param {(session: LayerSession) => Promise<void>} work  its failure is a notice: nothing was lost by it */
  async #try(work) {
    const session = this.#session;
    if (!session) return;
    try {
      await work(session);
    } catch (error) {
      this.#emit("notice", { message: `That did not work: ${/** @type {Error} */ (error).message}` });
    }
  }

  // ---- what is shown

  get overlay() {
    return { ...this.painter.overlay };
  }

  /** mode: "fill", "outline" or "hidden"; opacity 0 … 1; colour "#rrggbb"
   * @param {Partial<{mode: "fill"|"outline"|"hidden", opacity: number, colour: string}>} change */
  setOverlay(change) {
    Object.assign(this.painter.overlay, change);
    this.painter.overlay.opacity = clamp(this.painter.overlay.opacity, 0, 1);
    this.painter.redraw("mask");
    this.#tellDisplay();
  }

  /** @param {import("./types.js").PictureMode} mode  all but "blurred" show a pair's sharp frame once it is there */
  setPicture(mode) {
    this.painter.picture = mode;
    this.#readAhead();
    this.painter.redraw("picture", "guide");
    this.#tellDisplay();
  }

  /** @param {number} gain  of the difference in "heat", 1 … 32 */
  setGain(gain) {
    this.painter.gain = clamp(gain, 1, 32);
    this.painter.redraw("picture");
    this.#tellDisplay();
  }

  /** @param {number} fraction  of the stage's width at which "split" changes from blurred to sharp, 0 … 1 */
  setSplit(fraction) {
    this.painter.split = clamp(fraction, 0, 1);
    this.painter.redraw("picture", "guide");
    this.#tellDisplay();
  }

  /** Show the other frame of the pair while on. @param {boolean} on */
  flicker(on) {
    if (this.painter.flickering === on) return;
    this.painter.flickering = on;
    this.painter.redraw("picture");
  }

  /**
   * Draw which windows are kept: one entry of `sizes` of GET /api/layers/{id}/windows with its size and the answer's pad;
   * null: none.
   * @param {{size: number, columns: number, rows: number, grid: string, pad: {left: number, top: number}}|null} windows
   */
  async setWindows(windows) {
    const session = this.#session;
    const decoded = windows && (await decodeWindows(windows));
    if (session !== this.#session) return;
    this.painter.windows = decoded;
    this.painter.redraw("guide");
  }

  get zoom() {
    return this.view.scale;
  }

  /** @param {number} scale  screen (CSS) pixels per image pixel, up to 32; around the cursor, else around the middle */
  zoomTo(scale) {
    const { width, height } = this.view;
    const at = this.#cursor && this.view.toScreen(this.#cursor.x, this.#cursor.y);
    const inside = at && at[0] >= 0 && at[1] >= 0 && at[0] <= width && at[1] <= height;
    this.view.zoomAround(scale, ...(inside ? at : /** @type {[number, number]} */ ([width / 2, height / 2])));
    this.#viewChanged();
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.zoomTo(this.view.scale * factor);
  }

  fit() {
    this.view.fit();
    this.#viewChanged();
  }

  /** @param {number} dx @param {number} dy  screen pixels */
  panBy(dx, dy) {
    this.view.panBy(dx, dy);
    this.#viewChanged();
  }

  /** While on (space held), dragging pans. @param {boolean} on @returns {boolean} whether anything was dragged since it was switched on */
  setPanning(on) {
    if (on && !this.#panning) this.#panned = false;
    this.#panning = on;
    this.#showPointer();
    return this.#panned;
  }

  #viewChanged() {
    this.painter.redraw();
    this.#emit("view", { scale: this.view.scale });
  }

  // ---- drawing with the keyboard

  /** Show the keyboard cursor and move it; what is put down draws. @param {number} dx @param {number} dy  image pixels */
  moveCursor(dx, dy) {
    const item = this.item;
    if (!item) return;
    if (!this.#keyboard) this.#startKeyboard();
    const from = /** @type {{x: number, y: number}} */ (this.#cursor);
    this.#cursor = { x: clamp(from.x + dx, 0.5, item.width - 0.5), y: clamp(from.y + dy, 0.5, item.height - 0.5) };
    this.#tool?.pointerMove([this.#keyboardPoint()]);
    if (this.view.reveal(this.#cursor.x, this.#cursor.y)) this.#viewChanged();
    this.#cursorMoved();
  }

  /** Put the tool down at the cursor, or lift it (brush, eraser, grabcut); a click for polygon, fill and scissors. */
  pressCursor() {
    if (!this.#tool) return;
    if (!this.#keyboard) return this.moveCursor(0, 0); // the first press shows where it would draw
    const point = this.#keyboardPoint();
    if (!this.#keyboardDown) this.#tool.pointerDown(point);
    if (this.#keyboardDown || !this.#tool.drags) this.#tool.pointerUp(point);
    this.#keyboardDown = this.#tool.drags && !this.#keyboardDown;
    this.#cursorMoved();
  }

  /** Take the keyboard cursor away (the pointer does so too). */
  hideCursor() {
    if (!this.#keyboard) return;
    if (this.#keyboardDown) this.#tool?.pointerUp(this.#keyboardPoint());
    this.#keyboardDown = false;
    this.#keyboard = false;
    this.#cursor = null;
    this.painter.redraw("sketch");
  }

  /** From the middle of the stage, on a pixel's centre. */
  #startKeyboard() {
    this.#keyboard = true;
    const [x, y] = this.#cursor ? [this.#cursor.x, this.#cursor.y] : this.view.toImage(this.view.width / 2, this.view.height / 2);
    this.#cursor = { x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5 };
  }

  /** @returns {ToolPoint} */
  #keyboardPoint() {
    const { x, y } = /** @type {{x: number, y: number}} */ (this.#cursor);
    return { x, y, pressure: 1, subtract: this.#subtract };
  }

  #cursorMoved() {
    this.painter.redraw("sketch");
    if (!this.#cursor || !this.#session) return;
    const { mask } = this.#session;
    const [x, y] = [Math.floor(this.#cursor.x), Math.floor(this.#cursor.y)];
    const inside = x >= 0 && y >= 0 && x < mask.width && y < mask.height;
    this.#emit("cursor", { x, y, inside, blurred: mask.at(x, y) === 1, down: this.#keyboardDown, keyboard: this.#keyboard });
  }

  // ---- for measuring

  /** @returns {number[]} milliseconds that the newest pointer handlers (up to 4096) took, oldest first */
  get handlerDurations() {
    return this.input.durations;
  }

  clearHandlerDurations() {
    this.input.clearDurations();
  }

  // ---- between the parts

  #tellTool() {
    this.#showPointer();
    this.#emit("tool", { tool: this.#toolName, ...this.brush, subtract: this.#subtract });
  }

  #tellDisplay() {
    const { picture, gain, split } = this.painter;
    const pair = !!this.painter.pictures?.bitmap("sharp");
    this.#emit("display", { overlay: this.overlay, picture, gain, split, pair });
  }

  #showPointer() {
    const hand = this.#panning || this.#toolName === "pan";
    const brush = this.#toolName === "brush" || this.#toolName === "eraser";
    this.stage.style.cursor = hand ? "grab" : brush ? "none" : "crosshair";
  }

  /** @returns {"blurred"|"sharp"} the frame that tools look at */
  get #frame() {
    return this.painter.picture === "sharp" && this.painter.pictures?.bitmap("sharp") ? "sharp" : "blurred";
  }

  /** @returns {import("./sketch.js").SketchState} */
  #sketchState() {
    const brush = this.#toolName === "brush" || this.#toolName === "eraser";
    return {
      cursor: this.#panning ? null : this.#cursor,
      diameter: brush ? this.brush.size : 0,
      keyboard: this.#keyboard,
      down: this.#keyboardDown,
      subtract: this.#subtract,
      tool: this.#tool?.sketch?.() ?? null,
    };
  }

  /** @param {LayerSession} session @returns {import("./tools/tool.js").Host} */
  #toolHost(session) {
    const editor = this;
    return {
      mask: session.mask,
      view: this.view,
      brush: this.brush,
      api: this.api,
      item: session.item,
      get frame() {
        return editor.#frame;
      },
      pixels: () => this.painter.pictures?.pixels(this.#frame) ?? null,
      commit: (kind) => {
        const changed = session.commit(kind);
        this.painter.wake();
        return changed;
      },
      redraw: () => this.painter.redraw("sketch"),
      notice: (message) => this.#emit("notice", { message }),
      working: (message) => this.#emit("working", { on: message !== "", message }),
      open: () => this.#session === session,
    };
  }

  /** @returns {import("./pointer.js").PointerHost} */
  #pointerHost() {
    return {
      panning: () => this.#panning || !this.#tool,
      drags: () => this.#tool?.drags ?? true,
      onSplitLine: (x) => this.#isSplit && Math.abs(x - this.painter.split * this.view.width) <= SPLIT_GRIP,
      splitTo: (fraction) => this.setSplit(fraction),
      down: (point) => this.#pointer(point, () => this.#tool?.pointerDown(this.#signed(point))),
      move: (points) => this.#pointer(points[points.length - 1], () => this.#tool?.pointerMove(points.map((each) => this.#signed(each)))),
      up: (point) => this.#pointer(point, () => this.#tool?.pointerUp(this.#signed(point))),
      giveUp: () => void this.cancel(),
      pan: (dx, dy) => {
        this.#panned = true;
        this.panBy(dx, dy);
      },
      zoom: (factor, x, y) => {
        this.view.zoomAround(this.view.scale * factor, x, y);
        this.#viewChanged();
      },
      leave: () => this.#leave(),
    };
  }

  get #isSplit() {
    return this.painter.picture === "split" && !!this.painter.pictures?.bitmap("sharp");
  }

  /** @param {ToolPoint} point @returns {ToolPoint} */
  #signed(point) {
    return { ...point, subtract: point.subtract !== this.#subtract };
  }

  /** @param {ToolPoint} point  where the pointer is now @param {() => void} act */
  #pointer(point, act) {
    if (this.#keyboard) this.hideCursor();
    this.#cursor = { x: point.x, y: point.y };
    act();
    this.painter.wake();
    this.#cursorMoved();
  }

  #leave() {
    if (this.#keyboard) return;
    this.#cursor = null;
    this.painter.redraw("sketch");
  }
}
