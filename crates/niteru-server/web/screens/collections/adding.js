// Adding photos: sending them in portions, what the server makes of them, and what it could not use.

import { upload } from "../../ui/api.js";
import { showError, showFailure, showRefused } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { finished, watch } from "../../ui/jobs.js";
import { duration, number, t } from "../../ui/texts.js";
import { at, similarity, thumbnail } from "../find/shared.js";
import { cameraBox } from "../../ui/camera.js";
import { dropZone, portions } from "../../ui/files.js";

/** Similarity from which the camera's hint says that a photo is there already. */
const SAME = 0.95;

/** Where photos are added; `changed` is called when some were. Gives its element and what ends it. */
export function adding(collection, changed) {
  const state = h("div", { "aria-live": "polite" });
  const skip = h("input", { type: "checkbox" });
  const add = (files) => files.length > 0 && run(collection.name, files, skip.checked, state, changed);
  const camera = cameraBox((photo) => add([photo]), (photo) => hint(collection.name, photo));
  const element = h("div.adding",
    dropZone(t("add.drop"), add, {}, camera.element),
    h("label.check", skip, h("span", t("add.skip"))),
    state);
  return { element, stop: camera.stop };
}

/** Whether what the camera sees is there already. */
async function hint(collection, photo) {
  const { results: [best] } = await upload(at(collection, "search/upload"), [photo], { k: 1 });
  if (!best) return null;
  return h("p.seen", thumbnail(collection, best),
    h("span", best.similarity >= SAME ? h("strong", t("add.hint.same")) : t("add.hint.nearest"), " ", similarity(best.similarity)));
}

async function run(collection, files, skipDuplicates, state, changed) {
  const wrong = [];
  const jobs = [];
  const names = new Map();
  let sent = 0;
  const sending = () => fill(state, h("div.progress", h("progress", { max: files.length, value: sent, "aria-label": t("add.sending") }),
    h("span.small", t("add.sent", { n: number(sent), of: number(files.length) }))));
  let end = null;
  try {
    sending();
    for (const portion of portions(files)) {
      const answer = await upload(at(collection, "images"), portion, { skip_duplicates: skipDuplicates });
      for (const one of answer.uploads) names.set(one.sha256, one.name);
      wrong.push(...answer.refused);
      if (answer.job) jobs.push(answer.job.id);
      sent += portion.length;
      sending();
    }
    end = watch((all) => fill(state, working(all.filter((job) => jobs.includes(job.id)))));
    const done = await Promise.all(jobs.map((id) => finished(id)));
    fill(state, outcome(collection, done, wrong, names));
    await changed();
  } catch (error) {
    // Some may have been taken before.
    fill(state, showError(error), jobs.length > 0 && h("p", t("add.some")));
  } finally {
    end?.();
  }
}

function working(jobs) {
  const sum = (value) => jobs.reduce((all, job) => all + (value(job) ?? 0), 0);
  const total = sum((job) => job.total ?? job.parameters.uploads?.length);
  const over = (job) => !["queued", "running"].includes(job.state);
  const done = sum((job) => (over(job) ? job.total ?? job.parameters.uploads?.length : job.done));
  const rate = Math.max(0, ...jobs.map((job) => (job.state === "running" && job.rate) || 0));
  return h("div.progress", h("progress", { max: total, value: done, "aria-label": t("add.looking") }),
    h("span.small", [t("add.looked", { n: number(done), of: number(total) }),
      rate > 0 && t("jobs.left", { time: duration((total - done) / rate) })].filter(Boolean).join(" · ")));
}

/** What became of it all, in plain words. */
function outcome(collection, jobs, wrong, names) {
  const results = jobs.map((job) => job.result).filter(Boolean);
  const count = (field) => results.reduce((sum, result) => sum + (result[field] ?? 0), 0);
  const nameIn = (path) => names.get(path.split(/[\\/]/).at(-1).split(".")[0]) ?? path;
  const skipped = results.flatMap((result) => result.skipped ?? []);
  const twice = results.flatMap((result) => result.duplicates ?? []);
  const bad = [...wrong, ...skipped.map((one) => ({ ...one, name: nameIn(one.path) }))];
  const failed = jobs.filter((job) => job.state !== "done");
  return [
    h("p.done", t("add.done", { n: number(count("added")) }),
      count("unchanged") > 0 && ` ${t("add.known", { n: number(count("unchanged")) })}`),
    failed.map(showFailure),
    twice.length > 0 && h("details.more", h("summary", t("add.twice", { n: number(twice.length) })),
      h("ul", twice.slice(0, 100).map((one) => h("li.seen", thumbnail(collection, { id: one.image }),
        t("add.twice.one", { name: nameIn(one.path), similarity: similarity(one.similarity) }))))),
    bad.length > 0 && h("div.error", { role: "alert" }, h("strong", t("add.bad", { n: number(bad.length) })),
      h("ul", bad.slice(0, 100).map((one) => h("li", h("strong", one.name), " ", showRefused(one))))),
  ];
}
