/**
 * What every tool does and what it may ask for. Nothing runs here.
 *
 * @typedef {object} Host  what the editor offers a tool
 * @property {import("../mask.js").MaskRaster} mask
 * @property {import("../view.js").View} view
 * @property {{size: number, hardness: number, pressure: boolean}} brush
 * @property {import("../api.js").Api} api
 * @property {import("../types.js").Item} item
 * @property {"blurred"|"sharp"} frame  the frame of the pair that is looked at
 * @property {() => Uint8ClampedArray|null} pixels  RGBA of that frame; null while it is not decoded
 * @property {(kind: import("../types.js").StrokeKind) => boolean} commit  what was drawn is a stroke; false: it changed nothing
 * @property {() => void} redraw  the sketch changed
 * @property {(message: string) => void} notice
 * @property {(message: string) => void} working  "" : no longer
 * @property {() => boolean} open  false once the layer that the tool was made for is no longer on the canvas
 *
 * @typedef {object} Tool
 * @property {boolean} drags  put down, drawn and lifted; else every press is a click
 * @property {(point: import("../types.js").ToolPoint) => void} pointerDown
 * @property {(points: import("../types.js").ToolPoint[]) => void} pointerMove  also while nothing is pressed
 * @property {(point: import("../types.js").ToolPoint) => void} pointerUp
 * @property {() => boolean} cancel  give up what is being drawn; false: nothing was
 * @property {() => boolean} [finish]  close what is being drawn; false: nothing was
 * @property {() => boolean} [removeLastPoint]
 * @property {() => Sketch|null} [sketch]  what to draw over the picture meanwhile
 *
 * @typedef {{lines: [number, number][][], points: [number, number][]}} Sketch  in image coordinates
 */

export {};
