/**
 * Sends what the journal holds, in order, until the server has all of it.
 *
 * Events: "status"; "sent" {operation, layer}; "branched" {operation, layer} (the server kept the stroke beside the head,
 * because somebody else was faster; a listener that takes care of it calls preventDefault); "elsewhere" {layer, head}
 * (another page of this browser moved a layer's head).
 */

import { ApiError } from "./api.js";
import { newId } from "./ids.js";
import { Journal } from "./journal.js";
import { MaskRaster } from "./mask.js";
import { mergeOnTop } from "./merge.js";
import { pack } from "./packing.js";

/**
 * @typedef {import("./journal.js").Operation} Operation
 * @typedef {import("./journal.js").Place} Place
 * @typedef {import("./types.js").Layer} Layer
 */

/** Pauses between attempts while the server cannot be reached, in milliseconds: doubled each time, up to the longest,
 * and shortened at random by up to half so that many pages do not come back at once. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
/** How long other pages of this browser have to say that they are alive, in milliseconds. */
const ROLL_CALL = 250;
/** How often to look for operations of pages that ended without a word, in milliseconds. */
const ADOPTION = 60_000;

/** @param {Operation} operation @returns {string} the head that it leads to */
export function headAfter(operation) {
  return operation.type === "move" ? /** @type {string} */ (operation.to) : operation.id;
}

/** @param {unknown} error @returns {boolean} whether sending again may help */
function passing(error) {
  return !(error instanceof ApiError) || error.status >= 500 || [408, 412, 429].includes(error.status);
}

/** @param {unknown} error @returns {boolean} whether our own server gave this answer, not another project's in its place */
function answered(error) {
  return error instanceof ApiError && error.status !== 412;
}

export class Outbox extends EventTarget {
  /** @type {Operation[]} journaled, not acknowledged, in order */ operations = [];
  /** @type {Map<string, string>} chains that the server refused, and its line */ #refused = new Map();
  /** @type {Map<number, number>} per layer: operations on their way into the journal */ #entering = new Map();
  /** @type {Promise<void>} */ #tail = Promise.resolve();
  #running = false;
  #attempts = 0;
  /** @type {Date|null} */ #since = null;
  #timer = 0;
  #adoption = 0;
  /** the server did not answer at all: nothing is sent until the pause is over */ #down = false;
  /** @type {Set<string>} chains that the server stumbled over: they wait for the pause's end, others go on */ #held = new Set();
  #owner = newId();
  #closed = new AbortController();
  /** @type {string|null} who drew on the open layer beside us */ #conflict = null;

  /** @param {import("./api.js").Api} api @param {{id: string, name: string}} project */
  constructor(api, { id, name }) {
    super();
    this.api = api;
    this.project = id;
    this.name = name;
    this.journal = new Journal();
    // Named as by versions that knew no ids: their pages, which may still be open, have to hear and to be heard.
    this.channel = new BroadcastChannel(`million-ird-masks ${name}`);
  }

  /** Open the journal and take over what pages that are gone left unsent. */
  async start() {
    await this.journal.open();
    this.channel.onmessage = ({ data }) => this.#hear(data);
    const { signal } = this.#closed;
    window.addEventListener("online", () => this.retry(), { signal });
    window.addEventListener("pagehide", () => this.channel.postMessage({ type: "bye", owner: this.#owner }), { signal });
    window.addEventListener("beforeunload", (event) => this.unsent && !this.journal.kept && event.preventDefault(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.retry(), { signal });
    this.#adoption = setInterval(() => this.adopt(), ADOPTION);
    await this.adopt();
    return this;
  }

  close() {
    clearTimeout(this.#timer);
    clearInterval(this.#adoption);
    this.#closed.abort();
    this.channel.postMessage({ type: "bye", owner: this.#owner });
    this.channel.close();
  }

  /** @param {any} message  from another page of this browser */
  #hear(message) {
    if (message.type === "who") this.channel.postMessage({ type: "here", owner: this.#owner });
    if (message.type === "bye") this.adopt();
    if (message.type === "head") this.dispatchEvent(new CustomEvent("elsewhere", { detail: message }));
  }

  /**
   * Versions that knew no ids kept their strokes under the project's name, which others may bear: ours are those that
   * build on what the server has.
   */
  async #claimNamed() {
    const named = await this.journal.all(this.name);
    const layers = new Set([...named.operations, ...named.branches].map(({ layer }) => layer));
    for (const layer of layers) {
      const revisions = await this.api.history(layer).catch(() => []); // not there, or not now: they stay as they are
      const known = new Set(revisions.map(({ id }) => id));
      const operations = named.operations.filter((each) => each.layer === layer && known.has(each.parent) && known.add(headAfter(each)));
      const branches = named.branches.filter((each) => each.layer === layer && known.has(each.mine));
      await this.journal.give({ operations, branches }, this.project);
    }
  }

  /** Take over what pages that are gone left unsent. */
  async adopt() {
    await this.#claimNamed();
    const owners = await this.journal.owners();
    owners.delete(this.#owner);
    if (!owners.size) return;
    const alive = new Set([this.#owner]);
    const listen = (/** @type {MessageEvent} */ { data }) => data.type === "here" && alive.add(data.owner);
    this.channel.addEventListener("message", listen);
    this.channel.postMessage({ type: "who" });
    await new Promise((resolve) => setTimeout(resolve, ROLL_CALL));
    this.channel.removeEventListener("message", listen);
    const adopted = await this.journal.adopt(this.project, alive, this.#owner);
    this.operations.push(...adopted);
    this.operations.sort((a, b) => a.seq - b.seq);
    this.#run();
  }

  // ---- what goes in

  /**
   * Journal an operation, then send it. Operations are sent in the order of these calls.
   * @param {Omit<Operation, "project"|"owner"|"values">} operation @param {Place} place  where its layer then stands
   * @param {() => Promise<Uint8Array>} [values]
   */
  enqueue(operation, place, values) {
    const { layer } = operation;
    this.#entering.set(layer, (this.#entering.get(layer) ?? 0) + 1);
    this.#tell();
    this.#tail = this.#tail.then(async () => {
      const whole = { ...operation, project: this.project, owner: this.#owner, ...(values && { values: await values() }) };
      const kept = await this.journal.add(whole, place);
      this.operations.push(kept); // not `push(await …)`: that would push onto the list as it was before waiting
      this.#entering.set(layer, /** @type {number} */ (this.#entering.get(layer)) - 1);
      this.#run();
    });
  }

  /** Resolves when everything enqueued so far is in the journal. */
  settled() {
    return this.#tail;
  }

  /** @param {number} layer @param {string} [annotator] @returns {Operation[]} journaled and not acknowledged */
  of(layer, annotator) {
    return this.operations.filter((each) => each.layer === layer && (!annotator || each.annotator === annotator));
  }

  /** @param {number} layer @returns {boolean} */
  hasUnsent(layer) {
    return this.of(layer).length > 0 || (this.#entering.get(layer) ?? 0) > 0;
  }

  /** Resolves when the layer has nothing unsent. Rejects when the server refuses. @param {number} layer */
  async flushed(layer) {
    while (this.hasUnsent(layer)) {
      const refused = this.of(layer).find(({ chain }) => this.#refused.has(chain));
      if (refused) throw new Error(this.#refused.get(refused.chain));
      await new Promise((resolve) => this.addEventListener("status", resolve, { once: true }));
    }
  }

  /** Once the server answers all that it is asked. */
  async reachable() {
    while (this.#since) await new Promise((resolve) => this.addEventListener("status", resolve, { once: true }));
  }

  /** Forget what is unsent of a layer, and what the server refused of any. @param {number} layer */
  async discard(layer) {
    await this.#tail;
    const gone = this.operations.filter((each) => each.layer === layer || this.#refused.has(each.chain));
    await this.journal.remove(gone);
    this.operations = this.operations.filter((each) => !gone.includes(each));
    this.#refused.clear();
    this.#tell();
  }

  /** Send now, refused chains too. */
  retry() {
    this.#refused.clear();
    clearTimeout(this.#timer);
    this.#resume();
  }

  // ---- sending

  async #run() {
    if (this.#running || this.#down) return this.#tell();
    this.#running = true;
    this.#tell();
    for (let next = this.#next(); next && !this.#closed.signal.aborted; next = this.#next()) {
      if (!(await this.#send(next))) break;
      this.#tell();
    }
    this.#running = false;
    return this.#tell();
  }

  #next() {
    return this.operations.find(({ chain }) => !this.#refused.has(chain) && !this.#held.has(chain));
  }

  /** @param {Operation} operation @returns {Promise<boolean>} false: the server cannot be reached */
  async #send(operation) {
    try {
      const { layer, known } = await this.api.send(operation);
      this.#reached();
      const aside = known && layer.head !== operation.id && !(await this.#isBelow(layer, operation.id));
      await (aside ? this.#branch(operation, layer) : this.#accept(operation, layer));
    } catch (error) {
      if (passing(error)) return this.#pause(operation, answered(error));
      this.#reached();
      const { status, message, body } = /** @type {ApiError} */ (error);
      if (status === 409 && body?.layer && (body.stored || operation.type !== "stroke")) await this.#branch(operation, body.layer);
      else this.#refused.set(operation.chain, message);
    }
    return true;
  }

  /** @param {Layer} layer @param {string} revision @returns {Promise<boolean>} whether the layer's head builds on it */
  async #isBelow(layer, revision) {
    const parents = new Map((await this.api.history(layer.id)).map(({ id, parent }) => [id, parent]));
    for (let at = /** @type {string|null|undefined} */ (layer.head); at; at = parents.get(at)) if (at === revision) return true;
    return false;
  }

  #reached() {
    if (this.#held.size) return;
    this.#attempts = 0;
    this.#since = null;
  }

  /** @param {Operation} operation @param {boolean} answered  the server is there, and in trouble @returns {boolean} whether others may be sent */
  #pause({ chain }, answered) {
    this.#since ??= new Date();
    if (answered) this.#held.add(chain);
    else this.#down = true;
    if (!this.#timer) {
      const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#attempts++);
      this.#timer = setTimeout(() => this.#resume(), longest * (0.5 + Math.random() / 2));
    }
    return answered;
  }

  #resume() {
    this.#timer = 0;
    this.#down = false;
    this.#held.clear();
    this.#run();
  }

  /** @param {Operation} operation */
  async #finish(operation) {
    await this.journal.remove([operation]);
    this.operations = this.operations.filter((each) => each.seq !== operation.seq);
  }

  /** @param {Operation} operation @param {Layer} layer */
  async #accept(operation, layer) {
    if (layer.head === headAfter(operation)) await this.journal.endBranch(operation);
    await this.#finish(operation);
    this.channel.postMessage({ type: "head", layer: layer.id, head: layer.head });
    this.dispatchEvent(new CustomEvent("sent", { detail: { operation, layer } }));
  }

  /** The server has the stroke, but somebody else's is what the layer shows. @param {Operation} operation @param {Layer} layer */
  async #branch(operation, layer) {
    if (operation.type === "accept") await this.#forgetRevision(operation);
    const mine = operation.type === "accept" ? operation.parent : headAfter(operation);
    const { project, annotator } = operation;
    await this.journal.setBranch({ project, layer: layer.id, annotator, mine });
    await this.#finish(operation);
    const event = new CustomEvent("branched", { detail: { operation, layer }, cancelable: true });
    if (this.dispatchEvent(event) && layer.annotator === annotator) {
      this.#mergeOwn(operation, layer, mine).catch(() => {}); // the branch stays noted: opening the layer tries again
    }
  }

  /**
   * Put a person's own strokes from a page that is gone on top of what the same person drew on another page. Somebody
   * else's wait until the layer is opened and the person is asked.
   * @param {Operation} operation  the newest that was sent @param {Layer} at @param {string} mine  what it led to
   */
  async #mergeOwn({ layer, annotator, chain, project }, at, mine) {
    if (this.operations.some((each) => each.chain === chain)) return; // it is done after the last of them
    const { width, height } = await this.api.item(at.item);
    const { head, theirs, merged } = await mergeOnTop(this.api, layer, { width, height }, mine);
    await this.journal.endBranch({ project, layer, annotator });
    const mask = new MaskRaster(width, height);
    mask.replace(theirs);
    mask.draw({ x: 0, y: 0, width, height }, (pixel) => merged[pixel]);
    const change = mask.commit();
    if (!change) return;
    const { rect, values } = change;
    const stroke = { type: /** @type {"stroke"} */ ("stroke"), id: newId(), parent: head, kind: "resolve", rect, layer, annotator, chain };
    this.enqueue(stroke, { head: stroke.id, redo: [] }, () => pack(values, rect.width, rect.height));
  }

  /** A revision that the server did not make: what builds on it builds on its parent. @param {Operation} gone */
  async #forgetRevision({ id, parent, seq }) {
    const later = this.operations.filter((each) => each.seq !== seq && (each.parent === id || each.to === id));
    for (const each of later) {
      if (each.parent === id) each.parent = parent;
      if (each.to === id) each.to = parent;
    }
    await this.journal.update(later);
  }

  // ---- what is said about it

  /** @param {string|null} annotator  who drew beside us on the open layer; null: nobody */
  setConflict(annotator) {
    this.#conflict = annotator;
    this.#tell();
  }

  /** @returns {number} */
  get unsent() {
    let entering = 0;
    for (const count of this.#entering.values()) entering += count;
    return this.operations.length + entering;
  }

  /** @returns {import("./types.js").Status} */
  get status() {
    const { unsent } = this;
    const journal = this.journal.kept ? "kept" : "memory";
    const tell = (/** @type {import("./types.js").Status["state"]} */ state, /** @type {string} */ message) => ({
      state, unsent, since: this.#since, journal: /** @type {"kept"|"memory"} */ (journal), message: message + this.#memoryWarning,
    });
    const strokes = `${unsent} unsent ${unsent === 1 ? "stroke" : "strokes"}`;
    const refusal = this.operations.map(({ chain }) => this.#refused.get(chain)).find(Boolean);
    if (refusal) return tell("refused", `The server refused: ${refusal} (${strokes} kept)`);
    if (this.#conflict !== null) return tell("conflict", `${this.#conflict || "Somebody else"} changed this mask meanwhile`);
    if (this.#since) return tell("offline", `The server cannot be reached since ${this.#since.toLocaleTimeString()}: ${strokes}`);
    return unsent ? tell("saving", `Saving: ${strokes}`) : tell("saved", "Saved");
  }

  get #memoryWarning() {
    return this.journal.kept ? "" : ". This browser keeps no journal: closing the page loses unsent strokes";
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("status", { detail: this.status }));
  }
}
