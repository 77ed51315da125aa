// What the screens Collections and Find share: their texts and style, and images as both show them.

import { modal } from "../../ui/dialog.js";
import { h } from "../../ui/h.js";
import { sheet } from "../../ui/sheet.js";
import { load, t } from "../../ui/texts.js";

/** Waits for the texts and the style sheet of these screens. */
export const ready = () => Promise.all([load("find"), sheet(new URL("../find.css", import.meta.url))]);

/** The address of a collection in the API. */
export const at = (collection, ...more) => ["/api/collections", encodeURIComponent(collection), ...more].join("/");

/** What people know an image by. */
export const nameOf = (image) => image.uploaded_as ?? image.path.split(/[\\/]/).at(-1);

/** A small picture of an image. Its place keeps its size while it loads. */
export function thumbnail(collection, image) {
  const contents = image.sha256 ? `?sha256=${image.sha256}` : "";
  const picture = h("img", { loading: "lazy", decoding: "async", alt: "", src: at(collection, "images", image.id, `thumbnail${contents}`) });
  const frame = h("span.thumb", picture);
  picture.addEventListener("error", () => frame.replaceChildren(h("span.small", t("find.gone"))));
  return frame;
}

/** A similarity as it is shown everywhere. */
export const similarity = (value) => value.toFixed(3);

/** The first values of an image's metadata, one a line, that of the field `first` before all, without that of a field. */
export function facts(image, most, without, first) {
  const all = Object.entries(image.metadata).filter(([field]) => field !== without);
  all.sort(([a], [b]) => Number(b === first) - Number(a === first));
  return all.slice(0, most).map(([field, value]) => h("span.fact", { title: `${field}: ${value}` }, value));
}

/** A window above the page; Escape, its button and the next screen close it. Gives the element, which is open. */
export function openDialog(title, ...content) {
  const dialog = h("dialog.window", { "aria-label": title },
    h("header", h("h2", title), h("button.quiet", { onclick: () => dialog.close() }, t("find.close"))),
    ...content);
  return modal(dialog);
}
