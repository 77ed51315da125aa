// A verdict that is read from metres away: by its word, its shape and its colour.

import { h } from "../../ui/h.js";
import { svg } from "../../ui/svg.js";
import { clock, t } from "../../ui/texts.js";
import { scored } from "./data.js";

/** A circle with a tick, an octagon with a cross, a diamond with a question mark. */
const SHAPES = {
  OK: () => [svg("circle", { cx: 50, cy: 50, r: 46 }), svg("path.sign", { d: "M27 52 L44 69 L75 34" })],
  NG: () => [svg("polygon", { points: "31,4 69,4 96,31 96,69 69,96 31,96 4,69 4,31" }), svg("path.sign", { d: "M33 33 L67 67 M67 33 L33 67" })],
  UNLIKE: () => [svg("polygon", { points: "50,2 98,50 50,98 2,50" }), svg("path.sign", { d: "M39 40 Q39 28 50 28 Q62 28 62 39 Q62 47 50 52 L50 59 M50 71 L50 72" })],
};

/** The shape alone. */
export const sign = (verdict) => svg(`svg.sign-of.${verdict}`, { viewBox: "0 0 100 100", "aria-hidden": "true" }, SHAPES[verdict]());

/** The verdict, large; with the time of it where that is given. */
export function verdict(name, time) {
  return h(`div.verdict.${name}`, { role: "status" }, sign(name),
    h("div", h("strong", t(`inspect.verdict.${name}`)), h("span", t(`inspect.verdict.${name}.more`)),
      time !== undefined && h("span.at", t("inspect.live.at", { time: clock(time) }))));
}

/**
 * What stands in place of a verdict while there is none that counts: grey with stripes, so that nobody takes it for one.
 * `what` is `offline`, `failed`, `ended`, `camera`, `folder`, or `looking` while one is awaited; `since` when, where that is known.
 */
export function standstill(what, since, ...more) {
  return h(`div.still.${what}`, { role: what === "looking" ? "status" : "alert" },
    svg("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" }, svg("polygon", { points: "50,6 97,92 3,92" }), svg("path.sign", { d: "M50 36 L50 64 M50 77 L50 78" })),
    h("div", h("strong", t(`inspect.still.${what}`)), since && h("span.at", t("inspect.still.since", { time: clock(since) })), more));
}

/** The verdict in a list. */
export const small = (name) => h(`span.verdict-small.${name}`, sign(name), h("span", t(`inspect.verdict.${name}`)));

/** The score beside the threshold, as a bar and in words. */
export function scoreBar(score, threshold) {
  // The threshold stands at 60 % of the bar, wherever it is: what is beyond is clear at a glance.
  const unit = Math.max(Math.abs(threshold), 1) / 0.6;
  const at = Math.min(1, Math.max(0.01, score / unit));
  const limit = Math.min(0.98, Math.max(0.02, threshold / unit));
  const over = score > threshold;
  const words = t(over ? "inspect.score.over" : "inspect.score.under", { score: scored(score, 2), threshold: scored(threshold, 2) });
  return h("figure.score",
    svg("svg", { viewBox: "0 0 600 46", role: "img", "aria-label": words, preserveAspectRatio: "none" },
      svg("rect.ground", { x: 0, y: 16, width: 600, height: 22, rx: 4 }),
      svg(`rect.bar${over ? ".over" : ""}`, { x: 0, y: 16, width: at * 600, height: 22, rx: 4 }),
      svg("line.limit", { x1: limit * 600, x2: limit * 600, y1: 6, y2: 46 })),
    h("figcaption", words));
}
