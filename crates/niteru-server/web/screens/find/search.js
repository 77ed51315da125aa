// What is looked for, and asking the server for it.

import { post, upload } from "../../ui/api.js";
import { at } from "./shared.js";

/** Results that are asked for at first, and with each further press. */
export const STEP = 60;

/** What is looked for. A photo cannot be in the address, and must outlast that the page is drawn in another language. */
let state = null;

class Search {
  constructor(collection) {
    this.collection = collection;
    /** The photo, a file, and the part of it that counts: left, upper, width, height as shares of its sides. */
    this.photo = null;
    this.crop = null;
    this.words = "";
    /** Images of the collection, by their numbers. */
    this.like = [];
    this.unlike = [];
    /** Conditions on metadata by their fields: what was chosen, in `chosen`, and as the server reads it. */
    this.filters = new Map();
    this.groupBy = "";
    this.sort = "";
    this.k = STEP;
    /** Numbers of images that were ticked. */
    this.picked = new Set();
  }

  /** Begins anew with an image of the collection. */
  start(id) {
    Object.assign(this, { photo: null, crop: null, words: "", like: [id], unlike: [], k: STEP });
    this.picked.clear();
  }

  /** Whether there is anything to look for. */
  asks() {
    return this.photo !== null || this.words.trim() !== "" || this.like.length > 0;
  }
}

/** The search in a collection: the last one, where it was the same collection. */
export function begin(collection) {
  if (state?.collection !== collection) state = new Search(collection);
  return state;
}

/** Asks the server; `bounds` as requests have them. */
export function search(state, bounds) {
  const request = {
    like: state.like, unlike: state.unlike, filter: [...state.filters.values()].map((one) => one.condition), k: state.k,
    ...(state.words.trim() && { text: state.words.trim() }),
    ...(state.groupBy && { group_by: state.groupBy }),
  };
  if (state.photo === null) return post(at(state.collection, "search"), request, bounds);
  return upload(at(state.collection, "search/upload"), [state.photo], { ...request, ...(state.crop && { crop: state.crop }) }, bounds);
}

/** A name or a value as conditions write it; see docs/filters.md. */
export function quoted(text) {
  const escaped = text.replace(/[\\'\n\t]/g, (char) => ({ "\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t" })[char]);
  return `'${escaped}'`;
}
