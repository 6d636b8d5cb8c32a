/** Asks for a reason in words: a few that are common, or one's own. */

import { dialogButtons, showDialog } from "./dialogs.js";
import { freshId, make } from "./dom.js";

/** What the server keeps at most, in characters. */
const LONGEST = 4000;

/**
 * @param {{title: string, text: string, suggestions: string[], action: string}} about
 * @returns {Promise<string | null>} null where the person thought better of it
 */
export function askReason({ title, text, suggestions, action }) {
  return showDialog({
    title,
    content: (close) => {
      const id = freshId("reason");
      const field = /** @type {HTMLTextAreaElement} */ (
        make("textarea", { id, rows: 3, maxlength: LONGEST, required: true, autofocus: true })
      );
      const chips = suggestions.map((words) => {
        const take = () => {
          field.value = words;
          field.focus();
        };
        return make("button", { type: "button", class: "chip", onclick: take }, words);
      });
      const submit = (event) => {
        event.preventDefault();
        if (field.value.trim()) close(field.value.trim());
      };
      field.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
      });
      const form = make(
        "form",
        { onsubmit: submit },
        make("label", { for: id }, "Reason"),
        field,
        make("div", { class: "chips", role: "group", "aria-label": "Suggestions" }, chips),
        dialogButtons(action, close),
      );
      return [make("p", {}, text), form];
    },
  });
}
