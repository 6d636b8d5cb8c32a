/** A small picture of an overlay colour with its pattern, so that the choice does not hang on colour. */

const DASHES = { solid: "none", dashed: "6.3 6.266", dotted: "2.1 2.088" };

/** @param {{hex: string, pattern: "solid" | "dashed" | "dotted"}} colour @returns {SVGSVGElement} */
export function swatch({ hex, pattern }) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", class: "swatch", "aria-hidden": "true" })) svg.setAttribute(name, value);
  const ring = (looks) => {
    const circle = document.createElementNS(namespace, "circle");
    const all = { cx: 12, cy: 12, r: 8, fill: "none", "stroke-width": 3.2, ...looks };
    for (const [name, value] of Object.entries(all)) circle.setAttribute(name, String(value));
    svg.append(circle);
  };
  ring({ fill: hex, "fill-opacity": 0.5, stroke: "#16191d" });
  ring({ stroke: hex, "stroke-dasharray": DASHES[pattern] });
  return svg;
}
