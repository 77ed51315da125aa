// The device's camera: what it sees, and single pictures of that.

import { picker } from "./files.js";
import { fill, h } from "./h.js";
import { t } from "./texts.js";

/** Photos for learning and for judging come in the same size, as inspectors go by pixels. */
const WANTED = { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode: "environment" };

/** Longest side of what `look` gets, in pixels, and the time between two looks. */
const LOOK = 480;
const PAUSE = 1200;

/** Milliseconds without a new picture after which what a camera shows does not count. */
const FROZEN = 3000;

/** Whether the browser lets this page use a camera at all: only this computer's own pages, and secure ones. */
const canUse = () => Boolean(navigator.mediaDevices?.getUserMedia);

/** A camera that is off. `element` shows what it sees; `stop` lets it go. */
export function camera() {
  const video = h("video.camera", { playsinline: true, muted: true, autoplay: true, "aria-label": t("camera.view") });
  video.muted = true;
  let stream = null;
  let wanted = false;
  /** When the last picture came, how many there were, and what waits for the next. */
  let fresh = 0;
  let count = 0;
  let next = null;
  const came = () => {
    fresh = Date.now();
    next = video.requestVideoFrameCallback?.(came);
  };
  // Browsers show no pictures on pages that nobody sees.
  const seen = () => { fresh = Date.now(); };
  const trouble = () => {
    const [track] = stream?.getVideoTracks() ?? [];
    if (!track) return wanted ? "ended" : null;
    if (track.readyState === "ended") return "ended";
    if (track.muted) return "muted";
    const now = video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    if (now !== count || document.hidden) fresh = Date.now();
    count = now;
    return Date.now() - fresh > FROZEN ? "frozen" : null;
  };
  return {
    element: video,
    /** Why it does not show what is there now: it has `ended`, is `muted` or `frozen`. `null`: it does, or it is off. To be asked again and again. */
    trouble,
    /** When the last picture came. */
    last: () => fresh,
    async start() {
      if (!canUse()) throw new Error(t("camera.insecure"));
      wanted = true;
      let got;
      try {
        got = await navigator.mediaDevices.getUserMedia({ video: WANTED, audio: false });
      } catch (error) {
        throw new Error(t(error.name === "NotAllowedError" ? "camera.refused" : "camera.none"));
      }
      // The screen may have been left meanwhile, or the camera asked for twice.
      if (!wanted || stream) return got.getTracks().forEach((track) => track.stop());
      stream = got;
      video.srcObject = stream;
      await video.play();
      document.addEventListener("visibilitychange", seen);
      came();
    },
    /** A picture of now, at most so many pixels a side, as a file; `null` while there is none. A camera that is gone is an error. */
    async shot(side = Infinity) {
      // The element goes on showing the last picture of a camera that was unplugged.
      const wrong = trouble();
      if (wrong) throw new Error(t(`camera.${wrong}`));
      const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight));
      const [width, height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
      if (!width) return null;
      const canvas = h("canvas", { width, height });
      canvas.getContext("2d").drawImage(video, 0, 0, width, height);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
      const now = new Date().toISOString().replace(/[:.]/g, "-");
      return blob && new File([blob], `camera-${now}.jpg`, { type: "image/jpeg" });
    },
    stop() {
      wanted = false;
      document.removeEventListener("visibilitychange", seen);
      video.cancelVideoFrameCallback?.(next);
      stream?.getTracks().forEach((track) => track.stop());
      stream = null;
      video.srcObject = null;
    },
  };
}

/**
 * A camera behind a button: off until it is asked for. `take` gets each photo; `look`, where there is one, a
 * smaller picture again and again while the camera is on, and gives what is shown below it. Gives its element and
 * what ends it.
 */
export function cameraBox(take, look) {
  const eye = camera();
  const box = h("div.camera-box");
  let timer = null;
  let on = false;
  const stop = () => {
    on = false;
    clearTimeout(timer);
    eye.stop();
  };
  const closed = (problem) => {
    stop();
    // Without a secure connection, phones still take photos with their own program.
    const button = canUse()
      ? h("button", { type: "button", onclick: open }, t("camera.open"))
      : picker(t("camera.open"), (files) => files.forEach((file) => take(file)), { many: false, capture: true });
    fill(box, button, problem && h("p.problem", { role: "alert" }, problem));
  };
  async function open() {
    try {
      await eye.start();
    } catch (error) {
      closed(error.message);
      return;
    }
    // The screen may have been left meanwhile.
    if (!box.isConnected) return stop();
    on = true;
    const hint = h("div.hint", { "aria-live": "polite" });
    const shoot = h("button.main", { type: "button", onclick: async () => {
      shoot.disabled = true;
      let file;
      try {
        file = await eye.shot();
      } catch (error) {
        return closed(error.message);
      }
      try {
        if (file) await take(file);
      } finally {
        shoot.disabled = false;
        shoot.focus();
      }
    } }, t("camera.shoot"));
    fill(box, eye.element, look && hint, h("p.buttons", shoot, h("button", { type: "button", onclick: () => closed() }, t("camera.close"))));
    shoot.focus();
    if (look) watch(hint);
  }
  function watch(hint) {
    timer = setTimeout(async () => {
      try {
        const photo = on && await eye.shot(LOOK);
        if (photo) fill(hint, await look(photo).catch(() => null));
      } catch (error) {
        return on && closed(error.message);
      }
      if (on) watch(hint);
    }, PAUSE);
  }
  closed();
  return { element: box, stop };
}
