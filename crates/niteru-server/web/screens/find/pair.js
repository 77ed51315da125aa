// What was looked for and a result side by side, with the places that make them alike.

import { post, upload } from "../../ui/api.js";
import { showError, showRefused } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { at, nameOf, openDialog, similarity } from "./shared.js";

/** Longest side of pictures here, in pixels. */
const SIDE = 1000;

/** Opens a result beside what was looked for. `look` searches again. */
export function openPair(state, result, look) {
  const left = asked(state);
  const right = framed(h("img", { src: at(state.collection, "images", result.id, `picture?side=${SIDE}`), alt: nameOf(result) }));
  const why = h("div.why", { "aria-live": "polite" });
  const again = (change) => () => {
    change();
    dialog.close();
    state.redraw?.();
    look();
  };
  const without = (list) => list.filter((id) => id !== result.id);
  const dialog = openDialog(t("pair.title", { similarity: similarity(result.similarity) }),
    h("div.pair",
      left && h("figure", h("figcaption", t("pair.asked")), left),
      h("figure", h("figcaption", nameOf(result)), right)),
    why,
    h("p.buttons",
      h("button.main", { onclick: again(() => { state.like = [...without(state.like), result.id]; state.unlike = without(state.unlike); }) }, `＋ ${t("pair.more")}`),
      state.asks() && h("button", { onclick: again(() => { state.unlike = [...without(state.unlike), result.id]; state.like = without(state.like); }) }, `− ${t("pair.less")}`),
      h("button", { onclick: again(() => state.start(result.id)) }, t("photo.find"))),
    data(result));
  if (left) explain(state, result, left, right, why);
}

/** What was looked for, as a picture; `null`: it was words only. */
function asked(state) {
  if (state.photo) {
    const canvas = h("canvas", { role: "img", "aria-label": t("pair.asked") });
    createImageBitmap(state.photo, { imageOrientation: "from-image" }).then((picture) => {
      const [x, y, w, h] = state.crop ?? [0, 0, 1, 1];
      const [width, height] = [w * picture.width, h * picture.height];
      const scale = Math.min(1, SIDE / Math.max(width, height));
      [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
      canvas.getContext("2d").drawImage(picture, x * picture.width, y * picture.height, width, height, 0, 0, canvas.width, canvas.height);
    }, () => {});
    return framed(canvas);
  }
  const [first] = state.like;
  return first === undefined ? null
    : framed(h("img", { src: at(state.collection, "images", first, `picture?side=${SIDE}`), alt: t("pair.asked") }));
}

const framed = (picture) => h("div.framed", picture);

async function explain(state, result, left, right, why) {
  fill(why, h("p.small", t("pair.looking")));
  let answer;
  try {
    answer = state.photo
      ? await upload(at(state.collection, "explain/upload"), [state.photo], { images: [result.id], ...(state.crop && { crop: state.crop }) })
      : await post(at(state.collection, "explain"), { query: state.like[0], images: [result.id] });
  } catch (error) {
    return fill(why, showError(error));
  }
  const { places, problem, kind, values } = answer.results[0].why;
  if (problem) return fill(why, h("p.small", showRefused({ reason: problem, kind, values })));
  places.forEach(({ query, result: other }, index) => {
    left.append(mark(query, index));
    right.append(mark(other, index));
  });
  fill(why, places.length === 0 ? h("p", t("pair.no_places")) : [
    h("p", t("pair.places")),
    h("ol", places.map((one) => h("li", `${t("find.similarity")} ${similarity(one.similarity)}`))),
  ]);
}

/** A numbered rectangle on a picture. */
function mark({ x, y, w, h: height }, index) {
  const box = h("span.mark", { "aria-hidden": "true" }, h("b", String(index + 1)));
  const percent = (value) => `${value * 100}%`;
  Object.assign(box.style, { left: percent(x), top: percent(y), width: percent(w), height: percent(height) });
  return box;
}

function data(result) {
  const all = Object.entries(result.metadata);
  return all.length > 0 && h("dl.data", all.map(([field, value]) => [h("dt", field), h("dd", value)]));
}
