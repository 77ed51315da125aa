// Two photos of the same thing: template and part, or before and after. Nothing is learnt, nothing is kept.

import { may, me, upload } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h, wide } from "../../ui/h.js";
import { load, number, t } from "../../ui/texts.js";
import { dropZone } from "../../ui/files.js";
import { sheet } from "../../ui/sheet.js";
import { frames } from "./frames.js";

/** The photos and what was found, and who chose them. They cannot be in the address, and outlast that the page is drawn in
 * another language. */
let state = null;

/** Shows the page. */
export async function show(place) {
  await Promise.all([load("inspect"), sheet(new URL("inspect.css", import.meta.url))]);
  if (state?.of !== me.name) state = { of: me.name, chosen: [null, null], align: true, told: null };
  const { chosen } = state;
  const answer = h("div.answer", { "aria-live": "polite" }, state.told && found(state.told));
  /** What belongs to an older turn is not shown. */
  let turn = 0;
  const align = h("input", { type: "checkbox", checked: state.align, onchange: () => { state.align = align.checked; } });
  const go = h("button.main", { disabled: chosen.includes(null), onclick: compare }, t("compare.go"));
  const sides = ["first", "second"].map((side, at) => {
    const shown = h("div.chosen-photo");
    const draw = () => fill(shown, preview(chosen[at], t(`compare.${side}`)), h("span.small", chosen[at].name));
    const take = ([file]) => {
      if (!file) return;
      chosen[at] = file;
      draw();
      // What was found of another photo says nothing of this one.
      turn += 1;
      state.told = null;
      fill(answer);
      go.disabled = chosen.includes(null);
    };
    if (chosen[at]) draw();
    return h("div", h("h2", t(`compare.${side}`)), dropZone(t(`compare.${side}.drop`), take, { folders: false, many: false }), shown);
  });
  async function compare() {
    const own = ++turn;
    go.disabled = true;
    fill(answer, h("p.waiting", { role: "status" }, t("compare.looking")));
    try {
      const told = await upload("/api/compare-photos", chosen, { align: align.checked });
      if (own !== turn) return;
      state.told = told;
      fill(answer, found(told));
      answer.scrollIntoView({ block: "start" });
    } catch (error) {
      if (own !== turn) return;
      fill(answer, showError(error));
    }
    go.disabled = false;
  }
  fill(place,
    h("p.back", h("a", { href: "#/inspect" }, "← ", t("inspect.all"))),
    h("h1", t("compare.title")), h("p.lead", t("compare.lead")),
    may("operator") ? [h("div.card.adding", sides), h("label.check", align, t("compare.align")), h("p.buttons", go)] : h("p.empty", t("compare.viewer")),
    answer);
  return () => { turn += 1; };
}

/** A photo before it is sent, as far as the browser can draw it. */
function preview(file, name) {
  const address = URL.createObjectURL(file);
  const over = () => URL.revokeObjectURL(address);
  const image = h("img", { src: address, alt: name, onload: over,
    onerror: () => { over(); image.replaceWith(h("span.small", t("compare.no_preview"))); } });
  return image;
}

/** Where they differ: both photos with the places on them. */
function found(told) {
  const { regions } = told;
  const [first, second] = told.shown;
  const uncertain = told.alignment && !told.alignment.certain;
  return h("section",
    h("h2", regions.length === 0 ? t("compare.none") : t("compare.places", { n: number(regions.length) })),
    uncertain && h("p", t("compare.uncertain")),
    h("div.beside",
      photo(t("compare.first"), first, regions.map((region) => region.other)),
      photo(t("compare.second"), second, regions, told.heatmap)),
    h("p.small", t("compare.similarity", { n: number(told.similarity, 3) })),
    regions.length > 0 && h("details", h("summary", t("inspect.chart.table")), wide(t("inspect.chart.table"), h("table",
      h("thead", h("tr", ["place", "score", "at"].map((name) => h("th", { scope: "col" }, t(`compare.${name}`))))),
      h("tbody", regions.map((region, at) => h("tr", h("th", { scope: "row" }, at + 1), h("td", number(region.score, 1)),
        h("td", `${region.x}, ${region.y} (${region.w} × ${region.h})`))))))));
}

/** A photo with numbered frames; where it has a heat map, that can be put away. */
function photo(name, { picture, width, height }, places, heat) {
  const image = h("img", { src: heat ?? picture, alt: name });
  const shown = h("div.shown", image, frames({ width, height }, places));
  shown.style.setProperty("--ratio", width / height);
  const toggle = heat && h("label.check", h("input", { type: "checkbox", checked: true,
    onchange: (event) => { image.src = event.target.checked ? heat : picture; } }), t("inspect.result.heat"));
  return h("figure", shown, h("figcaption", name, toggle));
}
