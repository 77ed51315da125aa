// Step 1: photos of good parts, and of bad ones if there are any.

import { may, post } from "../../ui/api.js";
import { showError, showRefused } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { api, inspector, send } from "./data.js";
import { cameraBox } from "../../ui/camera.js";
import { dropZone } from "../../ui/files.js";
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
  const status = h("div", { role: "status" });
  const grid = h("ul.thumbs");
  const refresh = async () => draw(await inspector(name));
  const take = async (files) => {
    if (files.length === 0) return fill(status, h("p.problem", t("inspect.photos.no_images")));
    try {
      const progress = (sent, all) => fill(status, h("label.progress",
        h("span.small", t("inspect.photos.sending", { sent: number(sent), all: number(all) })),
        h("progress", { max: all, value: sent })));
      const refused = await send(name, files, kind, progress);
      fill(status, refused.length > 0 && refusal(refused));
    } catch (error) {
      fill(status, showError(error));
    }
    await refresh();
  };
  const eye = cameraBox((file) => take([file]));
  const discard = async (photo) => {
    try {
      await post(api(name, "photos", "remove"), { sha256: [photo.sha256] });
    } catch (error) {
      fill(status, showError(error));
    }
    await refresh();
    grid.querySelector("button")?.focus();
  };
  const adding = may("engineer") && h("div.adding", dropZone(t(`inspect.photos.drop.${kind}`), take), eye.element);
  const inside = [count, adding, status, grid];
  const element = kind === "good"
    ? h("section.card.photos.good", h("h3", t("inspect.photos.good")), inside)
    : h("details.card.photos.bad", h("summary", h("h3", t("inspect.photos.bad"))), h("p", t("inspect.photos.bad.lead")), inside);
  return {
    element,
    stop: eye.stop,
    draw(photos, all = false) {
      if (kind === "bad" && photos.length) element.open = true;
      fill(count, counted(kind, photos.length));
      const shown = all ? photos : photos.slice(0, SHOWN);
      fill(grid, shown.map((photo) => thumb(name, photo, discard)),
        shown.length < photos.length && h("li.more", h("button", { onclick: () => this.draw(photos, true) },
          t("inspect.photos.all", { n: number(photos.length) }))));
    },
  };
}

/** How many there are, and what that is good for. */
function counted(kind, n) {
  if (kind === "bad") return [h("strong", t("inspect.photos.count", { n: number(n) }))];
  const words = n === 0 ? "none" : n < 10 ? "few" : n < ENOUGH ? "some" : "enough";
  return [h("strong", t("inspect.photos.count", { n: number(n) })), " ", h("span", t(`inspect.photos.${words}`)),
    h("meter", { min: 0, max: ENOUGH, low: 10, high: ENOUGH - 1, optimum: ENOUGH, value: Math.min(n, ENOUGH), "aria-hidden": "true" })];
}

function thumb(name, photo, discard) {
  return h("li",
    h("img", { src: `${api(name, "photos", photo.sha256, "picture")}?side=240`, alt: photo.name, loading: "lazy", width: 120, height: 120 }),
    may("engineer") && h("button.discard", {
      onclick: () => discard(photo), "aria-label": t("inspect.photos.discard", { name: photo.name }), title: t("inspect.photos.discard", { name: photo.name }),
    }, h("span", { "aria-hidden": "true" }, "×")));
}

function refusal(refused) {
  return h("div.error", h("strong", t("inspect.photos.refused", { n: number(refused.length) })),
    h("ul", refused.slice(0, 10).map((file) => h("li", file.name, ": ", showRefused(file)))));
}
