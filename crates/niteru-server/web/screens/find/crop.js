// A rectangle on a photo, drawn with the mouse, a finger, or the arrow keys.

import { h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";

/** Longest side of the picture, in pixels; smallest side of a rectangle, and a step of the keys, as shares. */
const SIDE = 900;
const LEAST = 0.03;
const STEP = 0.02;

/** Milliseconds that the keys rest before it is looked for. */
const REST = 300;

/** The photo of a search, on which the part that counts is drawn. `look` is called when that has changed. */
export function cropper(state, look) {
  const canvas = h("canvas.crop", { tabindex: "0", role: "application", "aria-label": t("crop.label") });
  const whole = h("button.quiet", { hidden: true, onclick: () => change(null) }, t("crop.whole"));
  let picture = null;
  let from = null;
  createImageBitmap(state.photo, { imageOrientation: "from-image" }).then((bitmap) => {
    picture = bitmap;
    const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
    [canvas.width, canvas.height] = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
    draw();
  }, () => canvas.replaceWith(h("p.small", t("crop.not_shown", { name: state.photo.name }))));

  function draw() {
    whole.hidden = state.crop === null;
    const [width, height] = [canvas.width, canvas.height];
    const paper = canvas.getContext("2d");
    paper.drawImage(picture, 0, 0, width, height);
    if (state.crop === null) return;
    const [x, y, w, h] = state.crop;
    const box = [x * width, y * height, w * width, h * height];
    paper.save();
    paper.beginPath();
    paper.rect(0, 0, width, height);
    paper.rect(...box);
    paper.fillStyle = "rgb(0 0 0 / .55)";
    paper.fill("evenodd");
    paper.restore();
    for (const [colour, thick] of [["#000", 5], ["#fff", 2]]) {
      paper.strokeStyle = colour;
      paper.lineWidth = thick;
      paper.strokeRect(...box);
    }
  }

  let timer = null;
  /** Takes another rectangle; `rest`: more may follow at once, as of a key that is held. */
  function change(crop, rest = 0) {
    state.crop = crop;
    draw();
    clearTimeout(timer);
    if (rest === 0) look();
    else timer = setTimeout(() => canvas.isConnected && look(), rest);
  }

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const share = (value) => Math.min(1, Math.max(0, value));
    return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
  };
  const between = ([ax, ay], [bx, by]) => [Math.min(ax, bx), Math.min(ay, by), Math.abs(ax - bx), Math.abs(ay - by)];
  canvas.addEventListener("pointerdown", (event) => {
    if (!picture) return;
    from = place(event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    state.crop = between(from, place(event));
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!from) return;
    const crop = between(from, place(event));
    from = null;
    // A touch that goes nowhere means the whole photo.
    change(crop[2] < LEAST || crop[3] < LEAST ? null : crop);
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return change(null);
    const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!step || !picture) return;
    event.preventDefault();
    change(moved(state.crop ?? [0.25, 0.25, 0.5, 0.5], step, event.shiftKey), REST);
  });
  return h("figure.cropper", canvas, h("figcaption", whole));
}

/** A rectangle one step further, or larger or smaller by it; inside of the photo all the same. */
function moved([x, y, w, h], [right, down], resize) {
  if (resize) return [x, y, Math.min(1 - x, Math.max(LEAST, w + right)), Math.min(1 - y, Math.max(LEAST, h + down))];
  return [Math.min(1 - w, Math.max(0, x + right)), Math.min(1 - h, Math.max(0, y + down)), w, h];
}
