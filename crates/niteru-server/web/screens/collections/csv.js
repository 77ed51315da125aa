// Data from a CSV file: what it would change, and, when that is right, changing it.

import { get, may, upload } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h, wide } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { csv, save } from "../../ui/save.js";
import { at, nameOf } from "../find/shared.js";
import { picker, takesDrops } from "../../ui/files.js";

/** Shows the import, and the export beside it. */
export async function show(place, collection) {
  const result = h("div", { "aria-live": "polite" });
  const look = async ([file]) => {
    if (!file) return;
    fill(result, h("p", t("csv.looking")));
    try {
      const found = await upload(at(collection.name, "metadata/preview"), [file]);
      fill(result, preview(found, () => take(file)));
    } catch (error) {
      fill(result, showError(error));
    }
  };
  const take = async (file) => {
    fill(result, h("p", t("csv.working")));
    try {
      const found = await upload(at(collection.name, "metadata/import"), [file]);
      fill(result, h("p.done", t("csv.done", { n: number(found.changed) })),
        h("a.button", { href: `#/collections/${encodeURIComponent(collection.name)}/table` }, t("csv.see")));
    } catch (error) {
      fill(result, showError(error));
    }
  };
  if (may("engineer")) {
    place.append(takesDrops(h("div.drop", h("p", t("csv.drop")),
      h("p.buttons", picker(t("csv.pick"), look, { accept: ".csv,.tsv,.txt,text/csv", many: false, main: true }))), look),
    h("p.small", t("csv.about")), h("pre.example", t("csv.example")), result);
  }
  const exported = h("div");
  place.append(h("h2", t("csv.export")), h("p", t("csv.export.about")),
    h("button", { onclick: () => give(collection).catch((error) => fill(exported, showError(error))) }, t("find.csv")), exported);
}

function preview(found, take) {
  const image = (row) => (row.image === null ? h("span.bad", `✕ ${t("csv.row.none")}`) : h("span.good", `✓ ${t("csv.row.found")}`));
  return [
    h("h2", t("csv.preview")),
    h("p", t("csv.matched", { n: number(found.matched), of: number(found.rows) }), " ", h("span.small", t("csv.encoding", { name: found.encoding }))),
    found.fields.length === 0 && h("p.error", t("csv.no_fields")),
    wide(t("csv.preview"), h("table.nowrap",
      h("thead", h("tr", h("th", { scope: "col" }, t("csv.line")), h("th", { scope: "col" }, t("table.photo")), h("th", { scope: "col" }, t("csv.row")),
        found.fields.map((field) => h("th", { scope: "col" }, field)))),
      h("tbody", found.first.map((row) => h("tr", h("td", number(row.line)), h("th", { scope: "row" }, row.path), h("td", image(row)),
        found.fields.map((field) => h("td", row.values[field] ?? ""))))))),
    found.rows > found.first.length && h("p.small", t("csv.more", { n: number(found.rows - found.first.length) })),
    found.wrong > 0 && h("details.more", h("summary", t("csv.wrong", { n: number(found.wrong) })),
      h("ul", found.problems.map((one) => h("li", t("csv.problem", { line: number(one.line), reason: t(`csv.problem.${one.kind}`, { path: one.path }) }))))),
    h("button.main", { onclick: take, disabled: found.matched === 0 }, t("csv.take", { n: number(found.matched) })),
  ];
}

/** All data of the collection as a file that can be imported again. */
async function give(collection) {
  const { fields } = await get(at(collection.name));
  const rows = [["path", ...fields]];
  let after = null;
  do {
    const page = await get(at(collection.name, `images?limit=1000${after === null ? "" : `&after=${after}`}`));
    for (const image of page.images) rows.push([nameOf(image), ...fields.map((field) => image.metadata[field])]);
    after = page.next;
  } while (after !== null);
  save(`${collection.name}.csv`, csv(rows));
}
