// What went wrong, and what to do about it, in the language of the page. The server tells a kind and the values of its
// sentence; the sentences are in texts/errors.LANGUAGE.js.

import { fill, h } from "./h.js";
import { bytes, has, load, number, t, time } from "./texts.js";

/** What is mended where models are looked after. */
const OF_MODELS = ["model", "model_not_installed", "model_damaged", "model_changed", "no_pip", "not_fetched", "fetched_damaged", "fetch_refused"];
const MODELS = "#/settings/models";

/** An error as people read it; `more` stands below it, such as a button to try again. */
export function showError(error, ...more) {
  const place = h("div");
  told(place, error, () => said(error).map((line, at) => h(at ? "p.help" : "p", line)));
  return h("div.error", { role: "alert" }, h("strong", t("error")), place, toModels(error.kind), more);
}

/** Why a job did not come to its end. */
export function showFailure(job) {
  const { kind, values } = job.result ?? {};
  const draw = () => sentence(kind, values, job.message) ?? failure(job);
  return h("div.error", told(h("p"), { kind }, draw), toModels(kind));
}

/** The way to where an error of a model is mended. */
function toModels(kind) {
  return OF_MODELS.includes(kind) && !location.hash.startsWith(MODELS)
    && h("p", h("a.button", { href: MODELS }, t("error.models"), " →"));
}

/** Why a file was not taken. */
export function showRefused(file) {
  const { kind, values, reason } = file;
  return told(h("span"), { kind }, () => sentence(kind, values, reason) ?? reason);
}

/** Fills a place now, or when the sentences are here. */
function told(place, { kind }, draw) {
  // What was told in another language before does not count.
  if (!kind || has("errors")) return fill(place, draw());
  const now = () => fill(place, draw());
  load("errors").then(now, now);
  return place;
}

function failure(job) {
  if (job.state === "interrupted") return t("error.interrupted");
  return job.message ? t("error.server", { message: job.message }) : t(`state.${job.state}`);
}

/** What is wrong, and if it is not in that sentence, what to do. */
function said(error) {
  if (error.code === "offline") return [t("error.offline")];
  const known = sentence(error.kind, error.values, error.message);
  if (known) return [known];
  if (!error.message) return [t("error.unknown")];
  // What the page says itself is in its language.
  if (!error.code) return [error.message];
  return [t("error.server", { message: error.message }), error.help].filter(Boolean);
}

/** The sentence of a kind; `null` where there is none. */
function sentence(kind, values, message) {
  const key = `errors.${kind}`;
  const shown = Object.entries(values ?? {}).map(([name, value]) => [name, written(name, value)]);
  const text = t(key, { ...Object.fromEntries(shown), message });
  return text === key ? null : text;
}

/** A value as the language writes it; its name says what it is. */
function written(name, value) {
  if (name.endsWith("bytes")) return bytes(value);
  if (name === "until") return time(value);
  if (name === "role") return t(`role.${value}`);
  if (name === "id" || name === "version") return String(value);
  if (Array.isArray(value)) return value.join(t("list.comma"));
  return typeof value === "number" ? number(value) : value;
}
