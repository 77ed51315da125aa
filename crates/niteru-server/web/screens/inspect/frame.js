// Around each step: which inspector, which step, and the way on.

import { h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { STEPS, inspector, page } from "./data.js";

/** Draws the frame, and gives the place inside of it with the inspector. */
export async function frame(place, name, current) {
  const found = await inspector(name);
  const inside = h("section.step", { "aria-label": t(`inspect.step.${current}`) });
  place.append(
    h("p.back", h("a", { href: "#/inspect" }, "← ", t("inspect.all"))),
    h("h1", name),
    h("nav.steps", { "aria-label": t("inspect.steps") }, h("ol", STEPS.map((step, at) =>
      h("li", link(found, step, current, at))))),
    inside);
  return { place: inside, inspector: found };
}

function link(found, step, current, at) {
  const done = isDone(found, step);
  const here = current === step || (current === "live" && step === "use");
  const inside = [h("span.number", { "aria-hidden": "true" }, done ? "✓" : at + 1),
    h("span", t(`inspect.step.${step}`), done && h("span.hidden", ` (${t("inspect.done")})`))];
  if (!isOpen(found, step)) return h("span.closed", { role: "link", "aria-disabled": "true" }, inside);
  return h("a", { href: page(found.name, step), "aria-current": here ? "step" : null }, inside);
}

/** Whether a step has what it is for. */
function isDone({ photos, newest }, step) {
  switch (step) {
    case "photos": return photos.good.length > 0;
    case "area": return photos.area !== null;
    case "train": return newest !== null;
    default: return newest !== null && newest.all_inspections > 0;
  }
}

/** Whether there is anything to do in a step yet. */
function isOpen({ photos, newest }, step) {
  switch (step) {
    case "photos": return true;
    case "check": case "use": return newest !== null;
    default: return photos.good.length > 0;
  }
}

/** What stands in a step that needs photos, while there are none. */
export const noPhotos = (name) => h("div.empty", h("p", t("inspect.area.no_photos")),
  h("p", h("a.button.main", { href: page(name, "photos") }, t("inspect.photos.title"), " →")));

/** The way to the next step, at the end of each. */
export function onward(name, step, words, open = true) {
  const next = page(name, step);
  return h("p.onward", open
    ? h("a.button.main", { href: next }, words, " →")
    : h("button.main", { disabled: true }, words, " →"));
}
