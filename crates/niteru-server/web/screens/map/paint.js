// Drawing a map: all points in one pass over the pixels, and pictures where there is room for them.

import { SHAPES, shapeOf } from "./colours.js";

/** Pixels beyond which a screen's own resolution is not used. */
const SHARPEST = 2;

/** With more points in the window no pictures are shown. */
const CROWD = 3000;

/** Side of pictures in pixels, by the points in the window. */
const SIDES = [[25, 124], [120, 92], [500, 72], [CROWD, 56]];

/** Opacity of points, and of those that the legend has switched off, of 256. */
const SOLID = 220;
const FAINT = 26;

/** Draws on a canvas. `pictures` gives bitmaps by ids; see pictures.js. */
export class Painter {
  constructor(canvas, points, pictures) {
    Object.assign(this, { canvas, points, pictures });
    this.context = canvas.getContext("2d", { alpha: false });
    this.found = new Uint32Array(points.count);
    this.stamps = new Map();
    /** The points that are shown as pictures: `[point, x, y]` in pixels. */
    this.shown = [];
    this.side = 0;
  }

  resize(width, height) {
    this.sharp = Math.min(SHARPEST, devicePixelRatio || 1);
    this.canvas.width = Math.max(1, Math.round(width * this.sharp));
    this.canvas.height = Math.max(1, Math.round(height * this.sharp));
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    // They know how wide a row is.
    this.stamps.clear();
  }

  /**
   * Draws what a view shows. `look` has `groups` (the colour of each point, or null), `hidden` (groups that are
   * switched off), `selected` (1 for points that are), `theme` and `path`, a line in pixels.
   */
  draw(view, look) {
    const around = 8;
    const count = this.points.within(view.bounds(around), this.found);
    const size = Math.min(6, Math.max(1.5, 0.2 * Math.sqrt(view.width * view.height / Math.max(1, count))));
    this.pixels.fill(pixel(look.theme.back));
    this.#points(view, look, count, size);
    this.context.putImageData(this.image, 0, 0);
    this.context.setTransform(this.sharp, 0, 0, this.sharp, 0, 0);
    this.#choose(view, look, count);
    for (const [point, x, y] of this.shown) this.#picture(look, point, x, y);
    this.#path(look);
    this.context.setTransform(1, 0, 0, 1, 0, 0);
  }

  /** Numbers only, and nothing made for a point: this runs a hundred thousand times a frame. */
  #points(view, look, count, size) {
    const { groups, selected, theme } = look;
    const { xs, ys } = this.points;
    const scale = view.scale * this.sharp;
    const left = view.toScreenX(0) * this.sharp;
    const top = view.toScreenY(0) * this.sharp;
    const kinds = this.#kinds(look, size);
    const plain = { stamp: this.#stamp(0, size), colour: theme.point, opacity: SOLID };
    const ring = this.#stamp(0, size + 2);
    for (let at = 0; at < count; at += 1) {
      const point = this.found[at];
      const x = Math.round(left + xs[point] * scale);
      const y = Math.round(top + ys[point] * scale);
      const kind = groups === null ? plain : kinds[groups[point]];
      if (selected[point] === 1) this.#put(ring, x, y, theme.mark, 256);
      this.#put(kind.stamp, x, y, kind.colour, kind.opacity);
    }
  }

  /** How the points of each group are drawn. */
  #kinds({ groups, hidden, theme }, size) {
    if (groups === null) return [];
    return Array.from({ length: 256 }, (_, group) => ({
      stamp: this.#stamp(Math.min(shapeOf(group), SHAPES.length - 1), size),
      colour: theme.colours[group] ?? (group === 255 ? theme.none : theme.other),
      opacity: hidden.has(group) ? FAINT : SOLID,
    }));
  }

  /** Blends a stamp into the pixels. */
  #put(stamp, x, y, colour, opacity) {
    const { reach, offsets, shares } = stamp;
    const { width, height } = this.image;
    if (x < reach || y < reach || x >= width - reach || y >= height - reach) return;
    const { pixels } = this;
    const red = colour[0];
    const green = colour[1];
    const blue = colour[2];
    const middle = y * width + x;
    for (let at = 0; at < offsets.length; at += 1) {
      const share = (shares[at] * opacity) >> 8;
      const old = pixels[middle + offsets[at]];
      const oldRed = old & 255;
      const oldGreen = (old >> 8) & 255;
      const oldBlue = (old >> 16) & 255;
      pixels[middle + offsets[at]] = 0xff000000 | ((oldBlue + (((blue - oldBlue) * share) >> 8)) << 16)
        | ((oldGreen + (((green - oldGreen) * share) >> 8)) << 8) | (oldRed + (((red - oldRed) * share) >> 8));
    }
  }

  /** A shape as the pixels that it covers, and how much of each (256: all), made once for each size. */
  #stamp(shape, size) {
    const half = Math.round(size * 2) / 2;
    const key = shape * 100 + half * 2;
    let stamp = this.stamps.get(key);
    if (!stamp) {
      const reach = Math.ceil(half * this.sharp * 1.3) + 1;
      const side = reach * 2 + 1;
      const context = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
      context.translate(reach + 0.5, reach + 0.5);
      context.scale(half * this.sharp, half * this.sharp);
      context.fill(new Path2D(SHAPES[shape]));
      const data = context.getImageData(0, 0, side, side).data;
      const covered = Array.from({ length: side * side }, (_, at) => at).filter((at) => data[at * 4 + 3] > 8);
      stamp = {
        reach,
        offsets: Int32Array.from(covered, (at) => (Math.floor(at / side) - reach) * this.image.width + (at % side) - reach),
        shares: Int32Array.from(covered, (at) => Math.round(data[at * 4 + 3] * 256 / 255)),
      };
      this.stamps.set(key, stamp);
    }
    return stamp;
  }

  /** Which points are shown as pictures: none on another, and those that were before come first. */
  #choose(view, look, count) {
    const before = this.shown;
    this.shown = [];
    const inWindow = this.points.within(view.bounds(), this.found);
    const [, side] = SIDES.find(([most]) => inWindow <= most) ?? [0, 0];
    this.side = side;
    if (side === 0) return void this.pictures.want([]);
    const taken = new Map();
    const place = (point) => {
      if (look.groups !== null && look.hidden.has(look.groups[point])) return;
      const [x, y] = [view.toScreenX(this.points.xs[point]), view.toScreenY(this.points.ys[point])];
      const [column, row] = [Math.floor(x / side), Math.floor(y / side)];
      for (let dy = -1; dy <= 1; dy += 1) {
        for (let dx = -1; dx <= 1; dx += 1) {
          const near = taken.get(`${column + dx},${row + dy}`);
          if (near && Math.abs(near[1] - x) < side && Math.abs(near[2] - y) < side) return;
        }
      }
      const one = [point, x, y];
      taken.set(`${column},${row}`, one);
      this.shown.push(one);
    };
    const { left, top, right, bottom } = view.bounds();
    const { xs, ys } = this.points;
    for (const [point] of before) if (xs[point] >= left && xs[point] <= right && ys[point] >= top && ys[point] <= bottom) place(point);
    for (let at = 0; at < inWindow; at += 1) place(this.found[at]);
    this.pictures.want(this.shown.map(([point]) => this.points.ids[point]));
  }

  #picture(look, point, x, y) {
    const bitmap = this.pictures.get(this.points.ids[point]);
    if (!bitmap) return;
    const { context } = this;
    const most = this.side - 14;
    const times = Math.min(most / bitmap.width, most / bitmap.height);
    const [width, height] = [bitmap.width * times, bitmap.height * times];
    const [left, top] = [x - width / 2, y - height / 2];
    const group = look.groups === null ? -1 : look.groups[point];
    const colour = group < 0 ? look.theme.line : look.theme.colours[group] ?? (group === 255 ? look.theme.none : look.theme.other);
    const frame = (colour, edge) => {
      context.fillStyle = css(colour);
      context.fillRect(left - edge, top - edge, width + 2 * edge, height + 2 * edge);
    };
    if (look.selected[point]) {
      // Two rings, so that one is seen on photos of any colour.
      frame(look.theme.mark, 6);
      frame(look.theme.back, 3);
    } else {
      frame(colour, group < 0 ? 1 : 3);
    }
    context.drawImage(bitmap, left, top, width, height);
    if (group >= 0 && group < look.theme.colours.length) this.#badge(group, colour, look.theme.back, left, top);
  }

  /** The shape of a value, in the corner of a picture. */
  #badge(group, colour, back, x, y) {
    const { context } = this;
    context.save();
    context.translate(x + 6, y + 6);
    context.fillStyle = css(back);
    context.fillRect(-9, -9, 18, 18);
    context.scale(6, 6);
    context.fillStyle = css(colour);
    context.fill(new Path2D(SHAPES[group]));
    context.restore();
  }

  #path({ path, theme }) {
    if (path.length < 2) return;
    const { context } = this;
    const line = new Path2D();
    path.forEach(([x, y], at) => (at === 0 ? line.moveTo(x, y) : line.lineTo(x, y)));
    line.closePath();
    context.fillStyle = css(theme.mark, 0.15);
    context.fill(line);
    context.strokeStyle = css(theme.mark);
    context.lineWidth = 2;
    context.stroke(line);
  }
}

const css = ([red, green, blue], opacity = 1) => `rgb(${red} ${green} ${blue} / ${opacity})`;

/** A colour as pixels hold it. */
const pixel = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
