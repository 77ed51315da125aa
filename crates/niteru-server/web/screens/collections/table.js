// The data of a collection as a table: a cell is changed where it stands, many rows through their boxes.

import { get, may, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { at, nameOf, thumbnail } from "../find/shared.js";
import { chosenActions } from "./chosen.js";
import { pages } from "./pages.js";
import { openPhoto } from "./photo.js";
import { source } from "./set.js";

/** Shows the table, or some of its rows by the numbers of their photos. */
export async function show(place, collection, ids) {
  if (collection.images === 0) return void place.append(h("p.empty", t("photos.empty")));
  const fields = [...collection.fields];
  const chosen = new Map();
  const bar = h("div.chosen", { "aria-live": "polite" });
  const said = h("div", { "aria-live": "polite" });
  const table = h("table.data-table");
  const reload = async () => {
    const now = await get(at(collection.name));
    place.replaceChildren();
    await show(place, now, ids);
  };
  const drawBar = () => fill(bar, chosen.size > 0 && chosenActions(collection, [...chosen.values()], reload, () => {
    chosen.clear();
    for (const box of table.querySelectorAll("input[type=checkbox]:checked")) box.checked = false;
    drawBar();
  }));
  const choose = (image, is) => {
    if (is) chosen.set(image.id, image);
    else chosen.delete(image.id);
    drawBar();
  };
  const cell = (image, field) => {
    const value = image.metadata[field] ?? "";
    if (!may("engineer")) return h("td", value);
    const keep = async (event) => {
      const input = event.target;
      const next = input.value.trim();
      if (next === (image.metadata[field] ?? "")) return;
      fill(said);
      try {
        await post(at(collection.name, "metadata"), { ids: [image.id], metadata: { [field]: next } });
        if (next) image.metadata[field] = next;
        else delete image.metadata[field];
        fill(said, h("p.small", t("table.saved", { name: nameOf(image), field })));
      } catch (error) {
        input.value = image.metadata[field] ?? "";
        fill(said, showError(error));
      }
    };
    return h("td", h("input.cell", { value, autocomplete: "off", "aria-label": `${nameOf(image)}: ${field}`, onchange: keep, onkeydown: downUp }));
  };
  const row = (image) => h("tr",
    h("td", h("label.pick", h("input", { type: "checkbox", checked: chosen.has(image.id), "aria-label": t("photos.choose", { name: nameOf(image) }), onchange: (event) => choose(image, event.target.checked) }))),
    h("th", { scope: "row" }, h("button.plain.row", { onclick: () => openPhoto(collection.name, image, reload) }, thumbnail(collection.name, image), h("span.name", nameOf(image)))),
    fields.map((field) => cell(image, field)));
  table.append(h("thead", h("tr", h("td", all(table)), h("th", { scope: "col" }, t("table.photo")), fields.map((field) => h("th", { scope: "col" }, field)))));
  place.append(h("p.small", t(may("engineer") ? "table.about" : "table.about.viewer")),
    fields.length === 0 && may("engineer") ? h("p", t("table.no_fields")) : "",
    bar, said, h("div.scroll", table));
  const from = await source(collection.name, ids);
  for (const image of from.chosen) chosen.set(image.id, image);
  drawBar();
  await pages(table, from.next, (images) => images.map(row), "tbody");
}

/** Chooses all rows that are there. */
function all(table) {
  return h("label.pick", h("input", { type: "checkbox", "aria-label": t("table.all"), onchange: (event) => {
    for (const box of table.querySelectorAll("tbody input[type=checkbox]")) {
      if (box.checked !== event.target.checked) box.click();
    }
  } }));
}

/** As in spreadsheets, Enter and the arrows go to the cell below or above. */
function downUp(event) {
  const step = { Enter: 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.isComposing) return;
  const cell = event.target.closest("td");
  const rows = [...cell.closest("table").querySelectorAll("tbody tr")];
  const next = rows[rows.indexOf(cell.parentElement) + step];
  next?.children[cell.cellIndex]?.querySelector("input")?.focus();
  event.preventDefault();
}
