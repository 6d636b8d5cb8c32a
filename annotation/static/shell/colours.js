/**
 * Overlay colours: the palette of Okabe and Ito (2008), told apart by all common forms of colour blindness. Each has a
 * name and a pattern of its outline, so that colour is never the only sign.
 *
 * @type {{name: string, hex: string, pattern: "solid" | "dashed" | "dotted"}[]}
 */
export const COLOURS = [
  { name: "sky blue", hex: "#56b4e9", pattern: "solid" },
  { name: "orange", hex: "#e69f00", pattern: "dashed" },
  { name: "bluish green", hex: "#009e73", pattern: "dotted" },
  { name: "yellow", hex: "#f0e442", pattern: "solid" },
  { name: "vermilion", hex: "#d55e00", pattern: "dashed" },
  { name: "reddish purple", hex: "#cc79a7", pattern: "dotted" },
];

/** @param {string} name */
export function colourNamed(name) {
  return COLOURS.find((colour) => colour.name === name) ?? COLOURS[0];
}
