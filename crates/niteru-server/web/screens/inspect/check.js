// Step 4: how it did on its photos, and how strict it is to be.

import { get, may, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { go } from "../../ui/router.js";
import { number, t } from "../../ui/texts.js";
import { distribution } from "./chart.js";
import { api, counted, fileName, ofGoodParts, page, scored, uploadOf } from "./data.js";
import { enlarging } from "./enlarge.js";
import { onward } from "./frame.js";

/** Photos of a row. */
const SHOWN = 12;

/** From this share of bad photos that would pass on, an inspector finds too little. */
const MANY = 1 / 3;

/** Shows the step. */
export async function show(place, { name, photos, newest }) {
  if (newest === null) return void place.append(h("p.empty", t("inspect.check.untrained")));
  const check = await get(api(name, "check"));
  const bad = check.bad.map((photo) => photo.score).sort((a, b) => a - b);
  const chart = distribution(check.good_scores, bad, check.promise.threshold);
  const end = h("div");
  const passes = h("div");
  const told = (threshold) => fill(passes, missing(check.bad, threshold));
  told(check.promise.threshold);
  const further = (way = onward(name, "use", t("inspect.check.next"))) => fill(end, way);
  further();
  fill(place,
    h("h2", t("inspect.check.title", { version: number(check.version) })),
    trust(check.trust), passes,
    h("div.card", h("h3", t("inspect.chart.title")), chart.element),
    check.choices.length > 0 ? strictness(name, check, { chart, told, further }) : h("p.card", t("inspect.check.one_photo")),
    suspicious(name, check, photos),
    end);
}

function trust({ level, reason, photos, more }) {
  // `more` is beyond what numbers of JSON can tell where it can never be reached.
  const way = more > 0 && more < 1e6 && h("p", counted("inspect.trust.more", more));
  return h(`div.card.trust.${level}`,
    h("h3", h("span", { "aria-hidden": "true" }, { low: "◔", fair: "◑", good: "●" }[level], " "), t(`inspect.trust.${level}`)),
    h("p", t(`inspect.trust.${reason}`, { n: number(photos) })), way, h("p.small", t("inspect.trust.bad")));
}

/** How many bad photos a threshold lets pass, as large as how good the promise on good parts is: it says nothing of these. */
function missing(bad, threshold) {
  if (bad.length === 0) return null;
  const n = bad.filter(passing(threshold)).length;
  const level = n === 0 ? "good" : n / bad.length < MANY ? "fair" : "low";
  const words = t(n === 0 ? "inspect.check.pass.none" : "inspect.check.pass", { n: number(n), all: number(bad.length) });
  // It stands above the slider, which must not move while it is dragged: what to do keeps its place.
  const advice = h("p", t("inspect.check.pass.do"));
  advice.style.visibility = n > 0 ? "" : "hidden";
  return h(`div.card.trust.${level}.missing`,
    h("h3", h("span", { "aria-hidden": "true" }, { low: "⚠", fair: "◑", good: "●" }[level], " "), words),
    advice);
}

/** Whether a bad photo would pass. */
const passing = (threshold) => (photo) => photo.verdict !== "UNLIKE" && photo.score <= threshold;

/**
 * The slider, and what it changes: the `chart`, what is `told` of bad photos above, and how one goes `further` at the end,
 * where what was chosen is not left behind.
 */
function strictness(name, check, { chart, told: toldAbove, further }) {
  const { choices, promise } = check;
  const current = nearest(choices, promise.threshold);
  const told = h("div.told", { "aria-live": "polite" });
  const missed = h("div");
  const apply = h("button.main", t("inspect.check.apply"));
  const wrong = h("div");
  const applyOn = h("button.main", t("inspect.check.apply"), " →");
  const wrongAtEnd = h("div");
  const end = [h("p.onward", applyOn), wrongAtEnd];
  apply.addEventListener("click", () => use(wrong));
  applyOn.addEventListener("click", () => use(wrongAtEnd));
  const slider = h("input", { type: "range", min: 0, max: choices.length - 1, step: 1, value: current, disabled: choices.length < 2,
    "aria-label": t("inspect.check.slider"), oninput: draw });
  async function use(place) {
    for (const element of [slider, apply, applyOn]) element.disabled = true;
    try {
      await post(api(name, "threshold"), { false_alarm: choices[slider.value].false_alarm });
      go("inspect", name, "use");
    } catch (error) {
      fill(place, showError(error));
      for (const element of [slider, apply, applyOn]) element.disabled = false;
    }
  }
  function draw() {
    const choice = choices[slider.value];
    const changed = Number(slider.value) !== current && may("engineer");
    slider.setAttribute("aria-valuetext", ofGoodParts(choice.expected));
    chart.move(choice.threshold);
    toldAbove(choice.threshold);
    fill(told, ...effects(choice, check.bad.length));
    fill(missed, mistakes(name, check, choice.threshold), stopped(name, check, choice.threshold));
    apply.hidden = !changed;
    further(changed ? end : undefined);
  }
  draw();
  return h("div.card.strictness",
    h("h3", t("inspect.check.slider")),
    h("div.slider", h("span", t("inspect.check.fewer")), slider, h("span", t("inspect.check.more"))),
    told, h("p", apply), h("p.small", t("inspect.check.apply.more")), wrong, missed);
}

/** What a threshold changes, in words. */
function effects(choice, bad) {
  const share = (value) => `${number(value * 100, 1)} %`;
  return [h("dl.facts",
    h("div", h("dt", t("inspect.check.stopped")), h("dd", ofGoodParts(choice.expected)),
      h("dd.small", t("inspect.check.at_most", { share: share(choice.at_most) }))),
    bad > 0 && h("div", h("dt", t("inspect.check.missed")), h("dd", t("inspect.check.of", { n: number(choice.missed), all: number(bad) })),
      h("dd.small", t("inspect.check.found", { n: number(bad - choice.missed) }))),
    h("div", h("dt", t("inspect.chart.threshold")), h("dd", scored(choice.threshold, 2)))),
  bad === 0 && h("p.small", t("inspect.check.no_bad"))];
}

/** The bad photos that would pass, the worst mistake first. */
function mistakes(name, check, threshold) {
  if (check.bad.length === 0) return null;
  const passed = check.bad.map((photo, at) => ({ ...photo, at }))
    .filter(passing(threshold)).sort((a, b) => a.score - b.score);
  return [h("h3", t("inspect.check.mistakes")),
    passed.length === 0 ? h("p", t("inspect.check.none_missed"))
      : h("ul.thumbs.large", passed.slice(0, SHOWN).map((photo) => shot(name, check.version, "bad", photo))),
    passed.length > SHOWN && h("p.small", t("inspect.check.and_more", { n: number(passed.length - SHOWN) }))];
}

/** The good photos that would be stopped, the worst mistake first. */
function stopped(name, check, threshold) {
  const all = check.good_scores.filter((score) => score > threshold).length;
  const shown = check.highest.map((photo, at) => ({ ...photo, at })).filter((photo) => photo.score > threshold).slice(0, SHOWN);
  // One photo alone was tried with copies of itself, and older inspectors do not tell which photo scored how.
  if (all > 0 && shown.length === 0) return null;
  return [h("h3", t("inspect.check.stops")),
    all === 0 ? h("p", t("inspect.check.none_stopped"))
      : h("ul.thumbs.large", shown.map((photo) => shot(name, check.version, "highest", photo))),
    all > shown.length && h("p.small", t("inspect.check.and_more", { n: number(all - shown.length) }))];
}

const shot = (name, version, kind, photo, ...more) => h("li",
  enlarging(api(name, "check", version, kind, photo.at), 320, t("inspect.check.photo", { score: scored(photo.score, 1) })),
  h("span.small", t("inspect.score", { n: scored(photo.score, 1) })), more);

/** Good photos that look like none of the others. */
function suspicious(name, check, photos) {
  if (check.suspicious.length === 0) return null;
  const wrong = h("div");
  const takeOut = async (event, sha256) => {
    const button = event.target;
    try {
      await post(api(name, "photos", "remove"), { sha256: [sha256] });
      button.replaceWith(h("span", t("inspect.check.taken_out")));
    } catch (error) {
      fill(wrong, showError(error));
    }
  };
  const known = new Set(photos.good.map((photo) => photo.sha256));
  return h("div.card", h("h3", t("inspect.check.suspicious")), h("p", t("inspect.check.suspicious.more")),
    check.threshold_without !== null && h("p", h("strong", t("inspect.check.without", {
      without: number(check.threshold_without, 1), threshold: number(check.promise.threshold, 1),
    }))),
    h("ul.thumbs.large", check.suspicious.slice(0, SHOWN).map((photo, at) => {
      const sha256 = uploadOf(photo.path);
      return shot(name, check.version, "suspicious", { ...photo, at },
        known.has(sha256) && may("engineer")
          ? h("button", { onclick: (event) => takeOut(event, sha256) }, t("inspect.check.take_out"))
          : h("span.small", sha256 ? null : fileName(photo.path)));
    })), wrong,
    may("engineer") && h("p", h("a.button", { href: page(name, "train") }, t("inspect.train.again"))));
}

function nearest(choices, threshold) {
  let best = 0;
  choices.forEach((choice, at) => {
    if (Math.abs(choice.threshold - threshold) < Math.abs(choices[best].threshold - threshold)) best = at;
  });
  return best;
}
