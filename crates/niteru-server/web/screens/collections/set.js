// Photos that were chosen elsewhere, such as on the map, to be looked at and changed here: the screens of a collection
// show these alone, all of them chosen.

import { get, post } from "../../ui/api.js";
import { h } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { at } from "../find/shared.js";

/** What stands for them in the address. */
export const SET = "chosen";

/** Images of a page, and that the server tells of at a time. */
const PAGE = 100;
const ASKED = 1000;

/** Too many for the address: kept until the page is loaded anew. */
let kept = null;

/** Keeps images of a collection, and gives the address where they are shown. */
export function keep(collection, ids) {
  kept = { collection, ids };
  return ["collections", collection, "photos", SET];
}

/** The numbers that were kept of a collection; `null`: none. */
export function keptOf(collection) {
  return kept?.collection === collection ? kept.ids : null;
}

/** Asks for images, those that are still there. */
export async function images(collection, ids) {
  const all = [];
  for (let from = 0; from < ids.length; from += ASKED) {
    const part = await post(at(collection, "images/of"), { ids: ids.slice(from, from + ASKED) });
    all.push(...part.images);
  }
  return all;
}

/**
 * Where a screen's images come from: a function that gives them a page at a time, and those that are chosen from the
 * start. `ids` are those of a set; `null`: all of the collection.
 */
export async function source(collection, ids) {
  if (ids === null) {
    const next = (after) => get(at(collection, `images?limit=${PAGE}${after === null ? "" : `&after=${after}`}`));
    return { next, chosen: [] };
  }
  const all = await images(collection, ids);
  const next = async (after) => {
    const end = (after ?? 0) + PAGE;
    return { images: all.slice(after ?? 0, end), next: end < all.length ? end : null };
  };
  return { next, chosen: all };
}

/** Says that only some are shown, with the way to all. */
export function some(collection, part, ids) {
  return h("p.some", { role: "status" }, t(ids ? "set.some" : "set.gone", { n: number(ids?.length ?? 0) }), " ",
    h("a.button", { href: `#/collections/${encodeURIComponent(collection)}/${part}` }, t("set.all")));
}
