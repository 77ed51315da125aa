// The card of an image: shown where the pointer is, and kept with a click.

import { get } from "../../ui/api.js";
import { fill, h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { openPhoto } from "../collections/photo.js";
import { at, facts, nameOf, thumbnail } from "../find/shared.js";

/** Time that a pointer rests before the card is shown, and facts that it has. */
const REST = 120;
const FACTS = 4;

/** Cards of a collection's images on a stage. `changed` is called when an image's data was, or it is gone. */
export function card(collection, stage, changed) {
  const known = new Map();
  const box = h("div.map-card", { hidden: true });
  stage.append(box);
  let timer = null;
  let pinned = false;
  let asked = null;
  const look = (id) => {
    if (!known.has(id)) known.set(id, get(at(collection, "images", id)).catch(() => null));
    return known.get(id);
  };
  const hide = () => {
    clearTimeout(timer);
    asked = null;
    pinned = false;
    box.hidden = true;
  };
  const show = async (point, pin) => {
    asked = point.id;
    // Before the answer: a finger that is lifted also leaves.
    pinned = pin;
    const image = await look(point.id);
    if (asked !== point.id) return;
    box.classList.toggle("pinned", pin);
    fill(box, image === null ? h("p.small", t("find.gone")) : [
      thumbnail(collection, image),
      h("div.stack", h("strong.name", { title: nameOf(image) }, nameOf(image)), facts(image, FACTS)),
      pin && h("p.buttons",
        h("a.button.main", { href: `#/find/${encodeURIComponent(collection)}/${image.id}` }, t("map.similar")),
        h("button", { type: "button", onclick: () => openPhoto(collection, image, changed) }, t("map.open")),
        h("button.quiet", { type: "button", onclick: hide }, t("find.close"))),
    ]);
    box.hidden = false;
    lie(point);
    if (!pin) return;
    box.querySelector("a")?.focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
  };
  /** Beside the point, inside of the stage. */
  const lie = ({ x, y }) => {
    const [width, height] = [box.offsetWidth, box.offsetHeight];
    const left = x + 18 + width < stage.clientWidth ? x + 18 : x - 18 - width;
    const top = Math.min(stage.clientHeight - height - 8, Math.max(8, y - height / 3));
    box.style.left = `${Math.max(8, left)}px`;
    box.style.top = `${Math.max(8, top)}px`;
  };
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    hide();
    stage.querySelector("canvas").focus();
  });
  return {
    hide,
    hover(point) {
      if (pinned || point?.id === asked) return;
      hide();
      if (point) timer = setTimeout(() => show(point, false), REST);
    },
    leave() {
      if (!pinned) hide();
    },
    pin(point) {
      hide();
      if (point) show(point, true);
    },
  };
}
