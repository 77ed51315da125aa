// What the screen asks the server for, and in which words it tells numbers.

import { get, upload } from "../../ui/api.js";
import { portions } from "../../ui/files.js";
import { graceful, patiently } from "../../ui/patient.js";
import { number, t } from "../../ui/texts.js";

/** The steps in their order. */
export const STEPS = ["photos", "area", "train", "check", "use"];

/** The address of an inspector in the API. */
export const api = (name, ...rest) => ["/api/inspectors", name, ...rest]
  .map((part, at) => (at === 0 ? part : encodeURIComponent(part))).join("/");

/** The address of a page of this screen. */
export const page = (name, ...rest) => `#/inspect/${[name, ...rest].map(encodeURIComponent).join("/")}`;

/** An inspector as the steps need it: its collected photos, and its newest version where there is one. */
export async function inspector(name) {
  const [photos, { inspectors }] = await Promise.all([get(api(name, "photos")), get("/api/inspectors")]);
  return { name, photos, newest: inspectors.find((one) => one.name === name) ?? null };
}

/** A share of good parts in words: "1 of 50 good parts". */
export function ofGoodParts(share) {
  if (!(share > 0)) return t("inspect.share.none");
  if (share > 0.34) return t("inspect.share.percent", { n: number(share * 100) });
  return t("inspect.share.one_of", { n: number(Math.round(1 / share)) });
}

/** A text with a number in it; of one there is another, which ends with `.one`. */
export const counted = (key, n, values) => t(n === 1 ? `${key}.one` : key, { n: number(n), ...values });

/** A score as people read it: there is no -0.0. */
export const scored = (value, digits) => number(Number(value.toFixed(digits)) || 0, digits);

/** The sha256 of an uploaded photo by the path that it was kept under; `null` of other files. */
export function uploadOf(path) {
  return /([0-9a-f]{64})\.\w+$/.exec(path)?.[1] ?? null;
}

/** The last part of a path. */
export const fileName = (path) => path.split(/[\\/]/).pop();

/**
 * Sends files to the photos of an inspector, until `signal` ends it. Tells `progress(sent, all)` after each portion, and
 * `waits(error)` while one cannot be taken. Gives what was `refused`, how many photos have `moved` here from another kind,
 * the files that are `left`, and the `problem` that left them.
 */
export async function send(name, files, shows, { progress = () => {}, waits, signal } = {}) {
  const bounds = signal && { signal: graceful(signal) };
  const refused = [];
  let moved = 0;
  let left = [...files];
  let problem = null;
  progress(0, files.length);
  try {
    for (const portion of portions(files)) {
      const answer = await patiently(() => upload(api(name, "photos"), portion, { shows }, bounds), { signal, waits });
      refused.push(...answer.refused);
      moved += answer.moved;
      left = left.filter((file) => !portion.includes(file));
      progress(files.length - left.length, files.length);
      if (signal?.aborted) break;
    }
  } catch (error) {
    if (!signal?.aborted) problem = error;
  }
  return { refused, moved, left, problem };
}
