/** The panel on the right: tabs, one section each. A section draws itself when it is opened or its mask changes. */

import { fill, make } from "./dom.js";
import { icon } from "./icons.js";
import { TABS } from "./commands.js";
import { shown } from "./controls.js";

export class Panel {
  /**
   * @param {HTMLElement} place
   * @param {Record<string, {element: HTMLElement, show?: (visible: boolean) => void}>} sections by tab
   * @param {import("./drawers.js").Drawers} drawers
   * @param {(tab: string) => void} opened
   */
  constructor(place, sections, drawers, opened) {
    this.sections = sections;
    this.drawers = drawers;
    this.opened = opened;
    this.tab = TABS[0].tab;
    this.tabs = new Map(TABS.map((about) => [about.tab, this.#tab(about)]));
    const list = make("div", { role: "tablist", class: "tabs", "aria-label": "Details" }, [...this.tabs.values()]);
    list.addEventListener("keydown", (event) => this.#key(event));
    const bodies = TABS.map(({ tab }) => {
      const body = sections[tab].element;
      const properties = { role: "tabpanel", id: `section-${tab}`, "aria-labelledby": `tab-${tab}` };
      for (const [name, value] of Object.entries(properties)) body.setAttribute(name, value);
      body.classList.add("section");
      return body;
    });
    fill(place, list, make("div", { class: "sections" }, bodies));
  }

  #tab({ tab, text, key, icon: glyph }) {
    const properties = { role: "tab", id: `tab-${tab}`, "aria-controls": `section-${tab}`, title: `${text} (${shown(key)})` };
    const label = make("span", { class: "tab-label" }, text);
    return make("button", { type: "button", ...properties, "aria-keyshortcuts": key, onclick: () => this.select(tab) }, icon(glyph), label);
  }

  /** @param {string} tab an unknown name is ignored: it may come from an old link */
  select(tab) {
    if (!this.tabs.has(tab)) return;
    this.tab = tab;
    for (const [name, button] of this.tabs) {
      const chosen = name === tab;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
      this.sections[name].element.hidden = !chosen;
      this.sections[name].show?.(chosen);
    }
    this.opened(tab);
  }

  /** Open a tab and go to it. @param {string} tab */
  open(tab) {
    this.drawers.show("panel");
    this.select(tab);
    this.tabs.get(tab)?.focus();
  }

  /** A few characters beside a tab's name. @param {string} tab @param {string} text "": none */
  badge(tab, text) {
    const button = this.tabs.get(tab);
    button?.querySelector(".badge")?.remove();
    if (text) button?.append(make("span", { class: "badge" }, text));
  }

  #key(event) {
    const names = [...this.tabs.keys()];
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    const ends = { Home: 0, End: names.length - 1 }[event.key];
    if (step === undefined && ends === undefined) return;
    event.preventDefault();
    const at = names.indexOf(this.tab);
    this.open(names[ends ?? (at + step + names.length) % names.length]);
  }
}
