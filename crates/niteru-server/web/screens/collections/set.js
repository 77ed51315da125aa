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
export async function images(collection, ids, signal) {
  const all = [];
  for (let from = 0; from < ids.length; from += ASKED) {
    const part = await post(at(collection, "images/of"), { ids: ids.slice(from, from + ASKED) }, { signal });
    all.push(...part.images);
  }
  return all;
}

/**
 * The images of a screen, and which of them are chosen. `ids` are those of a set, all chosen at first; `null`: all of the
 * collection.
 */
export class Shown {
  constructor(collection, ids, signal) {
    this.collection = collection;
    this.ids = ids;
    this.signal = signal;
    /** The chosen images by their numbers. */
    this.chosen = new Map();
    this.first = true;
    /** Those of a set. */
    this.all = [];
  }

  /** Asks anew what there is: what was chosen and is still there stays so. */
  async refresh() {
    if (this.ids !== null) this.all = await images(this.collection, this.ids, this.signal);
    if (this.first && this.ids !== null) {
      for (const image of this.all) this.chosen.set(image.id, image);
    } else {
      const asked = [...this.chosen.keys()];
      const found = new Map((await images(this.collection, asked, this.signal)).map((image) => [image.id, image]));
      // Meanwhile others may have been chosen, or these no more: only what has gone goes, and what stays is brought up to date.
      for (const id of asked) {
        const image = found.get(id);
        if (!image) this.chosen.delete(id);
        else if (this.chosen.has(id)) this.chosen.set(id, image);
      }
    }
    this.first = false;
  }

  /** A page after an image, or of a set after so many; see pages.js. */
  async next(after, signal) {
    if (this.ids === null) return get(at(this.collection, `images?limit=${PAGE}${after === null ? "" : `&after=${after}`}`), { signal });
    const end = (after ?? 0) + PAGE;
    return { images: this.all.slice(after ?? 0, end), next: end < this.all.length ? end : null };
  }
}

/** Says that only some are shown, with the way to all. */
export function some(collection, part, ids) {
  return h("p.some", { role: "status" }, t(ids ? "set.some" : "set.gone", { n: number(ids?.length ?? 0) }), " ",
    h("a.button", { href: `#/collections/${encodeURIComponent(collection)}/${part}` }, t("set.all")));
}
