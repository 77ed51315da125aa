// One photo, large, with its data.

import { get, may, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { bytes, number, t, time } from "../../ui/texts.js";
import { at, nameOf, openDialog } from "../find/shared.js";

/** Opens a photo; `changed` is called when its data was, or it is gone. */
export async function openPhoto(collection, image, changed) {
  const wrong = h("div");
  const data = h("div");
  const dialog = openDialog(nameOf(image),
    h("div.pair",
      h("img.whole", { src: at(collection, "images", image.id, "picture?side=1400"), alt: nameOf(image) }),
      h("div",
        h("p.small", `${number(image.width)} × ${number(image.height)} · ${bytes(image.bytes)} · ${time(new Date(image.added).toISOString())}`),
        data, wrong,
        h("p.buttons",
          h("a.button.main", { href: `#/find/${encodeURIComponent(collection)}/${image.id}`, onclick: () => dialog.close() }, t("photo.find")),
          may("engineer") && h("button.quiet", { onclick: remove }, t("photo.remove"))))));
  const { fields } = await get(at(collection));
  fill(data, may("engineer") ? editor([image], fields, save) : list(image));

  async function save(metadata) {
    await post(at(collection, "metadata"), { ids: [image.id], metadata });
    dialog.close();
    await changed();
  }

  async function remove() {
    if (!confirm(t("photo.remove.sure"))) return;
    try {
      await post(at(collection, "images/remove"), { ids: [image.id] });
      dialog.close();
      await changed();
    } catch (error) {
      fill(wrong, showError(error));
    }
  }
}

function list(image) {
  const all = Object.entries(image.metadata);
  return all.length === 0 ? h("p.small", t("photo.no_data")) : h("dl.data", all.map(([field, value]) => [h("dt", field), h("dd", value)]));
}

/**
 * A form for the data of images, with a field for new kinds of data. Of several images, a value that not all share is
 * left empty, and stays as it is where nothing is typed. `save` gets only what was changed.
 */
export function editor(images, fields, save) {
  const wrong = h("div");
  const shared = (field) => {
    const values = new Set(images.map((image) => image.metadata[field] ?? ""));
    return values.size === 1 ? [...values][0] : null;
  };
  const row = (field) => {
    const value = shared(field);
    return h("label.field", h("span", field),
      h("input", { name: `=${field}`, value: value ?? "", "data-before": value ?? "", autocomplete: "off", placeholder: value === null ? t("edit.different") : null }));
  };
  const newName = h("input", { name: "new_name", autocomplete: "off", maxlength: "100", pattern: ".*\\S.*", placeholder: t("edit.name.example") });
  // A value alone would be lost without a word.
  const named = (event) => { newName.required = event.target.value.trim() !== ""; };
  const send = async (event) => {
    event.preventDefault();
    const form = event.target;
    const metadata = {};
    for (const input of form.querySelectorAll("input[data-before]")) {
      if (input.value !== input.dataset.before) metadata[input.name.slice(1)] = input.value.trim();
    }
    const name = form.elements.new_name.value.trim();
    if (name) metadata[name] = form.elements.new_value.value.trim();
    fill(wrong);
    try {
      await save(metadata);
    } catch (error) {
      fill(wrong, showError(error));
    }
  };
  return h("form.editor", { onsubmit: send },
    fields.map(row),
    h("fieldset", h("legend", t("edit.new")),
      h("label.field", h("span", t("edit.name")), newName),
      h("label.field", h("span", t("edit.value")), h("input", { name: "new_value", autocomplete: "off", oninput: named }))),
    images.length > 1 && h("p.small", t("edit.many")),
    wrong,
    h("button.main", { type: "submit" }, t("edit.save", { n: number(images.length) })));
}
