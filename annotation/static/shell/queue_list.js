/**
 * The list of the queue: only the rows in sight are elements, whatever the length. A listbox whose options are told
 * their place and the length of the whole list.
 */

import { make } from "./dom.js";
import { icon } from "./icons.js";
import { stateWord } from "./words.js";

/** Rows above and below the ones in sight. */
const MARGIN = 6;

export class QueueList {
  /**
   * @param {{row: (index: number) => import("./requests.js").ItemRow | null, length: () => number,
   *   wanted: (last: number) => void, chosen: (id: number) => void}} source
   *   `wanted` is told which index is in sight but not there yet
   */
  constructor(source) {
    this.source = source;
    this.active = 0;
    /** @type {number | null} the item on the canvas */
    this.current = null;
    /** @type {Map<number, {element: HTMLElement, row: any, current: boolean, active: boolean}>} */
    this.shown = new Map();
    this.spacer = make("div", { class: "spacer", role: "presentation" });
    this.element = make("div", { class: "rows", role: "listbox", tabindex: "0", "aria-label": "Items" }, this.spacer);
    this.element.addEventListener("scroll", () => this.#soon());
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("click", (event) => this.#click(event));
    this.element.addEventListener("focus", () => this.draw());
    this.element.addEventListener("blur", () => this.draw());
    new ResizeObserver(() => this.#soon()).observe(this.element);
  }

  /** Height of a row in pixels; the style sheet decides it (larger for fingers). */
  get rowHeight() {
    return parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) * rem();
  }

  #soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  /** Show what is in sight now. */
  draw() {
    const height = this.rowHeight;
    const length = this.source.length();
    this.spacer.style.height = `${length * height}px`;
    const first = Math.max(0, Math.floor(this.element.scrollTop / height) - MARGIN);
    const last = Math.min(length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / height) + MARGIN);
    for (const [index, { element }] of this.shown) {
      if (index < first || index >= last) {
        element.remove();
        this.shown.delete(index);
      }
    }
    for (let index = first; index < last; index++) this.#place(index, height, length);
    const active = this.shown.get(this.active);
    if (active && document.activeElement === this.element) this.element.setAttribute("aria-activedescendant", active.element.id);
    else this.element.removeAttribute("aria-activedescendant");
    if (last > 0 && this.source.row(last - 1) === null) this.source.wanted(last - 1);
  }

  #place(index, height, length) {
    const row = this.source.row(index);
    const current = row !== null && row.id === this.current;
    const active = index === this.active && document.activeElement === this.element;
    const before = this.shown.get(index);
    const same = before && before.row === row && before.current === current && before.active === active;
    const element = same ? before.element : option(row, index, current, active);
    element.setAttribute("aria-setsize", String(length));
    element.style.transform = `translateY(${index * height}px)`;
    if (same) return;
    if (before) before.element.replaceWith(element);
    else this.spacer.append(element);
    this.shown.set(index, { element, row, current, active });
  }

  /** Mark the item on the canvas and bring it into sight. @param {number} id @param {number} index -1: not in this list */
  show(id, index) {
    this.current = id;
    if (index >= 0) {
      this.active = index;
      this.#reveal(index);
    }
    this.draw();
  }

  #reveal(index) {
    const height = this.rowHeight;
    const top = index * height;
    const { scrollTop, clientHeight } = this.element;
    this.spacer.style.height = `${this.source.length() * height}px`;
    if (top < scrollTop) this.element.scrollTop = top - height;
    else if (top + height > scrollTop + clientHeight) this.element.scrollTop = top + 2 * height - clientHeight;
  }

  /** Forget what is drawn: the list became another one. */
  reset() {
    this.active = 0;
    this.element.scrollTop = 0;
    this.draw();
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight) - 1);
    const length = this.source.length();
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -length, End: length };
    if (event.key === "Enter" || event.key === " ") {
      const row = this.source.row(this.active);
      if (row) this.source.chosen(row.id);
    } else if (event.key in steps) {
      this.active = Math.max(0, Math.min(length - 1, this.active + steps[event.key]));
      this.#reveal(this.active);
      this.draw();
    } else {
      return;
    }
    event.preventDefault();
  }

  #click(event) {
    const element = event.target instanceof Element && event.target.closest("[data-index]");
    if (!element) return;
    const row = this.source.row(Number(element.dataset.index));
    if (row) this.source.chosen(row.id);
  }
}

function option(row, index, current, active) {
  const properties = {
    id: `row-${index}`,
    role: "option",
    class: `row${current ? " current" : ""}${active ? " active" : ""}${row ? "" : " coming"}`,
    "aria-selected": String(current),
    "aria-posinset": index + 1,
    "data-index": index,
  };
  if (!row) return make("div", { ...properties, "aria-label": "not read yet" }, make("span", { class: "ghost" }));
  const [first, second] = row.layers;
  const marks = [
    row.layers.some((layer) => layer.proposal) && make("span", { class: "mark", title: "proposed by the machine" }, icon("machine")),
    second && make("span", { class: `mark state-${second.state}`, title: `second opinion: ${stateWord(second.state)}` }, icon(second.state)),
  ];
  const name = make("span", { class: "name" }, make("bdi", {}, row.name));
  return make(
    "div",
    { ...properties, "aria-label": said(row), title: said(row) },
    make("span", { class: `mark state-${first.state}` }, icon(first.state)),
    name,
    marks,
  );
}

function said(row) {
  const [first, second] = row.layers;
  const parts = [row.name, stateWord(first.state).toLowerCase()];
  if (first.annotator) parts.push(`by ${first.annotator}`);
  if (row.layers.some((layer) => layer.proposal)) parts.push("proposed by the machine");
  if (second) parts.push(`second opinion: ${stateWord(second.state).toLowerCase()}`);
  parts.push(row.pair ? "pair" : "single frame");
  return parts.join(", ");
}

function rem() {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}
