/**
 * One open layer: its mask, its history, and how both meet the server. Events: "history", "stroke", "layer", "conflict",
 * "resolved", "notice", "changed" (the mask, by something else than a tool).
 */

import { ApiError } from "./api.js";
import { History } from "./history.js";
import { newId } from "./ids.js";
import { MaskRaster } from "./mask.js";
import { mergeOnTop } from "./merge.js";
import { headAfter } from "./outbox.js";
import { pack, unpack } from "./packing.js";

/**
 * @typedef {import("./types.js").Layer} Layer
 * @typedef {import("./types.js").Item} Item
 * @typedef {import("./journal.js").Operation} Operation
 * @typedef {"undo"|"redo"|"restore"} Why
 */

/** Strokes of one person from two pages are put together without asking, this often in a row; then a person is asked. */
const OWN_MERGES = 5;
/** While a stroke is being drawn, how often to look whether it is finished: milliseconds. */
const STROKE_POLL = 20;

export class LayerSession extends EventTarget {
  /** @type {Promise<void>} */ #work = Promise.resolve();
  #closed = new AbortController();
  #chain = newId();
  #merges = 0;
  /** @type {string|null} who drew beside us; null: nobody */ conflict = null;

  /** @type {Operation[]} ours that the server had not acknowledged before `layer` was asked for */ #unsent;

  /**
   * @param {import("./api.js").Api} api @param {import("./outbox.js").Outbox} outbox
   * @param {Item} item @param {Layer} layer @param {string} annotator
   * @param {Operation[]} unsent  this annotator's on this layer, as it was before the server was asked for `layer`: what
   *   was acknowledged in between is drawn again, what was acknowledged before is part of the head
   */
  constructor(api, outbox, item, layer, annotator, unsent) {
    super();
    this.#unsent = unsent.filter(({ chain }) => chain === unsent.at(-1)?.chain);
    if (this.#unsent.length) this.#chain = this.#unsent[0].chain;
    this.api = api;
    this.outbox = outbox;
    this.item = item;
    this.layer = layer;
    this.annotator = annotator;
    this.mask = new MaskRaster(item.width, item.height);
    this.history = new History(layer.head);
    const { signal } = this.#closed;
    outbox.addEventListener("sent", (event) => this.#sent(/** @type {CustomEvent} */ (event).detail), { signal });
    outbox.addEventListener("branched", (event) => this.#branched(/** @type {CustomEvent} */ (event)), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.#look(), { signal });
    outbox.addEventListener("elsewhere", (event) => this.#elsewhere(/** @type {CustomEvent} */ (event).detail), { signal });
  }

  get #place() {
    return { project: this.outbox.project, layer: this.layer.id, annotator: this.annotator };
  }

  get isOpen() {
    return !this.#closed.signal.aborted;
  }

  /** @param {string} name @param {any} [detail] */
  #emit(name, detail) {
    if (this.isOpen) this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** Do what waits for the server one after the other, and never during a stroke.
   * @param {() => Promise<void>} work @returns {Promise<void>} */
  #queue(work) {
    const result = this.#work.then(async () => {
      while (this.mask.drawing) await new Promise((resolve) => setTimeout(resolve, STROKE_POLL));
      if (this.isOpen) await work();
    });
    this.#work = result.catch(() => {}); // whoever asked gets the error; what comes next is not held up by it
    return result;
  }

  // ---- opening and closing

  /** Show what the server has, and on top of it what it has not got yet. */
  open() {
    return this.#queue(async () => {
      const own = this.#unsent;
      const branch = await this.outbox.journal.branch(this.#place);
      await this.#show(own[0]?.parent ?? branch?.mine ?? this.layer.head).catch((error) => {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
        return this.#show(this.layer.head); // the store was put back to an older state: draw on what there is
      });
      for (const operation of own) await this.#replay(operation);
      const place = await this.outbox.journal.place(this.#place);
      if (place?.head === this.history.head) this.history.setRedo(place.redo);
      if (branch && this.conflict === null) this.#settle(this.layer.annotator);
      else if (this.history.head !== this.layer.head) this.#look();
    });
  }

  close() {
    this.#closed.abort();
    this.outbox.setConflict(null);
  }

  /** @param {string} revision */
  async #show(revision) {
    this.mask.replace(await this.#fetch(revision));
    this.history.reset(revision);
    this.#learn(this.layer);
    this.#emit("changed");
  }

  /** @param {string} revision @returns {Promise<Uint8Array>} its values, row after row */
  async #fetch(revision) {
    const { data } = await this.api.mask(this.layer.id, revision);
    return unpack(data, this.item.width, this.item.height);
  }

  /** @returns {Promise<Layer>} as this page knows it; once the page has left the layer, as the server tells it */
  async current() {
    if (this.isOpen) return this.layer;
    const item = await this.api.item(this.item.id);
    return item.layers.find(({ id }) => id === this.layer.id) ?? this.layer;
  }

  /** @param {Layer} layer  as the server tells it now */
  learn(layer) {
    this.#learn(layer);
    this.#emit("layer", layer);
    this.#tellHistory();
  }

  /** @param {Layer} layer */
  #learn(layer) {
    this.layer = layer;
    this.history.learn(layer.head, layer.undo);
    if (layer.redo && layer.head === this.history.head && !this.history.redoTarget) this.history.setRedo([layer.redo]);
  }

  /** @param {Operation} operation  journaled by this page or one before it */
  async #replay(operation) {
    if (operation.type === "accept") this.history.add(operation.id, null);
    else if (operation.type === "move") await this.#change(operation.to, operation.why);
    else {
      const values = await unpack(operation.values, operation.rect.width, operation.rect.height);
      this.mask.draw(operation.rect, (_, i) => values[i]);
      this.history.add(operation.id, this.mask.commit());
    }
  }

  // ---- what the person does

  /** What was drawn on the mask is a stroke. @param {import("./types.js").StrokeKind} kind @returns {boolean} false: it changed nothing */
  commit(kind) {
    const change = this.mask.commit();
    if (!change) return false;
    const parent = this.history.head;
    const id = newId();
    const { rect, values } = change;
    this.history.add(id, change);
    this.#enqueue({ type: "stroke", id, parent, kind, rect }, () => pack(values, rect.width, rect.height));
    this.#emit("stroke", { revision: id, kind, rect });
    this.#tellHistory();
    return true;
  }

  /** A person takes the proposal as it is. */
  accept() {
    return this.#queue(async () => {
      const parent = this.history.head;
      const id = newId();
      this.history.add(id, null);
      this.#enqueue({ type: "accept", id, parent });
      this.#tellHistory();
    });
  }

  get canUndo() {
    return this.history.undoTarget !== null;
  }

  get canRedo() {
    return this.history.redoTarget !== null;
  }

  undo() {
    return this.#queue(async () => {
      if (this.history.undoTarget === undefined) await this.#loadParents();
      if (this.history.undoTarget) await this.#move(this.history.undoTarget, "undo");
    });
  }

  redo() {
    return this.#queue(async () => {
      if (this.history.redoTarget) await this.#move(this.history.redoTarget, "redo");
    });
  }

  /** @param {string} revision */
  restore(revision) {
    return this.#queue(async () => {
      if (revision === this.history.head) return;
      const { undoTarget, redoTarget } = this.history; // the server names a move in the same way
      await this.#move(revision, revision === redoTarget ? "redo" : revision === undoTarget ? "undo" : "restore");
    });
  }

  async #loadParents() {
    for (const { id, parent } of await this.api.history(this.layer.id)) this.history.learn(id, parent);
  }

  /** @param {string} to @param {Why} why */
  async #move(to, why) {
    const parent = this.history.head;
    if (!(await this.#change(to, why))) return;
    this.#enqueue({ type: "move", id: newId(), parent, to, why });
    this.#emit("changed");
    this.#tellHistory();
  }

  /** @param {string} to @param {Why} why @returns {Promise<boolean>} false: a stroke was drawn while the mask was fetched */
  async #change(to, why) {
    if (this.history.isNear(to)) {
      const difference = this.history.difference(to);
      if (difference) this.mask.toggle(difference.rect, difference.changed);
    } else {
      const from = this.history.head;
      const values = await this.#fetch(to);
      if (this.history.head !== from || this.mask.drawing) return false;
      this.mask.replace(values);
    }
    this.history.move(to, why);
    return true;
  }

  /** @param {Partial<Operation>} operation @param {() => Promise<Uint8Array>} [values] */
  #enqueue(operation, values) {
    const { annotator, history } = this;
    const whole = /** @type {Operation} */ ({ ...operation, layer: this.layer.id, annotator, chain: this.#chain });
    this.outbox.enqueue(whole, { head: history.head, redo: history.redoChain }, values);
  }

  /** Tell what the layer is like; for whoever began to listen after it was opened. */
  announce() {
    this.#tellHistory();
    if (this.conflict !== null) this.#tellConflict();
  }

  #tellHistory() {
    this.#emit("history", { head: this.history.head, canUndo: this.canUndo, canRedo: this.canRedo });
  }

  // ---- what the server says

  /** @param {{operation: Operation, layer: Layer}} detail */
  #sent({ operation, layer }) {
    if (layer.id !== this.layer.id) return;
    this.#learn(layer);
    this.#emit("layer", layer);
    this.#tellHistory();
    if (layer.head !== this.history.head) this.#look();
    if (operation.chain !== this.#chain || layer.head !== headAfter(operation)) return;
    this.#merges = 0;
    if (this.conflict !== null) this.#resolved();
  }

  /** Another page of this browser drew on a layer. @param {{layer: number, head: string}} detail */
  #elsewhere({ layer, head }) {
    if (layer === this.layer.id && head !== this.history.head) this.#look();
  }

  /** Refresh when there is time. */
  #look() {
    this.refresh().catch(() => {}); // without an answer the canvas stays as it is; the next stroke learns what is new
  }

  /** Show the server's head, unless something of ours is unsent or beside it. */
  refresh() {
    return this.#queue(async () => {
      if (this.conflict !== null || this.outbox.hasUnsent(this.layer.id)) return;
      const item = await this.api.item(this.item.id);
      const layer = item.layers.find(({ id }) => id === this.layer.id);
      if (!layer || this.outbox.hasUnsent(this.layer.id) || this.mask.drawing) return;
      this.#learn(layer);
      this.#emit("layer", layer);
      if (layer.head !== this.history.head) await this.#show(layer.head);
      this.#tellHistory();
    });
  }

  // ---- two at once

  /** @param {CustomEvent} event */
  #branched(event) {
    const { operation, layer } = event.detail;
    if (layer.id !== this.layer.id || operation.chain !== this.#chain) return;
    event.preventDefault();
    if (operation.type === "accept" && this.history.head === operation.id) this.history.reset(operation.parent);
    this.#learn(layer);
    this.#settle(layer.annotator);
  }

  /** @param {string} annotator  who drew what the layer shows; "": nobody, as where it was undone to its beginning */
  #settle(annotator) {
    const again = this.conflict !== null;
    this.conflict = annotator;
    this.outbox.setConflict(annotator);
    if (again) return;
    const mayBeOwn = annotator === this.annotator || annotator === "";
    if (mayBeOwn && this.#merges++ < OWN_MERGES) this.#mergeOwn().catch(() => this.#tellConflict());
    else this.#tellConflict();
  }

  /** What one person drew on two pages goes on top of each other; unasked, and as soon as the server can be reached. */
  async #mergeOwn() {
    await this.outbox.reachable();
    if (!this.isOpen || this.conflict === null) return;
    if (this.conflict !== this.annotator && (await this.#othersDrew())) this.#tellConflict();
    else await this.resolve("mine");
  }

  /** @returns {Promise<boolean>} whether the layer has strokes of another person */
  async #othersDrew() {
    const revisions = await this.api.history(this.layer.id);
    return revisions.some(({ annotator }) => annotator !== "" && annotator !== this.annotator);
  }

  #tellConflict() {
    const message = `${this.conflict || "Somebody else"} changed this mask while you drew. Your strokes are kept.`;
    this.#emit("conflict", { annotator: this.conflict, message });
  }

  /**
   * @param {"theirs"|"mine"} choice  "theirs": show the head, ours stays in the history; "mine": every pixel that we
   *   changed since we parted goes on top of theirs, as one stroke
   */
  async resolve(choice) {
    if (this.outbox.status.since) throw new Error("the server cannot be reached; your strokes are kept until then");
    await this.outbox.flushed(this.layer.id);
    await this.#queue(() => (choice === "mine" ? this.#putOnTop() : this.#takeTheirs()));
  }

  async #takeTheirs() {
    await this.outbox.journal.endBranch(this.#place);
    this.#resolved();
    const item = await this.api.item(this.item.id);
    this.#learn(item.layers.find(({ id }) => id === this.layer.id) ?? this.layer);
    await this.#show(this.layer.head);
    this.#tellHistory();
  }

  async #putOnTop() {
    await this.outbox.flushed(this.layer.id); // of a stroke that was drawn while we waited
    const mine = this.history.head;
    const { head, theirs, merged } = await mergeOnTop(this.api, this.layer.id, this.item, mine);
    if (this.history.head !== mine || this.mask.drawing) return this.#putOnTop(); // a stroke was drawn meanwhile
    await this.outbox.journal.endBranch(this.#place);
    this.mask.replace(theirs);
    this.history.reset(head);
    this.#resolved();
    this.mask.draw({ x: 0, y: 0, width: this.item.width, height: this.item.height }, (at) => merged[at]);
    this.#emit("changed");
    if (!this.commit("resolve")) this.#tellHistory();
    return undefined;
  }

  #resolved() {
    this.conflict = null;
    this.outbox.setConflict(null);
    this.#emit("resolved");
  }
}
