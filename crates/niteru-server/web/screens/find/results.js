// What was found: a grid, side by side with what was looked for, as a file, and as a matrix.

import { fill, h } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { openMatrix } from "./matrix.js";
import { STEP } from "./search.js";
import { csv, save } from "../../ui/save.js";
import { facts, nameOf, similarity, thumbnail } from "./shared.js";
import { openPair } from "./pair.js";

/** Most results; see the API. */
const MOST = 1000;

/** The results of an answer. `look` asks again. */
export function results(state, answer, fields, look) {
  const found = sorted(answer.results, state.sort);
  if (found.length === 0) return h("p.empty", t(state.filters.size > 0 ? "results.none.filters" : "results.none"));
  const bar = h("div.chosen", { "aria-live": "polite" });
  const drawBar = () => {
    const picked = [...state.picked];
    fill(bar, picked.length > 0 && [
      h("strong", t("chosen.count", { n: number(picked.length) })),
      h("button", { disabled: picked.length < 2, onclick: () => openMatrix(state.collection, picked) }, t("chosen.compare")),
      h("button.quiet", { onclick: () => {
        state.picked.clear();
        for (const box of grid.querySelectorAll("input:checked")) box.checked = false;
        drawBar();
      } }, t("chosen.none")),
    ]);
  };
  const grid = h("div.photos.results", found.map((result) => card(state, result, look, drawBar)));
  drawBar();
  const groups = answer.results.some((result) => result.group);
  return [
    h("div.head",
      h("p.count", { role: "status" }, t(groups ? "results.groups" : "results.count", { n: number(found.length) }),
        answer.ungrouped > 0 && h("span.small", " ", t("results.ungrouped", { n: number(answer.ungrouped), field: state.groupBy }))),
      h("button", { onclick: () => save(`${state.collection}-similar.csv`, csv(rows(found, fields))) }, t("find.csv"))),
    bar, grid,
    answer.results.length >= state.k && state.k < MOST &&
      h("p.buttons", h("button", { onclick: () => { state.k = Math.min(MOST, state.k + STEP * 2); look(); } }, t("results.more"))),
  ];
}

function card(state, result, look, drawBar) {
  const name = nameOf(result);
  const pick = (event) => {
    if (event.target.checked) state.picked.add(result.id);
    else state.picked.delete(result.id);
    drawBar();
  };
  return h("figure.photo",
    h("button.plain", { onclick: () => openPair(state, result, look), "aria-label": t("results.open", { name, similarity: similarity(result.similarity) }) },
      thumbnail(state.collection, result)),
    h("figcaption",
      h("label.pick", h("input", { type: "checkbox", checked: state.picked.has(result.id), onchange: pick, "aria-label": t("photos.choose", { name }) })),
      h("div.stack",
        h("span.similarity", similarity(result.similarity)),
        result.group && [h("span.group", { title: result.group.value }, result.group.value),
          h("span.small", t("results.group", { n: number(result.group.images) }))],
        facts(result, 3, state.groupBy, state.sort),
        h("span.name.small", { title: name }, name))));
}

/** By similarity they come; by a field, numbers as numbers, and what has no value last. */
function sorted(results, field) {
  if (!field) return results;
  const key = (result) => result.metadata[field];
  return [...results].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    return x.localeCompare(y, undefined, { numeric: true }) || b.similarity - a.similarity;
  });
}

function rows(results, fields) {
  const names = fields.map((field) => field.name);
  return [
    ["rank", "similarity", "name", "group", "group_images", ...names],
    ...results.map((result) => [result.rank, similarity(result.similarity), nameOf(result), result.group?.value, result.group?.images,
      ...names.map((name) => result.metadata[name])]),
  ];
}
