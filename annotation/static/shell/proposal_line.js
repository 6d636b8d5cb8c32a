/** Says that the mask is the machine's, or offers to let the machine begin; else how the chosen tool works. */

import { TOOLS } from "./commands.js";
import { commandButton } from "./controls.js";
import { make } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @param {import("./strip.js").Strip} strip
 * @param {{workplace: import("./workplace.js").Workplace, editor: import("../engine/editor.js").Editor,
 *   command: (id: string) => import("./commands.js").Command}} page
 */
export function proposalLine(strip, { workplace, editor, command }) {
  let tool = "brush";
  const hint = () => {
    const about = TOOLS.find((each) => each.tool === tool);
    const words = about && make("span", { class: "words" }, make("strong", {}, about.text), ` ${about.hint}`);
    const { layer } = workplace;
    const fresh = layer && !layer.is_proposal && layer.annotator === "" && layer.state === "todo";
    const offer = fresh && commandButton(command("propose"), { text: "Let the machine propose", icon: "machine", class: "chip" });
    strip.put("hint", words, offer);
  };
  editor.addEventListener("tool", (event) => {
    if (event.detail.tool === tool) return;
    tool = event.detail.tool;
    hint();
  });
  workplace.addEventListener("layer", () => {
    const { layer } = workplace;
    const accept = () => commandButton(command("accept"), { text: "Accept", class: "primary" });
    if (layer.is_proposal) strip.put("proposal", icon("machine"), make("span", { class: "words" }, proposalWords(layer)), accept());
    else strip.put("proposal");
    hint();
  });
  hint();
}

/** @param {{confidence: number | null}} layer */
export function proposalWords({ confidence }) {
  const sure = typeof confidence === "number" ? `, confidence ${confidence.toFixed(2)}` : "";
  return `Proposed by the machine${sure} — accept or edit it`;
}
