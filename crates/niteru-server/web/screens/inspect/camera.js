// The device's camera: what it sees, and single pictures of that.

import { h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";

/** Photos for learning and for judging come in the same size, as inspectors go by pixels. */
const WANTED = { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode: "environment" };

/** Whether the browser lets this page use a camera at all: only this computer's own pages, and secure ones. */
export const canUse = () => Boolean(navigator.mediaDevices?.getUserMedia);

/** A camera that is off. `element` shows what it sees; `stop` lets it go. */
export function camera() {
  const video = h("video.camera", { playsinline: true, muted: true, autoplay: true, "aria-label": t("inspect.camera.view") });
  video.muted = true;
  let stream = null;
  let wanted = false;
  return {
    element: video,
    async start() {
      if (!canUse()) throw new Error(t("inspect.camera.insecure"));
      wanted = true;
      let got;
      try {
        got = await navigator.mediaDevices.getUserMedia({ video: WANTED, audio: false });
      } catch (error) {
        throw new Error(t(error.name === "NotAllowedError" ? "inspect.camera.refused" : "inspect.camera.none"));
      }
      // The screen may have been left meanwhile.
      if (!wanted) return got.getTracks().forEach((track) => track.stop());
      stream = got;
      video.srcObject = stream;
      await video.play();
    },
    /** A picture of now, as a file; `null` while there is none. */
    async shot() {
      if (!video.videoWidth) return null;
      const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
      const now = new Date().toISOString().replace(/[:.]/g, "-");
      return blob && new File([blob], `camera-${now}.jpg`, { type: "image/jpeg" });
    },
    stop() {
      wanted = false;
      stream?.getTracks().forEach((track) => track.stop());
      stream = null;
      video.srcObject = null;
    },
  };
}

/** A camera behind a button: off until it is asked for. `take` gets each picture. Gives its element and what ends it. */
export function cameraBox(take) {
  const eye = camera();
  const box = h("div.camera-box");
  const problem = h("p.problem", { role: "alert" });
  const closed = () => box.replaceChildren(h("button", { type: "button", onclick: open }, t("inspect.camera.open")), problem);
  const close = () => { eye.stop(); closed(); };
  async function open() {
    problem.textContent = "";
    try {
      await eye.start();
    } catch (error) {
      problem.textContent = error.message;
      return;
    }
    const shoot = h("button.main", { type: "button", onclick: async () => {
      shoot.disabled = true;
      const file = await eye.shot();
      if (file) await take(file);
      shoot.disabled = false;
      shoot.focus();
    } }, t("inspect.camera.shoot"));
    box.replaceChildren(eye.element, h("p.buttons", shoot, h("button", { type: "button", onclick: close }, t("inspect.camera.close"))));
    shoot.focus();
  }
  closed();
  // On phones without a secure connection the camera's own program still takes photos.
  if (!canUse()) {
    const input = h("input.hidden", { type: "file", accept: "image/*", capture: "environment", tabindex: "-1", "aria-hidden": "true",
      onchange: (event) => { [...event.target.files].forEach(take); event.target.value = ""; } });
    box.replaceChildren(h("button", { type: "button", onclick: () => input.click() }, t("inspect.camera.open")), input);
  }
  return { element: box, stop: () => eye.stop() };
}
