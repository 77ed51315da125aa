// Small pictures for the map: only those that are seen, a few at a time, and the last ones kept.

import { at } from "../find/shared.js";

/** Pictures that are asked for at a time, and that are kept. */
const AT_ONCE = 6;
const KEPT = 500;

/** Their height in pixels. */
const HEIGHT = 128;

/** The pictures of a collection; `came` is called when there are more. */
export class Pictures {
  constructor(collection, came) {
    Object.assign(this, { collection, came });
    /** By ids, those that were wanted last at the end; null for what cannot be shown. */
    this.kept = new Map();
    this.wanted = [];
    this.asked = new Set();
    this.ended = false;
  }

  get(id) {
    return this.kept.get(id);
  }

  /** Says which are seen. What was wanted before, and was not asked for yet, is wanted no more. */
  want(ids) {
    for (const id of ids) {
      const bitmap = this.kept.get(id);
      if (bitmap === undefined) continue;
      this.kept.delete(id);
      this.kept.set(id, bitmap);
    }
    this.wanted = ids.filter((id) => !this.kept.has(id) && !this.asked.has(id));
    this.#go();
  }

  end() {
    this.ended = true;
    this.wanted = [];
    for (const bitmap of this.kept.values()) bitmap?.close();
    this.kept.clear();
  }

  #go() {
    while (this.asked.size < AT_ONCE && this.wanted.length > 0) this.#ask(this.wanted.shift());
  }

  async #ask(id) {
    this.asked.add(id);
    const bitmap = await load(at(this.collection, "images", id, "thumbnail")).catch(() => null);
    this.asked.delete(id);
    if (this.ended) return void bitmap?.close();
    this.kept.set(id, bitmap);
    for (const [old, before] of this.kept) {
      if (this.kept.size <= KEPT) break;
      this.kept.delete(old);
      before?.close();
    }
    this.came();
    this.#go();
  }
}

async function load(address) {
  const response = await fetch(address);
  if (!response.ok) return null;
  return createImageBitmap(await response.blob(), { resizeHeight: HEIGHT, resizeQuality: "medium" });
}
