// All collections, and a new one.

import { get, may, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { go } from "../../ui/router.js";
import { number, t } from "../../ui/texts.js";
import { at, thumbnail } from "../find/shared.js";

/** Photos that a collection is shown with. */
const SHOWN = 4;

/** Shows the list. */
export async function show(place) {
  const { collections } = await get("/api/collections");
  const making = may("engineer") && await newCollection(collections);
  fill(place,
    h("h1", t("nav.collections")),
    h("p.lead", t("collections.lead")),
    collections.length === 0 && h("div.empty", h("p", t(may("engineer") ? "collections.empty" : "collections.empty.viewer"))),
    h("div.cards", collections.map(card)),
    making);
}

function card(collection) {
  const photos = h("span.strip", { "aria-hidden": "true" });
  if (collection.images > 0) {
    get(at(collection.name, `images?limit=${SHOWN}`))
      .then(({ images }) => fill(photos, images.map((image) => thumbnail(collection.name, image))))
      .catch(() => {});
  }
  return h("a.card.choice.collection", { href: `#/collections/${encodeURIComponent(collection.name)}` },
    h("strong", collection.name),
    photos,
    h("span", collection.images === 0 ? t("collections.no_photos") : t("collections.count", { n: number(collection.images) })),
    collection.missing > 0 && h("span.small", t("collections.missing", { n: number(collection.missing) })));
}

const known = (name) => h("p.problem", { role: "alert" }, t("collections.new.known", { name }), " ",
  h("a", { href: `#/collections/${encodeURIComponent(name)}` }, t("collections.new.open")));

async function newCollection(collections) {
  const { models } = await get("/api/models");
  const usable = models.filter((model) => model.state === "installed");
  const wrong = h("div");
  const send = async (event) => {
    event.preventDefault();
    fill(wrong);
    const { name: typed, model } = Object.fromEntries(new FormData(event.target));
    const name = typed.trim();
    // The server would take it for the one that is there.
    if (collections.some((one) => one.name === name)) return void fill(wrong, known(name));
    const button = event.target.querySelector("button");
    button.disabled = true;
    try {
      await post("/api/collections", { name, ...(model && { model }) });
      go("collections", name);
    } catch (error) {
      fill(wrong, showError(error));
      button.disabled = false;
    }
  };
  const form = h("form.card", { onsubmit: send },
    h("h2", t("collections.new")),
    h("label.field", h("span", t("collections.name")),
      h("input", { name: "name", required: true, maxlength: "100", autocomplete: "off", placeholder: t("collections.name.example") })),
    usable.length > 1 && h("label.field", h("span", t("collections.model")),
      h("select", { name: "model" }, usable.map((model) => h("option", { value: model.name },
        model.reads_text ? t("collections.model.words", { name: model.name }) : model.name)))),
    usable.length === 0 && h("div.error", h("p", t("collections.model.none")), h("p", h("a.button", { href: "#/settings/models" }, t("error.models"), " →"))),
    wrong,
    h("button.main", { type: "submit", disabled: usable.length === 0 }, t("collections.make")));
  return collections.length === 0 ? form : h("details.more", h("summary", t("collections.new")), form);
}
