// What can I do here?

import { get, may } from "../ui/api.js";
import { fill, h } from "../ui/h.js";
import { navigation } from "../ui/router.js";
import { number, t } from "../ui/texts.js";

/** Says that samples were asked for in this browser: what brings them is followed, also after the page was loaded anew. */
const BROUGHT = "niteru-samples";

/** Shows the screen. */
export async function show(place) {
  const here = h("div");
  const nothing = await count(here);
  const own = new AbortController();
  fill(place,
    h("h1", t("start.title")),
    h("p.lead", t("start.lead")),
    h("div.cards", choice("find"), choice("inspect")),
    h("h2", t("start.here")),
    here,
    may("engineer") && samples(nothing, () => count(here), own.signal));
  return () => own.abort();
}

/** Tells what there is, and gives whether that is nothing. */
async function count(here) {
  const [{ collections }, { inspectors }] = await Promise.all([get("/api/collections"), get("/api/inspectors")]);
  const images = collections.reduce((sum, collection) => sum + collection.images, 0);
  fill(here,
    h("dl.facts",
      fact(t("nav.collections"), h("a", { href: "#/collections" }, number(collections.length))),
      fact(t("start.images"), number(images)),
      fact(t("start.inspectors"), h("a", { href: "#/inspect" }, number(inspectors.length)))),
    images === 0 && h("p", t("start.empty"), " ", h("a.button", { href: "#/collections" }, t("nav.collections"))));
  return images + inspectors.length === 0;
}

/** Photos to try everything with, at the press of a button where there is nothing yet. `changed` is called when they are there. */
function samples(empty, changed, signal) {
  const state = h("div");
  const go = h("button.main", { onclick: () => bring(true) }, t("start.samples.go"));
  const section = h("section.card", { hidden: !empty }, h("h2", t("start.samples")), h("p", t("start.samples.more")), h("p", go), state);
  const bring = async (begin) => {
    go.disabled = true;
    localStorage.setItem(BROUGHT, "true");
    const { bring: follow } = await import("./start/samples.js");
    const there = await follow(state, signal, { begin, follows: () => { section.hidden = false; } });
    if (signal.aborted) return;
    localStorage.removeItem(BROUGHT);
    go.disabled = false;
    if (!there) return;
    go.hidden = true;
    // What was there before is better than an error here.
    await changed().catch(() => {});
  };
  if (localStorage.getItem(BROUGHT)) bring(false);
  return section;
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
