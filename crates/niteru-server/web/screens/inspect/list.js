// The inspectors that there are, and the way to a new one.

import { get, may, remove, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { go } from "../../ui/router.js";
import { number, t, time } from "../../ui/texts.js";
import { api, ofGoodParts, page } from "./data.js";

/** Shows the list. */
export async function show(place) {
  const { inspectors, collecting } = await get("/api/inspectors");
  const wrong = h("div");
  const again = async (work) => {
    try {
      await work();
      await show(place);
    } catch (error) {
      fill(wrong, showError(error));
    }
  };
  const none = inspectors.length + collecting.length === 0;
  fill(place,
    h("h1", t("nav.inspect")),
    h("p.lead", t("inspect.lead")),
    wrong,
    none && h("p.empty", t(may("engineer") ? "inspect.empty" : "inspect.empty.viewer")),
    may("engineer") && beginning(inspectors, none),
    h("p", h("a.button", { href: "#/compare" }, t("compare.open"), " →")),
    !none && h("h2", t("inspect.all")),
    h("div.cards", collecting.map((one) => begun(one, again)), inspectors.map((one) => card(one, again))));
}

/** Gives a name, and goes to the first step. */
function beginning(inspectors, first) {
  const wrong = h("p.problem", { role: "alert" });
  const send = (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("name").trim();
    if (inspectors.some((one) => one.name === name)) return fill(wrong, t("inspect.new.known"));
    if (name) go("inspect", name, "photos");
  };
  return h("form.card.new", { onsubmit: send },
    h("h2", t(first ? "inspect.new.first" : "inspect.new")),
    h("label.field", h("span", t("inspect.new.name")),
      h("input", { name: "name", required: true, maxlength: 60, autocomplete: "off",
        placeholder: t("inspect.new.example") })),
    wrong,
    h("button.main", { type: "submit" }, t("inspect.new.go"), " →"));
}

/** Photos are collected, nothing is trained yet. */
function begun(one, again) {
  return h("article.card.inspector",
    h("h3", one.name),
    h("p", t("inspect.begun", { good: number(one.good), bad: number(one.bad) })),
    may("engineer") && h("p.buttons",
      h("a.button.main", { href: page(one.name, "photos") }, t("inspect.go_on"), " →"),
      h("button.quiet", {
        onclick: () => confirm(t("inspect.discard.sure", { name: one.name }))
          && again(() => post(api(one.name, "photos", "remove"))),
      }, t("inspect.discard"))));
}

function card(one, again) {
  const { promise, good } = one.summary;
  return h("article.card.inspector",
    h("h3", one.name),
    h("p.promise", promiseInWords(promise)),
    h("p.small", t("inspect.card", {
      good: number(good ?? promise?.images ?? 0), version: number(one.version), time: time(one.created),
      all: number(one.all_inspections),
    })),
    h("p.buttons",
      may("operator") && h("a.button.main", { href: page(one.name, "use") }, t("inspect.use.go")),
      may("operator") && h("a.button", { href: page(one.name, "live") }, t("inspect.live")),
      h("a.button", { href: page(one.name, "check") }, t("inspect.step.check")),
      may("engineer") && h("a.button", { href: page(one.name, "photos") }, t("inspect.more_photos")),
      may("engineer") && h("button.quiet", { onclick: () => removing(one, again) }, t("remove"))));
}

/** What a threshold holds, as people say it. */
export function promiseInWords(promise) {
  if (!promise) return "";
  if (!promise.kept && promise.images < 2) return t("inspect.promise.one");
  const share = ofGoodParts(promise.expected);
  return t(promise.kept ? "inspect.promise.kept" : "inspect.promise.not_kept", { share });
}

function removing(one, again) {
  const history = one.all_inspections > 0;
  const sure = t(history ? "inspect.remove.sure.history" : "inspect.remove.sure",
    { name: one.name, n: number(one.all_inspections) });
  if (confirm(sure)) again(() => remove(`${api(one.name)}${history ? "?with_history=true" : ""}`));
}
