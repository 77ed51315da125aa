// Find: what looks like a photo, like words, like photos that are there.

import { get } from "../ui/api.js";
import { showError } from "../ui/errors.js";
import { fill, h } from "../ui/h.js";
import { go } from "../ui/router.js";
import { number, t } from "../ui/texts.js";
import { filters } from "./find/filters.js";
import { query } from "./find/query.js";
import { results } from "./find/results.js";
import { begin, search } from "./find/search.js";
import { at, ready } from "./find/shared.js";

/** Shows the screen: `#/find`, `#/find/COLLECTION`, `#/find/COLLECTION/IMAGE` for what is like an image of it. */
export async function show(place, [name, image]) {
  await ready();
  const { collections } = await get("/api/collections");
  const usable = collections.filter((collection) => collection.images > 0);
  if (usable.length === 0) return void fill(place, h("h1", t("find.title")), nothing());
  const collection = collections.find((one) => one.name === name)
    ?? usable.reduce((most, one) => (one.images > most.images ? one : most));
  const state = begin(collection.name);
  if (image !== undefined) {
    state.start(Number(image));
    // The address of the photo has done its work; the state knows.
    history.replaceState(null, "", `#/find/${encodeURIComponent(collection.name)}`);
  }
  const [{ fields }, model] = await Promise.all([get(at(collection.name, "fields?values=40")), modelOf(collection)]);
  const found = h("div.found");
  let asked = 0;
  let open = new AbortController();
  const look = async () => {
    const turn = ++asked;
    // The server need not look for what nobody waits for any more.
    open.abort();
    open = new AbortController();
    if (!state.asks()) return void fill(found, h("p.empty", t("find.begin")));
    found.classList.add("waiting");
    try {
      const answer = await search(state, { signal: open.signal });
      // Something else may have been asked for meanwhile.
      if (turn === asked) fill(found, results(state, answer, fields, look));
    } catch (error) {
      if (turn === asked) fill(found, showError(error));
    }
    if (turn === asked) found.classList.remove("waiting");
  };
  const asking = query(state, model?.reads_text, look);
  fill(place,
    h("h1", t("find.title")),
    h("label.field.inline", h("span", t("find.in")), chooser(collections, collection)),
    asking.element, filters(state, fields, look), found);
  // Not awaited: who leaves before the answer ends it.
  look();
  return () => {
    asked += 1;
    open.abort();
    asking.stop();
  };
}

function nothing() {
  return h("div.empty", h("p", t("find.nothing")), h("p", h("a.button.main", { href: "#/collections" }, t("find.nothing.go"))));
}

function chooser(collections, chosen) {
  return h("select", { onchange: (event) => go("find", event.target.value) }, collections.map((collection) =>
    h("option", { value: collection.name, selected: collection === chosen, disabled: collection.images === 0 },
      `${collection.name} (${number(collection.images)})`)));
}

/** What is known of a collection's model; nothing where it is not installed any more. */
async function modelOf(collection) {
  return get(`/api/models/${encodeURIComponent(collection.model)}`).catch(() => null);
}
