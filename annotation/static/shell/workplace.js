/**
 * What is open: one item and one of its masks. Opening is latest-wins, so that a held "next" key skips over items
 * instead of queueing them.
 *
 * Events: "opening" {id}, "item" {item}, "layer" {layer}, "comments", "failed" {message}
 */

import { explain } from "./requests.js";

export class Workplace extends EventTarget {
  /**
   * @param {import("../engine/editor.js").Editor} editor
   * @param {import("./requests.js").Requests} requests
   * @param {() => string} annotator
   */
  constructor(editor, requests, annotator) {
    super();
    this.editor = editor;
    this.requests = requests;
    this.annotator = annotator;
    this.item = null;
    this.layer = null;
    /** @type {{id: number, mask: number | null} | null} what was asked for last */
    this.wanted = null;
    this.opening = null;
    editor.addEventListener("layer", (event) => this.#learn(event.detail));
  }

  /** Show an item. @param {number} id @param {number | null} [mask] 1 or 2; without it, the mask that is ours to draw */
  open(id, mask = null) {
    this.wanted = { id, mask };
    this.#emit("opening", { id });
    this.opening ??= this.#openWanted().finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  async #openWanted() {
    while (this.wanted) {
      const { id, mask } = this.wanted;
      this.wanted = null;
      try {
        const item = await this.requests.item(id);
        if (this.wanted) continue;
        await this.#show(item, mask);
      } catch (error) {
        if (!this.wanted) this.#emit("failed", { id, message: explain(error) });
      }
    }
  }

  async #show(item, mask) {
    const layer = item.layers.find((each) => each.number === mask) ?? ourLayer(item.layers, this.annotator());
    await this.editor.open(item, layer);
    this.item = item;
    this.layer = this.editor.layer ?? layer;
    this.#emit("item", { item });
    this.#emit("layer", { layer: this.layer });
  }

  /** Strokes carry another name from now on. @param {string} name */
  rename(name) {
    const before = Promise.resolve(this.opening);
    const renamed = before
      .then(() => this.editor.setAnnotator(name))
      .catch((error) => this.#emit("failed", { message: explain(error) }))
      .then(() => this.#openWanted());
    this.opening = renamed.finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  /** Read the item again, for what others may have added to it. */
  async refresh() {
    if (!this.item) return;
    const item = await this.requests.item(this.item.id);
    if (item.id !== this.item.id) return;
    this.item = item;
    this.#emit("comments", { item });
  }

  /** @param {any} layer as the server told it */
  #learn(layer) {
    if (!this.item || layer.item !== this.item.id) return;
    this.item.layers = [...this.item.layers.filter((each) => each.id !== layer.id), layer].sort((a, b) => a.number - b.number);
    if (layer.id === this.layer?.id) this.layer = layer;
    this.#emit("layer", { layer });
  }

  /** A layer that a request of ours brought, not the editor. @param {any} layer */
  learn(layer) {
    this.#learn(layer);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * The mask that a person goes on with: their own, else one that nobody has begun, else the first.
 *
 * @param {any[]} layers @param {string} annotator
 */
export function ourLayer(layers, annotator) {
  const own = layers.find((layer) => layer.annotator === annotator && !layer.is_proposal);
  const free = layers.find((layer) => layer.annotator === "" || layer.is_proposal);
  return own ?? free ?? layers[0];
}
