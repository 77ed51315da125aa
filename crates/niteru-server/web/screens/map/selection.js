// What is selected on the map: how many, which, and what can be done with them.

import { may, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { go } from "../../ui/router.js";
import { number, t } from "../../ui/texts.js";
import { openPhoto } from "../collections/photo.js";
import { images, keep } from "../collections/set.js";
import { openMatrix } from "../find/matrix.js";
import { begin } from "../find/search.js";
import { csv, save } from "../../ui/save.js";
import { at, nameOf, thumbnail } from "../find/shared.js";

/** Images that are listed at first, and with each further press. */
const LISTED = 60;

/** Images that the server labels at a time. */
const LABELLED = 5000;

/** Most images that are looked for together: more make no better direction. */
const LIKE = 8;

/** The panel. `on` has `clear()`, and `changed(field)`, which is called when images have a new value. */
export function selection(collection, fields, on) {
  const told = h("p.hidden", { role: "status" });
  const body = h("div");
  const element = h("section.selection", { "aria-label": t("selection") }, told, body);
  const add = h("input", { type: "checkbox" });
  let turn = 0;
  const draw = (ids) => {
    turn += 1;
    if (ids.length === 0) {
      add.checked = false;
      fill(told);
      return void fill(body, h("h2", t("selection")), h("p.small", t("selection.how")));
    }
    const said = h("div", { "aria-live": "polite" });
    fill(told, t("selection.count", { n: number(ids.length) }));
    fill(body,
      h("h2", t("selection.count", { n: number(ids.length) })),
      h("label.check", add, h("span", t("selection.add"))),
      h("div.buttons",
        h("button.main", { type: "button", onclick: () => find(collection, ids) }, t("selection.find")),
        ids.length > 1 && h("button", { type: "button", onclick: () => openMatrix(collection, ids) }, t("chosen.compare")),
        h("button", { type: "button", onclick: () => go(...keep(collection, ids)) }, t("selection.open")),
        h("button", { type: "button", onclick: (event) => exported(event.target, collection, fields, ids, said) }, t("find.csv")),
        h("button.quiet", { type: "button", onclick: on.clear }, t("chosen.none"))),
      may("engineer") && labelling(collection, fields, ids, said, on.changed),
      said, list(collection, ids, () => turn, on));
  };
  return { element, draw, adds: () => add.checked };
}

/** Looks for what is like the selected images: for some of them, evenly taken. */
function find(collection, ids) {
  const every = Math.ceil(ids.length / LIKE);
  const state = begin(collection);
  state.start(ids[0]);
  state.like = ids.filter((_, place) => place % every === 0);
  go("find", collection);
}

async function exported(button, collection, fields, ids, said) {
  button.disabled = true;
  try {
    const names = fields.map((field) => field.name);
    const rows = (await images(collection, ids)).map((image) => [image.id, image.path, nameOf(image), ...names.map((name) => image.metadata[name])]);
    save(`${collection}-selection.csv`, csv([["id", "path", "name", ...names], ...rows]));
  } catch (error) {
    fill(said, showError(error));
  }
  button.disabled = false;
}

/** A form that gives all selected images a value. */
function labelling(collection, fields, ids, said, changed) {
  const values = h("datalist", { id: "map-values" });
  const known = (name) => fill(values, fields.find((field) => field.name === name)?.values.map(({ value }) => h("option", { value })) ?? []);
  const send = async (event) => {
    event.preventDefault();
    const form = event.target;
    const { field, value } = Object.fromEntries(new FormData(form));
    const name = field.trim();
    if (!value.trim() && !confirm(t("selection.empty", { n: number(ids.length), field: name }))) return;
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      for (let from = 0; from < ids.length; from += LABELLED) {
        await post(at(collection, "metadata"), { ids: ids.slice(from, from + LABELLED), metadata: { [name]: value.trim() } });
      }
      changed(name);
    } catch (error) {
      fill(said, showError(error));
      button.disabled = false;
    }
  };
  return h("form.label", { onsubmit: send },
    h("h3", t("selection.label")),
    h("label.field", h("span", t("edit.name")),
      h("input", { name: "field", list: "map-fields", required: true, maxlength: "100", autocomplete: "off", placeholder: t("edit.name.example"), onchange: (event) => known(event.target.value.trim()) })),
    h("label.field", h("span", t("edit.value")), h("input", { name: "value", list: "map-values", autocomplete: "off" })),
    h("datalist", { id: "map-fields" }, fields.map((field) => h("option", { value: field.name }))), values,
    h("button", { type: "submit" }, t("selection.go", { n: number(ids.length) })));
}

/** The selected images, some at a time. */
function list(collection, ids, turnNow, on) {
  const place = h("ul.selected");
  const more = h("p");
  const turn = turnNow();
  let shown = 0;
  const next = async () => {
    const part = ids.slice(shown, shown + LISTED);
    shown += part.length;
    try {
      const found = await images(collection, part);
      if (turnNow() !== turn) return;
      place.append(...found.map((image) => h("li", h("button.plain", {
        type: "button", title: nameOf(image), "aria-label": t("photos.open", { name: nameOf(image) }),
        onclick: () => openPhoto(collection, image, () => on.changed("")),
      }, thumbnail(collection, image), h("span.name.small", nameOf(image))))));
      fill(more, shown < ids.length && h("button", { type: "button", onclick: next }, t("selection.more", { n: number(ids.length - shown) })));
    } catch (error) {
      fill(more, showError(error));
    }
  };
  next();
  return [place, more];
}
