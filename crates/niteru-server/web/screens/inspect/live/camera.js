// Live with the camera of this device: it looks, and the verdict is large. What is seen from afar is never older than
// what the camera sees: without an answer there is no verdict.

import { isAway, me, upload } from "../../../ui/api.js";
import { showError } from "../../../ui/errors.js";
import { fill, h } from "../../../ui/h.js";
import { t } from "../../../ui/texts.js";
import { camera } from "../../../ui/camera.js";
import { api, page } from "../data.js";
import { origin } from "../origin.js";
import { pictures } from "../result.js";
import { scoreBar, standstill, verdict } from "../verdict.js";
import { queue } from "./queue.js";
import { soundBox, tone } from "./tone.js";

/** Milliseconds from one look to the next, and between two questions whether the camera still sees. */
const EACH = 1000;
const WATCH = 500;

/** Milliseconds after which the last verdict is taken away while the next is awaited. */
const SLOW = 2000;

/** Milliseconds for an answer; the first may take longer, as the inspector is made ready for it. */
const PATIENCE = 10_000;
const FIRST = 60_000;

/** Milliseconds within which a page that is drawn anew, as in another language, begins again by itself. */
const SOON = 3000;

/** The inspection that ended with its page while nobody had ended it: whose, where, when, and whether it was steady. */
let ended = null;

/** Shows it until the page is left. */
export async function show(place, name) {
  const address = location.hash;
  const before = ended?.address === address && ended.of === me.name ? ended : null;
  ended = null;
  const eye = camera();
  const from = origin(name);
  const big = h("div.live-verdict", { "aria-live": "assertive" });
  const beside = shown();
  const waiting = queue(name);
  const wrong = h("div");
  const sound = soundBox();
  const steady = h("input", { type: "checkbox" });
  let left = false;
  let on = false;
  let beginning = false;
  /** The look that is under way; what is given up is told by its signal. */
  let looking = null;
  let timer = null;
  /** When the server last gave a verdict; whether it is told that there is none; and what is wrong with the camera then. */
  let heard = null;
  let still = false;
  let blind = null;

  const look = async () => {
    if (looking || left) return;
    const own = looking = new AbortController();
    const over = () => own.signal.aborted || left || !on || blind;
    const slow = setTimeout(() => {
      if (over()) return;
      fill(big, standstill("looking"));
      beside.clear();
    }, SLOW);
    try {
      const taken = Date.now();
      const file = await eye.shot();
      if (!file) throw new Error(t("camera.lost"));
      const found = await upload(api(name, "inspect"), [file], from.query(), {
        patience: heard === null ? FIRST : PATIENCE, signal: own.signal,
      });
      // What the camera saw before it ended or stood still is not what is there now.
      if (over()) return;
      heard = Date.now();
      still = false;
      fill(big, verdict(found.verdict, taken), scoreBar(found.score, found.threshold),
        h("p.buttons", h("a.button", { href: page(name, "use", found.id) }, t("inspect.live.why"))));
      beside.draw(found);
      if (sound.checked) tone(found.verdict);
      if (found.verdict !== "OK") waiting.draw().catch(() => {});
    } catch (error) {
      if (!over()) stopped(error);
    } finally {
      clearTimeout(slow);
      if (looking === own) looking = null;
    }
  };
  /** The part that is being looked at is not the one that will be there. */
  const giveUp = () => {
    looking?.abort();
    looking = null;
  };
  /** There is no verdict: says so as large as that would be. */
  const stopped = (error) => {
    const what = isAway(error) ? "offline" : error.code ? "failed" : "camera";
    nothing(what, heard ?? Date.now(), showError(error));
  };
  const nothing = (what, since, ...more) => {
    fill(big, standstill(what, since, h("span", t("inspect.still.not_inspected"))), more);
    beside.clear();
    if (!still && sound.checked) tone("STILL");
    still = true;
  };
  /** Whether the camera still sees: told by itself, not only when the next part is looked at. */
  const watch = () => {
    const trouble = on ? eye.trouble() : null;
    if (trouble === blind) return;
    blind = trouble;
    if (blind) {
      giveUp();
      nothing("camera", eye.last(), h("div.error", { role: "alert" }, h("p", t(`camera.${blind}`)),
        h("p.buttons", h("button", { onclick: restart }, t("inspect.live.restart")))));
    } else if (on) {
      still = false;
      fill(big);
    }
  };
  const watching = setInterval(watch, WATCH);
  /** A camera that was unplugged may be there again. */
  const restart = async () => {
    const asked = big.contains(document.activeElement);
    eye.stop();
    try {
      await eye.start();
      fill(wrong);
    } catch (error) {
      if (!left) fill(wrong, showError(error));
    }
    if (left) return eye.stop();
    watch();
    if (asked && !blind) controls.querySelector("button").focus();
  };
  const plugged = () => blind === "ended" && restart();
  navigator.mediaDevices?.addEventListener("devicechange", plugged);
  const again = () => {
    clearInterval(timer);
    timer = steady.checked ? setInterval(look, EACH) : null;
  };
  steady.addEventListener("change", again);

  const controls = h("p.buttons", h("button.main", { onclick: begin }, t("inspect.live.begin")));
  async function begin() {
    if (beginning) return;
    beginning = true;
    fill(wrong);
    eye.element.hidden = false;
    try {
      await eye.start();
    } catch (error) {
      eye.element.hidden = true;
      fill(wrong, showError(error));
      return;
    } finally {
      beginning = false;
    }
    if (left) return;
    on = true;
    still = false;
    fill(big);
    fill(controls, h("button.main", { onclick: look }, t("inspect.live.look")),
      h("label.check", steady, t("inspect.live.steady")), h("label.check", sound, t("inspect.live.sound")),
      h("button", { onclick: end }, t("inspect.live.end")));
    again();
  }
  /** Begins again what ended with the page. Until then, and where the camera does not come, that nothing is inspected is large. */
  async function goOn() {
    fill(big, standstill("ended", before.time, h("span", t("inspect.still.not_inspected"))));
    if (Date.now() - before.time < SOON) {
      steady.checked = before.steady;
      await begin();
    }
    if (!on && !left) nothing("ended", before.time);
  }
  function end() {
    on = false;
    giveUp();
    still = false;
    steady.checked = false;
    again();
    eye.stop();
    eye.element.hidden = true;
    fill(big);
    beside.clear();
    fill(controls, h("button.main", { onclick: begin }, t("inspect.live.begin")));
  }

  // A camera that is off shows nothing.
  eye.element.hidden = true;
  place.append(
    h("p", t("inspect.live.lead")), from.element, controls, wrong,
    h("div.live", h("div.seen", eye.element), big), beside.element, waiting.element);
  if (before) goOn();
  // Not awaited: who leaves ends the camera, whatever the server says meanwhile.
  waiting.draw().catch((error) => fill(wrong, showError(error)));
  return () => {
    // Who goes to another page ends it.
    if (location.hash !== address) ended = null;
    else if (on || beginning) ended = { address, of: me.name, time: Date.now(), steady: steady.checked };
    left = true;
    giveUp();
    clearInterval(timer);
    clearInterval(watching);
    navigator.mediaDevices?.removeEventListener("devicechange", plugged);
    eye.stop();
    beside.clear();
  };
}

/**
 * The heat map and the good part beside it, of the last verdict: one after the other, as each takes the server some work.
 * Until they are there, those of the part before are pale.
 */
function shown() {
  const element = h("div.live-pictures");
  let next = null;
  let loading = false;
  const load = async () => {
    loading = true;
    while (next) {
      const own = next;
      const ready = pictures(own);
      await Promise.allSettled([...ready.querySelectorAll("img")].map((image) => image.decode()));
      if (own !== next) continue;
      next = null;
      fill(element, ready);
      element.classList.remove("before");
    }
    loading = false;
  };
  return {
    element,
    draw(found) {
      element.classList.add("before");
      next = found;
      if (!loading) load();
    },
    clear() {
      next = null;
      fill(element);
    },
  };
}
