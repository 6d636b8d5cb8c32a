/** The tools at the left of the picture, and the view's controls below it. */

import { TOOLS } from "./commands.js";
import { commandButton, press, roving } from "./controls.js";
import { fill, make } from "./dom.js";
import { PICTURES } from "./commands.js";

/**
 * @param {HTMLElement} place
 * @param {{editor: import("../engine/editor.js").Editor, command: (id: string) => import("./commands.js").Command}} page
 */
export function toolRail(place, { editor, command }) {
  const buttons = TOOLS.map(({ tool }) => [
    tool,
    commandButton(command(`tool-${tool}`), { icon: /** @type {any} */ (tool), pressed: tool === "brush", class: "tool" }),
  ]);
  fill(
    place,
    buttons.map(([, button]) => button),
  );
  roving(place);
  editor.addEventListener("tool", (event) => press(buttons, event.detail.tool));
}

/**
 * @param {HTMLElement} place
 * @param {{editor: import("../engine/editor.js").Editor, workplace: import("./workplace.js").Workplace,
 *   settings: import("./settings.js").KeptSettings, command: (id: string) => import("./commands.js").Command}} page
 */
export function viewBar(place, { editor, workplace, settings, command }) {
  const pictures = PICTURES.map(({ mode, text }) => [
    mode,
    commandButton(command(`picture-${mode}`), { icon: /** @type {any} */ (mode), text, pressed: mode === "blurred", class: "tool wide-text" }),
  ]);
  const pair = make("span", { class: "cluster", role: "group", "aria-label": "Frame" }, pictures.map(([, button]) => button));
  const outline = commandButton(command("overlay-outline"), { icon: "outline", class: "tool", pressed: false });
  const hidden = commandButton(command("overlay-hidden"), { icon: "hidden", class: "tool", pressed: false });
  const zoom = make("output", { class: "zoom", "aria-label": "Zoom" }, "–");
  const where = make("span", { class: "where" });
  fill(
    place,
    make("span", { class: "cluster" }, commandButton(command("zoom-out"), { icon: "minus", class: "tool" }), zoom, commandButton(command("zoom-in"), { icon: "plus", class: "tool" })),
    make("span", { class: "cluster" }, commandButton(command("fit"), { icon: "fit", class: "tool" }), commandButton(command("pixels"), { icon: "pixels", class: "tool roomy" })),
    make("span", { class: "cluster roomy", role: "group", "aria-label": "Mask" }, outline, hidden),
    pair,
    where,
  );
  roving(place);
  editor.addEventListener("view", (event) => (zoom.textContent = zoomWords(event.detail.scale)));
  editor.addEventListener("display", (event) => press(pictures, event.detail.picture));
  editor.addEventListener("cursor", (event) => (where.textContent = cursorWords(event.detail)));
  workplace.addEventListener("item", (event) => (pair.hidden = !event.detail.item.pair));
  const overlay = () => press([["outline", outline], ["hidden", hidden]], settings.get("overlay"));
  settings.addEventListener("change", overlay);
  overlay();
}

/** @param {number} scale screen (CSS) pixels per image pixel */
export function zoomWords(scale) {
  const percent = scale * 100;
  return `${percent >= 10 ? Math.round(percent) : percent.toFixed(1)} %`;
}

/** @param {{x: number, y: number, inside: boolean, blurred: boolean, down: boolean, keyboard: boolean}} cursor */
export function cursorWords({ x, y, inside, blurred, down, keyboard }) {
  if (!inside) return "";
  const drawing = keyboard && down ? ", drawing" : "";
  return `${x}, ${y} · ${blurred ? "blurred" : "sharp"}${drawing}`;
}
