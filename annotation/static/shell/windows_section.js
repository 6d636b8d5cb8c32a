/** Which of LMD-ViT's windows this mask keeps, for each size, and what share of the computing that is. */

import { choices } from "./controls.js";
import { fill, make } from "./dom.js";
import { explain } from "./requests.js";
import { count, percent } from "./words.js";

/** After a stroke is saved, milliseconds until the windows are asked for: a burst of strokes asks once. */
const PAUSE = 400;

export class WindowsSection {
  /**
   * @param {{settings: import("./settings.js").KeptSettings, editor: import("../engine/editor.js").Editor,
   *   requests: import("./requests.js").Requests, workplace: import("./workplace.js").Workplace}} page
   */
  constructor({ settings, editor, requests, workplace }) {
    this.settings = settings;
    this.editor = editor;
    this.requests = requests;
    this.workplace = workplace;
    this.visible = false;
    this.found = null;
    this.stamp = "";
    /** @type {string} the size that is drawn over the picture; "" for none */
    this.size = "";
    const rule = choices({
      name: "A window is kept if",
      choices: [
        { value: "any", text: "any pixel is blurred" },
        { value: "majority", text: "half of it is" },
      ],
      value: settings.get("rule"),
      change: (value) => settings.set("rule", value),
      class: "segments stacked",
    });
    this.body = make("div", { class: "windows" });
    this.element = make("section", {}, make("h2", {}, "Windows of LMD-ViT"), rule.group, this.body);
    settings.addEventListener("change", (event) => event.detail === "rule" && this.#needed && this.#load());
    workplace.addEventListener("layer", (event) => event.detail.layer.id === workplace.layer.id && this.#soon());
  }

  /** @param {boolean} visible */
  show(visible) {
    this.visible = visible;
    if (visible) this.#load();
  }

  /** Whether anybody looks: the section is open, or its windows stand over the picture. */
  get #needed() {
    return this.visible || this.size !== "";
  }

  #soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#needed && this.#load(), PAUSE);
  }

  async #load() {
    const { layer } = this.workplace;
    if (!layer) return;
    const rule = this.settings.get("rule");
    const stamp = `${layer.id} ${layer.head} ${rule}`;
    if (stamp === this.stamp) return this.#draw(this.size);
    this.stamp = stamp;
    try {
      const found = await this.requests.windows(layer.id, rule);
      if (this.stamp !== stamp) return;
      this.found = found;
      this.#table();
      this.#draw(this.size);
    } catch (error) {
      if (this.stamp !== stamp) return;
      this.stamp = "";
      fill(this.body, make("p", {}, explain(error)));
    }
  }

  #table() {
    const { sizes, compute_share: share } = this.found;
    const rows = Object.entries(sizes).map(([size, about]) => this.#row(size, about));
    const none = this.#choice("", "none");
    const head = make("tr", {}, ["Size", "Kept", "Share"].map((text) => make("th", { scope: "col" }, text)));
    const focused = this.body.contains(document.activeElement);
    fill(
      this.body,
      make("p", { class: "figure" }, `${percent(share)} of the computing kept`),
      make(
        "table",
        {},
        make("caption", {}, "Windows, and which are drawn over the picture"),
        make("thead", {}, head),
        make("tbody", {}, rows, make("tr", {}, make("td", { colspan: 3 }, none))),
      ),
    );
    if (focused) this.body.querySelector("input:checked")?.focus();
  }

  #row(size, { columns, rows, kept, share }) {
    const meter = make("span", { class: "meter" }, make("span", { class: "level" }));
    meter.firstElementChild.style.inlineSize = `${share * 100}%`;
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, this.#choice(size, `${size} px`)),
      make("td", {}, count(kept), make("small", {}, ` of ${count(columns * rows)}`)),
      make("td", {}, percent(share), meter),
    );
  }

  #choice(size, text) {
    const input = make("input", { type: "radio", name: "window-size", value: size, checked: size === this.size, onchange: () => this.#choose(size) });
    return make("label", { class: "check" }, input, text);
  }

  #choose(size) {
    this.size = size;
    this.#draw(size);
  }

  #draw(size) {
    const about = this.found && size ? this.found.sizes[size] : null;
    this.editor.setWindows(about ? { size: Number(size), ...about, pad: this.found.pad } : null);
  }
}
