/**
 * What a screen reader is told without moving the focus: politely for saves and states, at once for errors.
 */

import { byId } from "./dom.js";

/** @param {string} text */
export function announce(text) {
  speak(byId("said"), text);
}

/** @param {string} text */
export function warn(text) {
  speak(byId("warned"), text);
}

function speak(region, text) {
  region.textContent = "";
  // The same words twice are spoken twice only if the region was empty in between.
  setTimeout(() => {
    region.textContent = text;
  }, 30);
}
