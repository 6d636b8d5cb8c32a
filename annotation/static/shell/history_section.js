/** Every stored state of the mask, newest first; any of them can be shown again, and nothing is ever lost. */

import { plainButton } from "./controls.js";
import { fill, make } from "./dom.js";
import { icon } from "./icons.js";
import { explain } from "./requests.js";
import { clock, count, kindWord, percent, plural } from "./words.js";

/** Rows that are drawn at first; a mask may have hundreds. */
const FIRST = 60;

const ICONS = {
  empty: "todo", brush: "brush", eraser: "eraser", polygon: "polygon", fill: "fill", scissors: "scissors",
  grabcut: "grabcut", proposal: "machine", accepted: "saved", import: "list", clear: "close", cleaned: "options", resolve: "people",
};

export class HistorySection {
  /**
   * @param {{editor: import("../engine/editor.js").Editor, requests: import("./requests.js").Requests,
   *   workplace: import("./workplace.js").Workplace, notices: import("./notices.js").Notices}} page
   */
  constructor({ editor, requests, workplace, notices }) {
    this.editor = editor;
    this.requests = requests;
    this.workplace = workplace;
    this.notices = notices;
    this.visible = false;
    this.length = FIRST;
    this.list = make("ol", { class: "revisions" });
    this.note = make("p", { class: "hint" });
    this.element = make("section", {}, make("h2", {}, "History"), this.note, this.list);
    workplace.addEventListener("item", () => (this.length = FIRST));
    workplace.addEventListener("layer", (event) => event.detail.layer.id === workplace.layer.id && this.#soon());
  }

  /** @param {boolean} visible */
  show(visible) {
    this.visible = visible;
    if (visible) this.load();
  }

  #soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.visible && this.load(), 300);
  }

  async load() {
    const { layer, item } = this.workplace;
    if (!layer) return;
    try {
      const revisions = await this.requests.history(layer.id);
      if (this.workplace.layer.id === layer.id) this.#draw(revisions, item);
    } catch (error) {
      this.note.textContent = explain(error);
    }
  }

  #draw(revisions, item) {
    const head = this.workplace.layer.head;
    this.note.textContent = `${plural(revisions.length, "stored state")}; nothing is ever overwritten.`;
    const rows = revisions.slice(0, this.length).map((revision) => this.#row(revision, head, item));
    const more = revisions.length > this.length && make("li", { class: "more" }, plainButton("Show older", () => this.#older(), { class: "toggle wide" }));
    fill(this.list, rows, more);
  }

  #older() {
    this.length *= 4;
    this.load();
  }

  #row(revision, head, item) {
    const current = revision.id === head;
    const share = percent(revision.area / (item.width * item.height));
    const when = make("time", { datetime: revision.at, title: revision.at }, clock(revision.at));
    const who = revision.annotator ? make("bdi", {}, revision.annotator) : "the project";
    const name = `${kindWord(revision.kind)}, ${clock(revision.at)}`;
    const restore = plainButton(`Restore: ${name}`, () => this.#restore(revision), { text: "Restore", class: "chip" });
    restore.setAttribute("aria-label", `Restore: ${name}`);
    return make(
      "li",
      { class: current ? "revision current" : "revision", "aria-current": current && "true" },
      icon(/** @type {any} */ (ICONS[revision.kind] ?? "history")),
      make(
        "div",
        { class: "what" },
        make("strong", {}, kindWord(revision.kind)),
        make("span", { class: "hint" }, who, " · ", when),
        make("span", { class: "hint" }, `${count(revision.area)} px, ${share}`),
        revision.note && make("span", { class: "hint" }, revision.note),
      ),
      current ? make("span", { class: "now" }, "shown") : restore,
    );
  }

  async #restore(revision) {
    await this.editor.restore(revision.id); // the editor says itself where that did not work
    if (this.editor.head === revision.id) this.notices.show(`Restored: ${kindWord(revision.kind)}, ${clock(revision.at)}.`);
  }
}
