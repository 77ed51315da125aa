// Numbered frames over a photo, around the places that differ.

import { svg } from "../../ui/svg.js";

/** Frames of places that are told in pixels of a photo of this size, whatever is shown in its place. */
export function frames({ width, height }, places) {
  return svg("svg.frames", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    places.map((place, at) => frame(place, at, width)));
}

function frame({ x, y, w, h: height }, at, width) {
  const size = width / 22;
  return svg("g", {},
    svg("rect.halo", { x, y, width: w, height }), svg("rect.frame", { x, y, width: w, height }),
    svg("text", { x: x + w / 2, y: y > size * 1.2 ? y - size * 0.25 : y + height + size, "font-size": size, "text-anchor": "middle" }, at + 1));
}
