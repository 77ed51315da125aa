// The map itself: the canvas with what moves it, colours, the card of an image, and what is selected.

import { get } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { at } from "../find/shared.js";
import { card } from "./card.js";
import { legend, theme } from "./colours.js";
import { Painter } from "./paint.js";
import { Pictures } from "./pictures.js";
import { inside, loadPoints } from "./points.js";
import { selection } from "./selection.js";
import { handle, NEARER, View } from "./view.js";

/** Pixels around a point that count as on it. */
const NEAR = 14;

/** What was seen and selected: it outlasts that the page is drawn in another language, and that the map is drawn again. */
let kept = { collection: null };

/** The map of a collection with the colours of a field. Gives its element, what begins, and what ends it. */
export async function chart(collection, field) {
  const [points, { fields }] = await Promise.all([loadPoints(collection), get(at(collection, "fields?values=200"))]);
  if (kept.collection !== collection) kept = { collection, version: null, view: new View(), selected: new Set(), field: "", mode: "move" };
  // Places mean nothing on another map.
  if (kept.drawn !== drawnOf(points)) kept.view = new View();
  kept.drawn = drawnOf(points);
  if (field !== undefined) kept.field = field;
  if (!fields.some((one) => one.name === kept.field)) kept.field = "";
  return new Chart(collection, points, fields).parts();
}

/** When a map was drawn, as its version begins. */
const drawnOf = (points) => points.version.split("-")[0];

class Chart {
  constructor(collection, points, fields) {
    Object.assign(this, { collection, points, fields, view: kept.view, hidden: new Set(), colours: null, path: [], due: false });
    this.canvas = h("canvas", { tabindex: "0", role: "application", "aria-label": t("map.label", { n: number(points.count), name: collection }), "aria-describedby": "map-keys" });
    this.stage = h("div.stage", this.canvas, this.zooming());
    this.pictures = new Pictures(collection, () => this.paint());
    this.painter = new Painter(this.canvas, points, this.pictures);
    this.selected = new Uint8Array(points.count);
    points.ids.forEach((id, point) => { this.selected[point] = Number(kept.selected.has(id)); });
    this.status = h("p.small.map-status", { role: "status" });
    this.legend = h("div");
    this.card = card(collection, this.stage, () => this.reload());
    this.panel = selection(collection, fields, {
      clear: () => this.select([], false),
      changed: (name) => this.labelled(name),
    });
  }

  parts() {
    return {
      element: h("div.map", h("div", this.tools(), this.stage, this.status, this.legend, h("p.small", { id: "map-keys" }, h("span", t("map.hands")), " ", h("span.keys", t("map.keys")))), this.panel.element),
      begin: () => this.begin(),
      stop: () => this.stop(),
    };
  }

  /** Once the canvas is in the page, and has a size. */
  async begin() {
    this.theme = theme(null);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.stage);
    this.themes = new MutationObserver(() => this.retheme());
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.onDark = () => this.retheme();
    this.dark.addEventListener("change", this.onDark);
    handle(this.canvas, this.view, {
      moved: () => { this.card.hide(); this.paint(); },
      hovered: (x, y) => this.card.hover(this.pointAt(x, y), x, y),
      left: () => this.card.leave(),
      pressed: (x, y) => this.card.pin(this.pointAt(x, y), x, y),
      drawing: (event) => kept.mode !== "move" || event.shiftKey,
      drawn: (path, done, event) => this.drawn(path, done, event),
    });
    this.resize();
    this.panel.draw([...this.points.ids].filter((_, point) => this.selected[point]));
    await this.colour(kept.field);
  }

  stop() {
    this.sizes?.disconnect();
    this.themes?.disconnect();
    this.dark?.removeEventListener("change", this.onDark);
    this.pictures.end();
    this.ended = true;
  }

  zooming() {
    const button = (name, shown, does) => h("button.tool", {
      type: "button", title: t(`map.${name}`), "aria-label": t(`map.${name}`),
      onclick: () => { does(); this.card.hide(); this.paint(); },
    }, shown);
    return h("div.zoom", { role: "group", "aria-label": t("map.zoom") },
      button("nearer", "+", () => this.view.zoom(NEARER)),
      button("further", "−", () => this.view.zoom(1 / NEARER)),
      button("whole", "⤢", () => this.view.fit()));
  }

  tools() {
    const modes = h("div.modes", { role: "group", "aria-label": t("map.mode") });
    const drawModes = () => {
      this.stage.classList.toggle("draws", kept.mode !== "move");
      fill(modes, ["move", "lasso", "rectangle"].map((mode) => h("button", {
        type: "button", "aria-pressed": String(kept.mode === mode), title: t(`map.${mode}.hint`),
        onclick: () => { kept.mode = mode; drawModes(); modes.querySelector("[aria-pressed=true]").focus(); },
      }, t(`map.${mode}`))));
    };
    drawModes();
    return h("div.tools",
      modes,
      h("button.quiet", { type: "button", title: t("map.seen.hint"), onclick: () => this.selectSeen() }, t("map.seen")),
      this.fields.length > 0 && h("label.inline.by", h("span", t("map.colour")),
        h("select", { onchange: (event) => this.colour(event.target.value) },
          [["", t("map.colour.none")], ...this.fields.map((field) => [field.name, field.name])].map(([value, shown]) =>
            h("option", { value, selected: value === kept.field }, shown)))));
  }

  async colour(field) {
    // Another screen may be shown by now, with an address of its own.
    if (this.ended || !this.canvas.isConnected) return;
    kept.field = field;
    history.replaceState(null, "", `#/${["map", this.collection, field].filter(Boolean).map(encodeURIComponent).join("/")}`);
    this.hidden.clear();
    try {
      const colours = field ? await get(at(this.collection, `map/colours?field=${encodeURIComponent(field)}`)) : null;
      if (this.ended || kept.field !== field) return;
      // Images came or went in the meantime.
      if (colours && colours.points.length !== this.points.count) return void this.reload();
      this.colours = colours && { ...colours, points: Uint8Array.from(colours.points) };
      this.key = colours && legend(colours, this.hidden, () => this.paint());
      fill(this.legend, this.key?.element);
    } catch (error) {
      this.colours = null;
      fill(this.legend, showError(error));
    }
    this.retheme();
  }

  retheme() {
    this.theme = theme(this.colours);
    this.key?.draw();
    this.paint();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (width === 0) return;
    this.view.resize(width, height);
    this.painter.resize(width, height);
    this.paint();
  }

  /** Draws with the next frame, however often it is asked to. */
  paint() {
    if (this.due || this.ended) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      if (this.ended) return;
      this.painter.draw(this.view, { groups: this.colours?.points ?? null, hidden: this.hidden, selected: this.selected, theme: this.theme, path: this.path });
      this.tell();
    });
  }

  /** Says what is seen, when it has stood still for a moment. */
  tell() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      const seen = this.points.within(this.view.bounds(), this.painter.found);
      fill(this.status, t("map.status", { n: number(seen), of: number(this.points.count) }));
    }, 400);
  }

  /** The point at a place of the window, `{ point, id }`; null where there is none. */
  pointAt(x, y) {
    const half = this.painter.side / 2;
    const on = this.painter.shown.find(([, px, py]) => Math.abs(px - x) < half - 4 && Math.abs(py - y) < half - 4);
    const point = on ? on[0] : this.points.nearest(...this.view.toMap(x, y), NEAR / this.view.scale);
    if (point < 0) return null;
    return { id: this.points.ids[point], x: this.view.toScreenX(this.points.xs[point]), y: this.view.toScreenY(this.points.ys[point]) };
  }

  drawn(path, done, event) {
    const corners = path.length > 1 ? [path[0], path.at(-1)] : null;
    const rectangle = kept.mode === "rectangle" && corners && !event.shiftKey;
    const shape = rectangle ? [corners[0], [corners[1][0], corners[0][1]], corners[1], [corners[0][0], corners[1][1]]] : path;
    this.path = done ? [] : shape;
    if (done && shape.length > 2) this.selectIn(shape.map(([x, y]) => this.view.toMap(x, y)), event.ctrlKey || event.metaKey || this.panel.adds());
    this.paint();
  }

  selectSeen() {
    const { left, top, right, bottom } = this.view.bounds();
    this.selectIn([[left, top], [right, top], [right, bottom], [left, bottom]], this.panel.adds());
  }

  /** Selects the points of a polygon that the legend has not switched off. */
  selectIn(polygon, add) {
    const [xs, ys] = [polygon.map(([x]) => x), polygon.map(([, y]) => y)];
    const box = { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
    const count = this.points.within(box, this.painter.found);
    const groups = this.colours?.points;
    const is = (point) => inside(polygon, this.points.xs[point], this.points.ys[point]) && !(groups && this.hidden.has(groups[point]));
    this.select([...this.painter.found.subarray(0, count)].filter(is), add);
  }

  select(chosen, add) {
    if (!add) this.selected.fill(0);
    for (const point of chosen) this.selected[point] = 1;
    const ids = [...this.points.ids].filter((_, point) => this.selected[point]);
    kept.selected = new Set(ids);
    this.panel.draw(ids);
    this.paint();
  }

  /** Images have a new value of a field: its colours show that. */
  labelled(field) {
    kept.field = field;
    this.reload();
  }

  /** Draws the screen again, with what is there now. */
  reload() {
    history.replaceState(null, "", `#/${["map", this.collection, kept.field].filter(Boolean).map(encodeURIComponent).join("/")}`);
    dispatchEvent(new Event("hashchange"));
  }
}
