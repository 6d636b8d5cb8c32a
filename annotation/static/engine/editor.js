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
 *   "resolved"  {}                                     the conflict is over
 *   "notice"    {message}                              one line for a person: a tool could not do what was asked
 *   "working"   {on, message}                          a tool waits for the server
 *   "view"      {scale}                                zoom or pan changed
 *   "tool"      {tool, size, hardness, pressure, subtract}
 *   "display"   {overlay, picture, gain, split}
 *   "cursor"    {x, y, inside, blurred, down, keyboard}    whole image pixels
 */

export class Editor extends EventTarget {
  /**
   * @param {HTMLElement} stage  gets its canvases here; its size is the page's business
   * @param {{annotator: string, project: string}} who  the name that strokes carry; the project's identity for the journal
   */
  constructor(stage, { annotator, project }) {
    super();
    this.stage = stage;
    this.annotator = annotator;
    this.project = project;
  }

  // ---- what is open

  /** @type {import("./types.js").Item|null} */ item = null;
  /** @type {import("./types.js").Layer|null} what the server said last */ layer = null;

  /** Show a layer, with whatever of it was not sent yet. @param {import("./types.js").Item} item @param {import("./types.js").Layer} layer */
  async open(item, layer) {}
  /** Leave the layer; what is unsent goes on being sent. */
  close() {}
  /** Ask the server for the head and show it, if nothing of ours is unsent (after a proposal was asked for, say). */
  async reload() {}
  /** @param {string} name  the name that strokes carry from now on; reopens the layer */
  async setAnnotator(name) {}
  /** Resolves when everything of this layer is acknowledged; rejects when that is refused or in conflict. */
  async flushed() {}
  /** Set the layer's state after everything drawn is saved. Throws ApiError with the server's line. */
  async setState(state, reason = "") {}

  // ---- tools

  /** @param {import("./types.js").ToolName} name */
  setTool(name) {}
  /** size: diameter 1 … 200 image pixels; hardness 0 … 1; pressure: a pen's pressure scales the size */
  setBrush({ size, hardness, pressure }) {}
  /** Tools take away while on (the Alt key does the same for one stroke). */
  setSubtract(on) {}
  /** Close the polygon or magnetic outline. @returns {boolean} false: there was none to close */
  finish() {}
  /** Give up what is being drawn. @returns {boolean} false: nothing was */
  cancel() {}
  /** Take back the last point of a polygon or magnetic outline. @returns {boolean} */
  removeLastPoint() {}
  /** Empty the mask, as a stroke that can be undone. */
  clear() {}

  // ---- history

  /** @type {boolean} */ canUndo = false;
  /** @type {boolean} */ canRedo = false;
  async undo() {}
  async redo() {}
  /** @param {string} revision  any revision of the layer */
  async restore(revision) {}
  /** A person takes the proposal as it is. */
  async accept() {}
  /** @param {"theirs"|"mine"} choice  "theirs": show the head (ours stays in the history); "mine": our changed pixels on top of theirs */
  async resolveConflict(choice) {}
  /** Send again now: after a refusal was put right (signing in, say), or not to wait for the next attempt. */
  retry() {}
  /** Drop this layer's refused, unsent strokes and show what the server has. Ask the person first. */
  async discardUnsent() {}

  // ---- what is shown

  /** mode: "fill" | "outline" | "hidden"; opacity 0 … 1; colour "#rrggbb" */
  setOverlay({ mode, opacity, colour }) {}
  /** @param {import("./types.js").PictureMode} mode  all but "blurred" need a pair */
  setPicture(mode) {}
  /** @param {number} gain  of the difference in "heat", 1 … 32 */
  setGain(gain) {}
  /** @param {number} fraction  of the stage's width at which "split" changes from blurred to sharp, 0 … 1 */
  setSplit(fraction) {}
  /** Show the other frame of the pair while on. */
  flicker(on) {}
  /** Draw which windows are kept: one entry of `sizes` of GET /api/layers/{id}/windows with its size and pad; null: none.
   * @param {{size: number, columns: number, rows: number, grid: string, pad: {left: number, top: number}}|null} windows */
  async setWindows(windows) {}

  /** @param {number} scale  screen (CSS) pixels per image pixel, up to 32; around the cursor or the middle */
  zoomTo(scale) {}
  zoomBy(factor) {}
  fit() {}
  /** @param {number} dx @param {number} dy  screen pixels */
  panBy(dx, dy) {}
  /** While on (space held), dragging pans. @returns {boolean} when switched off: whether anything was dragged */
  setPanning(on) {}

  // ---- drawing with the keyboard

  /** Show the keyboard cursor and move it; what is put down draws. @param {number} dx @param {number} dy image pixels */
  moveCursor(dx, dy) {}
  /** Put the tool down at the cursor, or lift it (brush, eraser, grabcut); a click for polygon, fill and scissors. */
  pressCursor() {}
  /** Take the keyboard cursor away (the pointer does so too). */
  hideCursor() {}

  // ---- for measuring

  /** @type {number[]} milliseconds that the newest (up to 4096) pointer handlers took, oldest first */
  get handlerDurations() {
    return [];
  }
  clearHandlerDurations() {}
}
