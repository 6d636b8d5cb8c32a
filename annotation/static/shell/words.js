/**
 * How states, kinds, numbers and times are said. Pure functions.
 */

/** The states of a mask, in the order in which they are shown. */
export const STATES = [
  { state: "todo", word: "To do" },
  { state: "in_progress", word: "In progress" },
  { state: "done", word: "Done" },
  { state: "needs_review", word: "Needs review" },
  { state: "skipped", word: "Skipped" },
];

/** @param {string} state */
export function stateWord(state) {
  return STATES.find((each) => each.state === state)?.word ?? state;
}

const KINDS = {
  empty: "Start, empty",
  brush: "Brush",
  eraser: "Eraser",
  polygon: "Polygon",
  fill: "Fill",
  scissors: "Magnetic outline",
  grabcut: "GrabCut",
  proposal: "Proposal of the machine",
  accepted: "Proposal accepted",
  import: "Imported",
  clear: "Cleared",
  cleaned: "Cleaned",
  resolve: "Conflict resolved",
};

/** @param {string} kind */
export function kindWord(kind) {
  return KINDS[kind] ?? kind;
}

/** @param {number} value */
export function count(value) {
  return Math.round(value).toLocaleString("en");
}

/** A share of one, as a percentage with as many digits as tell something. @param {number} share */
export function percent(share) {
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.1) return "< 0.1 %";
  return `${value.toFixed(value < 10 ? 1 : 0)} %`;
}

/** A signed length with a real minus. @param {number} value */
export function signed(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** Hours and minutes of a time, and the day where it is not today. @param {string | number | Date} when */
export function clock(when, now = new Date()) {
  const time = new Date(when);
  if (Number.isNaN(time.getTime())) return "at an unknown time";
  const hours = `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
  if (time.toDateString() === now.toDateString()) return hours;
  const day = time.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
  return `${day}, ${hours}`;
}

/** @param {number} number @param {string} one @param {string} [many] */
export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/**
 * What the page says about saving.
 *
 * @param {{state: string, unsent: number, since?: Date | null, message?: string}} status
 * @returns {string}
 */
export function saveWords(status, now = new Date()) {
  const kept = plural(status.unsent, "stroke");
  if (status.state === "saving") return `Saving ${Math.max(1, status.unsent)}`;
  if (status.state === "offline") return `Offline since ${clock(status.since ?? now, now)}: ${kept} kept here`;
  if (status.state === "conflict") return "Conflict: somebody else changed this mask";
  if (status.state === "refused") return `Not saved: ${status.message || "the server refused a stroke"}`;
  return "Saved";
}
