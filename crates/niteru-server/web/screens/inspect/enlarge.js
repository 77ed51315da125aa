// Small pictures that are shown large at a touch: a pore is not seen on a thumbnail.

import { modal } from "../../ui/dialog.js";
import { h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";

/** Longer side of a large picture, in pixels. */
const LARGE = 1600;

/** A button with the picture of an address, brought down to `side` pixels, that shows it large. `said` is what is seen. */
export function enlarging(address, side, said) {
  return h("button.enlarge", { type: "button", title: t("inspect.enlarge"), onclick: () => enlarge(address, said) },
    h("img", { src: `${address}?side=${side}`, alt: said, loading: "lazy", width: side / 2, height: side / 2 }));
}

function enlarge(address, said) {
  const close = h("button", { type: "button", onclick: () => dialog.close() }, t("inspect.enlarge.close"));
  const dialog = h("dialog.enlarged", { "aria-label": said },
    h("header", h("strong", said), close),
    h("img", { src: `${address}?side=${LARGE}`, alt: said }));
  modal(dialog);
}
