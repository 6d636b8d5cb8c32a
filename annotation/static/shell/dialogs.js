/**
 * Dialogs on the browser's own <dialog>: it keeps the focus inside, closes on Escape and gives the focus back.
 */

import { freshId, make } from "./dom.js";
import { icon } from "./icons.js";

/**
 * Show a dialog and wait until it closes.
 *
 * @param {{title: string, content: (close: (value?: any) => void) => Node[], class?: string, needed?: boolean}} about
 *   needed: it has no way out but an answer
 * @returns {Promise<any>} what it was closed with; null where it was dismissed
 */
export function showDialog({ title, content, class: kind = "", needed = false }) {
  return new Promise((resolve) => {
    const id = freshId("dialog");
    let answer = null;
    const close = (value = null) => {
      answer = value;
      dialog.close();
    };
    const dismiss = make("button", { type: "button", class: "quiet dismiss", "aria-label": "Close", onclick: () => close() }, icon("close"));
    const dialog = /** @type {HTMLDialogElement} */ (
      make("dialog", { class: kind, "aria-labelledby": id }, make("h2", { id }, title), ...content(close), ...(needed ? [] : [dismiss]))
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog && !needed) close(); // the backdrop
    });
    dialog.addEventListener("cancel", (event) => needed && event.preventDefault());
    dialog.addEventListener("keydown", (event) => {
      // Browsers let a second Escape through that only "cancel" refuses.
      if (needed && event.key === "Escape") event.preventDefault();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * @param {string} action what the button says
 * @param {((value?: any) => void) | null} close null: there is no way back
 */
export function dialogButtons(action, close, { danger = false } = {}) {
  return make(
    "div",
    { class: "dialog-buttons" },
    close && make("button", { type: "button", class: "quiet", onclick: () => close() }, "Cancel"),
    make("button", { type: "submit", class: danger ? "danger" : "primary" }, action),
  );
}

/** Ask before something that cannot be taken back. @returns {Promise<boolean>} */
export async function confirmed({ title, text, action }) {
  const content = (close) => [
    make("p", {}, text),
    make("form", { method: "dialog", onsubmit: (event) => { event.preventDefault(); close(true); } }, dialogButtons(action, close, { danger: true })),
  ];
  return (await showDialog({ title, content })) === true;
}
