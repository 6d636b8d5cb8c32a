/**
 * What a person decides about a mask: its state, whether the machine's proposal holds, whether a second opinion is
 * needed. Every refusal is shown and spoken; nothing here is retried behind a person's back.
 */

import { announce } from "./announcer.js";
import { askReason } from "./reason_dialog.js";
import { explain } from "./requests.js";
import { stateWord } from "./words.js";

export class Marking {
  /**
   * @param {import("./workplace.js").Workplace} workplace
   * @param {{requests: import("./requests.js").Requests, person: any, notices: any, queue: any}} around
   */
  constructor(workplace, { requests, person, notices, queue }) {
    this.workplace = workplace;
    this.editor = workplace.editor;
    this.requests = requests;
    this.person = person;
    this.notices = notices;
    this.queue = queue;
  }

  /** @param {import("./requests.js").State} state @returns {Promise<boolean>} whether it was set */
  async set(state) {
    if (!(await this.#ready())) return false;
    const { layer, item } = this.workplace;
    const reason = await this.#reason(state, item);
    if (reason === null) return false;
    return this.#try(() => this.#setSaved(layer, state, reason, item));
  }

  /** Whether there is a mask to decide about and a name to do it with; waits for what is being opened. */
  async #ready() {
    const known = await this.person.known();
    await this.workplace.opening;
    return known && this.workplace.layer !== null;
  }

  /** The reason that a state needs; "" where it needs none, null where the person thought better of it. */
  async #reason(state, item) {
    if (state === "skipped") {
      return askReason({
        title: `Skip ${item.name}?`,
        text: "Say why, so that nobody has to guess later.",
        suggestions: ["nothing is blurred by motion", "everything is blurred", "the frames do not belong together", "too dark to tell"],
        action: "Skip",
      });
    }
    return "";
  }

  async #setSaved(layer, state, reason, item) {
    try {
      await this.editor.setState(state, reason);
    } catch (error) {
      const refusedAsEmpty = state === "done" && error.status >= 400 && error.status < 500 && /empty/i.test(error.message);
      if (!refusedAsEmpty) throw error;
      const why = await askReason({
        title: "Done, with nothing marked?",
        text: "The mask is empty. An empty mask makes the weighted measures undefined, so it needs a reason.",
        suggestions: ["nothing is blurred by motion", "the blur is the camera's, not a thing's"],
        action: "Done",
      });
      if (why === null) return false;
      await this.editor.setState(state, why);
    }
    announce(`${item.name}: ${stateWord(state)}`);
    return true;
  }

  async doneAndNext() {
    if (await this.set("done")) await this.queue.nextUnfinished();
  }

  async accept() {
    if (!(await this.#ready())) return false;
    if (!this.workplace.layer.is_proposal) return this.notices.show("There is no proposal to accept here.");
    await this.editor.accept(); // the editor says itself where that did not work
    return true;
  }

  async propose() {
    if (!(await this.#ready())) return false;
    const { layer, item } = this.workplace;
    this.notices.show("The machine looks at the picture …");
    return this.#try(async () => {
      const proposed = await this.requests.propose(item.id, layer.id, this.person.name);
      if (this.workplace.item?.id === item.id) await this.editor.reload();
      this.workplace.learn(proposed);
      this.notices.hide();
      announce("Proposed by the machine: accept or edit it.");
      return true;
    });
  }

  async second() {
    if (!(await this.#ready())) return false;
    const { item } = this.workplace;
    if (item.layers.length > 1) return this.notices.show("A second opinion was asked for already.");
    return this.#try(async () => {
      this.workplace.learn(await this.requests.second(item.id, this.person.name));
      this.notices.show("Second opinion asked for: somebody draws mask 2 without changing mask 1.");
      return true;
    });
  }

  async otherMask() {
    const { item, layer } = this.workplace;
    const other = item?.layers.find((each) => each.id !== layer.id);
    if (!other) return this.notices.show("This item has one mask. Ask for a second opinion to get another.");
    return this.workplace.open(item.id, other.number);
  }

  async #try(action) {
    try {
      return await action();
    } catch (error) {
      this.notices.fail(explain(error));
      return false;
    }
  }
}
