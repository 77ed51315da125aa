// Adding photos: sending them in portions, what the server makes of them, and what it could not use.

import { post, upload } from "../../ui/api.js";
import { showError, showFailure, showRefused } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { finished, isOpen, watch } from "../../ui/jobs.js";
import { graceful, patiently, why } from "../../ui/patient.js";
import { duration, number, t } from "../../ui/texts.js";
import { underway } from "../../ui/underway.js";
import { at, similarity, thumbnail } from "../find/shared.js";
import { cameraBox } from "../../ui/camera.js";
import { dropZone, portions } from "../../ui/files.js";

/** Similarity from which the camera's hint says that a photo is there already. */
const SAME = 0.95;

/** Portions that the server may have before it. */
const AHEAD = 3;

/** Jobs that were begun here: what becomes of them is told with the photos that were sent. */
const begun = new Set();

/** Where photos are added; `changed` is called when some were. Gives its element and what ends it. */
export function adding(collection, changed) {
  const own = underway(at(collection.name, "images"), changed);
  const skip = h("input", { type: "checkbox" });
  const add = (files) => (files.length > 0
    ? run(collection.name, files, skip.checked, own)
    : own.say(h("p.problem", t("add.no_images"))));
  const camera = cameraBox((photo) => add([photo]), (photo) => hint(collection.name, photo));
  const others = addedElsewhere(collection.name, own);
  const element = h("div.adding",
    dropZone(t("add.drop"), add, {}, camera.element),
    h("label.check", skip, h("span", t("add.skip"))),
    others.element,
    own.place);
  return { element, stop: () => { camera.stop(); others.end(); } };
}

/** What the server still adds that was not begun here, or before the page was loaded again: how far it is, until it is done. */
function addedElsewhere(collection, own) {
  const element = h("div", { hidden: true });
  let open = [];
  let over = [];
  const end = watch((jobs) => {
    const now = jobs.filter((job) => job.kind === "add" && isOpen(job) && job.parameters.collection === collection && !begun.has(job.id));
    const ended = open.filter((job) => !now.some((one) => one.id === job.id) && !begun.has(job.id));
    open = now;
    over = open.length > 0 ? [...over, ...ended] : [];
    if (ended.length > 0) own.changed().catch(() => {});
    // What is sent from here has its own bar, also before the number of its job is known.
    element.hidden = open.length === 0 || own.rows.size > 0;
    const all = [...over, ...open].reduce((sum, job) => sum + photos(job), 0);
    fill(element, !element.hidden && [h("p.small", t("add.elsewhere")), working(open, { all, wrong: [], done: over })]);
  });
  return { element, end };
}

/** Whether what the camera sees is there already. */
async function hint(collection, photo) {
  const { results: [best] } = await upload(at(collection, "search/upload"), [photo], { k: 1 });
  if (!best) return null;
  return h("p.seen", thumbnail(collection, best),
    h("span", best.similarity >= SAME ? h("strong", t("add.hint.same")) : t("add.hint.nearest"), " ", similarity(best.similarity)));
}

/** What becomes of the files: sent so far, refused, and the jobs that were done. */
class Sending {
  constructor(files) {
    this.all = files.length;
    this.left = [...files];
    this.sent = 0;
    this.wrong = [];
    this.names = new Map();
    this.jobs = [];
    this.done = [];
    /** The files of each job, by its number. */
    this.portions = new Map();
    /** Jobs whose ends are waited for. */
    this.open = new Set();
    /** Why nothing can be sent at the moment. */
    this.waits = null;
    /** Jobs that were told to stop. */
    this.told = new Set();
    this.stop = new AbortController();
  }

  /** Keeps what the server answered to a portion, and waits in the background for its job. */
  took(portion, answer) {
    for (const one of answer.uploads) this.names.set(one.sha256, one.name);
    this.wrong.push(...answer.refused);
    this.sent += portion.length;
    this.left = this.left.filter((file) => !portion.includes(file));
    if (!answer.job) return;
    begun.add(answer.job.id);
    this.jobs.push(answer.job.id);
    this.portions.set(answer.job.id, portion.filter((file) => !answer.refused.some((one) => one.name === file.name)));
    const end = finished(answer.job.id).then((job) => { this.done.push(job); }, (error) => { this.lost = error; }).finally(() => this.open.delete(end));
    this.open.add(end);
  }
}

/** What a cancelled job has not come to: its files, of which some may be there, and how many are not. */
function undone(all) {
  const jobs = all.done.filter((job) => job.state === "cancelled");
  const through = ({ added = 0, updated = 0, unchanged = 0, skipped = [], duplicates = [] }) => added + updated + unchanged + skipped.length + duplicates.length;
  return {
    files: jobs.flatMap((job) => all.portions.get(job.id)),
    count: jobs.reduce((sum, job) => sum + (job.parameters.uploads?.length ?? 0) - through(job.result ?? {}), 0),
  };
}

async function run(collection, files, skipDuplicates, own) {
  const all = new Sending(files);
  const { signal } = all.stop;
  const looked = h("div");
  const sent = h("div");
  const waiting = h("p.small", { role: "status" });
  const cancel = h("button", { type: "button", onclick: () => {
    cancel.disabled = true;
    stopped(all);
    waits(null);
  } });
  const bounds = { signal: graceful(signal) };
  const row = h("div", sent, looked, waiting, h("p.buttons", cancel));
  const sending = () => fill(sent, h("div.progress", h("progress", { max: all.all, value: all.sent, "aria-label": t("add.sending") }),
    h("span.small", t("add.sent", { n: number(all.sent), of: number(all.all) }))));
  const waits = (error) => {
    all.waits = error;
    fill(waiting, why(error, signal));
  };
  let jobs = [];
  const looking = () => fill(looked, all.jobs.length > 0 && working(jobs.filter((job) => all.jobs.includes(job.id)), all));
  own.begin(row, () => {
    fill(cancel, t("cancel"));
    sending();
    looking();
    waits(all.waits);
  });
  const end = watch((told) => { jobs = told; looking(); });
  let problem = null;
  try {
    for (const portion of portions(files)) {
      // The server works off what it has first: its queue is for everybody.
      while (all.open.size >= AHEAD && !signal.aborted) await Promise.race([...all.open, aborted(signal)]);
      if (signal.aborted) break;
      const query = { skip_duplicates: skipDuplicates };
      all.took(portion, await patiently(() => upload(at(collection, "images"), portion, query, bounds), { signal, waits }));
      if (signal.aborted) stopped(all);
      sending();
    }
  } catch (error) {
    if (!signal.aborted) problem = error;
  }
  await Promise.all(all.open);
  end();
  const rest = undone(all);
  const left = [...all.left, ...rest.files];
  const words = t(rest.count > 0 ? "add.left.unadded" : "add.left", { n: number(all.left.length + rest.count) });
  const again = h("button", { type: "button", onclick: () => run(collection, left, skipDuplicates, own) }, t("add.left.send"));
  fill(row, problem && showError(problem), all.lost && showError(all.lost),
    all.left.length + rest.count > 0 && h("div", h("p", words), h("p.buttons", again)),
    (all.done.length > 0 || all.wrong.length > 0) && outcome(collection, all.done, all.wrong, all.names, signal.aborted));
  // The button that cancelled is gone.
  if (signal.aborted && document.activeElement === document.body) again.focus();
  try {
    await own.changed();
  } catch (error) {
    row.append(showError(error));
  }
  own.end(row);
}

/** Sends nothing more, and has the server stop with what it has. */
function stopped(all) {
  all.stop.abort();
  for (const id of all.jobs) {
    if (all.told.has(id) || all.done.some((job) => job.id === id)) continue;
    all.told.add(id);
    post(`/api/jobs/${id}/cancel`).catch(() => {});
  }
}

const aborted = (signal) => new Promise((resolve) => { signal.addEventListener("abort", resolve, { once: true }); });

/** How many photos a job adds. */
const photos = (job) => job.parameters.uploads?.length ?? 0;

/** How far the server is: with the jobs that are told now, and those that are over, which it may tell no more. */
function working(jobs, { all: total, wrong, done: over }) {
  const running = jobs.filter(isOpen);
  const done = wrong.length + over.reduce((sum, job) => sum + photos(job), 0) + running.reduce((sum, job) => sum + (job.done ?? 0), 0);
  const rate = Math.max(0, ...jobs.map((job) => (job.state === "running" && job.rate) || 0));
  return h("div.progress", h("progress", { max: total, value: done, "aria-label": t("add.looking") }),
    h("span.small", [t("add.looked", { n: number(done), of: number(total) }),
      rate > 0 && t("jobs.left", { time: duration((total - done) / rate) })].filter(Boolean).join(" · ")));
}

/** What became of it all, in plain words. */
function outcome(collection, jobs, wrong, names, cancelled) {
  const results = jobs.map((job) => job.result).filter(Boolean);
  const count = (field) => results.reduce((sum, result) => sum + (result[field] ?? 0), 0);
  const nameIn = (path) => names.get(path.split(/[\\/]/).at(-1).split(".")[0]) ?? path;
  const skipped = results.flatMap((result) => result.skipped ?? []);
  const twice = results.flatMap((result) => result.duplicates ?? []);
  const bad = [...wrong, ...skipped.map((one) => ({ ...one, name: nameIn(one.path) }))];
  const failed = jobs.filter((job) => job.state !== "done" && !(cancelled && job.state === "cancelled"));
  return [
    cancelled && h("p", t("add.stopped")),
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
