/** The blurred and the sharp frame: which is shown, how strongly they differ, and how well they lie on each other. */

import { choices, plainButton, slider } from "./controls.js";
import { fill, make } from "./dom.js";
import { icon } from "./icons.js";
import { explain } from "./requests.js";
import { signed } from "./words.js";
import { PICTURES } from "./commands.js";

const ICONS = { blurred: "blurred", sharp: "sharp", split: "split", heat: "heat" };

/** Differences below these are not worth a word: degrees, and a factor. */
const TURNED = 0.01;
const SCALED = 0.0005;

export class PairSection {
  /**
   * @param {{settings: import("./settings.js").KeptSettings, editor: import("../engine/editor.js").Editor,
   *   drawing: import("./drawing.js").Drawing, requests: import("./requests.js").Requests,
   *   workplace: import("./workplace.js").Workplace}} page
   * @param {(doubtful: boolean) => void} judged told whether the registration is not to be trusted
   */
  constructor({ settings, editor, drawing, requests, workplace }, judged) {
    this.judged = judged;
    this.requests = requests;
    this.workplace = workplace;
    this.read = null;
    this.visible = false;
    this.picture = choices({
      name: "Picture",
      choices: PICTURES.map(({ mode, text, key }) => ({ value: mode, text, key, icon: ICONS[mode] })),
      value: "blurred",
      change: (mode) => drawing.showPicture(mode),
      class: "segments two",
    });
    const gain = slider({ name: "Difference, amplified", low: 1, high: 32, step: 1, value: settings.get("gain"), say: (value) => `× ${value}`, change: (value) => settings.set("gain", value) });
    const split = slider({ name: "Split line", low: 0, high: 1, step: 0.01, value: 0.5, say: (value) => `${Math.round(value * 100)} %`, change: (value) => editor.setSplit(value) });
    this.facts = make("div", { class: "facts" });
    this.element = make(
      "section",
      {},
      make("h2", {}, "Pair"),
      this.picture.group,
      holdButton(drawing, editor),
      gain.row,
      split.row,
      make("h2", {}, "Registration"),
      this.facts,
    );
    editor.addEventListener("display", (event) => {
      if (event.detail.pair) this.#load(); // the server has laid the frames on each other: asking costs nothing more
      this.picture.set(event.detail.picture);
      if (typeof event.detail.split === "number") split.set(event.detail.split);
    });
    workplace.addEventListener("item", (event) => this.#item(event.detail.item));
  }

  /** @param {boolean} visible */
  show(visible) {
    this.visible = visible;
    if (visible) this.#load();
  }

  #item(item) {
    this.read = null;
    for (const { mode } of PICTURES) this.picture.enable(mode, item.pair || mode === "blurred");
    this.judged(false);
    fill(this.facts);
    if (this.visible) this.#load();
  }

  async #load() {
    const { item } = this.workplace;
    if (!item || this.read === item.id) return;
    this.read = item.id;
    if (!item.pair) return fill(this.facts, make("p", {}, "This item is a blurred frame alone."));
    fill(this.facts, make("p", { class: "hint" }, "Laying the frames on each other …"));
    try {
      const found = await this.requests.registration(item.id);
      if (this.workplace.item.id !== item.id) return;
      fill(this.facts, registrationWords(found));
      this.judged(!found.trusted);
    } catch (error) {
      this.read = null;
      if (this.workplace.item.id === item.id) fill(this.facts, make("p", {}, explain(error)));
    }
  }
}

/** @param {{dx: number, dy: number, angle: number, scale: number, correlation: number, gain: number, trusted: boolean}} found */
export function registrationWords(found) {
  const shift = `shift ${signed(found.dx)} px, ${signed(found.dy)} px; correlation ${found.correlation.toFixed(2)}`;
  const more = [];
  if (Math.abs(found.angle) >= TURNED) more.push(`turned ${signed(found.angle)}°`);
  if (Math.abs(found.scale - 1) >= SCALED) more.push(`scale ${found.scale.toFixed(4)}`);
  more.push(`brightness × ${found.gain.toFixed(2)}`);
  const doubt = "The frames may not lie on each other here: do not rely on split, difference or the proposal.";
  return [
    make("p", { class: "figure" }, shift),
    make("p", { class: "hint" }, more.join("; ")),
    !found.trusted && make("p", { class: "doubt" }, icon("warning"), make("span", {}, `Not trusted. ${doubt}`)),
  ];
}

function holdButton(drawing, editor) {
  const hold = plainButton("Hold to see the other frame", () => {}, { class: "toggle wide", icon: "pair", text: "Hold to see the other frame", "aria-keyshortcuts": "V", title: "Hold to see the other frame (V)" });
  const on = (event) => {
    if (event instanceof KeyboardEvent && ![" ", "Enter"].includes(event.key)) return;
    if (event instanceof PointerEvent) hold.setPointerCapture(event.pointerId);
    drawing.flicker(true);
  };
  const off = () => editor.flicker(false);
  hold.addEventListener("pointerdown", on);
  hold.addEventListener("keydown", on);
  for (const name of ["pointerup", "pointercancel", "keyup", "blur"]) hold.addEventListener(name, off);
  hold.addEventListener("contextmenu", (event) => event.preventDefault());
  return hold;
}
