// The photos of a collection: looking at them, adding, choosing and removing.

import { get, may, remove } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { at, nameOf, thumbnail } from "../find/shared.js";
import { adding } from "./adding.js";
import { chosenActions } from "./chosen.js";
import { pages } from "./pages.js";
import { openPhoto } from "./photo.js";
import { Shown } from "./set.js";

/** Shows the photos, or some of them by their numbers, until the screen is left. */
export async function show(place, collection, ids) {
  const grid = h("div.photos");
  const none = h("p.empty", { hidden: true }, t(may("engineer") ? "photos.empty" : "photos.empty.viewer"));
  const bar = h("div.chosen", { "aria-live": "polite" });
  const heading = h("p.count");
  const own = new AbortController();
  const shown = new Shown(collection.name, ids, own.signal);
  const { chosen } = shown;
  const draw = async () => {
    await shown.refresh();
    drawBar();
    none.hidden = await again();
  };
  const changed = async () => {
    Object.assign(collection, await get(at(collection.name)));
    if (own.signal.aborted) return;
    fill(heading, t("collections.count", { n: number(collection.images) }));
    await draw();
  };
  const drawBar = () => fill(bar, chosen.size > 0 && chosenActions(collection, [...chosen.values()], changed, () => {
    chosen.clear();
    for (const box of grid.querySelectorAll("input:checked")) box.checked = false;
    drawBar();
  }));
  const photo = (image) => {
    const choose = (event) => {
      if (event.target.checked) chosen.set(image.id, image);
      else chosen.delete(image.id);
      drawBar();
    };
    return h("figure.photo",
      h("button.plain", { onclick: () => openPhoto(collection.name, image, changed), "aria-label": t("photos.open", { name: nameOf(image) }) },
        thumbnail(collection.name, image)),
      h("figcaption", h("label.pick", h("input", { type: "checkbox", checked: chosen.has(image.id), onchange: choose, "aria-label": t("photos.choose", { name: nameOf(image) }) })),
        h("span.name", { title: nameOf(image) }, nameOf(image))),
      image.missing && h("p.small", t("photos.missing")));
  };
  const again = pages(grid, (after, signal) => shown.next(after, signal), (images) => images.map(photo), { signal: own.signal });
  const whole = ids === null && may("engineer");
  const add = whole && adding(collection, changed);
  fill(heading, t("collections.count", { n: number(collection.images) }));
  place.append(...[add?.element, ids === null && heading, bar, none, grid].filter(Boolean));
  if (whole) place.append(removal(collection));
  const stop = () => {
    own.abort();
    if (add) add.stop();
  };
  await draw().catch((error) => { stop(); throw error; });
  return stop;
}

/** Removing the whole collection. */
function removal(collection) {
  const wrong = h("div");
  const go = async () => {
    if (!confirm(t("collections.remove.sure", { name: collection.name, n: number(collection.images) }))) return;
    try {
      await remove(at(collection.name));
      location.hash = "#/collections";
    } catch (error) {
      fill(wrong, showError(error));
    }
  };
  return h("div.danger", wrong, h("button.quiet", { onclick: go }, t("collections.remove")));
}
