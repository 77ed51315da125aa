// Map: all images of a collection in two dimensions, those that are alike beside each other.

import { get, may, post } from "../ui/api.js";
import { showError, showFailure } from "../ui/errors.js";
import { fill, h } from "../ui/h.js";
import { isOpen, watch } from "../ui/jobs.js";
import { spoken, stage } from "../ui/progress.js";
import { go } from "../ui/router.js";
import { sheet } from "../ui/sheet.js";
import { duration, load, number, t, time } from "../ui/texts.js";
import { at, ready } from "./find/shared.js";
import { chart } from "./map/chart.js";

/** Shows the screen: `#/map`, `#/map/COLLECTION`, `#/map/COLLECTION/FIELD` with the colours of a field. */
export async function show(place, [name, field]) {
  await Promise.all([ready(), load("map"), sheet(new URL("map/map.css", import.meta.url))]);
  const { collections } = await get("/api/collections");
  const usable = collections.filter((collection) => collection.images > 0);
  if (usable.length === 0) return void fill(place, h("h1", t("nav.map")), nothing());
  const collection = usable.find((one) => one.name === name)
    ?? usable.reduce((most, one) => (one.images > most.images ? one : most));
  const [news, body] = [h("div.news"), h("div")];
  const job = h("div");
  fill(place, h("div.head.map-head", h("h1", t("nav.map")), chooser(usable, collection), news), job, body);
  let shown = null;
  let turn = 0;
  // What colours were chosen since stays when the map is drawn again.
  let asked = field;
  const again = begin(collection, news);
  const draw = async () => {
    const own = ++turn;
    const state = await get(at(collection.name, "map"));
    const next = state.drawn === null ? null : await chart(collection.name, asked);
    if (own !== turn) return void next?.stop();
    asked = undefined;
    shown?.stop();
    shown = next;
    fill(body, shown?.element ?? first(collection, again));
    fill(news, since(state, again));
    await shown?.begin();
  };
  await draw();
  const end = follow(collection, job, draw);
  return () => {
    turn += 1;
    end();
    shown?.stop();
  };
}

function nothing() {
  return h("div.empty", h("p", t("map.nothing")), h("p", h("a.button.main", { href: "#/collections" }, t("map.nothing.go"))));
}

function chooser(collections, chosen) {
  return h("label.field.inline", h("span", t("map.of")),
    h("select", { onchange: (event) => go("map", event.target.value) }, collections.map((collection) =>
      h("option", { value: collection.name, selected: collection === chosen }, `${collection.name} (${number(collection.images)})`))));
}

/** What begins to draw; what was wrong with that is told in `news`. */
function begin(collection, news) {
  return async (event) => {
    event.target.disabled = true;
    try {
      await post(at(collection.name, "map"));
    } catch (error) {
      fill(news, showError(error));
      event.target.disabled = false;
    }
  };
}

/** Before there is a map. */
function first(collection, again) {
  return h("div.empty.map-first",
    h("p.lead", t("map.first")),
    h("p", t("map.first.time", { n: number(collection.images), time: duration(seconds(collection.images)) })),
    may("engineer") ? h("p", h("button.main.draw", { onclick: again }, t("map.draw"))) : h("p", t("map.first.viewer")));
}

/** About how long drawing takes: as measured on two cores, rounded up; see docs/performance.md. */
const seconds = (images) => 3 + images / 500;

/** Whether it is worth drawing the map again. */
function since(state, again) {
  if (state.drawn === null) return null;
  const when = h("span.small", t("map.drawn", { time: time(new Date(state.drawn).toISOString()) }));
  const redraw = may("engineer") && h("button.draw", { onclick: again }, t("map.again"));
  if (state.new === 0 && state.gone === 0) return h("p.map-since", when, redraw);
  const parts = [state.new > 0 && t("map.new", { n: number(state.new) }), state.gone > 0 && t("map.gone", { n: number(state.gone) })];
  return h("p.map-since.changed", h("span", parts.filter(Boolean).join(" ")), when, redraw);
}

/** Shows the job that draws, and what came of it. Gives what ends that. */
function follow(collection, place, draw) {
  const aloud = spoken();
  place.after(aloud.element);
  /** The job that draws, as it is shown. */
  let shown = null;
  return watch((jobs) => {
    const own = jobs.filter((job) => job.kind === "map" && job.parameters.collection === collection.name);
    const open = own.find(isOpen);
    for (const button of document.querySelectorAll("button.draw")) button.disabled = Boolean(open);
    aloud.tell(own);
    if (open) {
      if (shown?.id !== open.id) {
        shown = working(open);
        fill(place, shown.element);
      }
      return shown.draw(open);
    }
    const ended = own.find((job) => job.id === shown?.id);
    if (!ended) return;
    shown = null;
    fill(place, ended.state !== "done" && showFailure(ended));
    draw().catch((error) => fill(place, showError(error)));
  });
}

/** What is shown of it; `draw` tells it of the job as it is then, and leaves the button where it is. */
function working(job) {
  const bar = h("progress", { "aria-label": t("job.map") });
  const told = h("span");
  const stop = may("operator") && h("button", { onclick: (event) => {
    event.target.disabled = true;
    post(`/api/jobs/${job.id}/cancel`).catch(() => {});
  } }, t("cancel"));
  const draw = (now) => {
    if (now.total) Object.assign(bar, { max: now.total, value: now.done });
    else bar.removeAttribute("value");
    const left = now.seconds_left && t("jobs.left", { time: duration(now.seconds_left) });
    told.textContent = [`${t("job.map")}: ${stage(now) ?? t(`state.${now.state}`)}`, left].filter(Boolean).join(" · ");
  };
  return { id: job.id, element: h("div.card.map-working", h("div.progress", bar, told), stop), draw };
}
