/**
 * The address of the page keeps the item, the mask and the view, so that reload, back and forward, and a link sent to
 * somebody else show the same thing: #item=123&mask=2&view=split&tab=windows
 *
 * @typedef {{item: number | null, mask: number | null, view: string | null, tab: string | null}} Route
 */

/** @param {string} hash @returns {Route} */
export function parseRoute(hash) {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  return {
    item: whole(values.get("item")),
    mask: whole(values.get("mask")),
    view: values.get("view"),
    tab: values.get("tab"),
  };
}

/** @param {Partial<Route>} route @returns {string} */
export function writeRoute(route) {
  const values = new URLSearchParams();
  for (const name of ["item", "mask", "view", "tab"]) {
    if (route[name] !== null && route[name] !== undefined) values.set(name, String(route[name]));
  }
  return `#${values}`;
}

/** Change parts of the address; another item is a new entry of the browser's history, a view is not. */
export function go(change, { entry = false } = {}) {
  const hash = writeRoute({ ...parseRoute(location.hash), ...change });
  if (hash === location.hash) return;
  if (entry) history.pushState(null, "", hash);
  else history.replaceState(null, "", hash);
}

function whole(text) {
  return text !== null && /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : null;
}
