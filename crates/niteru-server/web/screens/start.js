// What can I do here?

import { get, may } from "../ui/api.js";
import { fill, h } from "../ui/h.js";
import { navigation } from "../ui/router.js";
import { number, t } from "../ui/texts.js";

/** Shows the screen. */
export async function show(place) {
  const [{ collections }, { inspectors }] = await Promise.all([get("/api/collections"), get("/api/inspectors")]);
  const images = collections.reduce((sum, collection) => sum + collection.images, 0);
  fill(place,
    h("h1", t("start.title")),
    h("p.lead", t("start.lead")),
    h("div.cards", choice("find"), choice("inspect")),
    h("h2", t("start.here")),
    h("dl.facts",
      fact(t("nav.collections"), h("a", { href: "#/collections" }, number(collections.length))),
      fact(t("start.images"), number(images)),
      fact(t("start.inspectors"), h("a", { href: "#/inspect" }, number(inspectors.length)))),
    images === 0 && h("p", t("start.empty"), " ", h("a.button", { href: "#/collections" }, t("nav.collections"))),
    may("engineer") && images + inspectors.length === 0 && samples());
}

/** Photos to try everything with, at the press of a button. */
function samples() {
  const state = h("div", { "aria-live": "polite" });
  const go = h("button.main", { onclick: async () => {
    go.disabled = true;
    await (await import("./start/samples.js")).bring(state);
    go.disabled = false;
  } }, t("start.samples.go"));
  return h("section.card", h("h2", t("start.samples")), h("p", t("start.samples.more")), h("p", go), state);
}

/** One of the two things that people come for. */
function choice(name) {
  const to = navigation.includes(name) ? `#/${name}` : "#/start";
  return h("a.card.choice", { href: to },
    h("strong", t(`start.${name}`)), h("span", t(`start.${name}.more`)));
}

function fact(name, value) {
  return h("div", h("dt", name), h("dd", value));
}
