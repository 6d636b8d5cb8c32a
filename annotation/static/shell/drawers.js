/** The queue and the panel stand beside the picture where there is room, and slide over it where there is not. */

import { byId } from "./dom.js";

/** Below this width (CSS pixels in rem, so it follows zoom and text size) the sides are closed at first. */
const NARROW = "(max-width: 76rem)";

export class Drawers {
  constructor() {
    this.narrow = matchMedia(NARROW);
    this.open = { queue: true, panel: true };
    this.narrow.addEventListener("change", () => this.#arrange());
    for (const name of ["queue", "panel"]) byId(name).addEventListener("keydown", (event) => this.#key(event, name));
    byId("picture").addEventListener("pointerdown", () => this.closeOverPicture());
    this.#arrange();
  }

  #arrange() {
    const wide = !this.narrow.matches;
    this.#set("queue", wide);
    this.#set("panel", wide);
  }

  /** @param {"queue" | "panel"} name */
  toggle(name) {
    const opening = !this.open[name];
    if (opening && this.narrow.matches) this.closeOverPicture();
    this.#set(name, opening);
    if (opening && this.narrow.matches) byId(name).querySelector("input, button, [tabindex='0']")?.focus();
    if (!opening) byId("picture").focus();
  }

  /** @param {"queue" | "panel"} name */
  show(name) {
    if (!this.open[name]) this.toggle(name);
  }

  /** Where a side covers the picture, drawing closes it. */
  closeOverPicture() {
    if (!this.narrow.matches) return;
    this.#set("queue", false);
    this.#set("panel", false);
  }

  #set(name, open) {
    this.open[name] = open;
    byId(name).hidden = !open;
    byId("work").dataset[name] = open ? "open" : "closed";
    for (const button of document.querySelectorAll(`[data-drawer="${name}"]`)) button.setAttribute("aria-expanded", String(open));
  }

  #key(event, name) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    if (this.narrow.matches) this.toggle(name);
    else byId("picture").focus();
  }
}
