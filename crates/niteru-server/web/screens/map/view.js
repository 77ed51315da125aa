// Which part of the map is seen, and the hand, wheel and keys that move it.

import { SIDE } from "./points.js";

/** Part of the window that the whole map fills. */
const FILL = 0.86;

/** Pixels a unit at most: single units are then apart. */
const NEAREST = 1.5;

/** A press of a key moves by this part of the window, and brings this much nearer. */
const STEP = 0.15;
export const NEARER = 1.4;

/** Pixels that a pointer moves before it drags. */
const STILL = 5;

/** The part that is seen: the middle in units, and pixels a unit. */
export class View {
  constructor(x = SIDE / 2, y = SIDE / 2, scale = 0) {
    Object.assign(this, { x, y, scale, width: 1, height: 1 });
  }

  /** The window in pixels. The whole map is shown until something else was asked for. */
  resize(width, height) {
    const whole = this.scale === 0 || this.scale === this.whole();
    Object.assign(this, { width, height });
    if (whole) this.fit();
    else this.#keep();
  }

  whole() {
    return FILL * Math.min(this.width, this.height) / SIDE;
  }

  fit() {
    Object.assign(this, { x: SIDE / 2, y: SIDE / 2, scale: this.whole() });
  }

  toScreenX(x) { return (x - this.x) * this.scale + this.width / 2; }
  toScreenY(y) { return (y - this.y) * this.scale + this.height / 2; }
  toMap(x, y) { return [(x - this.width / 2) / this.scale + this.x, (y - this.height / 2) / this.scale + this.y]; }

  /** What is seen, with so many pixels around it. */
  bounds(around = 0) {
    const [left, top] = this.toMap(-around, -around);
    const [right, bottom] = this.toMap(this.width + around, this.height + around);
    return { left, top, right, bottom };
  }

  pan(x, y) {
    this.x -= x / this.scale;
    this.y -= y / this.scale;
    this.#keep();
  }

  /** Brings a place of the window nearer, and leaves it where it is. */
  zoom(times, x = this.width / 2, y = this.height / 2) {
    const [mapX, mapY] = this.toMap(x, y);
    this.scale *= times;
    this.#keep();
    this.x = mapX - (x - this.width / 2) / this.scale;
    this.y = mapY - (y - this.height / 2) / this.scale;
    this.#keep();
  }

  /** Some of the map stays in the window. */
  #keep() {
    this.scale = Math.min(NEAREST, Math.max(this.whole() * 0.6, this.scale));
    this.x = Math.min(SIDE, Math.max(0, this.x));
    this.y = Math.min(SIDE, Math.max(0, this.y));
  }
}

/**
 * Moves a view by what is done on a canvas. `on` has `moved()`, `hovered(x, y)`, `left()`, `pressed(x, y)`, and
 * `drawing(event)`: whether a drag draws instead of moving, then `drawn(path, done, event)`, with the path in pixels.
 */
export function handle(canvas, view, on) {
  const pointers = new Map();
  let drag = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const middle = () => {
    const all = [...pointers.values()];
    const x = all.reduce((sum, [at]) => sum + at, 0) / all.length;
    const y = all.reduce((sum, [, at]) => sum + at, 0) / all.length;
    return [x, y, all.length > 1 ? Math.hypot(all[0][0] - all[1][0], all[0][1] - all[1][1]) : 0];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    // A second finger moves, whatever the first one did.
    if (pointers.size > 1 && drag?.draws) on.drawn([], true, event);
    drag = { from: middle(), moved: pointers.size > 1, draws: pointers.size === 1 && on.drawing(event), path: [place(event)] };
    on.left();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return void on.hovered(...place(event));
    pointers.set(event.pointerId, place(event));
    const [x, y, apart] = middle();
    const [fromX, fromY, wasApart] = drag.from;
    if (!drag.moved && Math.hypot(x - fromX, y - fromY) < STILL) return;
    drag.moved = true;
    if (drag.draws) {
      drag.path.push([x, y]);
      return void on.drawn(drag.path, false, event);
    }
    view.pan(x - fromX, y - fromY);
    if (apart > 0 && wasApart > 0) view.zoom(apart / wasApart, x, y);
    drag.from = [x, y, apart];
    on.moved();
  });
  const up = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (pointers.size > 0) return void (drag = { ...drag, from: middle(), draws: false, moved: true });
    const { moved, draws, path } = drag;
    drag = null;
    if (!moved && event.type === "pointerup") on.pressed(...place(event));
    else if (draws) on.drawn(event.type === "pointerup" ? path : [], true, event);
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => on.left());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : 1;
    view.zoom(Math.exp(-Math.max(-300, Math.min(300, event.deltaY * lines)) / 400), ...place(event));
    on.moved();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !byKey(view, event.key)) return;
    event.preventDefault();
    on.moved();
  });
}

/** Moves a view by a key; false where it means nothing. */
export function byKey(view, key) {
  const [x, y] = [view.width * STEP, view.height * STEP];
  const does = {
    ArrowLeft: () => view.pan(x, 0), ArrowRight: () => view.pan(-x, 0),
    ArrowUp: () => view.pan(0, y), ArrowDown: () => view.pan(0, -y),
    "+": () => view.zoom(NEARER), "=": () => view.zoom(NEARER), "-": () => view.zoom(1 / NEARER), 0: () => view.fit(),
  }[key];
  does?.();
  return Boolean(does);
}
