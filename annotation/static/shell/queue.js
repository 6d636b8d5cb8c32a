/** The queue: which items there are, filtered by state and searched by name, and the way from one to the next. */

import { announce } from "./announcer.js";
import { fill, make } from "./dom.js";
import { icon } from "./icons.js";
import { QueueList } from "./queue_list.js";
import { QueuePages } from "./queue_pages.js";
import { explain } from "./requests.js";
import { count, plural, STATES } from "./words.js";

const UNFINISHED = ["todo", "in_progress"];

export class Queue {
  /**
   * @param {HTMLElement} place
   * @param {{requests: import("./requests.js").Requests, workplace: import("./workplace.js").Workplace,
   *   notices: import("./notices.js").Notices, open: (id: number) => void}} around
   */
  constructor(place, { requests, workplace, notices, open }) {
    this.requests = requests;
    this.workplace = workplace;
    this.notices = notices;
    this.open = open;
    this.project = null;
    this.filter = "";
    this.searched = "";
    this.list = new QueueList({
      row: (index) => this.matches[index] ?? null,
      length: () => this.length,
      wanted: (last) => this.#fetch(last + 1),
      chosen: (id) => this.open(id),
    });
    /** what a state's button shows, and what is shown: the same, or what was found @type {QueuePages} */
    this.listed = this.pages = this.#pagesOf("", "");
    fill(place, this.#head(), this.list.element, this.#foot());
    workplace.addEventListener("layer", (event) => this.#learn(event.detail.layer));
    workplace.addEventListener("opening", (event) => this.#reveal(event.detail.id));
  }

  #head() {
    this.field = /** @type {HTMLInputElement} */ (
      make("input", {
        ...{ type: "search", maxlength: "500", spellcheck: "false", autocomplete: "off" },
        ...{ "aria-label": "Search items by name", placeholder: "Search by name" },
      })
    );
    this.field.addEventListener("input", () => this.#search(this.field.value));
    this.field.addEventListener("keydown", (event) => this.#searchKey(event));
    this.filters = make("div", { class: "filters", role: "group", "aria-label": "Show items by state" });
    this.progress = make("div", { class: "progress", role: "img" });
    const box = make("div", { class: "search" }, icon("search"), this.field);
    return make("div", { class: "queue-head" }, box, this.progress, this.filters);
  }

  #foot() {
    this.summary = make("p", { class: "summary" });
    return this.summary;
  }

  /** @param {import("./requests.js").Project} project */
  setProject(project) {
    this.project = project;
    this.#drawCounts();
    this.list.draw();
  }

  /** The rows that are shown, as far as they were read. */
  get matches() {
    return this.pages.rows;
  }

  /** How many rows the list has: all that the server counts, or, while searching, those found. */
  get length() {
    if (this.searched || this.pages.complete) return this.matches.length;
    const counted = this.filter ? this.project?.counts[this.filter] : this.project?.items;
    return Math.max(this.matches.length, counted ?? 0);
  }

  #pagesOf(filter, name) {
    const pages = new QueuePages((after, limit) => this.requests.items(after, filter, limit, name));
    pages.addEventListener("rows", () => {
      if (pages !== this.pages) return;
      this.list.draw();
      this.#drawSummary();
    });
    return pages;
  }

  async #fetch(number) {
    try {
      await this.pages.atLeast(number);
    } catch (error) {
      this.notices.fail(explain(error));
    }
  }

  /** Read the first page. */
  async start() {
    await this.#fetch(1);
  }

  async #show(filter) {
    if (filter === this.filter) return;
    this.filter = filter;
    this.listed = this.pages = this.#pagesOf(filter, "");
    this.#drawCounts();
    if (this.searched) {
      await this.#search(this.searched);
    } else {
      this.list.reset();
      await this.#fetch(1);
    }
    this.list.show(this.list.current, this.#index(this.list.current));
    announce(plural(this.length, "item"));
  }

  async #search(text) {
    this.searched = text.trim();
    const pages = this.searched ? this.#pagesOf(this.filter, this.searched) : this.listed;
    this.pages = pages;
    this.list.reset();
    this.#drawSummary();
    if (!this.searched) return this.#fetch(1);
    const still = () => this.pages === pages;
    try {
      await pages.everything(still);
    } catch (error) {
      if (still()) this.notices.fail(explain(error));
    }
    if (still()) announce(`${plural(this.length, "item")} found`);
    return undefined;
  }

  async #openFirst() {
    const { pages } = this;
    await this.#fetch(1); // of what was just typed
    if (pages === this.pages && this.matches[0]) this.open(this.matches[0].id);
  }

  #searchKey(event) {
    if (event.key === "Enter") this.#openFirst();
    if (event.key === "ArrowDown") this.list.element.focus();
    const clears = event.key === "Escape" && this.field.value !== ""; // a second Escape leaves the queue
    if (clears) {
      this.field.value = "";
      this.#search("");
    }
    if (clears || ["Enter", "ArrowDown"].includes(event.key)) event.preventDefault();
  }

  /** Let the browser fetch the next picture while a person looks at this one. */
  warmNext() {
    const next = this.matches[this.#index(this.list.current) + 1];
    if (next) this.requests.warm(next.id);
  }

  /** Put the cursor into the search field. */
  search() {
    this.field.focus();
    this.field.select();
  }

  #index(id) {
    return this.matches.findIndex((row) => row.id === id);
  }

  async #reveal(id) {
    this.list.show(id, this.#index(id));
    if (this.#index(id) >= 0 || this.searched) return;
    try {
      await this.pages.find(id);
    } catch (error) {
      this.notices.fail(explain(error));
    }
    if (this.list.current === id) this.list.show(id, this.#index(id));
  }

  /** The neighbour in the list as it is filtered and searched. @param {1 | -1} step */
  async step(step) {
    const current = this.workplace.wanted?.id ?? this.list.current ?? 0;
    try {
      if (!this.searched) await this.pages.find(current); // opened by its address, it may lie beyond what was read so far
    } catch (error) {
      return this.notices.fail(explain(error));
    }
    let at = this.#index(current);
    if (at < 0) at = this.#beside(current, step);
    if (step > 0) await this.#fetch(at + 2);
    const row = this.matches[at + step];
    if (row) return this.open(row.id);
    return this.notices.show(step > 0 ? "This is the last item of the list." : "This is the first item of the list.");
  }

  /** Where an item that the filter leaves out would stand, seen from the side one comes from. */
  #beside(id, step) {
    const after = this.matches.findIndex((row) => row.id > id);
    const place = after < 0 ? this.matches.length : after;
    return step > 0 ? place - 1 : place;
  }

  /** The next item that somebody has to draw, from here on and then from the start; the server finds it. */
  async nextUnfinished() {
    const current = this.list.current ?? 0;
    try {
      const id = (await this.#firstUnfinished(current)) ?? (await this.#firstUnfinished(0));
      if (id !== null && id !== current) return await this.open(id);
      return this.notices.show("Nothing else is left to do.");
    } catch (error) {
      return this.notices.fail(explain(error));
    }
  }

  async #firstUnfinished(after) {
    const pages = await Promise.all(UNFINISHED.map((state) => this.requests.items(after, state, 1)));
    const ids = pages.flatMap((page) => page.items.map((item) => item.id));
    return ids.length ? Math.min(...ids) : null;
  }

  /** A mask changed: its row follows, and the counts are asked for again. */
  #learn(layer) {
    const row = this.pages.row(layer.item) ?? this.listed.row(layer.item);
    const told = { id: layer.id, number: layer.number, state: layer.state, annotator: layer.annotator, proposal: layer.is_proposal };
    const before = row?.layers.find((each) => each.id === layer.id);
    if (row) {
      if (before && JSON.stringify(before) === JSON.stringify(told)) return;
      const layers = [...row.layers.filter((each) => each.id !== layer.id), told].sort((a, b) => a.number - b.number);
      for (const pages of new Set([this.pages, this.listed])) pages.change(row.id, { layers });
    }
    if (before?.state !== told.state) this.#countSoon();
  }

  #countSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      try {
        this.setProject(await this.requests.project());
      } catch (error) {
        explain(error); // the counts stay as they are; the state of saving tells that the server is away
      }
    }, 300);
  }

  #drawCounts() {
    const { counts, items } = this.project;
    const all = [{ state: "", word: "All" }, ...STATES];
    const buttons = all.map(({ state, word }) => {
      const number = state ? counts[state] : items;
      const pressed = { "aria-pressed": String(state === this.filter), class: `filter state-${state || "all"}` };
      const glyph = state ? icon(/** @type {any} */ (state)) : icon("list");
      const content = [glyph, make("span", { class: "word" }, word), make("span", { class: "count" }, count(number))];
      return make("button", { type: "button", ...pressed, onclick: () => this.#show(state) }, content);
    });
    const focused = [...this.filters.children].indexOf(/** @type {Element} */ (document.activeElement));
    fill(this.filters, buttons);
    if (focused >= 0) buttons[focused].focus();
    this.#drawProgress(counts, items);
    this.#drawSummary();
  }

  #drawProgress(counts, items) {
    const parts = ["done", "needs_review", "skipped", "in_progress"];
    const bars = parts.filter((state) => counts[state] > 0).map((state) => {
      const bar = make("span", { class: `part state-${state}` });
      bar.style.flexGrow = String(counts[state]);
      return bar;
    });
    const rest = make("span", { class: "part rest" });
    rest.style.flexGrow = String(counts.todo);
    fill(this.progress, bars, rest);
    this.progress.setAttribute("aria-label", `${count(counts.done)} of ${plural(items, "item")} done`);
  }

  #drawSummary() {
    const found = this.matches.length;
    if (this.searched) {
      const searching = this.pages.complete ? "" : " so far";
      this.summary.textContent = `${count(found)} found${searching}`;
    } else if (this.project) {
      this.summary.textContent = this.length === 0 ? "Nothing in this state" : plural(this.length, "item");
    }
  }
}
