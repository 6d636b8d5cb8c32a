/**
 * What the page around the editor asks of the server, and how a failure is said. Pictures, masks, strokes, undo, redo
 * and states go through the editor, which knows what is not saved yet.
 *
 * @typedef {"todo" | "in_progress" | "done" | "needs_review" | "skipped"} State
 * @typedef {{id: number, number: number, state: State, annotator: string, proposal: boolean}} LayerRow
 * @typedef {{id: number, name: string, width: number, height: number, pair: boolean, layers: LayerRow[]}} ItemRow
 * @typedef {{items: ItemRow[], next: number | null}} ItemPage
 * @typedef {{id: string, name: string, items: number, counts: Record<State, number>, window_sizes: number[]}} Project
 */

import { Api, ApiError } from "../engine/api.js";

export class Requests {
  /** @type {Map<string, Promise<ItemPage>>} */ #ahead = new Map();

  /** @param {Api} api */
  constructor(api = new Api()) {
    this.api = api;
  }

  /** @returns {Promise<Project>} */
  project() {
    return this.api.get("/api/project");
  }

  /**
   * @param {number} after @param {State | ""} state @param {number} limit at most 1000 @param {string} [name] a part of it
   * @returns {Promise<ItemPage>} where a part of a name is searched for, it may be empty and yet not the last
   */
  items(after, state, limit, name = "") {
    const path = listPath(after, state, limit, name);
    const asked = this.#ahead.get(path);
    this.#ahead.delete(path);
    return asked ?? this.api.get(path);
  }

  /** Ask for a page of the list while the page is still being built: the next call for it gets this answer. */
  ahead(after, state, limit) {
    const path = listPath(after, state, limit, "");
    const asked = this.api.get(path);
    asked.catch(() => {}); // whoever calls for it hears of it
    this.#ahead.set(path, asked);
  }

  /** @param {number} item */
  item(item) {
    return this.api.item(item);
  }

  /** Have the browser's cache ask for a picture before it is needed; whether that worked is of no interest. @param {number} item */
  warm(item) {
    fetch(`${this.api.base}/api/items/${item}/blurred`, { priority: "low" }).catch(() => {});
  }

  /** @param {number} item */
  registration(item) {
    return this.api.get(`/api/items/${item}/registration`);
  }

  /** @param {number} layer */
  async history(layer) {
    return (await this.api.get(`/api/layers/${layer}/history`)).revisions;
  }

  /** @param {number} layer @param {"any" | "majority"} rule */
  windows(layer, rule) {
    return this.api.get(`/api/layers/${layer}/windows?rule=${rule}`);
  }

  /** @param {number} item @param {string} annotator @param {string} text */
  comment(item, annotator, text) {
    return this.api.post(`/api/items/${item}/comments`, { annotator, text });
  }

  /** @param {number} item @param {string} annotator */
  second(item, annotator) {
    return this.api.post(`/api/items/${item}/second`, { annotator });
  }

  /** @param {number} item @param {number} layer @param {string} annotator */
  propose(item, layer, annotator) {
    return this.api.post(`/api/items/${item}/propose`, { layer, annotator });
  }
}

function listPath(after, state, limit, name) {
  const query = { after: String(after), limit: String(limit), state, ...(name && { name }) };
  return `/api/items?${new URLSearchParams(query)}`;
}

/**
 * One line for a person. What is neither a refusal nor a lost connection is a fault of the page and is thrown on.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function explain(error) {
  if (error instanceof ApiError) return sentence(error.message);
  if (lostConnection(error)) return "The server does not answer. What you draw is kept in this browser until it does.";
  if (error instanceof Error && !(error instanceof TypeError)) return sentence(error.message);
  throw error;
}

/** How browsers say that nothing was answered: in words of their own, and as a TypeError like any fault of a program. */
export function lostConnection(error) {
  if (error instanceof DOMException) return error.name === "TimeoutError" || error.name === "AbortError";
  return error instanceof TypeError && /fetch|network|load failed/i.test(error.message);
}

function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
