/** Size, hardness, taking away; how the mask is shown. */

import { COLOURS } from "./colours.js";
import { choices, commandButton, slider } from "./controls.js";
import { make } from "./dom.js";
import { swatch } from "./swatch.js";
import { percent } from "./words.js";

/**
 * @param {{settings: import("./settings.js").KeptSettings, editor: import("../engine/editor.js").Editor,
 *   command: (id: string) => import("./commands.js").Command}} page
 */
export function toolSection({ settings, editor, command }) {
  const keep = (name) => (value) => settings.set(name, value);
  const size = slider({ name: "Brush size", low: 1, high: 200, step: 1, value: settings.get("size"), say: (value) => `${value} px`, change: keep("size"), keys: "[ ]" });
  const hardness = slider({ name: "Hardness", low: 0, high: 1, step: 0.05, value: settings.get("hardness"), say: percent, change: keep("hardness"), keys: "{ }" });
  const opacity = slider({ name: "Overlay opacity", low: 0.05, high: 1, step: 0.05, value: settings.get("opacity"), say: percent, change: keep("opacity"), keys: ", ." });
  const overlay = choices({
    name: "Mask",
    choices: [
      { value: "fill", text: "Filled" },
      { value: "outline", text: "Outline", key: "O" },
      { value: "hidden", text: "Hidden", key: "U" },
    ],
    value: settings.get("overlay"),
    change: keep("overlay"),
  });
  const colour = choices({
    name: "Colour",
    choices: COLOURS.map((each) => ({ value: each.name, text: each.name, swatch: swatch(each) })),
    value: settings.get("colour"),
    change: keep("colour"),
    class: "swatches",
  });
  const subtract = commandButton(command("subtract"), { text: true, icon: "minus", class: "toggle", pressed: false });
  editor.addEventListener("tool", (event) => subtract.setAttribute("aria-pressed", String(event.detail.subtract)));
  const set = { size: size.set, hardness: hardness.set, opacity: opacity.set, overlay: overlay.set, colour: colour.set };
  settings.addEventListener("change", (event) => set[event.detail]?.(settings.get(event.detail)));
  const soft =
    "At full hardness the brush is a plain disc. Below, its outer ring takes only pixels that look like the one under its centre, so that the edge follows the picture.";
  return {
    element: make(
      "section",
      {},
      make("h2", {}, "Brush"),
      size.row,
      hardness.row,
      make("p", { class: "hint" }, soft),
      pressureBox(settings),
      make("div", { class: "stacked-buttons" }, subtract, commandButton(command("clear"), { text: true, icon: "close", class: "toggle" })),
      make("h2", {}, "Overlay"),
      overlay.group,
      opacity.row,
      colour.group,
      make("p", { class: "hint" }, "As an outline, each colour has a pattern of its own."),
    ),
  };
}

function pressureBox(settings) {
  const input = make("input", { type: "checkbox", checked: settings.get("pressure"), onchange: (event) => settings.set("pressure", event.target.checked) });
  return make("label", { class: "check" }, input, "A pen pressed harder draws wider");
}
