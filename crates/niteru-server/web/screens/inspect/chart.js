// How scores are spread: good photos upwards, bad ones downwards, the threshold between.

import { h, wide } from "../../ui/h.js";
import { svg } from "../../ui/svg.js";
import { number, t } from "../../ui/texts.js";

const WIDTH = 720;
const HEIGHT = 300;
const MIDDLE = 165;
const BARS = 36;

/** A picture with a table that tells the same. `move(threshold)` moves the threshold. */
export function distribution(good, bad, threshold) {
  const scale = range(good, bad, threshold);
  const bins = [count(good, scale), count(bad, scale)];
  const most = bins.map((counts) => Math.max(1, ...counts));
  const line = svg("g.threshold", {}, svg("line", { y1: 12, y2: HEIGHT - 32 }),
    svg("text", { y: 10, "text-anchor": "middle" }, t("inspect.chart.threshold")));
  const bars = (counts, kind, height, sign) => counts.map((n, at) => n > 0 && svg(`rect.${kind}`, {
    x: at * WIDTH / BARS + 1, width: WIDTH / BARS - 2,
    y: sign > 0 ? MIDDLE - n / most[0] * height : MIDDLE + 1, height: Math.max(3, n / (sign > 0 ? most[0] : most[1]) * height),
  }));
  const picture = svg("svg.chart", { viewBox: `0 -10 ${WIDTH} ${HEIGHT + 10}`, role: "img", "aria-label": t("inspect.chart.title") },
    stripes(),
    bars(bins[0], "good", 135, 1), bars(bins[1], "bad", 95, -1),
    svg("line.axis", { x1: 0, x2: WIDTH, y1: MIDDLE, y2: MIDDLE }),
    svg("text.name.good", { x: 4, y: 30 }, `▲ ${t("inspect.chart.good", { n: number(good.length) })}`),
    bad.length > 0 && svg("text.name.bad", { x: 4, y: HEIGHT - 42 }, `▼ ${t("inspect.chart.bad", { n: number(bad.length) })}`),
    svg("text.end", { x: 4, y: HEIGHT - 8 }, `← ${t("inspect.chart.alike")}`),
    svg("text.end", { x: WIDTH - 4, y: HEIGHT - 8, "text-anchor": "end" }, `${t("inspect.chart.different")} →`),
    line);
  const rows = h("tbody");
  const move = (to) => {
    const x = Math.min(WIDTH - 2, Math.max(2, place(to, scale) * WIDTH));
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

function count(scores, scale) {
  const counts = new Array(BARS).fill(0);
  for (const score of scores) counts[Math.min(BARS - 1, Math.max(0, Math.floor(place(score, scale) * BARS)))] += 1;
  return counts;
}

/** Bad photos are striped, too: colour alone tells nothing. */
function stripes() {
  return svg("defs", {}, svg("pattern", { id: "stripes", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect.under", { width: 6, height: 6 }), svg("rect.stripe", { width: 3, height: 6 })));
}

const row = (key, good, bad, which) => h("tr", h("th", { scope: "row" }, t(key)),
  h("td", number(good.filter(which).length)), h("td", number(bad.filter(which).length)));
