/** All keys, from the table that binds them, and the settings of the page itself. */

import { choices, kbd } from "./controls.js";
import { showDialog } from "./dialogs.js";
import { make } from "./dom.js";

export class Help {
  /** @param {() => import("./commands.js").Command[]} commands @param {import("./settings.js").KeptSettings} settings */
  constructor(commands, settings) {
    this.commands = commands;
    this.settings = settings;
  }

  open() {
    if (document.querySelector("dialog[open]")) return;
    showDialog({ title: "Keys and settings", class: "help", content: () => [this.#settings(), this.#keys()] });
  }

  #settings() {
    const { settings } = this;
    const look = choices({
      name: "Appearance",
      choices: [
        { value: "system", text: "As the system", icon: "panel" },
        { value: "dark", text: "Dark", icon: "todo" },
        { value: "light", text: "Light", icon: "sun" },
      ],
      value: settings.get("look"),
      change: (value) => settings.set("look", value),
    });
    const keys = make("input", { type: "checkbox", checked: settings.get("keys"), onchange: (event) => settings.set("keys", event.target.checked) });
    const label = make("label", { class: "check" }, keys, "One-key shortcuts (Ctrl+Z, Escape and ? always work)");
    return make("div", { class: "help-settings" }, look.group, label);
  }

  #keys() {
    const groups = new Map();
    for (const command of this.commands()) groups.set(command.group, [...(groups.get(command.group) ?? []), command]);
    const sections = [...groups].map(([group, commands]) =>
      make("section", { class: "help-group" }, make("h3", {}, group), make("dl", {}, commands.map(entry))),
    );
    return make("div", { class: "help-groups" }, sections);
  }
}

function entry({ text, keys, note }) {
  const printed = keys.flatMap((key, index) => [index > 0 && make("span", { class: "or" }, " or "), spokenKbd(key)]);
  return make("div", { class: "help-row" }, make("dt", {}, printed), make("dd", {}, text, note && make("small", {}, ` ${note}`)));
}

/** In the help the keys are the content, so they are read out. */
function spokenKbd(key) {
  const element = kbd(key);
  element.removeAttribute("aria-hidden");
  return element;
}
