// The points of a map: as the server sends them, and which of them are where.

import { ApiError } from "../../ui/api.js";
import { at } from "../find/shared.js";

/** Units along a side of the map. */
export const SIDE = 65535;

/** Cells along a side of the grid that points are found by. */
const CELLS = 128;

/** Asks for the points of a collection's map; see /api/docs for their form. */
export async function loadPoints(collection) {
  let response;
  try {
    response = await fetch(at(collection, "map/points"));
  } catch {
    throw new ApiError(0, { code: "offline", message: "", help: "" });
  }
  if (!response.ok) {
    const answer = await response.json().catch(() => null);
    throw new ApiError(response.status, answer?.error ?? { code: "unknown", message: response.statusText, help: "" });
  }
  const version = (response.headers.get("etag") ?? "").replaceAll('"', "");
  return new Points(version, await response.arrayBuffer());
}

/** Points by their places in the list: typed arrays, so that a hundred thousand are gone through in a millisecond. */
export class Points {
  constructor(version, buffer) {
    this.version = version;
    const head = new DataView(buffer);
    const count = head.getUint32(8, true);
    /** So many were drawn; the others came since. */
    this.drawn = head.getUint32(12, true);
    this.ids = Float64Array.from(new BigUint64Array(buffer, 16, count), Number);
    this.xs = new Uint16Array(buffer, 16 + count * 8, count);
    this.ys = new Uint16Array(buffer, 16 + count * 10, count);
    this.#sort();
  }

  get count() {
    return this.ids.length;
  }

  /** Counting sort into cells: where each begins, and the points in their order. */
  #sort() {
    const cell = (point) => cellOf(this.ys[point]) * CELLS + cellOf(this.xs[point]);
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    for (let point = 0; point < this.count; point += 1) this.starts[cell(point) + 1] += 1;
    for (let at = 0; at < CELLS * CELLS; at += 1) this.starts[at + 1] += this.starts[at];
    const next = this.starts.slice();
    this.order = new Uint32Array(this.count);
    for (let point = 0; point < this.count; point += 1) this.order[next[cell(point)]++] = point;
  }

  /** Puts the points of a rectangle into `found`, and gives how many they are. */
  within({ left, top, right, bottom }, found) {
    let count = 0;
    const [fromX, toX, fromY, toY] = [left, right, top, bottom].map(cellOf);
    for (let row = fromY; row <= toY; row += 1) {
      const end = this.starts[row * CELLS + toX + 1];
      for (let at = this.starts[row * CELLS + fromX]; at < end; at += 1) {
        const point = this.order[at];
        const [x, y] = [this.xs[point], this.ys[point]];
        if (x >= left && x <= right && y >= top && y <= bottom) found[count++] = point;
      }
    }
    return count;
  }

  /** The point nearest to a place, at most so far away; -1 where there is none. */
  nearest(x, y, most) {
    const found = (this.near ??= new Uint32Array(this.count));
    const count = this.within({ left: x - most, right: x + most, top: y - most, bottom: y + most }, found);
    let [best, least] = [-1, most * most];
    for (let at = 0; at < count; at += 1) {
      const point = found[at];
      const square = (this.xs[point] - x) ** 2 + (this.ys[point] - y) ** 2;
      if (square <= least) [best, least] = [point, square];
    }
    return best;
  }
}

const cellOf = (at) => Math.max(0, Math.min(CELLS - 1, Math.floor(at * CELLS / (SIDE + 1))));

/** Whether a place is inside of a polygon, `[[x, y], …]`: crossings of a ray. */
export function inside(polygon, x, y) {
  let is = false;
  for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
    const [[ax, ay], [bx, by]] = [polygon[a], polygon[b]];
    if ((ay > y) !== (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax) is = !is;
  }
  return is;
}
