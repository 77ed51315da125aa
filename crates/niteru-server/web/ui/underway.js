// What goes on while its screen is drawn again, as in another language, or is left and opened again: photos that are
// being sent.

import { h } from "./h.js";

const all = new Map();

/**
 * What is under way of one kind, such as photos for a collection, by a key. `changed` is what the screen that is there now
 * does when something came of it. Its `place` belongs into that screen.
 */
export function underway(key, changed) {
  if (!all.has(key)) all.set(key, new Underway());
  const own = all.get(key);
  own.shown(changed);
  return own;
}

class Underway {
  /** Each one that is under way: its element, and what tells it in the language that there is now. */
  rows = new Map();

  shown(changed) {
    this.changed = changed;
    this.place = h("div", { "aria-live": "polite" }, [...this.rows.keys()]);
    for (const tell of this.rows.values()) tell();
  }

  /** Shows one more; `tell` writes its words. */
  begin(element, tell) {
    this.say(element);
    this.rows.set(element, tell);
    tell();
  }

  /** It is over: what its element tells from now on is told until something else is. */
  end(element) {
    this.rows.delete(element);
  }

  /** Tells something in place of what was told of those that are over. */
  say(element) {
    for (const old of [...this.place.children]) if (!this.rows.has(old)) old.remove();
    this.place.append(element);
  }
}
