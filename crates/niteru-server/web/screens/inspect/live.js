// Live: the camera looks, the verdict is large, and what is NG waits for a person.

import { upload } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { camera } from "../../ui/camera.js";
import { api, page } from "./data.js";
import { historyList } from "./history.js";
import { origin } from "./origin.js";
import { scoreBar, verdict } from "./verdict.js";

/** Milliseconds from one look to the next. */
const EACH = 1000;

/** Shows the page until it is left. */
export async function show(place, { name, newest }) {
  if (newest === null) return void place.append(h("p.empty", t("inspect.check.untrained")));
  const eye = camera();
  const from = origin(name);
  const big = h("div.live-verdict", { "aria-live": "assertive" });
  const queue = historyList(name, { which: { verdict: "NG", reviewed: false }, empty: t("inspect.live.queue.empty"), limit: 10 });
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
      if (found.verdict !== "OK") await queue.draw();
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
    h("h2", t("inspect.live")), h("p", t("inspect.live.lead")), from.element, controls, wrong,
    h("div.live", h("div.seen", eye.element), big),
    h("h2", t("inspect.live.queue")), h("p.small", t("inspect.live.queue.more")), queue.element);
  await queue.draw();
  return () => {
    left = true;
    clearInterval(timer);
    eye.stop();
  };
}

/** One high tone for OK, two low ones for NG, three for what is unlike. */
function tone(verdict) {
  const [count, height] = { OK: [1, 880], NG: [2, 220], UNLIKE: [3, 440] }[verdict];
  const audio = new AudioContext();
  for (let at = 0; at < count; at += 1) {
    const source = new OscillatorNode(audio, { frequency: height });
    const quiet = new GainNode(audio, { gain: 0.2 });
    source.connect(quiet).connect(audio.destination);
    source.start(audio.currentTime + at * 0.25);
    source.stop(audio.currentTime + at * 0.25 + 0.15);
    if (at === count - 1) source.onended = () => audio.close();
  }
}
