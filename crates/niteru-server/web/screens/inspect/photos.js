// Step 1: photos of good parts, and of bad ones if there are any.

import { may, post } from "../../ui/api.js";
import { showError, showRefused } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { why } from "../../ui/patient.js";
import { number, t } from "../../ui/texts.js";
import { underway } from "../../ui/underway.js";
import { api, counted, inspector, send } from "./data.js";
import { cameraBox } from "../../ui/camera.js";
import { dropZone } from "../../ui/files.js";
import { enlarging } from "./enlarge.js";
import { onward } from "./frame.js";

/** More than this is better, as training says. */
const ENOUGH = 30;

/** Photos that are shown at first; the rest on request. */
const SHOWN = 60;

/** Shows the step. */
export function show(place, found) {
  const good = part(found.name, "good", draw);
  const bad = part(found.name, "bad", draw);
  const end = h("div");
  place.append(
    h("h2", t("inspect.photos.title")), h("p", t("inspect.photos.lead")),
    good.element, bad.element, end);
  draw(found);
  return () => { good.stop(); bad.stop(); };

  function draw({ name, photos }) {
    good.draw(photos.good);
    bad.draw(photos.bad);
    fill(end, onward(name, "area", t("inspect.photos.next"), photos.good.length > 0));
  }
}

/** The photos of one kind, `good` or `bad`: what there is, and how more get in. */
function part(name, kind, draw) {
  const count = h("p.count", { "aria-live": "polite" });
  const grid = h("ul.thumbs");
  const refresh = async () => {
    const found = await inspector(name);
    draw(found);
    return found;
  };
  const own = underway(api(name, kind), refresh);
  /** The sha256 of the photos that are shown. */
  let there = new Set();
  const take = async (files) => {
    if (files.length === 0) return void own.say(h("p.problem", t("inspect.photos.no_images")));
    const before = there;
    const { bar, tell, signal, bounds } = sending();
    const row = h("div.sending", bar);
    own.begin(row, tell);
    const { refused, moved, left, problem } = await send(name, files, kind, bounds);
    let wrong = problem;
    // What counts is what is there, also of a portion that was cut off.
    const found = await own.changed().catch((error) => { wrong ??= error; });
    const kept = found?.photos[kind].filter((photo) => !before.has(photo.sha256)).length;
    const again = h("button", { type: "button", onclick: () => take(left) }, t("add.left.send"));
    fill(row,
      signal.aborted && kept !== undefined && h("p.stopped", t("inspect.photos.stopped", { n: number(kept) })),
      moved > 0 && h("p.moved", h("strong", counted(`inspect.photos.moved.${kind}`, moved))),
      wrong && showError(wrong),
      left.length > 0 && [h("p", t("add.left", { n: number(left.length) })), h("p.buttons", again)],
      refused.length > 0 && refusal(refused));
    own.end(row);
    // The button that cancelled is gone.
    if (signal.aborted && document.activeElement === document.body) again.focus();
  };
  const eye = cameraBox((file) => take([file]));
  const discard = async (photo) => {
    try {
      await post(api(name, "photos", "remove"), { sha256: [photo.sha256] });
      await refresh();
    } catch (error) {
      own.say(showError(error));
    }
    grid.querySelector("button.discard")?.focus();
  };
  const adding = may("engineer") && h("div.adding", dropZone(t(`inspect.photos.drop.${kind}`), take, {}, eye.element));
  const inside = [count, adding, own.place, grid];
  const element = kind === "good"
    ? h("section.card.photos.good", h("h3", t("inspect.photos.good")), inside)
    : h("details.card.photos.bad", h("summary", h("h3", t("inspect.photos.bad"))), h("p", t("inspect.photos.bad.lead")), inside);
  return {
    element,
    stop: eye.stop,
    draw(photos, all = false) {
      there = new Set(photos.map((photo) => photo.sha256));
      if (kind === "bad" && photos.length) element.open = true;
      fill(count, total(kind, photos.length));
      const shown = all ? photos : photos.slice(0, SHOWN);
      fill(grid, shown.map((photo) => thumb(name, photo, discard)),
        shown.length < photos.length && h("li.more", h("button", { onclick: () => this.draw(photos, true) },
          t("inspect.photos.all", { n: number(photos.length) }))));
    },
  };
}

/** A bar that shows how far sending is, with a button that ends it. Gives it, what tells it, and the bounds for `send`. */
function sending() {
  const stop = new AbortController();
  const told = h("span.small");
  const bar = h("progress");
  const waiting = h("p.small");
  const cancel = h("button", { type: "button", onclick: () => {
    cancel.disabled = true;
    stop.abort();
    tell();
  } });
  let [sent, all, away] = [0, 0, null];
  const tell = () => {
    fill(cancel, t("cancel"));
    fill(told, t("inspect.photos.sending", { sent: number(sent), all: number(all) }));
    Object.assign(bar, { max: all, value: sent });
    fill(waiting, why(away, stop.signal));
  };
  const progress = (...now) => { [sent, all] = now; tell(); };
  const waits = (error) => { away = error; tell(); };
  return {
    bar: [h("label.progress", told, bar), waiting, h("p.buttons", cancel)],
    tell,
    signal: stop.signal,
    bounds: { progress, waits, signal: stop.signal },
  };
}

/** How many there are, and what that is good for. */
function total(kind, n) {
  if (kind === "bad") return [h("strong", counted("inspect.photos.count", n))];
  const words = n === 0 ? "none" : n < 10 ? "few" : n < ENOUGH ? "some" : "enough";
  return [h("strong", counted("inspect.photos.count", n)), " ", h("span", t(`inspect.photos.${words}`)),
    h("meter", { min: 0, max: ENOUGH, low: 10, high: ENOUGH - 1, optimum: ENOUGH, value: Math.min(n, ENOUGH), "aria-hidden": "true" })];
}

function thumb(name, photo, discard) {
  return h("li",
    enlarging(api(name, "photos", photo.sha256, "picture"), 240, photo.name),
    may("engineer") && h("button.discard", {
      onclick: () => discard(photo), "aria-label": t("inspect.photos.discard", { name: photo.name }), title: t("inspect.photos.discard", { name: photo.name }),
    }, h("span", { "aria-hidden": "true" }, "×")));
}

function refusal(refused) {
  return h("div.error", h("strong", counted("inspect.photos.refused", refused.length)),
    h("ul", refused.slice(0, 10).map((file) => h("li", file.name, ": ", showRefused(file)))));
}
