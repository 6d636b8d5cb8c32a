/**
 * Everything that one key does. The same table binds the keys, names the buttons and fills the help of `?`.
 *
 * @typedef {object} Command
 * @property {string} id
 * @property {string} group heading in the help
 * @property {string} text what it does, as a button says it
 * @property {string[]} keys as keys.js writes them; the first one is shown on buttons
 * @property {() => void} [run]
 * @property {() => void} [release] for keys that are held
 * @property {boolean} [repeats] whether holding the key down repeats it
 * @property {boolean} [always] works even where one-key shortcuts are switched off
 * @property {string} [note] more for the help
 * @property {string} [family] commands of one family stand in one row of the help, under this text
 *
 * @typedef {import("./main.js").Page} Page
 */

export const TOOLS = [
  { tool: "brush", text: "Brush", key: "B", hint: "Drag over what is blurred; with Alt held it takes away." },
  { tool: "eraser", text: "Eraser", key: "E", hint: "Drag over what is not blurred." },
  { tool: "polygon", text: "Polygon", key: "P", hint: "Click corners; Enter or the first corner closes it, Backspace takes one back." },
  { tool: "fill", text: "Fill", key: "F", hint: "Click inside an outline that you drew; with Alt it empties what is marked." },
  { tool: "scissors", text: "Magnetic outline", key: "S", hint: "Click along an edge: the line between clings to it. Enter closes it." },
  { tool: "grabcut", text: "GrabCut", key: "G", hint: "Draw a box around one thing; the machine cuts it out." },
  { tool: "pan", text: "Move the picture", key: "H", hint: "Drag it. Holding Space does so with any tool." },
];

export const PICTURES = [
  { mode: "blurred", text: "Blurred", key: "1" },
  { mode: "sharp", text: "Sharp", key: "2" },
  { mode: "split", text: "Split", key: "3" },
  { mode: "heat", text: "Difference", key: "4" },
];

export const STATE_KEYS = [
  { state: "in_progress", text: "In progress", key: "I" },
  { state: "done", text: "Done", key: "D" },
  { state: "needs_review", text: "Needs review", key: "R" },
  { state: "skipped", text: "Skip", key: "X" },
  { state: "todo", text: "To do", key: "Shift+T" },
];

/** Each tab of the panel and the key that opens it. */
export const TABS = [
  { tab: "tool", text: "Tool", key: "T", icon: "options" },
  { tab: "pair", text: "Pair", key: "Shift+P", icon: "pair" },
  { tab: "windows", text: "Windows", key: "W", icon: "windows" },
  { tab: "history", text: "History", key: "L", icon: "history" },
  { tab: "comments", text: "Comments", key: "M", icon: "comment" },
];

/** @param {Page} page @returns {Command[]} */
export function commandTable(page) {
  return [
    ...tools(page),
    ...brush(page),
    ...undoing(page),
    ...keyboardDrawing(page),
    ...seeing(page),
    ...pictures(page),
    ...states(page),
    ...queue(page),
    ...panels(page),
  ];
}

function tools({ editor }) {
  const group = "Tools";
  return TOOLS.map(({ tool, text, key, hint }) => ({
    id: `tool-${tool}`,
    group,
    text,
    keys: [key],
    note: hint,
    run: () => editor.setTool(tool),
  }));
}

function brush({ settings, drawing }) {
  const group = "Brush and outline";
  const resize = (factor) => () => settings.set("size", stepped(settings.get("size"), factor));
  const harden = (change) => () => settings.set("hardness", within(settings.get("hardness") + change, 0, 1));
  return [
    { id: "smaller", family: "Smaller, larger brush", group, text: "Smaller brush", keys: ["["], repeats: true, run: resize(1 / 1.15) },
    { id: "larger", family: "Smaller, larger brush", group, text: "Larger brush", keys: ["]"], repeats: true, run: resize(1.15) },
    { id: "softer", family: "Softer, harder edge", group, text: "Softer edge", keys: ["{"], repeats: true, run: harden(-0.1) },
    { id: "harder", family: "Softer, harder edge", group, text: "Harder edge", keys: ["}"], repeats: true, run: harden(0.1) },
    { id: "subtract", group, text: "Take away instead of adding", keys: ["Q"], run: () => drawing.toggleSubtract() },
    { id: "clear", group, text: "Empty the mask", keys: ["Shift+Delete"], run: () => drawing.clear() },
  ];
}

function undoing({ editor }) {
  const group = "Undo";
  return [
    { id: "undo", group, text: "Undo", keys: ["Z", "Ctrl+Z"], repeats: true, run: () => editor.undo() },
    { id: "redo", group, text: "Redo", keys: ["Y", "Shift+Z", "Ctrl+Shift+Z", "Ctrl+Y"], repeats: true, run: () => editor.redo() },
  ];
}

function keyboardDrawing({ editor, drawing }) {
  const group = "Drawing with the keyboard";
  const arrows = [
    ["left", "ArrowLeft", -1, 0],
    ["right", "ArrowRight", 1, 0],
    ["up", "ArrowUp", 0, -1],
    ["down", "ArrowDown", 0, 1],
  ];
  const moves = (stride, prefix, far) =>
    arrows.map(([name, key, x, y]) => ({
      id: `cursor-${name}${far ? "-far" : ""}`,
      group,
      text: `Move the cursor ${name} by ${stride === 1 ? "a pixel" : `${stride} pixels`}`,
      keys: [`${prefix}${key}`],
      family: `Move the cursor by ${stride === 1 ? "a pixel" : `${stride} pixels`}`,
      repeats: true,
      run: () => editor.moveCursor(x * stride, y * stride),
    }));
  return [
    ...moves(1, "", false),
    ...moves(10, "Shift+", true),
    {
      id: "press",
      group,
      text: "Put the tool down or lift it; close an outline",
      keys: ["Enter"],
      run: () => editor.finish() || editor.pressCursor(),
      note: "any tool draws so: a box of GrabCut begins and ends with it",
    },
    {
      id: "pan",
      group,
      text: "Hold and drag to move the picture; tapped, puts the tool down",
      keys: ["Space"],
      run: () => editor.setPanning(true),
      release: () => drawing.endPan(),
    },
    { id: "remove-point", group, text: "Take back the last point", keys: ["Backspace"], run: () => editor.removeLastPoint() },
    { id: "cancel", group, text: "Give up what is being drawn", keys: ["Escape"], always: true, run: () => drawing.cancel() },
  ];
}

function seeing({ editor, settings, drawing }) {
  const group = "View";
  const opacity = (change) => () => settings.set("opacity", within(settings.get("opacity") + change, 0.05, 1));
  return [
    { id: "zoom-in", family: "Zoom in, out", group, text: "Zoom in", keys: ["+", "="], repeats: true, run: () => editor.zoomBy(1.25) },
    { id: "zoom-out", family: "Zoom in, out", group, text: "Zoom out", keys: ["-"], repeats: true, run: () => editor.zoomBy(0.8) },
    { id: "fit", group, text: "Fit the picture", keys: ["0"], run: () => editor.fit() },
    { id: "pixels", group, text: "One image pixel per screen pixel", keys: ["9"], run: () => editor.zoomTo(1 / devicePixelRatio) },
    { id: "overlay-outline", group, text: "Outline only", keys: ["O"], run: () => drawing.toggleOverlay("outline") },
    { id: "overlay-hidden", group, text: "Hide the mask", keys: ["U"], run: () => drawing.toggleOverlay("hidden") },
    { id: "fainter", family: "Fainter, stronger overlay", group, text: "Fainter overlay", keys: [","], repeats: true, run: opacity(-0.05) },
    { id: "stronger", family: "Fainter, stronger overlay", group, text: "Stronger overlay", keys: ["."], repeats: true, run: opacity(0.05) },
    { id: "colour", group, text: "Next overlay colour", keys: ["C"], run: () => drawing.nextColour() },
  ];
}

function pictures({ editor, drawing }) {
  const group = "Pair";
  return [
    ...PICTURES.map(({ mode, text, key }) => ({
      id: `picture-${mode}`,
      group,
      text: mode === "split" || mode === "heat" ? `${text} picture` : `${text} frame`,
      keys: [key],
      run: () => drawing.showPicture(mode),
    })),
    {
      id: "flicker",
      group,
      text: "Hold to see the other frame",
      keys: ["V"],
      run: () => drawing.flicker(true),
      release: () => editor.flicker(false),
    },
  ];
}

function states({ states: marking }) {
  const group = "State";
  return [
    ...STATE_KEYS.map(({ state, text, key }) => ({
      id: `state-${state}`,
      group,
      text,
      keys: [key],
      run: () => marking.set(state),
    })),
    { id: "done-next", group, text: "Done, and on to the next unfinished", keys: ["Shift+D"], run: () => marking.doneAndNext() },
    { id: "accept", group, text: "Accept the proposal", keys: ["A"], run: () => marking.accept() },
    { id: "propose", group, text: "Let the machine propose a mask", keys: ["Shift+A"], run: () => marking.propose() },
    { id: "second", group, text: "Ask for a second opinion", keys: ["Shift+S"], run: () => marking.second() },
    { id: "other-mask", group, text: "Show the other mask of this item", keys: ["Shift+M"], run: () => marking.otherMask() },
  ];
}

function queue({ queue: list }) {
  const group = "Queue";
  return [
    { id: "next", group, text: "Next item", keys: ["J", "PageDown"], repeats: true, run: () => list.step(1) },
    { id: "previous", group, text: "Previous item", keys: ["K", "PageUp"], repeats: true, run: () => list.step(-1) },
    { id: "next-unfinished", group, text: "Next unfinished item", keys: ["N"], run: () => list.nextUnfinished() },
    { id: "search", group, text: "Search by name", keys: ["/"], run: () => list.search() },
  ];
}

function panels({ panel, drawers, help, person, picture }) {
  const group = "Page";
  return [
    ...TABS.map(({ tab, text, key }) => ({ id: `tab-${tab}`, group, text: `${text} panel`, keys: [key], run: () => panel.open(tab) })),
    { id: "drawer-queue", group, text: "Show or hide the queue", keys: ["<"], run: () => drawers.toggle("queue") },
    { id: "drawer-panel", group, text: "Show or hide the panel", keys: [">"], run: () => drawers.toggle("panel") },
    { id: "to-picture", group, text: "Back to the picture", keys: ["\\"], run: () => picture.focus() },
    { id: "person", group, text: "Say who you are", keys: ["Shift+N"], run: () => person.ask() },
    { id: "help", group, text: "All keys and settings", keys: ["?"], always: true, run: () => help.open() },
  ];
}

/** Brush sizes in steps that are felt, at least one pixel. */
function stepped(size, factor) {
  const next = Math.round(size * factor);
  return within(next === size ? size + Math.sign(factor - 1) : next, 1, 200);
}

function within(value, low, high) {
  return Math.min(high, Math.max(low, Math.round(value * 100) / 100));
}
