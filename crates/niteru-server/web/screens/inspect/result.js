// What was found of a part: verdict, places, the good photo beside it, how it differs, and what people say.

import { may, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { svg } from "../../ui/svg.js";
import { number, t, time } from "../../ui/texts.js";
import { scoreBar, verdict } from "./verdict.js";

/** Ways in which a place may differ. */
const GROUPS = ["colour", "texture", "shape", "position"];

/** Robust standard deviations from which on a place is not as in good photos (a test compares it with the
 * inspection room's), and where a bar is full. */
const UNUSUAL = 3;
const FULL = 12;

/** Places that are told in words. */
const TOLD = 3;

/** What an inspection found. `reviews` are what people said of it; `said` is called after one more. Of what is only in the
 * history, `again` is the promise of the photo judged again: pictures come of it, all else is as it was decided. */
export function result(found, { reviews = [], said = () => {}, again = null } = {}) {
  const beside = h("div.beside");
  const why = h("div");
  const pictures = (judged) => {
    const path = (what, side) => `/api/history/${found.id}/${what}?side=${side}`;
    fill(beside, photo({ ...found, width: judged.width, height: judged.height }, path),
      h("figure", h("div.shown", h("img", { src: path("good", 900), alt: t("inspect.result.good"), onload: shape, onerror: gone })),
        h("figcaption", t("inspect.result.good"))));
    fill(why, judged.alignment?.certain === false && h("p", t("inspect.result.unaligned")),
      found.verdict === "NG" && judged.mostly && h("p.why", t(`inspect.result.why.${judged.mostly}`)));
  };
  if (again) {
    fill(beside, h("p.waiting", { role: "status" }, t("inspect.use.judging")));
    again.then(pictures).catch((error) => fill(beside, showError(error)));
  } else pictures(found);
  return h("article.result",
    verdict(found.verdict),
    scoreBar(found.score, found.threshold),
    beside,
    why,
    found.verdict === "UNLIKE" ? h("p", t("inspect.result.unlike")) : differences(found.regions),
    reviewing(found, reviews, said));
}

/** Small photos are shown as large as others: their shape is told to the style sheet. */
function shape({ target }) {
  target.parentElement.style.setProperty("--ratio", target.naturalWidth / target.naturalHeight);
}

function gone(event) {
  event.target.replaceWith(h("p.empty", t("inspect.picture.gone")));
}

/** The photo, with the heat map and frames over it, each of which can be put away. */
function photo(found, path) {
  const image = h("img", { src: path("heat", 900), alt: t("inspect.result.photo"), onload: shape, onerror: gone });
  const frames = svg("svg.frames", { viewBox: `0 0 ${found.width} ${found.height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    found.regions.map((region, at) => frame(region, at, found.width)));
  const toggle = (words, change) => h("label.check", h("input", { type: "checkbox", checked: true,
    onchange: (event) => change(event.target.checked) }), words);
  return h("figure",
    h("div.shown", image, frames),
    h("figcaption", t("inspect.result.photo"),
      toggle(t("inspect.result.heat"), (on) => { image.src = path(on ? "heat" : "picture", 900); }),
      found.regions.length > 0 && toggle(t("inspect.result.frames"), (on) => frames.classList.toggle("away", !on))));
}

function frame({ x, y, w, h: height }, at, width) {
  const size = width / 22;
  return svg("g", {},
    svg("rect.halo", { x, y, width: w, height }), svg("rect.frame", { x, y, width: w, height }),
    svg("text", { x: x + w / 2, y: y > size * 1.2 ? y - size * 0.25 : y + height + size, "font-size": size, "text-anchor": "middle" }, at + 1));
}

/** How the worst places differ, as bars and in words. */
function differences(regions) {
  const told = regions.map((region, at) => ({ ...region, at })).filter((region) => region.difference).slice(0, TOLD);
  if (told.length === 0) return regions.length > 0 ? h("p", t("inspect.result.places", { n: number(regions.length) })) : h("p", t("inspect.result.no_places"));
  return h("section", h("h3", t("inspect.result.how")), h("div.cards", told.map((region) => place(region))));
}

/** One place: a sentence, and bars. */
function place({ difference, weak, at }) {
  // Decisions of older versions have a `most` even where all is as usual.
  const most = !weak && difference.most && difference[difference.most] >= UNUSUAL ? difference.most : weak ? "weak" : "none";
  return h("div.card",
    h("h4", t("inspect.result.place", { n: at + 1 })),
    h("p", t(`inspect.result.most.${most}`)),
    h("dl.bars", GROUPS.filter((group) => difference[group] !== undefined).map((group) => bar(group, difference[group]))));
}

function bar(group, value) {
  const strong = value >= UNUSUAL;
  return h("div", h("dt", t(`inspect.group.${group}`)),
    h("dd", h("meter", { min: 0, max: FULL, high: UNUSUAL, optimum: 0, value: Math.min(FULL, Math.max(0, value)), "aria-hidden": "true" }),
      h("span", t(strong ? value >= FULL ? "inspect.group.very" : "inspect.group.unusual" : "inspect.group.usual"))));
}

/** What the part is in truth, said by a person. */
function reviewing(found, reviews, said) {
  const status = h("div", { role: "status" });
  const list = h("ul.reviews");
  const shown = [...reviews];
  const draw = () => fill(list, shown.map((one) => h("li", t(`inspect.review.${one.verdict}`), one.note && ` – ${one.note}`,
    h("span.small", ` ${one.reviewer ?? ""} ${time(one.time)}`))));
  draw();
  if (!may("operator")) return h("section.review", list);
  const note = h("input", { name: "note", maxlength: 2000, autocomplete: "off" });
  const say = (verdict) => async () => {
    try {
      shown.push(await post(`/api/history/${found.id}/reviews`, { verdict, note: note.value.trim() }));
      note.value = "";
      draw();
      fill(status, h("p", t("inspect.review.thanks")));
      said();
    } catch (error) {
      fill(status, showError(error));
    }
  };
  return h("section.review", h("h3", t("inspect.review.title")), h("p.small", t("inspect.review.more")),
    h("label.field", h("span", t("inspect.review.note")), note),
    h("p.buttons", h("button.was-ok", { onclick: say("OK") }, "✓ ", t("inspect.review.OK")), h("button.was-ng", { onclick: say("NG") }, "✕ ", t("inspect.review.NG"))),
    status, list);
}
