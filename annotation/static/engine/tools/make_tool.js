/** The tools by their names. */

import { Brush } from "./brush.js";
import { Fill } from "./fill.js";
import { GrabCut } from "./grabcut.js";
import { Polygon } from "./polygon.js";
import { Scissors } from "./scissors.js";

/** @param {import("../types.js").ToolName} name @param {import("./tool.js").Host} host @returns {import("./tool.js").Tool|null} null: the hand */
export function makeTool(name, host) {
  switch (name) {
    case "brush":
    case "eraser":
      return new Brush(host, name);
    case "polygon":
      return new Polygon(host);
    case "fill":
      return new Fill(host);
    case "scissors":
      return new Scissors(host);
    case "grabcut":
      return new GrabCut(host);
    default:
      return null;
  }
}
