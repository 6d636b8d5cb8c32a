/**
 * What a person chose, kept in this browser: nothing of it belongs to the project. A value that cannot be read, or that
 * an older page wrote, falls back to the default.
 *
 * @typedef {object} Settings
 * @property {string} annotator who draws; "" until asked
 * @property {"system" | "dark" | "light"} look
 * @property {boolean} keys whether one-key shortcuts are on
 * @property {number} size brush diameter in image pixels, 1 … 200
 * @property {number} hardness 0 … 1
 * @property {boolean} pressure whether a pen that is pressed draws wider
 * @property {number} opacity of the overlay, 0 … 1
 * @property {string} colour of the overlay, a name in colours.js
 * @property {"fill" | "outline" | "hidden"} overlay
 * @property {"any" | "majority"} rule which windows count as touched
 * @property {number} gain of the difference picture
 */

import { COLOURS } from "./colours.js";

const KEY = "million-ird.settings";

const between = (low, high) => (value) => typeof value === "number" && value >= low && value <= high;
const among = (...values) => (value) => values.includes(value);

/** name → [default, whether a value is usable] */
const FIELDS = {
  annotator: ["", (value) => typeof value === "string" && value.length <= 80],
  look: ["system", among("system", "dark", "light")],
  keys: [true, among(true, false)],
  size: [32, between(1, 200)],
  hardness: [1, between(0, 1)],
  pressure: [true, among(true, false)],
  opacity: [0.45, between(0.05, 1)],
  colour: ["sky blue", (value) => COLOURS.some((colour) => colour.name === value)],
  overlay: ["fill", among("fill", "outline", "hidden")],
  rule: ["any", among("any", "majority")],
  gain: [4, between(1, 32)],
};

/** The settings as a live object: `set` keeps a value and dispatches "change" with the name of what changed. */
export class KeptSettings extends EventTarget {
  constructor() {
    super();
    this.values = { ...defaults(), ...usable(read()) };
  }

  /** @param {keyof Settings} name */
  get(name) {
    return this.values[name];
  }

  /** @param {keyof Settings} name @param {any} value @returns {boolean} whether the value was usable */
  set(name, value) {
    if (!FIELDS[name][1](value)) return false;
    if (this.values[name] === value) return true;
    this.values[name] = value;
    try {
      localStorage.setItem(KEY, JSON.stringify(this.values));
    } catch {
      // A browser that keeps nothing (private mode, storage full) still works: the choice lasts until the page closes.
    }
    this.dispatchEvent(new CustomEvent("change", { detail: name }));
    return true;
  }
}

function defaults() {
  return Object.fromEntries(Object.entries(FIELDS).map(([name, [value]]) => [name, value]));
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    return {}; // unreadable or not allowed: the defaults
  }
}

function usable(found) {
  return Object.fromEntries(Object.entries(found).filter(([name, value]) => FIELDS[name]?.[1](value)));
}
