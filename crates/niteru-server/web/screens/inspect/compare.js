// Two photos of the same thing: template and part, or before and after. Nothing is learnt, nothing is kept.

import { may, upload } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h, wide } from "../../ui/h.js";
import { load, number, t } from "../../ui/texts.js";
import { dropZone } from "../../ui/files.js";
import { sheet } from "../../ui/sheet.js";
import { frames } from "./frames.js";

/** Shows the page. */
export async function show(place) {
  await Promise.all([load("inspect"), sheet(new URL("inspect.css", import.meta.url))]);
  const chosen = [null, null];
  const answer = h("div.answer", { "aria-live": "polite" });
  const align = h("input", { type: "checkbox", checked: true });
  const go = h("button.main", { disabled: true, onclick: compare }, t("compare.go"));
  const sides = ["first", "second"].map((side, at) => {
    const shown = h("div.chosen-photo");
    const take = ([file]) => {
      if (!file) return;
      chosen[at] = file;
      fill(shown, preview(file, t(`compare.${side}`)), h("span.small", file.name));
      go.disabled = chosen.includes(null);
    };
    return h("div", h("h2", t(`compare.${side}`)), dropZone(t(`compare.${side}.drop`), take, { folders: false, many: false }), shown);
  });
  async function compare() {
    go.disabled = true;
    fill(answer, h("p.waiting", { role: "status" }, t("compare.looking")));
    try {
      fill(answer, found(await upload("/api/compare-photos", chosen, { align: align.checked })));
      answer.scrollIntoView({ block: "start" });
    } catch (error) {
      fill(answer, showError(error));
    }
    go.disabled = false;
  }
  fill(place,
    h("p.back", h("a", { href: "#/inspect" }, "← ", t("inspect.all"))),
    h("h1", t("compare.title")), h("p.lead", t("compare.lead")),
    may("operator") ? [h("div.card.adding", sides), h("label.check", align, t("compare.align")), h("p.buttons", go)] : h("p.empty", t("compare.viewer")),
    answer);
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
