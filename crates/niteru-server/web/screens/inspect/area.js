// Step 2: the area of the photos that counts, painted on one of them. It may be left out.

import { may, me, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { go } from "../../ui/router.js";
import { t } from "../../ui/texts.js";
import { hold } from "../../ui/unsaved.js";
import { api, page, send } from "./data.js";
import { noPhotos } from "./frame.js";

/** Cells of the mask along its longer side: finer than anything that looks at it. */
const SIDE = 1024;

/** What was painted and is not kept yet, on which photo, and with which tool. It outlasts that the page is drawn again. */
let painted = null;

/** Takes over what is being painted; the browser asks before the page goes with it. */
function paints(board, name, photo) {
  painted ??= { release: hold() };
  Object.assign(painted, { of: me.name, name, photo, mask: board.mask, tool: board.tool, width: board.width });
}

function forget() {
  painted?.release();
  painted = null;
}

/** Shows the step. */
export async function show(place, { name, photos }) {
  if (photos.good.length === 0) {
    return void place.append(noPhotos(name));
  }
  place.append(h("h2", t("inspect.area.title")), h("p", t("inspect.area.lead")));
  const { sha256 } = photos.good[0];
  const photo = await picture(`${api(name, "photos", sha256, "picture")}?side=${SIDE}`);
  if (painted && (painted.of !== me.name || painted.name !== name || painted.photo !== sha256)) forget();
  const mask = painted?.mask ?? new Mask(photo.naturalWidth, photo.naturalHeight);
  if (photos.area && !painted) mask.read(await picture(`${api(name, "photos", photos.area.sha256, "picture")}?side=${SIDE}`));
  const wrong = h("div");
  const unkept = h("p.small.unkept", { role: "status" }, painted && t("inspect.area.unkept"));
  const board = new Board(photo, mask, painted ?? {}, () => {
    if (!painted) fill(unkept, t("inspect.area.unkept"));
    paints(board, name, sha256);
  });
  place.append(tools(board), board.canvas, byNumbers(board), wrong);
  const clear = () => photos.area && post(api(name, "photos", "remove"), { sha256: [photos.area.sha256] });
  let left = false;
  const leave = async (event, work) => {
    const buttons = event.target.closest("p").querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    fill(wrong, h("p.waiting", { role: "status" }, t("inspect.area.keeping")));
    try {
      await work();
      // Who has gone on may be painting another one.
      if (painted?.mask === mask) forget();
      if (!left) go("inspect", name, "train");
    } catch (error) {
      fill(wrong, showError(error));
    }
    for (const button of buttons) button.disabled = false;
  };
  const keep = async () => {
    if (mask.isEmpty()) return clear();
    const { refused, problem } = await send(name, [await mask.file()], "area");
    if (problem) throw problem;
    if (refused.length) throw Object.assign(new Error(refused[0].reason), refused[0]);
  };
  place.append(may("engineer")
    ? h("p.onward",
      h("button.main", { onclick: (event) => leave(event, keep) }, t("inspect.area.keep"), " →"),
      h("button", { onclick: (event) => leave(event, clear) }, t("inspect.area.skip"), " →"))
    : h("p.onward", h("a.button", { href: page(name, "check") }, t("inspect.step.check"), " →")), unkept);
  return () => {
    left = true;
    if (painted?.mask === mask) paints(board, name, sha256);
  };
}

function picture(address) {
  const image = new Image();
  return new Promise((resolve, reject) => {
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error(t("inspect.picture.gone")));
    image.src = address;
  });
}

/** What counts, in white on nothing. */
class Mask {
  constructor(width, height) {
    this.canvas = h("canvas", { width, height });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.context.fillStyle = this.context.strokeStyle = "#fff";
    this.context.lineCap = this.context.lineJoin = "round";
  }

  /** Adds a rectangle, or takes it away. */
  rectangle(from, to, add) {
    this.mode(add);
    this.context.fillRect(Math.min(from.x, to.x), Math.min(from.y, to.y), Math.abs(to.x - from.x), Math.abs(to.y - from.y));
  }

  stroke(from, to, width, add) {
    this.mode(add);
    this.context.lineWidth = width;
    this.context.beginPath();
    this.context.moveTo(from.x, from.y);
    this.context.lineTo(to.x, to.y);
    this.context.stroke();
  }

  mode(add) {
    this.context.globalCompositeOperation = add ? "source-over" : "destination-out";
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  pixels() {
    return this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }

  isEmpty() {
    const { data } = this.pixels();
    for (let at = 3; at < data.length; at += 4) if (data[at] > 127) return false;
    return true;
  }

  /** Takes over a mask that was kept: white counts. */
  read(image) {
    this.mode(true);
    this.context.drawImage(image, 0, 0, this.canvas.width, this.canvas.height);
    const pixels = this.pixels();
    for (let at = 0; at < pixels.data.length; at += 4) {
      pixels.data[at + 3] = pixels.data[at] > 127 ? 255 : 0;
    }
    this.context.putImageData(pixels, 0, 0);
  }

  /** As a picture: white on black. */
  async file() {
    const whole = h("canvas", { width: this.canvas.width, height: this.canvas.height });
    const context = whole.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, whole.width, whole.height);
    context.drawImage(this.canvas, 0, 0);
    const blob = await new Promise((resolve) => whole.toBlob(resolve, "image/png"));
    return new File([blob], "area.png", { type: "image/png" });
  }
}

/** The photo with the mask on it; what does not count is dark. `changed` is called when that has become another. */
class Board {
  constructor(photo, mask, { tool = "rectangle", width }, changed) {
    this.photo = photo;
    this.mask = mask;
    this.tool = tool;
    this.width = width ?? Math.round(Math.max(mask.canvas.width, mask.canvas.height) / 14);
    this.changed = changed;
    this.canvas = h("canvas.board", { width: mask.canvas.width, height: mask.canvas.height, role: "img", "aria-label": t("inspect.area.board") });
    this.from = null;
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.from = this.at(event);
      if (this.tool !== "rectangle") this.paint(event);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (this.from === null) return;
      if (this.tool === "rectangle") this.draw(this.at(event));
      else this.paint(event);
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (this.from && this.tool === "rectangle") this.rectangle(this.from, this.at(event));
      this.from = null;
      this.draw();
    });
    this.canvas.addEventListener("pointercancel", () => { this.from = null; this.draw(); });
    this.draw();
  }

  /** The place in the photo that a pointer is at. */
  at(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - left) / width * this.canvas.width, y: (event.clientY - top) / height * this.canvas.height };
  }

  paint(event) {
    const to = this.at(event);
    this.mask.stroke(this.from, to, this.width, this.tool === "brush");
    this.from = to;
    this.changed();
    this.draw();
  }

  rectangle(from, to) {
    this.mask.rectangle(from, to, true);
    this.changed();
    this.draw();
  }

  clear() {
    this.mask.clear();
    this.changed();
    this.draw();
  }

  /** Draws all; `corner` is where a rectangle that is being drawn has got to. */
  draw(corner = null) {
    const context = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    context.drawImage(this.photo, 0, 0, width, height);
    if (!this.mask.isEmpty()) {
      const shade = h("canvas", { width, height });
      const dark = shade.getContext("2d");
      dark.fillStyle = "rgb(10 20 30 / 70%)";
      dark.fillRect(0, 0, width, height);
      dark.globalCompositeOperation = "destination-out";
      dark.drawImage(this.mask.canvas, 0, 0);
      context.drawImage(shade, 0, 0);
    }
    if (corner && this.from) {
      context.lineWidth = Math.max(2, width / 300);
      for (const [colour, dash] of [["#000", []], ["#fff", [8, 8]]]) {
        context.strokeStyle = colour;
        context.setLineDash(dash);
        context.strokeRect(this.from.x, this.from.y, corner.x - this.from.x, corner.y - this.from.y);
      }
      context.setLineDash([]);
    }
  }
}

function tools(board) {
  const choice = (tool) => h("label.choice-of", h("input", { type: "radio", name: "tool", value: tool, checked: tool === board.tool,
    onchange: () => { board.tool = tool; } }), t(`inspect.area.${tool}`));
  return h("fieldset.tools", h("legend", t("inspect.area.tools")),
    ["rectangle", "brush", "eraser"].map(choice),
    h("label.width", t("inspect.area.width"), h("input", { type: "range", min: 4, max: 200, value: board.width,
      oninput: (event) => { board.width = Number(event.target.value); } })),
    h("button", { type: "button", onclick: () => board.clear() }, t("inspect.area.clear")));
}

/** The same with the keyboard: a rectangle in per cent of the photo. */
function byNumbers(board) {
  const fields = [["left", 10], ["top", 10], ["right", 90], ["bottom", 90]];
  const send = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const { width, height } = board.canvas;
    const [left, top, right, bottom] = fields.map(([name]) => Number(form.get(name)) / 100);
    board.rectangle({ x: left * width, y: top * height }, { x: right * width, y: bottom * height });
  };
  return h("details", h("summary", t("inspect.area.numbers")), h("form.numbers", { onsubmit: send },
    fields.map(([name, value]) => h("label.field", h("span", t(`inspect.area.${name}`)),
      h("input", { name, type: "number", min: 0, max: 100, step: 1, value, required: true }))),
    h("button", { type: "submit" }, t("inspect.area.add"))));
}
