/**
 * Buttons, sliders and groups of choices that look, sound and are named alike everywhere.
 *
 * @typedef {import("./commands.js").Command} Command
 */

import { byId, freshId, make } from "./dom.js";
import { icon } from "./icons.js";

/**
 * A button for a command: its name, tooltip and announced shortcut come from the table that also binds the keys.
 *
 * @param {Command} command
 * @param {{icon?: import("./icons.js").IconName, text?: string | boolean, class?: string, pressed?: boolean, drawer?: string}} [looks]
 *   text: what stands beside the icon, true for the command's own words; without it the icon stands alone
 * @returns {HTMLButtonElement}
 */
export function commandButton(command, looks = {}) {
  const text = looks.text === true ? command.text : looks.text;
  const properties = { title: withKey(command), "aria-keyshortcuts": spoken(command.keys), class: looks.class, "data-drawer": looks.drawer };
  const button = plainButton(command.text, () => command.run?.(), { ...properties, icon: looks.icon, text });
  if (looks.pressed !== undefined) button.setAttribute("aria-pressed", String(looks.pressed));
  if (text && command.keys[0]) button.append(make("kbd", { "aria-hidden": "true" }, shown(command.keys[0])));
  return button;
}

/**
 * @param {string} name what a screen reader says; also the visible text unless there is an icon alone
 * @param {(event: MouseEvent) => void} onclick
 * @param {Record<string, any>} [looks]
 * @returns {HTMLButtonElement}
 */
export function plainButton(name, onclick, { icon: glyph, text = glyph ? null : name, ...properties } = {}) {
  const named = text ? {} : { "aria-label": name };
  const label = text ? make("span", {}, text) : null;
  const listener = (event) => {
    onclick(event);
    if (event.detail > 0 && document.activeElement === event.currentTarget) backToPicture();
  };
  return make("button", { type: "button", onclick: listener, ...named, ...properties }, glyph && icon(glyph), label);
}

/** After a click with a pointer, keys go to the picture again: space pans there instead of pressing the button. */
function backToPicture() {
  if (!document.querySelector("dialog[open]")) byId("picture").focus({ preventScroll: true });
}

/**
 * A slider with its value in words.
 *
 * @param {{name: string, low: number, high: number, step: number, value: number, say: (value: number) => string,
 *   change: (value: number) => void, keys?: string}} about
 * @returns {{row: HTMLElement, set: (value: number) => void}}
 */
export function slider({ name, low, high, step, value, say, change, keys }) {
  const id = freshId("slider");
  const output = make("output", { htmlFor: id });
  const moved = () => {
    say_(Number(input.value));
    change(Number(input.value));
  };
  const input = /** @type {HTMLInputElement} */ (
    make("input", { type: "range", id, min: low, max: high, step, oninput: moved, "aria-keyshortcuts": keys })
  );
  const say_ = (number) => {
    output.textContent = say(number);
    input.setAttribute("aria-valuetext", say(number));
  };
  const set = (number) => {
    input.value = String(number);
    say_(number);
  };
  set(value);
  const hint = keys && make("span", { class: "keys", "aria-hidden": "true" }, ...keys.split(" ").map(kbd));
  return { row: make("div", { class: "slider" }, make("label", { for: id }, name), hint, output, input), set };
}

/**
 * One choice of several, as radio buttons that look like a segmented control.
 *
 * @param {{name: string, choices: {value: string, text: string, icon?: import("./icons.js").IconName, key?: string,
 *   swatch?: Node}[], value: string, change: (value: string) => void, class?: string}} about
 * @returns {{group: HTMLElement, set: (value: string) => void, enable: (value: string, on: boolean) => void}}
 */
export function choices({ name, choices: all, value, change, class: kind = "segments" }) {
  const group = freshId("choice");
  const inputs = new Map();
  const options = all.map((choice) => {
    const input = make("input", { type: "radio", name: group, value: choice.value, onchange: () => change(choice.value) });
    inputs.set(choice.value, input);
    const key = choice.key && kbd(choice.key);
    const title = choice.key ? `${choice.text} (${choice.key})` : choice.text;
    const glyph = choice.swatch ?? (choice.icon && icon(choice.icon));
    return make("label", { title }, input, make("span", { class: "segment" }, glyph, make("span", {}, choice.text), key));
  });
  const legend = make("legend", {}, name);
  const set = (chosen) => {
    const input = inputs.get(chosen);
    if (input) input.checked = true;
  };
  set(value);
  return {
    group: make("fieldset", { class: kind }, legend, make("div", { class: "options" }, options)),
    set,
    enable: (which, on) => {
      inputs.get(which).disabled = !on;
    },
  };
}

/** A key as it is printed; hidden from screen readers, which get aria-keyshortcuts. @param {string} key */
export function kbd(key) {
  return make("kbd", { "aria-hidden": "true" }, shown(key));
}

/**
 * Arrow keys move between the controls of a toolbar, and Tab enters it once.
 *
 * @param {HTMLElement} toolbar
 */
export function roving(toolbar) {
  const controls = () => /** @type {HTMLButtonElement[]} */ ([...toolbar.querySelectorAll("button:not([disabled])")]);
  const focusable = (chosen) => {
    for (const control of toolbar.querySelectorAll("button")) control.tabIndex = control === chosen ? 0 : -1;
  };
  focusable(toolbar.querySelector('[aria-pressed="true"]') ?? controls()[0]);
  toolbar.addEventListener("focusin", (event) => focusable(event.target));
  toolbar.addEventListener("keydown", (event) => {
    const all = controls();
    const at = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (at < 0 || step === undefined) return;
    event.preventDefault();
    all[(at + step + all.length) % all.length].focus();
  });
}

/** Mark which of several buttons is on. @param {Iterable<[string, HTMLElement]>} buttons @param {string} chosen */
export function press(buttons, chosen) {
  for (const [name, button] of buttons) button.setAttribute("aria-pressed", String(name === chosen));
}

/** @param {Command} command */
function withKey(command) {
  return command.keys[0] ? `${command.text} (${shown(command.keys[0])})` : command.text;
}

const PRINTED = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", PageUp: "Page Up", PageDown: "Page Down" };

/** @param {string} key */
export function shown(key) {
  const parts = key.split("+");
  if (key.endsWith("+")) parts.splice(-2, 2, "+");
  return parts.map((part) => PRINTED[part] ?? (part === "-" ? "−" : part)).join(" ");
}

/** @param {string[]} keys as aria-keyshortcuts wants them */
function spoken(keys) {
  const names = keys.map((key) => key.replace("Ctrl", "Control").replace(/^\+$/, "Plus").replace(/^ $/, "Space"));
  return names.length ? names.join(" ") : null;
}
