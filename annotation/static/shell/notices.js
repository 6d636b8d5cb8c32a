/** One line that appears for a while above the picture and is spoken: what happened, or why something did not. */

import { announce, warn } from "./announcer.js";
import { plainButton } from "./controls.js";
import { make } from "./dom.js";
import { icon } from "./icons.js";

/** How long a line stays, milliseconds: long enough to read twice. Errors stay until the next line or a click. */
const STAY = 6000;

export class Notices {
  /** @param {import("./strip.js").Strip} strip */
  constructor(strip) {
    this.strip = strip;
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
    this.strip.put("notice");
  }

  #put(text, bad) {
    clearTimeout(this.timer);
    this.strip.mark("notice", "bad", bad);
    const close = bad && plainButton("Close this line", () => this.hide(), { icon: "close", class: "tool" });
    this.strip.put("notice", bad && icon("warning"), make("span", { class: "words" }, text), close);
  }
}
