/** What the keys and the panels do with the editor, and the settings that the editor follows. */

import { announce } from "./announcer.js";
import { colourNamed, COLOURS } from "./colours.js";
import { confirmed } from "./dialogs.js";

export class Drawing {
  /**
   * @param {import("../engine/editor.js").Editor} editor
   * @param {import("./settings.js").KeptSettings} settings
   * @param {import("./notices.js").Notices} notices
   */
  constructor(editor, settings, notices) {
    this.editor = editor;
    this.settings = settings;
    this.notices = notices;
    this.tool = { tool: "brush", subtract: false };
    this.cursor = { keyboard: false };
    this.sharpThere = false;
    editor.addEventListener("tool", (event) => (this.tool = event.detail));
    editor.addEventListener("cursor", (event) => (this.cursor = event.detail));
    editor.addEventListener("display", (event) => (this.sharpThere = event.detail.pair));
    settings.addEventListener("change", (event) => this.#follow(event.detail));
  }

  /** Give the editor everything that was kept. */
  start() {
    for (const name of ["size", "opacity", "gain"]) this.#follow(name);
  }

  #follow(name) {
    const { editor, settings } = this;
    if (["size", "hardness", "pressure"].includes(name)) {
      editor.setBrush({ size: settings.get("size"), hardness: settings.get("hardness"), pressure: settings.get("pressure") });
    } else if (["opacity", "colour", "overlay"].includes(name)) {
      const { hex, pattern } = colourNamed(settings.get("colour"));
      editor.setOverlay({ mode: settings.get("overlay"), opacity: settings.get("opacity"), colour: hex, pattern });
    } else if (name === "gain") {
      editor.setGain(settings.get("gain"));
    }
  }

  toggleSubtract() {
    this.editor.setSubtract(!this.tool.subtract);
  }

  async clear() {
    const sure = await confirmed({
      title: "Empty the mask?",
      text: "Everything that is marked here goes. It is one stroke: undo brings it back.",
      action: "Empty it",
    });
    if (sure) this.editor.clear();
  }

  /** Escape: what is being drawn, else the keyboard's cursor. */
  cancel() {
    if (!this.editor.cancel()) this.editor.hideCursor();
  }

  /** The space bar was let go: without a drag, it was a tap at the keyboard's cursor. */
  endPan() {
    if (!this.editor.setPanning(false) && this.cursor.keyboard) this.editor.pressCursor();
  }

  /** @param {"outline" | "hidden"} mode a second time goes back to the filled overlay */
  toggleOverlay(mode) {
    this.settings.set("overlay", this.settings.get("overlay") === mode ? "fill" : mode);
  }

  nextColour() {
    const at = COLOURS.findIndex((colour) => colour.name === this.settings.get("colour"));
    const next = COLOURS[(at + 1) % COLOURS.length];
    this.settings.set("colour", next.name);
    announce(`Overlay: ${next.name}`);
  }

  /** @param {import("../engine/types.js").PictureMode} mode */
  showPicture(mode) {
    if (mode !== "blurred" && !this.#pair()) return;
    if (mode !== "blurred" && !this.sharpThere) this.notices.show("The sharp frame is being laid on the blurred one …");
    this.editor.setPicture(mode);
  }

  /** @param {boolean} on */
  flicker(on) {
    if (!on || this.#pair()) this.editor.flicker(on);
  }

  #pair() {
    if (this.editor.item?.pair) return true;
    this.notices.show("This item has one frame: there is no sharp one to compare with.");
    return false;
  }
}
