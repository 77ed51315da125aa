// Colours of values that colour-blind people can tell apart, a shape for each, and the legend.

import { fill, h } from "../../ui/h.js";
import { svg } from "../../ui/svg.js";
import { number, t } from "../../ui/texts.js";

/** Groups of points whose value has no colour of its own, and that have none; see the API. */
const OTHER = 254;
const NONE = 255;

/** After Okabe and Ito, darker where they would be lost on white. */
const NAMED = {
  light: ["#0072b2", "#d55e00", "#00805c", "#b0528a", "#a87400", "#3f8fc7", "#7a6f00", "#5b3f8c"],
  dark: ["#56b4e9", "#ff8a3d", "#3ecfa2", "#e39ac4", "#e8b23c", "#8ec9f0", "#f0e442", "#b8a2ea"],
};

/** From few to many: lighter or darker all the way, as viridis is. */
const RANGED = {
  light: ["#9bbf3a", "#4fa86a", "#26898c", "#31688e", "#443983", "#440154"],
  dark: ["#5b6fb5", "#4c8fc0", "#3fb0b0", "#5bcf84", "#a5dd4e", "#fde725"],
};

const circle = "M1 0A1 1 0 1 1 -1 0A1 1 0 1 1 1 0Z";

/** One for each value: disc, square, triangle, lozenge, cross, triangle on its top, star, bar; then a ring for other values and a dot for none. */
export const SHAPES = [
  circle,
  "M-.9-.9H.9V.9H-.9Z",
  "M0-1.1L1.05.8H-1.05Z",
  "M0-1.2L1.2 0L0 1.2L-1.2 0Z",
  "M-.4-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
  "M0 1.1L1.05-.8H-1.05Z",
  "M0-1.3L.35-.35L1.3 0L.35.35L0 1.3L-.35.35L-1.3 0L-.35-.35Z",
  "M-1.2-.55H1.2V.55H-1.2Z",
  `${circle}M.5 0A.5 .5 0 1 0 -.5 0A.5 .5 0 1 0 .5 0Z`,
  "M.6 0A.6 .6 0 1 1 -.6 0A.6 .6 0 1 1 .6 0Z",
];

/** The place of a group's shape. */
export const shapeOf = (group) => (group === OTHER ? 8 : group === NONE ? 9 : group);

/** A colour of the page by its name, such as `--card`. */
function named(name) {
  const pen = new OffscreenCanvas(1, 1).getContext("2d");
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return rgb(pen.fillStyle);
}

const rgb = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));

/** Whether the page is dark now. */
export function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** The colours to draw with, `[red, green, blue]`, for the answer of /map/colours or null. */
export function theme(colours) {
  const dark = isDark();
  const all = colours?.colours.some((one) => one.value === null) ? RANGED : NAMED;
  return {
    back: named("--card"),
    line: named("--line"),
    point: named("--accent"),
    mark: named("--text"),
    other: named("--soft"),
    none: rgb(dark ? "#56615f" : "#b9c2c2"),
    colours: all[dark ? "dark" : "light"].map(rgb),
  };
}

/** What a colour stands for, in words. */
export function meaning(colour) {
  if (colour.value !== null) return colour.value;
  const shown = (value) => value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 3 });
  return colour.from === colour.to ? shown(colour.from) : `${shown(colour.from)} – ${shown(colour.to)}`;
}

/** The legend: a button for each value, which shows or hides its points. `changed` is called then. */
export function legend(colours, hidden, changed) {
  const place = h("div.legend", { role: "group", "aria-label": t("map.legend") });
  const draw = () => {
    const { colours: colour, other, none } = theme(colours);
    const rows = colours.colours.map((one, at) => [at, meaning(one), one.images, colour[at], SHAPES[at]]);
    if (colours.other > 0) rows.push([OTHER, t("map.other"), colours.other, other, SHAPES[shapeOf(OTHER)]]);
    if (colours.none > 0) rows.push([NONE, t("map.none"), colours.none, none, SHAPES[shapeOf(NONE)]]);
    fill(place, rows.map(([group, name, images, [red, green, blue], shape]) => h("button.quiet", {
      type: "button", "aria-pressed": String(!hidden.has(group)), title: t("map.legend.hint"),
      onclick: () => {
        if (!hidden.delete(group)) hidden.add(group);
        draw();
        place.querySelectorAll("button")[rows.findIndex((row) => row[0] === group)].focus();
        changed();
      },
    },
    svg("svg", { viewBox: "-1.5 -1.5 3 3", width: 16, height: 16, "aria-hidden": "true" },
      svg("path", { d: shape, fill: `rgb(${red},${green},${blue})` })),
    h("span.value", name), h("span.small", number(images)))));
  };
  draw();
  return { element: place, draw };
}
