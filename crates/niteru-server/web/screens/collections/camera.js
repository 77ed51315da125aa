// The device's camera: what it sees, and photos of that.

import { fill, h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { picker } from "./files.js";

/** Browsers let only this computer's own pages, and secure ones, use a camera. */
const canUse = () => Boolean(navigator.mediaDevices?.getUserMedia);

/** Longest side of what `look` gets, in pixels, and the time between two looks. */
const LOOK = 480;
const PAUSE = 1200;

/**
 * A camera behind a button. `take` gets each photo; `look`, where there is one, a smaller picture again and
 * again while the camera is on, and gives what is shown below it. Gives its element and what ends it.
 */
export function cameraBox(take, look) {
  const box = h("div.camera");
  let stream = null;
  let timer = null;
  const stop = () => {
    clearTimeout(timer);
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
  };
  const closed = (problem) => {
    stop();
    // Without a secure connection, phones still take photos with their own program.
    const button = canUse()
      ? h("button", { type: "button", onclick: open }, t("add.camera"))
      : picker(t("add.camera"), (files) => files.forEach(take), { many: false });
    fill(box, button, problem && h("p", { role: "alert" }, problem));
  };
  async function open() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode: "environment" }, audio: false,
      });
    } catch (error) {
      closed(t(error.name === "NotAllowedError" ? "add.camera.refused" : "add.camera.none"));
      return;
    }
    if (!box.isConnected) return stop();
    const video = h("video", { playsinline: true, "aria-label": t("add.camera.view") });
    video.muted = true;
    video.srcObject = stream;
    const hint = h("div.hint", { "aria-live": "polite" });
    const shoot = h("button.main", { type: "button", onclick: async () => {
      shoot.disabled = true;
      const photo = await shot(video);
      if (photo) await take(photo);
      shoot.disabled = false;
      shoot.focus();
    } }, t("add.camera.shoot"));
    fill(box, video, hint, h("p.buttons", shoot, h("button", { type: "button", onclick: () => closed() }, t("add.camera.close"))));
    await video.play();
    shoot.focus();
    if (look) watch(video, hint);
  }
  function watch(video, hint) {
    timer = setTimeout(async () => {
      const photo = stream && await shot(video, LOOK);
      if (photo) fill(hint, await look(photo).catch(() => null));
      if (stream) watch(video, hint);
    }, PAUSE);
  }
  closed();
  return { element: box, stop };
}

/** What a camera sees now, as a file, at most so many pixels a side; `null` while there is nothing. */
async function shot(video, side = Infinity) {
  const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight));
  const [width, height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
  if (!width) return null;
  const canvas = h("canvas", { width, height });
  canvas.getContext("2d").drawImage(video, 0, 0, width, height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  const now = new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-");
  return blob && new File([blob], `photo-${now}.jpg`, { type: "image/jpeg" });
}
