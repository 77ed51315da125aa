// How scores are spread: good photos upwards, bad ones downwards, the threshold between.

import { h, wide } from "../../ui/h.js";
import { svg } from "../../ui/svg.js";
import { number, t } from "../../ui/texts.js";
import { counted } from "./data.js";

const WIDTH = 720;
const HEIGHT = 300;
const MIDDLE = 165;
const BARS = 36;

/** A picture with a table that tells the same. `move(threshold)` moves the threshold. */
export function distribution(good, bad, threshold) {
  const scale = range(good, bad, threshold);
  const line = svg("g.threshold", {}, svg("line", { y1: 12, y2: HEIGHT - 32 }),
    svg("text", { y: 10, "text-anchor": "middle" }, t("inspect.chart.threshold")));
  const bars = svg("g");
  const draw = (scores, kind, height, to) => {
    const bins = count(scores, to, scale);
    const most = Math.max(1, ...bins.map(({ n }) => n));
    return bins.filter(({ n }) => n > 0).map(({ n, from, width }) => svg(`rect.${kind}`, {
      x: from * WIDTH + 1, width: Math.max(1, width * WIDTH - 2),
      y: kind === "good" ? MIDDLE - n / most * height : MIDDLE + 1, height: Math.max(3, n / most * height),
    }));
  };
  const picture = svg("svg.chart", { viewBox: `0 -10 ${WIDTH} ${HEIGHT + 10}`, role: "img", "aria-label": t("inspect.chart.title") },
    stripes(),
    bars,
    svg("line.axis", { x1: 0, x2: WIDTH, y1: MIDDLE, y2: MIDDLE }),
    svg("text.name.good", { x: 4, y: 30 }, `▲ ${counted("inspect.chart.good", good.length)}`),
    bad.length > 0 && svg("text.name.bad", { x: 4, y: HEIGHT - 42 }, `▼ ${counted("inspect.chart.bad", bad.length)}`),
    svg("text.end", { x: 4, y: HEIGHT - 8 }, `← ${t("inspect.chart.alike")}`),
    svg("text.end", { x: WIDTH - 4, y: HEIGHT - 8, "text-anchor": "end" }, `${t("inspect.chart.different")} →`),
    line);
  const rows = h("tbody");
  const move = (to) => {
    const x = inside(to, scale) * WIDTH;
    bars.replaceChildren(...draw(good, "good", 135, to), ...draw(bad, "bad", 95, to));
    line.setAttribute("transform", `translate(${x} 0)`);
    line.querySelector("text").setAttribute("text-anchor", x < 60 ? "start" : x > WIDTH - 60 ? "end" : "middle");
    rows.replaceChildren(row("inspect.chart.passes", good, bad, (score) => score <= to), row("inspect.chart.stopped", good, bad, (score) => score > to));
  };
  move(threshold);
  const table = h("details", h("summary", t("inspect.chart.table")), wide(t("inspect.chart.table"), h("table",
    h("thead", h("tr", h("td"), h("th", { scope: "col" }, t("inspect.photos.good")), h("th", { scope: "col" }, t("inspect.photos.bad")))), rows)));
  return { element: h("figure.distribution", wide(t("inspect.chart.title"), picture), table), move };
}

/** What is far beyond counts into the last bar, so that the middle is seen. */
function range(good, bad, threshold) {
  const low = Math.min(...good, ...bad.slice(0, 1), threshold);
  const usual = Math.max(threshold - low, 1);
  const highest = Math.max(...good, ...bad, threshold);
  return { low: low - usual * 0.05, high: Math.min(highest, threshold + 2.5 * usual) + usual * 0.05 };
}

const place = (score, { low, high }) => (score - low) / (high - low);

/** Where the threshold stands, in shares of the width: always in the picture. */
const inside = (threshold, scale) => Math.min(1 - 2 / WIDTH, Math.max(2 / WIDTH, place(threshold, scale)));

/**
 * How many scores each bar holds, where it begins and how wide it is, in shares of the width. No bar lies across the
 * threshold: what is up to it stands on its left, all else on its right.
 */
function count(scores, threshold, scale) {
  const middle = inside(threshold, scale);
  const left = Math.min(BARS - 1, Math.max(1, Math.round(middle * BARS)));
  const side = (from, width, bars, own) => {
    const bins = Array.from({ length: bars }, (_, at) => ({ n: 0, from: from + at * width / bars, width: width / bars }));
    for (const score of own) bins[Math.min(bars - 1, Math.max(0, Math.floor((place(score, scale) - from) / width * bars)))].n += 1;
    return bins;
  };
  return [...side(0, middle, left, scores.filter((score) => score <= threshold)),
    ...side(middle, 1 - middle, BARS - left, scores.filter((score) => score > threshold))];
}

/** Bad photos are striped, too: colour alone tells nothing. */
function stripes() {
  return svg("defs", {}, svg("pattern", { id: "stripes", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect.under", { width: 6, height: 6 }), svg("rect.stripe", { width: 3, height: 6 })));
}

const row = (key, good, bad, which) => h("tr", h("th", { scope: "row" }, t(key)),
  h("td", number(good.filter(which).length)), h("td", number(bad.filter(which).length)));
