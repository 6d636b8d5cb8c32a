/** One line that appears for a while above the picture and is spoken: what happened, or why something did not. */

import { announce, warn } from "./announcer.js";
import { fill, make } from "./dom.js";
import { icon } from "./icons.js";

/** How long a line stays, milliseconds: long enough to read twice. Errors stay until the next line or a click. */
const STAY = 6000;

export class Notices {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.line = make("p", { class: "notice", hidden: true });
    this.line.addEventListener("click", () => this.hide());
    place.append(this.line);
    this.timer = 0;
  }

  /** @param {string} text @returns {false} so that a command can end with it */
  show(text) {
    announce(text);
    this.#put(text, false);
    this.timer = window.setTimeout(() => this.hide(), STAY);
    return false;
  }

  /** @param {string} text @returns {false} */
  fail(text) {
    warn(text);
    this.#put(text, true);
    return false;
  }

  hide() {
    this.line.hidden = true;
  }

  #put(text, bad) {
    clearTimeout(this.timer);
    this.line.classList.toggle("bad", bad);
    fill(this.line, bad && icon("warning"), make("span", {}, text));
    this.line.hidden = false;
  }
}
