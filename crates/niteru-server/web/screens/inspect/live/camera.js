// Live with the camera of this device: it looks, and the verdict is large.

import { upload } from "../../../ui/api.js";
import { showError } from "../../../ui/errors.js";
import { fill, h } from "../../../ui/h.js";
import { t } from "../../../ui/texts.js";
import { camera } from "../../../ui/camera.js";
import { api, page } from "../data.js";
import { origin } from "../origin.js";
import { scoreBar, verdict } from "../verdict.js";
import { queue } from "./queue.js";
import { tone } from "./tone.js";

/** Milliseconds from one look to the next. */
const EACH = 1000;

/** Shows it until the page is left. */
export async function show(place, name) {
  const eye = camera();
  const from = origin(name);
  const big = h("div.live-verdict", { "aria-live": "assertive" });
  const waiting = queue(name);
  const wrong = h("div");
  const sound = h("input", { type: "checkbox" });
  const steady = h("input", { type: "checkbox" });
  let left = false;
  let busy = false;
  let timer = null;

  const look = async () => {
    if (busy || left) return;
    busy = true;
    try {
      const file = await eye.shot();
      if (!file) return;
      const found = await upload(api(name, "inspect"), [file], from.query());
      if (left) return;
      fill(wrong);
      fill(big, verdict(found.verdict), scoreBar(found.score, found.threshold),
        h("p", h("a", { href: page(name, "use", found.id) }, t("inspect.live.why"))));
      if (sound.checked) tone(found.verdict);
      if (found.verdict !== "OK") await waiting.draw();
    } catch (error) {
      fill(wrong, showError(error));
    } finally {
      busy = false;
    }
  };
  const again = () => {
    clearInterval(timer);
    timer = steady.checked ? setInterval(look, EACH) : null;
  };
  steady.addEventListener("change", again);

  const controls = h("p.buttons", h("button.main", { onclick: begin }, t("inspect.live.begin")));
  async function begin() {
    fill(wrong);
    try {
      await eye.start();
    } catch (error) {
      fill(wrong, showError(error));
      return;
    }
    fill(controls, h("button.main", { onclick: look }, t("inspect.live.look")),
      h("label.check", steady, t("inspect.live.steady")), h("label.check", sound, t("inspect.live.sound")),
      h("button", { onclick: end }, t("inspect.live.end")));
  }
  function end() {
    steady.checked = false;
    again();
    eye.stop();
    fill(controls, h("button.main", { onclick: begin }, t("inspect.live.begin")));
  }

  place.append(
    h("p", t("inspect.live.lead")), from.element, controls, wrong,
    h("div.live", h("div.seen", eye.element), big), waiting.element);
  await waiting.draw();
  return () => {
    left = true;
    clearInterval(timer);
    eye.stop();
  };
}
