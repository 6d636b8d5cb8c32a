/** Wide lines under the top bar for what a person must know or decide: another's change, no server, a refusal. */

import { announce, warn } from "./announcer.js";
import { plainButton } from "./controls.js";
import { confirmed } from "./dialogs.js";
import { fill, make } from "./dom.js";
import { icon } from "./icons.js";
import { saveWords } from "./words.js";

export class Banners {
  /**
   * @param {HTMLElement} place
   * @param {import("../engine/editor.js").Editor} editor
   */
  constructor(place, editor) {
    this.editor = editor;
    this.conflict = make("div", { class: "banner conflict", hidden: true });
    this.saving = make("div", { class: "banner", hidden: true });
    fill(place, this.conflict, this.saving);
    this.state = "saved";
    this.understood = false;
    editor.addEventListener("status", (event) => this.#status(event.detail));
    editor.addEventListener("conflict", (event) => this.#conflict(event.detail));
    editor.addEventListener("resolved", () => (this.conflict.hidden = true));
    editor.addEventListener("opened", () => (this.conflict.hidden = true));
  }

  #status(status) {
    if (status.state !== this.state) this.#speak(status);
    this.state = status.state;
    if (status.state === "saved") this.understood = false;
    const memory = status.journal === "memory" && status.unsent > 0;
    if (status.state === "offline") this.#offline(status);
    else if (status.state === "refused") this.#refused(status);
    else if (memory) this.#put("", "warning", "This browser keeps nothing: do not close the page before everything is saved.", []);
    else this.saving.hidden = true;
  }

  #speak(status) {
    if (["offline", "refused"].includes(status.state)) warn(saveWords(status));
    else if (status.state === "saved") announce("Saved");
  }

  #offline(status) {
    const safe = status.journal === "memory" ? "This browser keeps nothing: do not close this page." : "Go on drawing: everything is kept in this browser and sent when the server is back.";
    if (this.understood) return;
    const again = plainButton("Try now", () => this.editor.retry(), { class: "chip" });
    const close = plainButton("Understood", () => this.#understand(), { class: "chip" });
    this.#put("offline", "offline", `${saveWords(status)}. ${safe}`, [again, close]);
  }

  /** The bar at the top goes on saying it; the wide line gets out of the way of the picture. */
  #understand() {
    this.understood = true;
    this.saving.hidden = true;
  }

  #refused(status) {
    const again = plainButton("Send again", () => this.editor.retry(), { class: "chip" });
    const drop = plainButton("Drop what was refused", () => this.#drop(), { class: "chip" });
    this.#put("refused", "warning", saveWords(status), [again, drop]);
  }

  async #drop() {
    const sure = await confirmed({
      title: "Drop the strokes that were not saved?",
      text: "They exist in this browser alone and cannot be brought back. The mask goes back to what the server has.",
      action: "Drop them",
    });
    if (sure) await this.editor.discardUnsent();
  }

  #put(kind, glyph, text, buttons) {
    const words = this.saving.querySelector(".banner-words");
    if (this.saving.dataset.kind === kind && words && !this.saving.hidden) {
      words.textContent = text; // the buttons stay, and with them the focus
      return;
    }
    this.saving.dataset.kind = kind;
    this.saving.className = `banner ${kind}`;
    fill(this.saving, icon(glyph), make("p", { class: "banner-words" }, text), make("div", { class: "banner-buttons" }, buttons));
    this.saving.hidden = false;
  }

  #conflict({ annotator, message }) {
    const who = annotator || "Somebody else";
    const mine = plainButton("Put my strokes on top", () => this.#resolve("mine"), { class: "primary" });
    const theirs = plainButton("Show theirs", () => this.#resolve("theirs"), { class: "chip" });
    const text = `${who} changed this mask while you drew. Your strokes are stored beside it; nothing is lost.`;
    fill(
      this.conflict,
      icon("people"),
      make("p", { class: "banner-words", title: message }, make("strong", {}, text), " Your changed pixels on top of theirs, or theirs as they are? The other stays in the history."),
      make("div", { class: "banner-buttons" }, mine, theirs),
    );
    this.conflict.hidden = false;
    warn(text);
  }

  #resolve(choice) {
    return this.editor.resolveConflict(choice);
  }

}
