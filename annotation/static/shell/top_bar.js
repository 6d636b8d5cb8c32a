/** The bar at the top: what is open, how far it is, whether it is saved, and who draws. */

import { STATE_KEYS } from "./commands.js";
import { commandButton, plainButton, press, roving } from "./controls.js";
import { byId, fill, make } from "./dom.js";
import { icon } from "./icons.js";
import { saveWords } from "./words.js";

const SAVE_ICONS = { saved: "saved", saving: "saving", offline: "offline", conflict: "people", refused: "warning" };

/** @param {import("./main.js").Page} page */
export function topBar(page) {
  itemPlace(byId("bar-item"), page);
  undoPlace(byId("bar-undo"), page);
  statePlace(byId("bar-states"), page);
  savePlace(byId("bar-save"), page);
  personPlace(byId("bar-person"), page);
}

function itemPlace(place, { command, workplace, project }) {
  const name = make("h1", { class: "item-name", tabindex: "-1" }, make("bdi", {}, project.name));
  const facts = make("span", { class: "item-facts" });
  const masks = make("span", { class: "masks" });
  fill(
    place,
    commandButton(command("drawer-queue"), { icon: "list", class: "tool", drawer: "queue" }),
    commandButton(command("previous"), { icon: "previous", class: "tool" }),
    commandButton(command("next"), { icon: "next", class: "tool" }),
    make("div", { class: "item-text" }, name, facts),
    masks,
  );
  workplace.addEventListener("item", ({ detail: { item } }) => {
    fill(name, make("bdi", {}, item.name));
    document.title = `${item.name} · ${project.name}`;
    facts.textContent = `${item.width} × ${item.height} · ${item.pair ? "pair" : "single frame"}`;
  });
  workplace.addEventListener("layer", () => drawMasks(masks, workplace, command));
}

/** Which of two masks is open; nothing where there is one. */
function drawMasks(place, workplace, command) {
  const { item, layer } = workplace;
  if (item.layers.length < 2) return fill(place);
  const words = (each) => `Mask ${each.number}${each.annotator ? `, ${each.annotator}` : ""}`;
  const other = item.layers.find((each) => each.id !== layer.id);
  const button = commandButton(command("other-mask"), { icon: "people", text: words(layer), class: "toggle" });
  button.title = `${words(layer)} is open. Show ${words(other).toLowerCase()} (Shift M)`;
  return fill(place, button);
}

function undoPlace(place, { command, editor }) {
  const undo = commandButton(command("undo"), { icon: "undo", class: "tool" });
  const redo = commandButton(command("redo"), { icon: "redo", class: "tool" });
  const able = (canUndo, canRedo) => {
    undo.setAttribute("aria-disabled", String(!canUndo));
    redo.setAttribute("aria-disabled", String(!canRedo));
  };
  fill(place, undo, redo);
  able(false, false);
  editor.addEventListener("history", ({ detail }) => able(detail.canUndo, detail.canRedo));
}

function statePlace(place, { command, workplace }) {
  const shown = STATE_KEYS.filter(({ state }) => state !== "todo");
  const buttons = shown.map(({ state }) => [
    state,
    commandButton(command(`state-${state}`), { icon: /** @type {any} */ (state), text: true, class: `state state-${state}`, pressed: false }),
  ]);
  fill(place, buttons.map(([, button]) => button));
  roving(place);
  workplace.addEventListener("layer", () => {
    const { layer } = workplace;
    press(buttons, layer.state);
    for (const [state, button] of buttons) {
      const reason = state === layer.state && layer.reason;
      if (reason) button.title = `${command(`state-${state}`).text}: ${reason}`;
    }
  });
}

function savePlace(place, { editor }) {
  const words = make("span", { class: "save-words" }, "Nothing open");
  const line = make("p", { class: "save" }, icon("saved"), words);
  fill(place, line);
  const show = (status) => {
    line.dataset.state = status.state;
    fill(line, icon(/** @type {any} */ (SAVE_ICONS[status.state] ?? "saved")), words);
    words.textContent = saveWords(status);
    line.title = status.message ?? "";
  };
  editor.addEventListener("status", (event) => show(event.detail));
  editor.addEventListener("opened", () => show(editor.status));
}

function personPlace(place, { command, person, settings }) {
  const name = make("span", { class: "person-name" });
  const button = plainButton("You", () => person.ask(), { icon: "person", class: "tool wide-text roomy", text: "You" });
  button.lastElementChild?.replaceWith(name);
  const show = () => {
    name.textContent = person.name || "Who draws?";
    button.title = person.name ? `You draw as ${person.name}. Change it` : "Say who you are";
    button.setAttribute("aria-label", button.title);
  };
  settings.addEventListener("change", show);
  show();
  fill(
    place,
    commandButton(command("second"), { icon: "people", class: "tool roomy" }),
    button,
    commandButton(command("help"), { icon: "question", class: "tool" }),
    commandButton(command("drawer-panel"), { icon: "panel", class: "tool", drawer: "panel" }),
  );
}
