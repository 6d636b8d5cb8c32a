/** Who draws: asked once, kept in this browser, changed with a click. */

import { announce } from "./announcer.js";
import { dialogButtons, showDialog } from "./dialogs.js";
import { freshId, make } from "./dom.js";

export class Person {
  /** @param {import("./settings.js").KeptSettings} settings */
  constructor(settings) {
    this.settings = settings;
    this.asking = null;
  }

  get name() {
    return this.settings.get("annotator");
  }

  /** Asks where the name is not known yet. @returns {Promise<boolean>} whether it is known now */
  async known() {
    return Boolean(this.name) || this.ask();
  }

  /** A first name is needed: a stroke without one would be refused. @returns {Promise<boolean>} whether there is one now */
  ask() {
    this.asking ??= this.#ask().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  async #ask() {
    const needed = !this.name;
    const name = await showDialog({ title: "Who draws here?", content: (close) => this.#content(close), needed });
    if (!name && needed) return this.#ask(); // closed by other means: a tablet's gesture for "back"
    if (name && this.settings.set("annotator", name)) announce(`You draw as ${name}`);
    return Boolean(this.name);
  }

  #content(close) {
    const id = freshId("name");
    const field = /** @type {HTMLInputElement} */ (
      make("input", { id, type: "text", value: this.name, maxlength: 80, required: true, autocomplete: "name", autofocus: true })
    );
    const submit = (event) => {
      event.preventDefault();
      const tidy = field.value.trim().replace(/\s+/g, " ");
      if (tidy) close(tidy);
    };
    const form = make("form", { onsubmit: submit }, make("label", { for: id }, "Your name"), field, dialogButtons(this.name ? "Change" : "Start", this.name ? close : null));
    return [make("p", {}, "Every stroke carries the name of whoever drew it. It is kept in this browser and in the project, nowhere else."), form];
  }
}
