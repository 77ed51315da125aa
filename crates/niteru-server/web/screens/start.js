// What can I do here?

import { get, may } from "../ui/api.js";
import { fill, h } from "../ui/h.js";
import { navigation } from "../ui/router.js";
import { number, t } from "../ui/texts.js";

/** Shows the screen. */
export async function show(place) {
  const [{ collections }, { inspectors }] = await Promise.all([get("/api/collections"), get("/api/inspectors")]);
  const images = collections.reduce((sum, collection) => sum + collection.images, 0);
  const own = new AbortController();
  fill(place,
    h("h1", t("start.title")),
    h("p.lead", t("start.lead")),
    h("div.cards", choice("find"), choice("inspect")),
    h("h2", t("start.here")),
    h("dl.facts",
      fact(t("nav.collections"), h("a", { href: "#/collections" }, number(collections.length))),
      fact(t("start.images"), number(images)),
      fact(t("start.inspectors"), number(inspectors.length))),
    images === 0 && h("p", t("start.empty"), " ", h("a.button", { href: "#/collections" }, t("nav.collections"))),
    may("engineer") && samples(images + inspectors.length === 0, own.signal));
  return () => own.abort();
}

/** Photos to try everything with, at the press of a button where there is nothing yet. A job that brings them is followed. */
function samples(empty, signal) {
  const state = h("div");
  const go = h("button.main", { onclick: () => bring() }, t("start.samples.go"));
  const section = h("section.card", { hidden: !empty }, h("h2", t("start.samples")), h("p", t("start.samples.more")), h("p", go), state);
  const bring = async (job) => {
    go.disabled = true;
    section.hidden = false;
    await (await import("./start/samples.js")).bring(state, job, signal);
    go.disabled = false;
  };
  // Nobody waits for this: where it cannot be told, the button is there all the same.
  get("/api/jobs?limit=20").then(({ jobs }) => {
    const open = jobs.find((job) => job.kind === "samples" && ["queued", "running"].includes(job.state));
    if (open && !go.disabled && !signal.aborted) bring(open);
  }).catch(() => {});
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
