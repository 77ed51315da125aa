// Photos that a collection holds more than once, side by side, and which of them may go.

import { get, may, post } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { bytes, number, t } from "../../ui/texts.js";
import { at, nameOf, similarity, thumbnail } from "../find/shared.js";

/** Groups that are shown at first, and with each further press. */
const SHOWN = 30;

/** Shows the groups. */
export async function show(place, collection) {
  const body = h("div");
  const said = h("div", { "aria-live": "polite" });
  const strict = h("select", { "aria-label": t("twice.strict"), onchange: () => look() },
    [["0.99", "twice.strict.high"], ["0.97", "twice.strict.usual"], ["0.93", "twice.strict.low"]].map(([value, key]) =>
      h("option", { value, selected: value === "0.97" }, t(key))));
  place.append(h("p", t("twice.about")), h("label.field", h("span", t("twice.strict")), strict), said, body);
  await look();

  async function look() {
    fill(said, h("p", t("twice.looking")));
    fill(body);
    try {
      const found = await get(at(collection.name, `duplicates?threshold=${strict.value}`));
      fill(said, found.groups.length === 0
        ? h("p.empty", t("twice.none", { n: number(found.images) }))
        : h("p", t("twice.found", { n: number(found.groups.length) })),
      found.unavailable > 0 && h("p.small", t("twice.unavailable", { n: number(found.unavailable) })));
      draw(found.groups, 0);
    } catch (error) {
      fill(said, showError(error));
    }
  }

  function draw(groups, from) {
    body.append(...groups.slice(from, from + SHOWN).map((group) => groupOf(collection.name, group)));
    const left = groups.length - from - SHOWN;
    if (left > 0) {
      const more = h("button", { onclick: () => { more.remove(); draw(groups, from + SHOWN); } }, t("find.more", { n: number(left) }));
      body.append(more);
    }
  }
}

function groupOf(collection, group) {
  const wrong = h("div");
  // Of equal files one is enough. What only looks the same may be another part: people decide.
  const boxes = group.images.map((image, index) => h("input", { type: "checkbox", checked: group.kind === "exact" && index > 0 }));
  const label = h("span");
  const count = () => boxes.filter((box) => box.checked).length;
  const button = h("button", { onclick: remove }, label);
  const update = () => {
    label.textContent = t("twice.remove", { n: number(count()) });
    // At least one of them stays.
    button.disabled = count() === 0 || count() === boxes.length;
  };
  boxes.forEach((box) => box.addEventListener("change", update));
  update();
  const card = h("article.card.twice",
    h("h2", t(group.kind === "exact" ? "twice.exact" : "twice.near", { n: number(group.images.length) })),
    h("div.photos", group.images.map((image, index) => h("figure.photo",
      h("a.plain", { href: at(collection, "images", image.id, "picture?side=1600"), target: "_blank", "aria-label": t("photos.open", { name: nameOf(image) }) }, thumbnail(collection, image)),
      h("figcaption.stack",
        h("span.name", { title: nameOf(image) }, nameOf(image)),
        h("span.small", `${number(image.width)} × ${number(image.height)} · ${bytes(image.bytes)}`),
        h("span.small", index === 0 ? t("twice.first") : `${t("find.similarity")} ${similarity(image.similarity)}`),
        may("engineer") && h("label.check", boxes[index], h("span", t("twice.choose"))))))),
    wrong, may("engineer") && h("p.buttons", button, h("button.quiet", { onclick: () => card.remove() }, t("twice.keep"))));
  return card;

  async function remove() {
    const ids = group.images.filter((_, index) => boxes[index].checked).map((image) => image.id);
    try {
      await post(at(collection, "images/remove"), { ids });
      fill(card, h("p.done", t("twice.removed", { n: number(ids.length) })));
    } catch (error) {
      fill(wrong, showError(error));
    }
  }
}
