// Collections: the list, and one of them with its photos, their data, and what is in it twice.

import { get } from "../ui/api.js";
import { h } from "../ui/h.js";
import { t } from "../ui/texts.js";
import { SET, keptOf, some } from "./collections/set.js";
import { at, ready } from "./find/shared.js";

/** The parts of a collection's page, by the last part of the address. */
const PARTS = {
  photos: () => import("./collections/photos.js"),
  table: () => import("./collections/table.js"),
  csv: () => import("./collections/csv.js"),
  duplicates: () => import("./collections/duplicates.js"),
};

/** Parts that can show some of the photos alone. */
const OF_SOME = ["photos", "table"];

/** Shows the screen: `#/collections`, `#/collections/NAME`, `#/collections/NAME/table`; with `/chosen`, photos that were chosen elsewhere. */
export async function show(place, [name, asked, which]) {
  await ready();
  if (name === undefined) {
    const list = await import("./collections/list.js");
    return list.show(place);
  }
  const collection = await get(at(name));
  const shown = asked in PARTS ? asked : "photos";
  const part = await PARTS[shown]();
  const ofSome = which === SET && OF_SOME.includes(shown);
  const ids = ofSome ? keptOf(name) : null;
  const body = h("section", { "aria-label": t(`collections.${shown}`) });
  place.append(
    h("p", h("a.back", { href: "#/collections" }, `‹ ${t("nav.collections")}`)),
    h("div.head", h("h1", name),
      h("a.button.main", { href: `#/find/${encodeURIComponent(name)}` }, t("collections.find"))),
    h("nav.tabs", { "aria-label": name }, Object.keys(PARTS).map((tab) => h("a", {
      href: `#/collections/${encodeURIComponent(name)}/${tab}${ids && OF_SOME.includes(tab) ? `/${SET}` : ""}`,
      "aria-current": tab === shown ? "page" : null,
    }, t(`collections.${tab}`)))),
    ...[ofSome && some(name, shown, ids), body].filter(Boolean));
  return part.show(body, collection, ids);
}
