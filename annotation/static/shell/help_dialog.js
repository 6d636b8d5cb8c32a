/** All keys, from the table that binds them, and the settings of the page itself. */

import { choices, kbd } from "./controls.js";
import { showDialog } from "./dialogs.js";
import { make } from "./dom.js";

export class Help {
  /**
   * @param {() => import("./commands.js").Command[]} commands
   * @param {import("./settings.js").KeptSettings} settings
   * @param {import("./person.js").Person} person
   */
  constructor(commands, settings, person) {
    this.commands = commands;
    this.settings = settings;
    this.person = person;
  }

  open() {
    if (document.querySelector("dialog[open]")) return;
    showDialog({ title: "Keys and settings", class: "help", content: (close) => [this.#settings(close), this.#keys()] });
  }

  #settings(close) {
    const { settings, person } = this;
    const look = choices({
      name: "Appearance",
      choices: [
        { value: "system", text: "System", icon: "panel" },
        { value: "dark", text: "Dark", icon: "todo" },
        { value: "light", text: "Light", icon: "sun" },
      ],
      value: settings.get("look"),
      change: (value) => settings.set("look", value),
    });
    const keys = make("input", { type: "checkbox", checked: settings.get("keys"), onchange: (event) => settings.set("keys", event.target.checked) });
    const label = make("label", { class: "check" }, keys, "One-key shortcuts (Ctrl+Z, Escape and ? always work)");
    const change = () => {
      close();
      person.ask();
    };
    const you = make("p", {}, "You draw as ", make("strong", {}, make("bdi", {}, person.name)), ". ", make("button", { type: "button", class: "chip", onclick: change }, "Change"));
    return make("div", { class: "help-settings" }, look.group, label, you);
  }

  #keys() {
    const groups = new Map();
    for (const command of this.commands()) groups.set(command.group, [...(groups.get(command.group) ?? []), command]);
    const sections = [...groups].map(([group, commands]) =>
      make("section", { class: "help-group" }, make("h3", {}, group), make("dl", {}, rows(commands).map(entry))),
    );
    return make("div", { class: "help-groups" }, sections);
  }
}

/** Commands of one family share a row: their keys beside each other. */
function rows(commands) {
  const found = new Map();
  for (const { family, text, keys, note } of commands) {
    const row = found.get(family ?? text);
    if (row) row.keys.push(...keys);
    else found.set(family ?? text, { text: family ?? text, note, keys: [...keys], joint: family ? " " : " or " });
  }
  return [...found.values()];
}

function entry({ text, keys, note, joint }) {
  const printed = keys.flatMap((key, index) => [index > 0 && make("span", { class: "or" }, joint), spokenKbd(key)]);
  return make("div", { class: "help-row" }, make("dt", {}, printed), make("dd", {}, text, note && make("small", {}, ` ${note}`)));
}

/** In the help the keys are the content, so they are read out. */
function spokenKbd(key) {
  const element = kbd(key);
  element.removeAttribute("aria-hidden");
  return element;
}
