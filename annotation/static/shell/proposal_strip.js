/** The line above the picture while it shows what the machine proposed, or nothing yet. */

import { commandButton } from "./controls.js";
import { fill, make } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @param {HTMLElement} place
 * @param {{workplace: import("./workplace.js").Workplace, command: (id: string) => import("./commands.js").Command}} page
 */
export function proposalStrip(place, { workplace, command }) {
  const line = make("div", { class: "proposal", hidden: true });
  place.append(line);
  workplace.addEventListener("layer", () => {
    const { layer } = workplace;
    const untouched = !layer.is_proposal && layer.annotator === "" && layer.state === "todo";
    line.hidden = !layer.is_proposal && !untouched;
    line.classList.toggle("offer", untouched);
    if (layer.is_proposal) fill(line, icon("machine"), make("span", {}, proposalWords(layer)), commandButton(command("accept"), { text: "Accept", class: "primary" }));
    else if (untouched) fill(line, make("span", {}, "Nothing is marked yet."), commandButton(command("propose"), { text: "Let the machine propose", icon: "machine", class: "chip" }));
  });
}

/** @param {{confidence: number | null}} layer */
export function proposalWords({ confidence }) {
  const sure = typeof confidence === "number" ? `, confidence ${confidence.toFixed(2)}` : "";
  return `Proposed by the machine${sure} — accept or edit it`;
}
