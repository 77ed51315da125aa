// What can be done with several photos at once.

import { get, may, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { openMatrix } from "../find/matrix.js";
import { at, openDialog } from "../find/shared.js";
import { editor } from "./photo.js";

/** Photos that are changed with one request. */
const PORTION = 5000;

async function inPortions(ids, work) {
  for (let from = 0; from < ids.length; from += PORTION) await work(ids.slice(from, from + PORTION));
}

/** Buttons for the chosen photos. `changed` is called when they are others or gone, `none` to choose none. */
export function chosenActions(collection, images, changed, none) {
  const wrong = h("div");
  const ids = images.map((image) => image.id);
  const edit = async () => {
    const { fields } = await get(at(collection.name));
    const dialog = openDialog(t("chosen.edit.title", { n: number(ids.length) }), editor(images, fields, async (metadata) => {
      await inPortions(ids, (part) => post(at(collection.name, "metadata"), { ids: part, metadata }));
      dialog.close();
      await changed();
    }));
  };
  const remove = async () => {
    if (!confirm(t("chosen.remove.sure", { n: number(ids.length) }))) return;
    try {
      await inPortions(ids, (part) => post(at(collection.name, "images/remove"), { ids: part }));
      await changed();
    } catch (error) {
      fill(wrong, showError(error));
    }
  };
  return [
    h("strong", t("chosen.count", { n: number(ids.length) })),
    ids.length > 1 && h("button", { onclick: () => openMatrix(collection.name, ids) }, t("chosen.compare")),
    may("engineer") && h("button", { onclick: edit }, t("chosen.edit")),
    may("engineer") && h("button", { onclick: remove }, t("remove")),
    h("button.quiet", { onclick: none }, t("chosen.none")),
    wrong,
  ];
}
