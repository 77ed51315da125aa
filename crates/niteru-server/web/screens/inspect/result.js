// What was found of a part: verdict, places, the good photo beside it, how it differs, and what people say.

import { may, me, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { number, t, time } from "../../ui/texts.js";
import { frames } from "./frames.js";
import { scoreBar, verdict } from "./verdict.js";

/** Ways in which a place may differ. */
const GROUPS = ["colour", "texture", "shape", "position"];

/** Robust standard deviations from which on a place is not as in good photos (a test compares it with the
 * inspection room's), and where a bar is full. */
const UNUSUAL = 3;
const FULL = 12;

/** Notes that are being written, by who writes and the numbers of their decisions: they outlast that the page is drawn again. */
const notes = new Map();

/** Places that are told in words. */
const TOLD = 3;

/** What an inspection found, at a `time`. `reviews` are what people said of it; `said` is called with one more. Of what
 * is only in the history, `again` is the promise of the photo judged again: pictures come of it, all else is as it was. */
export function result(found, { time: at, reviews = [], said = () => {}, again = null }) {
  const [shown, why] = [h("div"), h("div")];
  const draw = (judged) => {
    fill(shown, otherwise(judged), pictures({ ...found, width: judged.width, height: judged.height }));
    fill(why, reasons(found.verdict, judged));
  };
  if (again) {
    fill(shown, h("p.waiting", { role: "status" }, t("inspect.use.judging")));
    again.then(draw).catch((error) => fill(shown, showError(error)));
  } else draw(found);
  return h("article.result", verdict(found.verdict, at), scoreBar(found.score, found.threshold), shown, why, how(found),
    reviewing(found, reviews, said));
}

/** The same below a verdict that stands elsewhere: what people press does not move with how much there is to say. */
export function below(found, { reviews, said }) {
  return h("article.result", otherwise(found), pictures(found), reviewing(found, reviews, said), reasons(found.verdict, found), how(found));
}

/** That a decision did not come out again, and why that may be; nothing of one that did, or that was just made. */
function otherwise(judged) {
  if (judged.same !== false) return null;
  const other = (what) => judged[what] && judged[what] !== judged[`replayed_${what}`] &&
    h("p.small", t(`inspect.result.differs.${what}`, { was: judged[what], now: judged[`replayed_${what}`] }));
  return h("div.differs", { role: "note" },
    h("p", t("inspect.result.differs", { verdict: t(`inspect.verdict.${judged.verdict}`), score: number(judged.score, 3), threshold: number(judged.threshold, 3) })),
    other("program"), other("kernels"));
}

/** What made it NG, and whether it is certain how the part lies. */
const reasons = (verdict, judged) => [
  judged.alignment?.certain === false && h("p", t("inspect.result.unaligned")),
  verdict === "NG" && judged.mostly && h("p.why", t(`inspect.result.why.${judged.mostly}`)),
];

/** The photo with the heat map, and the good photo that is most like it. */
export function pictures(found) {
  const path = (what, side) => `/api/history/${found.id}/${what}?side=${side}`;
  const good = framed(found, h("img", { src: path("good", 900), alt: t("inspect.result.good"), onload: shape, onerror: gone }));
  return h("div.beside", photo(found, path), h("figure", good, h("figcaption", t("inspect.result.good"))));
}

const how = (found) => (found.verdict === "UNLIKE" ? h("p", t("inspect.result.unlike")) : differences(found.regions));

/** A picture in its frame, which has its shape before it is there: nothing below moves when it comes. */
function framed({ width, height }, ...inside) {
  const place = h("div.shown", inside);
  place.style.setProperty("--ratio", width / height);
  return place;
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
  const around = frames(found, found.regions);
  const toggle = (words, change) => h("label.check", h("input", { type: "checkbox", checked: true,
    onchange: (event) => change(event.target.checked) }), words);
  return h("figure",
    framed(found, image, around),
    h("figcaption", t("inspect.result.photo"),
      toggle(t("inspect.result.heat"), (on) => { image.src = path(on ? "heat" : "picture", 900); }),
      found.regions.length > 0 && toggle(t("inspect.result.frames"), (on) => around.classList.toggle("away", !on))));
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
  const key = `${me.name} ${found.id}`;
  const note = h("input", { name: "note", maxlength: 2000, autocomplete: "off", value: notes.get(key) ?? "",
    oninput: () => notes.set(key, note.value) });
  const say = (verdict) => async ({ currentTarget: pressed }) => {
    // Until the answer is there, a second press would be kept, too.
    const open = (is) => { for (const button of buttons.children) button.disabled = !is; };
    const ready = () => {
      open(true);
      if (document.activeElement === document.body) pressed.focus({ preventScroll: true });
    };
    open(false);
    try {
      const review = await post(`/api/history/${found.id}/reviews`, { verdict, note: note.value.trim() });
      shown.push(review);
      note.value = "";
      notes.delete(key);
      draw();
      fill(status, h("p", t("inspect.review.thanks")));
      ready();
      said(review);
    } catch (error) {
      fill(status, showError(error));
      ready();
    }
  };
  const buttons = h("p.buttons", h("button.was-ok", { onclick: say("OK") }, "✓ ", t("inspect.review.OK")),
    h("button.was-ng", { onclick: say("NG") }, "✕ ", t("inspect.review.NG")));
  return h("section.review", h("h3", t("inspect.review.title")), h("p.small", t("inspect.review.more")),
    h("label.field", h("span", t("inspect.review.note")), note),
    buttons, status, list);
}
