/** Putting the strokes of one branch on top of another, without losing either. */

import { unpack } from "./packing.js";

/**
 * The layer's head with every pixel that our branch changed since the two parted as we left it.
 *
 * @param {import("./api.js").Api} api @param {number} layer
 * @param {{width: number, height: number}} size @param {string} mine  our newest revision; the server has it
 * @returns {Promise<{head: string, theirs: Uint8Array, merged: Uint8Array}>} both row after row, the whole picture
 */
export async function mergeOnTop(api, layer, { width, height }, mine) {
  const read = async (/** @type {string|null} */ revision) => {
    const { revision: id, data } = await api.mask(layer, revision);
    return { id, values: await unpack(data, width, height) };
  };
  const { id: head, values: theirs } = await read(null);
  const base = commonAncestor(await api.history(layer), head, mine);
  const [before, after] = await Promise.all([read(base), read(mine)]);
  const merged = theirs.map((value, i) => (before.values[i] === after.values[i] ? value : after.values[i]));
  return { head, theirs, merged };
}

/**
 * @param {{id: string, parent: string|null}[]} revisions @param {string} head @param {string} mine
 * @returns {string} the newest revision that both build on
 */
export function commonAncestor(revisions, head, mine) {
  const parents = new Map(revisions.map(({ id, parent }) => [id, parent]));
  const below = new Set();
  for (let at = /** @type {string|null|undefined} */ (head); at; at = parents.get(at)) below.add(at);
  let at = /** @type {string|null|undefined} */ (mine);
  while (at && !below.has(at)) at = parents.get(at);
  if (!at) throw new Error("the two versions of this mask have no revision in common: restore one of them from the history");
  return at;
}
