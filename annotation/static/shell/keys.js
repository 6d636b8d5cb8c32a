/**
 * Keys as text: "d", "Shift+D" (letters), "Ctrl+Z", "[", "?", "PageDown". Matching goes by the character a keyboard
 * gives, not by the place of the key, so that the table holds on every layout; for characters that are not letters,
 * Shift and AltGr are part of how they are typed and are left out.
 */

/** @param {KeyboardEvent} event @returns {string} */
export function keyOf(event) {
  const key = event.key === " " ? "Space" : event.key;
  const letter = /^\p{L}$/u.test(key);
  const typed = key.length === 1 && !letter;
  const altgr = event.getModifierState?.("AltGraph") ?? false;
  const parts = [];
  if ((event.ctrlKey || event.metaKey) && !altgr) parts.push("Ctrl");
  if (event.altKey && !altgr) parts.push("Alt");
  if (event.shiftKey && !typed) parts.push("Shift");
  parts.push(letter ? key.toUpperCase() : key);
  return parts.join("+");
}

/** Whether what is typed belongs to a field or a dialog rather than to the page. @param {EventTarget | null} target */
export function typing(target) {
  if (!(target instanceof HTMLElement)) return false;
  const dialog = target.closest("dialog");
  if (dialog) return dialog.open; // one that was closed keeps the focus until the page is drawn again
  if (target.isContentEditable) return true;
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["range", "radio", "checkbox", "button"].includes(target.type);
}

/**
 * Bind a table of commands to the page. A command with `release` is held: it ends when its key goes up, or when the
 * window loses the focus while it is down.
 *
 * @param {import("./commands.js").Command[]} commands
 * @param {() => boolean} active whether one-key shortcuts are on
 * @param {EventTarget} [page]
 */
export function bindKeys(commands, active, page = window) {
  const bound = new Map(commands.flatMap((command) => command.keys.map((key) => [key, command])));
  const held = new Map();
  page.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || typing(event.target)) return;
    const key = keyOf(event);
    const command = bound.get(key);
    if (!command?.run || (!active() && !command.always && !key.startsWith("Ctrl+"))) return;
    if (usedByControl(event.target, key)) return;
    event.preventDefault();
    if (event.repeat && !command.repeats) return;
    if (command.release) held.set(event.code, command);
    command.run();
  });
  const letGo = (code) => {
    held.get(code)?.release();
    held.delete(code);
  };
  page.addEventListener("keyup", (event) => letGo(event.code));
  page.addEventListener("blur", () => [...held.keys()].forEach(letGo));
}

/** Keys that a focused control uses itself: a slider's paging keys, the space bar of a button. */
function usedByControl(target, key) {
  if (!(target instanceof HTMLElement)) return false;
  const navigation = ["PageUp", "PageDown", "Home", "End", "Space", "Enter"].includes(key) || key.startsWith("Arrow");
  return navigation && target.matches("input, button, a[href], [role=option], [role=listbox], [role=tab], summary");
}
