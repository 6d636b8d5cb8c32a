/**
 * Mouse, pen and fingers on the stage: who draws, who pans, who zooms.
 *
 * A pen or the left mouse button draws. One finger draws until a pen was seen; from then on fingers only pan and zoom, and
 * while the pen touches the screen they do nothing (a resting palm). Two fingers pan and zoom, and take back what the
 * first of them had begun to draw. The middle button, and any dragging while space is held, pans. The wheel pans; with
 * Ctrl (which is also what a touchpad's pinch sends) it zooms.
 */

/** Of the newest pointer handlers the durations are kept: this many. */
const KEPT_DURATIONS = 4096;
/** Pixels that a wheel's line and page stand for. */
const WHEEL_UNITS = [1, 32, 400];
/** How far a finger or mouse may stray in a click: screen pixels. */
const CLICK_SLOP = 8;
/** The Pointer Events' `buttons` bit of a pen's eraser. */
const PEN_ERASER = 32;

/**
 * @typedef {object} PointerHost
 * @property {() => boolean} panning  every drag pans (space is held, or the hand is the tool)
 * @property {() => boolean} drags  the tool draws while it is pressed; else it is clicked
 * @property {(x: number) => boolean} onSplitLine  whether the split line is at this place of the stage
 * @property {(fraction: number) => void} splitTo
 * @property {(point: import("./types.js").ToolPoint) => void} down
 * @property {(points: import("./types.js").ToolPoint[]) => void} move
 * @property {(point: import("./types.js").ToolPoint) => void} up
 * @property {() => void} giveUp  take back what is being drawn
 * @property {(dx: number, dy: number) => void} pan
 * @property {(factor: number, x: number, y: number) => void} zoom
 * @property {() => void} leave
 */

export class PointerInput {
  /** @type {Map<number, {x: number, y: number}>} fingers on the stage */ #fingers = new Map();
  /** @type {{id: number, mode: "draw"|"click"|"pan"|"split", type: string, x: number, y: number, subtract: boolean}|null} */ #active = null;
  #penSeen = false;
  #durations = new Float64Array(KEPT_DURATIONS);
  #handled = 0;
  #stop = new AbortController();

  /** @param {HTMLElement} stage @param {import("./view.js").View} view @param {PointerHost} host */
  constructor(stage, view, host) {
    this.stage = stage;
    this.view = view;
    this.host = host;
    stage.style.touchAction = "none";
    const { signal } = this.#stop;
    const handlers = /** @type {[string, (event: any) => void][]} */ ([
      ["pointerdown", (event) => this.#down(event)],
      ["pointermove", (event) => this.#move(event)],
      ["pointerup", (event) => this.#up(event)],
      ["pointercancel", (event) => this.#cancel(event)],
      ["lostpointercapture", (event) => this.#cancel(event)], // a dialog took it away; after pointerup nothing is left to do
      ["pointerleave", () => this.#active || host.leave()],
      ["wheel", (event) => this.#wheel(event)],
    ]);
    for (const [name, handler] of handlers) {
      stage.addEventListener(name, (event) => this.#timed(handler, event), { signal, passive: false });
    }
  }

  close() {
    this.#stop.abort();
  }

  /** @param {(event: any) => void} handler @param {Event} event */
  #timed(handler, event) {
    const start = performance.now();
    handler(event);
    this.#durations[this.#handled++ % KEPT_DURATIONS] = performance.now() - start;
  }

  /** @returns {number[]} milliseconds, oldest first */
  get durations() {
    if (this.#handled <= KEPT_DURATIONS) return Array.from(this.#durations.subarray(0, this.#handled));
    const oldest = this.#handled % KEPT_DURATIONS;
    return [...this.#durations.subarray(oldest), ...this.#durations.subarray(0, oldest)];
  }

  clearDurations() {
    this.#handled = 0;
  }

  /** @returns {boolean} a pen drew or hovered: fingers draw no more */
  get penSeen() {
    return this.#penSeen;
  }

  /** @param {PointerEvent|WheelEvent} event @returns {[number, number]} on the stage */
  #place(event) {
    const { left, top } = this.stage.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  /** @param {PointerEvent} event @param {number} left @param {number} top  of the stage @param {boolean} subtract */
  #point(event, left, top, subtract) {
    const [x, y] = this.view.toImage(event.clientX - left, event.clientY - top);
    return { x, y, pressure: event.pointerType === "pen" && event.pressure > 0 ? event.pressure : 1, subtract };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.#notePen(event);
    if (event.pointerType === "touch" && !this.#fingerDown(event)) return;
    if (this.#active) return;
    const [x, y] = this.#place(event);
    const mode = this.#modeOf(event, x);
    if (!mode) return;
    event.preventDefault();
    this.stage.focus({ preventScroll: true }); // preventDefault keeps the browser from doing so
    this.stage.setPointerCapture(event.pointerId);
    const subtract = event.altKey || (event.buttons & PEN_ERASER) !== 0;
    this.#active = { id: event.pointerId, mode, type: event.pointerType, x, y, subtract };
    if (mode === "draw") this.host.down(this.#point(event, ...this.#corner(), subtract));
  }

  /** @returns {[number, number]} the stage's, in the window */
  #corner() {
    const { left, top } = this.stage.getBoundingClientRect();
    return [left, top];
  }

  /** A pen takes over from a palm that was there first. @param {PointerEvent} event */
  #notePen(event) {
    if (event.pointerType !== "pen") return;
    this.#penSeen = true;
    if (event.type === "pointerdown" && this.#active?.type === "touch") this.#drop();
  }

  /** @param {PointerEvent} event @returns {boolean} whether this finger alone does something */
  #fingerDown(event) {
    if (this.#active?.type === "pen") return false;
    const [x, y] = this.#place(event);
    this.#fingers.set(event.pointerId, { x, y });
    if (this.#fingers.size === 2 && this.#active?.type !== "mouse") this.#drop();
    return this.#fingers.size === 1;
  }

  /** End what the active pointer does without its result. */
  #drop() {
    if (this.#active?.mode === "draw") this.host.giveUp();
    this.#active = null;
  }

  /** @param {PointerEvent} event @param {number} x @returns {"draw"|"click"|"pan"|"split"|null} */
  #modeOf(event, x) {
    if (event.button === 1 || (event.button === 0 && this.host.panning())) return "pan";
    if (event.button !== 0 && !(event.buttons & PEN_ERASER)) return null;
    if (this.host.onSplitLine(x)) return "split";
    if (event.pointerType === "touch" && this.#penSeen) return "pan";
    return this.host.drags() ? "draw" : "click";
  }

  /** @param {PointerEvent} event */
  #move(event) {
    this.#notePen(event);
    const finger = this.#fingers.get(event.pointerId);
    if (finger && this.#fingers.size > 1) return this.#pinch(event, finger);
    if (finger) [finger.x, finger.y] = this.#place(event);
    if (this.#active && this.#active.id !== event.pointerId) return undefined;
    if (event.pointerType === "touch" && !this.#active) return undefined;
    const mode = this.#active?.mode;
    if (mode === "pan" || mode === "split") return this.#drag(event);
    if (mode === "click" && this.#strayed(event) && event.pointerType === "touch") return this.#turnIntoPan();
    const coalesced = event.getCoalescedEvents?.() ?? [];
    const [left, top] = this.#corner();
    const subtract = this.#active ? this.#active.subtract : event.altKey;
    return this.host.move((coalesced.length ? coalesced : [event]).map((each) => this.#point(each, left, top, subtract)));
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    const active = /** @type {NonNullable<typeof this.#active>} */ (this.#active);
    const [x, y] = this.#place(event);
    if (active.mode === "split") this.host.splitTo(x / this.view.width);
    else this.host.pan(x - active.x, y - active.y);
    active.x = x;
    active.y = y;
  }

  /** @param {PointerEvent} event @returns {boolean} */
  #strayed(event) {
    const [x, y] = this.#place(event);
    const active = /** @type {NonNullable<typeof this.#active>} */ (this.#active);
    return Math.hypot(x - active.x, y - active.y) > CLICK_SLOP;
  }

  #turnIntoPan() {
    if (this.#active) this.#active.mode = "pan";
  }

  /** @param {PointerEvent} event @param {{x: number, y: number}} finger */
  #pinch(event, finger) {
    const [a, b] = [...this.#fingers.values()];
    if (finger !== a && finger !== b) return;
    const other = finger === a ? b : a;
    const before = Math.hypot(finger.x - other.x, finger.y - other.y);
    const [x, y] = this.#place(event);
    this.host.pan((x - finger.x) / 2, (y - finger.y) / 2);
    if (before > 0) this.host.zoom(Math.hypot(x - other.x, y - other.y) / before, (x + other.x) / 2, (y + other.y) / 2);
    [finger.x, finger.y] = [x, y];
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.#fingers.delete(event.pointerId);
    const active = this.#active;
    if (!active || active.id !== event.pointerId) return;
    this.#active = null;
    const point = this.#point(event, ...this.#corner(), active.subtract);
    if (active.mode === "draw") this.host.up(point);
    if (active.mode !== "click") return;
    const [x, y] = this.view.toImage(active.x, active.y);
    this.host.down({ ...point, x, y });
    this.host.up({ ...point, x, y });
  }

  /** The system took the pointer away (a gesture, a call): a stroke keeps what was drawn. @param {PointerEvent} event */
  #cancel(event) {
    this.#fingers.delete(event.pointerId);
    if (this.#active?.id !== event.pointerId) return;
    const { mode, subtract } = this.#active;
    this.#active = null;
    if (mode === "draw") this.host.up(this.#point(event, ...this.#corner(), subtract));
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const unit = WHEEL_UNITS[event.deltaMode] ?? 1;
    const [x, y] = this.#place(event);
    if (event.ctrlKey || event.metaKey) {
      const notch = Math.max(-100, Math.min(100, event.deltaY * unit));
      return this.host.zoom(Math.exp(-notch / 200), x, y);
    }
    const [dx, dy] = event.shiftKey && !event.deltaX ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
    return this.host.pan(-dx * unit, -dy * unit);
  }
}
