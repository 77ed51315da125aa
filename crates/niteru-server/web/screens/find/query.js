// What is looked for: a photo that is dropped, pasted or taken, the part of it that counts, words, examples.

import { fill, h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { cameraBox } from "../../ui/camera.js";
import { picker, takesDrops } from "../../ui/files.js";
import { cropper } from "./crop.js";
import { thumbnail } from "./shared.js";

/**
 * The part of the screen where that is said. `readsText`: whether the model does; nothing, where that is not known. `look`
 * is called when it has changed. Gives its element and what ends it.
 */
export function query(state, readsText, look) {
  const box = h("div.query.card");
  let camera = null;
  const take = async ([file]) => {
    if (!file) return;
    state.photo = file;
    state.crop = null;
    state.like = [];
    state.unlike = [];
    state.picked.clear();
    draw();
    await look();
  };
  const draw = () => {
    camera?.stop();
    camera = cameraBox((photo) => take([photo]));
    fill(box,
      state.photo ? withPhoto() : h("div.drop", h("p", t("query.drop")),
        h("p.buttons", picker(t("query.pick"), take, { many: false, main: true }), camera.element)),
      examples("like", t("query.like")), examples("unlike", t("query.unlike")),
      readsText && words(), readsText === false && !state.photo && h("p.small.no-words", t("query.no_words")));
  };
  const withPhoto = () => h("div.asked",
    cropper(state, look),
    h("div", h("p.small", t("query.crop")),
      h("p.buttons",
        picker(t("query.other"), take, { many: false }), camera.element,
        h("button.quiet", { onclick: () => { state.photo = null; state.crop = null; draw(); look(); } }, t("query.clear")))));
  const examples = (which, title) => state[which].length > 0 && h("div.examples", h("strong", title),
    h("div.strip", state[which].map((id) => h("button.plain.example", {
      title: t("query.without"), "aria-label": t("query.without"),
      onclick: () => { state[which] = state[which].filter((one) => one !== id); draw(); look(); },
    }, thumbnail(state.collection, { id }), h("span.cross", { "aria-hidden": "true" }, "✕")))));
  const words = () => h("form.words", { onsubmit: (event) => { event.preventDefault(); look(); } },
    h("label.field", h("span", t(state.photo ? "query.words.too" : "query.words")),
      h("input", { type: "search", value: state.words, autocomplete: "off", oninput: (event) => { state.words = event.target.value; },
        onsearch: () => look(), placeholder: t("query.words.example") })),
    h("button", { type: "submit" }, t("query.words.go")));
  const paste = (event) => {
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
    if (file) take([file]);
  };
  document.addEventListener("paste", paste);
  state.redraw = draw;
  takesDrops(box, take);
  draw();
  return { element: box, stop: () => { camera?.stop(); document.removeEventListener("paste", paste); } };
}
