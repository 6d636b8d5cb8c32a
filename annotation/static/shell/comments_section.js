/** What people say about an item. */

import { announce } from "./announcer.js";
import { commandButton } from "./controls.js";
import { fill, freshId, make } from "./dom.js";
import { explain } from "./requests.js";
import { clock } from "./words.js";

export class CommentsSection {
  /**
   * @param {{requests: import("./requests.js").Requests, workplace: import("./workplace.js").Workplace,
   *   notices: import("./notices.js").Notices, person: import("./person.js").Person,
   *   command: (id: string) => import("./commands.js").Command}} page
   * @param {(number: number) => void} counted
   */
  constructor({ requests, workplace, notices, person, command }, counted) {
    this.requests = requests;
    this.workplace = workplace;
    this.notices = notices;
    this.person = person;
    this.counted = counted;
    this.list = make("ol", { class: "comments" });
    const id = freshId("comment");
    this.field = /** @type {HTMLTextAreaElement} */ (make("textarea", { id, rows: 3, maxlength: 4000, required: true }));
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#send(event);
    });
    const form = make(
      "form",
      { onsubmit: (event) => this.#send(event) },
      make("label", { for: id }, "Add a comment"),
      this.field,
      make("button", { type: "submit", class: "primary", title: "Send (Ctrl Enter)" }, "Send"),
    );
    this.element = make(
      "section",
      {},
      make("h2", {}, "Comments"),
      this.list,
      form,
      make("h2", {}, "Second opinion"),
      make("p", { class: "hint" }, "Somebody else draws a mask of their own; both stay, and can be compared."),
      make("div", { class: "stacked-buttons" }, commandButton(command("second"), { text: true, icon: "people", class: "toggle" })),
    );
    workplace.addEventListener("item", (event) => this.#draw(event.detail.item));
    workplace.addEventListener("comments", (event) => this.#draw(event.detail.item));
  }

  #draw(item) {
    const rows = item.comments.map(({ annotator, at, text }) =>
      make(
        "li",
        {},
        make("p", { class: "hint" }, make("bdi", { class: "who" }, annotator), " · ", make("time", { datetime: at }, clock(at))),
        make("p", { class: "words", dir: "auto" }, text),
      ),
    );
    fill(this.list, rows.length ? rows : make("li", { class: "hint" }, "Nobody has said anything yet."));
    this.counted(item.comments.length);
  }

  async #send(event) {
    event.preventDefault();
    const text = this.field.value.trim();
    const { item } = this.workplace;
    if (!text || !item || !(await this.person.known())) return;
    try {
      await this.requests.comment(item.id, this.person.name, text);
      this.field.value = "";
      announce("Comment sent");
      await this.workplace.refresh();
    } catch (error) {
      this.notices.fail(explain(error));
    }
  }
}
