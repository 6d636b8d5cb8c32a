/** A small picture of an overlay colour with its pattern, so that the choice does not hang on colour. */

const DASHES = { solid: "none", dashed: "5 3", dotted: "1.6 2.6" };

/** @param {{hex: string, pattern: "solid" | "dashed" | "dotted"}} colour @returns {SVGSVGElement} */
export function swatch({ hex, pattern }) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", class: "swatch", "aria-hidden": "true" })) svg.setAttribute(name, value);
  const circle = document.createElementNS(namespace, "circle");
  const looks = { cx: 12, cy: 12, r: 8, fill: hex, "fill-opacity": 0.45, stroke: hex, "stroke-width": 3, "stroke-dasharray": DASHES[pattern] };
  for (const [name, value] of Object.entries(looks)) circle.setAttribute(name, String(value));
  svg.append(circle);
  return svg;
}
