// The data of a collection as a table: a cell is changed where it stands, many rows through their boxes.

import { get, may, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { at, nameOf, thumbnail } from "../find/shared.js";
import { chosenActions } from "./chosen.js";
import { pages } from "./pages.js";
import { openPhoto } from "./photo.js";
import { Shown } from "./set.js";

/** Shows the table, or some of its rows by the numbers of their photos, until the screen is left. */
export async function show(place, collection, ids) {
  if (collection.images === 0) return void place.append(h("p.empty", t("photos.empty")));
  const own = new AbortController();
  const shown = new Shown(collection.name, ids, own.signal);
  const { chosen } = shown;
  let fields = [];
  const bar = h("div.chosen", { "aria-live": "polite" });
  const said = h("div", { "aria-live": "polite" });
  const about = h("p", t("table.no_fields"));
  const head = h("thead");
  const table = h("table.data-table", head);
  const draw = async (now) => {
    await shown.refresh();
    drawBar();
    // Rows have a cell for each field: with other ones, all are drawn anew.
    if (now.fields.join("\n") !== fields.join("\n") || !again) {
      fields = [...now.fields];
      ended.abort();
      ended = new AbortController();
      own.signal.addEventListener("abort", () => ended.abort());
      again = pages(table, (after, signal) => shown.next(after, signal), (images) => images.map(row), { page: "tbody", signal: ended.signal, clear: titles });
    }
    about.hidden = fields.length > 0 || !may("engineer");
    await again();
  };
  let again = null;
  let ended = new AbortController();
  const titles = () => {
    for (const body of table.querySelectorAll("tbody, .end")) body.remove();
    fill(head, h("tr", h("td", all(table)), h("th", { scope: "col" }, t("table.photo")), fields.map((field) => h("th", { scope: "col" }, field))));
  };
  const reload = async () => {
    const now = await get(at(collection.name));
    if (own.signal.aborted) return;
    if (now.images === 0) return void fill(place, h("p.empty", t("photos.empty")));
    await draw(now);
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
      fill(said);
      if (next === (image.metadata[field] ?? "")) return input.removeAttribute("aria-invalid");
      try {
        await post(at(collection.name, "metadata"), { ids: [image.id], metadata: { [field]: next } });
        if (next) image.metadata[field] = next;
        else delete image.metadata[field];
        input.removeAttribute("aria-invalid");
        fill(said, h("p.small", t("table.saved", { name: nameOf(image), field })));
      } catch (error) {
        // What was typed stays, to be sent again; that it is not kept is to be seen.
        input.setAttribute("aria-invalid", "true");
        fill(said, showError(error, h("p", t("table.unsaved", { name: nameOf(image), field })),
          h("button", { onclick: () => keep({ target: input }) }, t("again"))));
      }
    };
    return h("td", h("input.cell", { value, autocomplete: "off", "aria-label": `${nameOf(image)}: ${field}`, onchange: keep, onkeydown: downUp }));
  };
  const row = (image) => h("tr",
    h("td", h("label.pick", h("input", { type: "checkbox", checked: chosen.has(image.id), "aria-label": t("photos.choose", { name: nameOf(image) }), onchange: (event) => choose(image, event.target.checked) }))),
    h("th", { scope: "row" }, h("button.plain.row", { onclick: () => openPhoto(collection.name, image, reload) }, thumbnail(collection.name, image), h("span.name", nameOf(image)))),
    fields.map((field) => cell(image, field)));
  place.append(h("p.small", t(may("engineer") ? "table.about" : "table.about.viewer")), about, bar, said, h("div.scroll", table));
  await draw(collection).catch((error) => { own.abort(); throw error; });
  return () => own.abort();
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
