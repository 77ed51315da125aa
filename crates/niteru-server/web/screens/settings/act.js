// What the parts of Settings share: doing something and saying what came of it, asking twice, files in and out.

import { ApiError, me, renewed } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { hold } from "../../ui/unsaved.js";

/** Does things and shows what is wrong in a place; `then` draws what there is after each: what was refused does not stay shown. */
export function doing(wrong, then) {
  return async (work) => {
    fill(wrong);
    try {
      await work();
      await then();
      return true;
    } catch (error) {
      fill(wrong, showError(error));
      await Promise.resolve(then()).catch(() => {});
      return false;
    }
  };
}

/** Does what a form asks for. Its button works again when that is over: pressed twice, it is done once. */
export async function once(form, work) {
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  try {
    return await work();
  } finally {
    button.disabled = false;
  }
}

/** A button that asks again before it does what cannot be taken back. `means` may give what that would mean. */
export function twice(words, sure, work, means = async () => null) {
  const place = h("span.twice");
  const first = () => fill(place, h("button.quiet", { onclick: second }, words));
  const second = async (event) => {
    event.target.disabled = true;
    const told = await means();
    const yes = h("button.danger-button", { onclick: async () => {
      yes.disabled = true;
      await work();
      first();
    } }, sure);
    fill(place, told && h("span.small", { role: "status" }, told, " "), yes, h("button.quiet", { onclick: first }, t("cancel")));
    yes.focus();
  };
  first();
  return place;
}

/** Sends files of any length and tells how far it is: `progress(share)`. `signal` ends it. */
export async function send(path, files, progress, signal) {
  // Gigabytes are not sent with a proof that is out of date.
  await renewed(me);
  const sent = me;
  try {
    return await sendOnce(path, files, progress, signal);
  } catch (error) {
    if (error.kind !== "forged" || !(await renewed(sent))) throw error;
    return sendOnce(path, files, progress, signal);
  }
}

function sendOnce(path, files, progress, signal) {
  const form = new FormData();
  for (const file of files) form.append("file", file);
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    const failed = (error) => reject(new ApiError(request.status, { message: "", help: "", ...error }));
    request.open("POST", path);
    if (me?.csrf) request.setRequestHeader("X-Niteru-CSRF", me.csrf);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => failed({ code: "offline" });
    request.onabort = () => resolve(null);
    request.onload = () => {
      if (request.status < 300) resolve(request.response);
      else failed(request.response?.error ?? { code: "unknown", message: request.statusText });
    };
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** Sends files while a bar shows how far it is, with a way to stop. Gives what the server answers; `null`: stopped. */
export async function sendShown(place, path, files) {
  const stop = new AbortController();
  const bar = h("progress", { max: 1, value: 0, "aria-label": t("settings.sending") });
  const told = h("span.small");
  fill(place, h("div.progress", h("strong", { role: "status" }, t("settings.sending")), bar, told,
    h("button.quiet", { onclick: () => stop.abort() }, t("cancel"))));
  const release = hold();
  try {
    return await send(path, files, (share) => { bar.value = share; fill(told, `${number(share * 100)} %`); }, stop.signal);
  } finally {
    release();
    fill(place);
  }
}
