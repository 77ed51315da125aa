// When the photos of a group were inspected: a bar for each span of time in which anything was.

import { h, wide } from "../../ui/h.js";
import { svg } from "../../ui/svg.js";
import { number, t } from "../../ui/texts.js";
import { span } from "./words.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [640, 150, 34, 24, 16];

/** A chart of counts over time, with the same as a table below it. */
export function course({ unit, counts }) {
  const most = Math.max(1, ...counts.map((count) => count.in_group));
  const step = (WIDTH - LEFT) / counts.length;
  const base = HEIGHT - BOTTOM;
  const height = (n) => (base - TOP) * n / most;
  const peak = counts.reduce((best, count) => (count.in_group > best.in_group ? count : best));
  const bars = counts.map((count, at) => {
    const x = LEFT + at * step + step * 0.12;
    const bar = svg("g", {}, svg("rect.space", { x: LEFT + at * step, y: TOP, width: step, height: base - TOP }),
      count.in_group > 0 && svg("rect.bar", { x, width: step * 0.76, y: base - height(count.in_group), height: height(count.in_group) }));
    bar.append(svg("title", {}, told(unit, count)));
    return bar;
  });
  const ends = counts.length > 1 ? [counts[0], counts[counts.length - 1]] : [counts[0]];
  const name = t("causes.course", { peak: span(unit, peak.start), n: number(peak.in_group), all: number(peak.all) });
  return h("figure.course",
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": name },
      svg("line.grid", { x1: LEFT, x2: WIDTH, y1: TOP, y2: TOP }),
      bars,
      svg("line.axis", { x1: LEFT, x2: WIDTH, y1: base, y2: base }),
      svg("text", { x: LEFT - 8, y: TOP + 5, "text-anchor": "end" }, number(most)),
      svg("text", { x: LEFT - 8, y: base + 4, "text-anchor": "end" }, "0"),
      ends.map((end, at) => svg("text", { x: at === 0 ? LEFT : WIDTH, y: HEIGHT - 5, "text-anchor": at === 0 ? "start" : "end" }, span(unit, end.start)))),
    h("figcaption.small", name, " ", t(`causes.course.${unit}`)),
    h("details", h("summary", t("causes.table")), wide(t("causes.table"), h("table",
      h("thead", h("tr", ["when", "here", "all"].map((column) => h("th", { scope: "col" }, t(`causes.table.${column}`))))),
      h("tbody", counts.filter((count) => count.in_group > 0).map((count) => h("tr",
        h("th", { scope: "row" }, span(unit, count.start)), h("td", number(count.in_group)), h("td", number(count.all)))))))));
}

const told = (unit, count) => t("causes.bar", { when: span(unit, count.start), n: number(count.in_group), all: number(count.all) });
