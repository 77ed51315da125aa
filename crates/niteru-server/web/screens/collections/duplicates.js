// Photos that a collection holds more than once, side by side, and which of them may go.

import { get, may, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { bytes, number, t } from "../../ui/texts.js";
import { at, nameOf, similarity, thumbnail } from "../find/shared.js";

/** Groups that are shown at first, and with each further press. */
const SHOWN = 30;

/** Shows the groups until the screen is left. */
export async function show(place, collection) {
  const body = h("div");
  const said = h("div", { "aria-live": "polite" });
  const strict = h("select", { "aria-label": t("twice.strict"), onchange: () => look() },
    [["0.99", "twice.strict.high"], ["0.97", "twice.strict.usual"], ["0.93", "twice.strict.low"]].map(([value, key]) =>
      h("option", { value, selected: value === "0.97" }, t(key))));
  place.append(h("p", t("twice.about")), h("label.field", h("span", t("twice.strict")), strict), said, body);
  let open = new AbortController();
  const groups = new Groups(collection.name);
  // Not awaited: who leaves before the answer ends it.
  look();
  return () => open.abort();

  async function look() {
    // The server need not look for what nobody waits for any more, and what it says of that is not shown.
    open.abort();
    open = new AbortController();
    const { signal } = open;
    fill(said, h("p", t("twice.looking")));
    fill(body);
    try {
      const found = await get(at(collection.name, `duplicates?threshold=${strict.value}`), { signal });
      if (signal.aborted) return;
      fill(said, found.groups.length === 0
        ? h("p.empty", t("twice.none", { n: number(found.images) }))
        : h("p", t("twice.found", { n: number(found.groups.length) })),
      found.unavailable > 0 && h("p.small", t("twice.unavailable", { n: number(found.unavailable) })));
      groups.cards = [];
      draw(found.groups, 0);
    } catch (error) {
      if (!signal.aborted) fill(said, showError(error));
    }
  }

  function draw(all, from) {
    body.append(...all.slice(from, from + SHOWN).map((group) => groups.card(group)));
    const left = all.length - from - SHOWN;
    if (left > 0) {
      const more = h("button", { onclick: () => { more.remove(); draw(all, from + SHOWN); } }, t("find.more", { n: number(left) }));
      body.append(more);
    }
  }
}

/** The groups that are shown. A photo may be in several of them: what is removed in one is gone from all. */
class Groups {
  constructor(collection) {
    this.collection = collection;
    this.cards = [];
    this.gone = new Set();
    /** One removal at a time: two at once could take all photos of a group that both cards show. */
    this.busy = false;
  }

  card(group) {
    const card = new Group(this, group);
    card.update();
    this.cards.push(card);
    return card.element;
  }

  async remove(ids) {
    this.busy = true;
    this.update();
    try {
      await post(at(this.collection, "images/remove"), { ids });
      for (const id of ids) this.gone.add(id);
    } finally {
      this.busy = false;
      this.update();
    }
  }

  update() {
    for (const card of this.cards) card.update();
  }
}

/** A group, with the photos that are left of it. */
class Group {
  constructor(all, group) {
    this.all = all;
    this.wrong = h("div");
    this.label = h("span");
    this.button = h("button", { onclick: () => this.remove() }, this.label);
    // Of equal files one is enough. What only looks the same may be another part: people decide.
    this.rows = group.images.map((image, index) => {
      const box = h("input", { type: "checkbox", checked: group.kind === "exact" && index > 0, onchange: () => this.update() });
      return { image, box, element: photo(all.collection, image, index, box) };
    });
    this.element = h("article.card.twice",
      h("h2", t(group.kind === "exact" ? "twice.exact" : "twice.near", { n: number(group.images.length) })),
      h("div.photos", this.rows.map(({ element }) => element)),
      this.wrong, may("engineer") && h("p.buttons", this.button, h("button.quiet", { onclick: () => this.element.remove() }, t("twice.keep"))));
  }

  /** Takes out what is gone; at least one of what is left stays. */
  update() {
    const gone = this.rows.filter(({ image }) => this.all.gone.has(image.id));
    for (const { element } of gone) element.remove();
    this.rows = this.rows.filter((row) => !gone.includes(row));
    const ticked = this.ticked().length;
    this.label.textContent = t("twice.remove", { n: number(ticked) });
    this.button.disabled = this.all.busy || ticked === 0 || ticked >= this.rows.length;
    // One photo alone is no group any more.
    if (this.rows.length < 2 && gone.length > 0) fill(this.element, h("p.done", t("twice.done")));
  }

  ticked() {
    return this.rows.filter(({ box }) => box.checked).map(({ image }) => image.id);
  }

  async remove() {
    const ids = this.ticked();
    if (this.all.busy || ids.length >= this.rows.length) return;
    fill(this.wrong);
    try {
      await this.all.remove(ids);
      fill(this.element, h("p.done", t("twice.removed", { n: number(ids.length) })));
    } catch (error) {
      fill(this.wrong, showError(error));
    }
  }
}

function photo(collection, image, index, box) {
  return h("figure.photo",
    h("a.plain", { href: at(collection, "images", image.id, "picture?side=1600"), target: "_blank", "aria-label": t("photos.open", { name: nameOf(image) }) }, thumbnail(collection, image)),
    h("figcaption.stack",
      h("span.name", { title: nameOf(image) }, nameOf(image)),
      h("span.small", `${number(image.width)} × ${number(image.height)} · ${bytes(image.bytes)}`),
      h("span.small", index === 0 ? t("twice.first") : `${t("find.similarity")} ${similarity(image.similarity)}`),
      may("engineer") && h("label.check", box, h("span", t("twice.choose")))));
}
