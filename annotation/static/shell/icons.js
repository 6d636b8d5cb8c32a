/**
 * The page's own icons: 20×20, strokes of 1.6 in the colour of the text. They are decoration; the control that holds
 * one carries the name.
 */

const PATHS = {
  brush: "M16.5 3.5 9 11M9 11c-2.2-.4-4 1-4 3 0 1.3-.8 2-2 2.3 1 1 5.5 1.5 7-.3 1.2-1.5.8-3.8-1-5Z",
  eraser: "M7.5 16.5 3 12l8.5-8.5L17 9l-7.5 7.5ZM7.2 7.8l5.5 5.5M6 16.5h11",
  polygon: "M10 3 17 8l-2.6 8H5.6L3 8ZM10 1.8v2.4M1.8 8h2.4M15.8 8h2.4",
  fill: "M8 3.5 15.5 11 9.7 16.8a1.6 1.6 0 0 1-2.2 0L3.2 12.5a1.6 1.6 0 0 1 0-2.2L9 4.5M3 11.3h12M17 13.5c1 1.6 1.3 2.2 1.3 2.9a1.3 1.3 0 0 1-2.6 0c0-.7.3-1.3 1.3-2.9Z",
  scissors: "M4.5 3v6a5.5 5.5 0 0 0 11 0V3M4.5 6h3M12.5 6h3M7.5 3v6a2.5 2.5 0 0 0 5 0V3M4.5 3h3M12.5 3h3",
  grabcut: "M3 6V3h3M14 3h3v3M17 14v3h-3M6 17H3v-3M10 6.5c2.5 0 4 1.7 3.6 4-.3 1.9-1.6 3-3.6 3s-3.4-1.2-3.6-3C6.2 8.2 7.5 6.5 10 6.5Z",
  pan: "M10 2.5v15M2.5 10h15M7.8 4.7 10 2.5l2.2 2.2M7.8 15.3 10 17.5l2.2-2.2M4.7 7.8 2.5 10l2.2 2.2M15.3 7.8l2.2 2.2-2.2 2.2",
  undo: "M7 4 3 8l4 4M3 8h9a4.5 4.5 0 0 1 0 9H8",
  redo: "m13 4 4 4-4 4M17 8H8a4.5 4.5 0 0 0 0 9h4",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  pixels: "M4 4h5v5H4ZM11 11h5v5h-5ZM11 4h5v5h-5ZM4 11h5v5H4Z",
  list: "M7 5h10M7 10h10M7 15h10M3.2 5h.1M3.2 10h.1M3.2 15h.1",
  panel: "M3 4h14v12H3ZM12.5 4v12",
  close: "m5 5 10 10M15 5 5 15",
  search: "M9 4a5 5 0 1 1 0 10A5 5 0 0 1 9 4ZM12.7 12.7 17 17",
  question: "M7 7.5A3 3 0 1 1 10 10.5v1.5M10 15.3v.1",
  person: "M10 3.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM4 17c.5-3.5 2.8-5.2 6-5.2s5.5 1.7 6 5.2",
  people: "M7.5 4.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5ZM2.5 16c.4-3 2.2-4.5 5-4.5s4.6 1.5 5 4.5M13 5a2.3 2.3 0 0 1 0 4.5M14.5 12c1.8.6 2.8 2 3 4",
  machine: "M4 7h12v9H4ZM10 7V4M10 3.5v.1M7.5 11v1.5M12.5 11v1.5M2 10.5v2M18 10.5v2",
  pair: "M3 5h8v8H3ZM9 15h8V7",
  comment: "M3.5 4.5h13v9H9L5.5 16.5v-3h-2Z",
  history: "M3.5 10a6.5 6.5 0 1 0 2-4.7M3.5 3.5v3.3h3.3M10 6.5V10l2.5 2",
  windows: "M3.5 3.5h13v13h-13ZM3.5 7.8h13M3.5 12.2h13M7.8 3.5v13M12.2 3.5v13",
  options: "M3 6h7M14 6h3M12 4v4M3 14h3M10 14h7M8 12v4",
  outline: "M10 4c4 0 6.5 2 6.5 6s-2.5 6-6.5 6-6.5-2-6.5-6S6 4 10 4Z",
  filled: "M10 4c4 0 6.5 2 6.5 6s-2.5 6-6.5 6-6.5-2-6.5-6S6 4 10 4ZM6 7l7 7M5 10.5l4.5 4.5M9 5l6.5 6.5",
  hidden: "M3 10s2.5-4.5 7-4.5S17 10 17 10s-2.5 4.5-7 4.5S3 10 3 10ZM4 16 16 4",
  blurred: "M10 5.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10 2.5a7.5 7.5 0 0 1 7.5 7.5M2.5 10A7.5 7.5 0 0 0 10 17.5",
  sharp: "M10 5.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9Z",
  split: "M3 4h14v12H3ZM10 2v16M7.8 8.5 6 10l1.8 1.5M12.2 8.5 14 10l-1.8 1.5",
  heat: "M10 2.5c.5 3 4.5 4.5 4.5 9a4.5 4.5 0 0 1-9 0c0-2 1-3 2-4 .3 1.3.8 2 1.5 2.3C8.5 7 9 4.5 10 2.5Z",
  next: "m7.5 4 6 6-6 6",
  previous: "m12.5 4-6 6 6 6",
  warning: "M10 3 18 16.5H2ZM10 8v4M10 14.2v.1",
  offline: "M2.5 8a11 11 0 0 1 15 0M5 11a7 7 0 0 1 10 0M7.7 13.7a3.3 3.3 0 0 1 4.6 0M10 16.5v.1M4 3l12 14",
  saved: "m4.5 10.5 3.5 3.5 7.5-8",
  saving: "M10 3v3M10 14v3M3 10h3M14 10h3M5 5l2.2 2.2M12.8 12.8 15 15M15 5l-2.2 2.2M7.2 12.8 5 15",
  todo: "M10 4.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11Z",
  in_progress: "M10 4.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM10 4.5v11M10 7h4M10 10h5.5M10 13h4",
  done: "M10 4a6 6 0 1 1 0 12 6 6 0 0 1 0-12ZM7.2 10.2l2 2 3.7-4.2",
  needs_review: "M10 3l7 7-7 7-7-7ZM10 7v3.5M10 12.9v.1",
  skipped: "M4.5 4.5h11v11h-11ZM7 10h6",
  sun: "M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7ZM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1 1M14.7 14.7l1 1M15.7 4.3l-1 1M5.3 14.7l-1 1",
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * @param {IconName} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
