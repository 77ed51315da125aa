// Step 3: learn from the photos. A job does it, so the page may be closed meanwhile.

import { may, post } from "../../ui/api.js";
import { showError, showFailure, showRefused } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { isOpen, watch } from "../../ui/jobs.js";
import { progressing, spoken } from "../../ui/progress.js";
import { number, t } from "../../ui/texts.js";
import { api, fileName, ofGoodParts, page, uploadOf } from "./data.js";
import { noPhotos } from "./frame.js";

/** Shares of good parts that may be stopped by mistake. */
const SHARES = [0.002, 0.01, 0.02, 0.05, 0.1];

/** The job after which all was drawn again; once for each, as its version may have been removed since. */
let drawnAfter = null;

/** Shows the step until it is left. */
export function show(place, found) {
  const wrong = h("div");
  const job = h("div");
  const aloud = spoken();
  const choice = found.photos.good.length > 0 ? form(found, wrong) : { element: noPhotos(found.name), seen() {} };
  /** What is shown of the newest job: the same elements while it is open, and when it has ended. */
  let shown = null;
  fill(place, h("h2", t("inspect.train.title")), h("p", t("inspect.train.lead")), job, aloud.element, wrong,
    may("engineer") && choice.element);
  return watch((jobs) => {
    const newest = jobs.find((one) => one.kind === "train" && one.parameters.name === found.name);
    // There is a version that the frame does not know of: all is drawn again, with the steps that are open now.
    const unknown = newest?.state === "done" && newest.result.version > (found.newest?.version ?? 0);
    if (unknown && drawnAfter !== newest.id) {
      drawnAfter = newest.id;
      queueMicrotask(() => dispatchEvent(new HashChangeEvent("hashchange")));
    }
    const busy = newest && isOpen(newest);
    choice.element.hidden = Boolean(busy);
    choice.seen(newest);
    aloud.tell(newest ? [newest] : []);
    // What was trained and removed since is not told of.
    const key = newest && !unknown ? `${newest.id} ${busy ? "open" : newest.state}` : null;
    if (key !== null && shown?.key === key) return shown.draw?.(newest);
    shown = key === null ? null : { key, ...(busy ? going(newest, wrong) : ended(newest, found)) };
    fill(job, shown?.element);
  });
}

function form({ name, photos, newest }, wrong) {
  const before = newest?.settings.false_alarm;
  const first = SHARES.includes(before) ? before : usual(photos.good.length);
  const button = h("button.main", { type: "submit" }, t(newest ? "inspect.train.again" : "inspect.train.go"));
  /** The job that was begun and is not seen yet. */
  let begun = null;
  /** The newest job that was seen: it may be told before the answer to what began it. */
  let newestJob = null;
  const send = async (event) => {
    event.preventDefault();
    button.disabled = true;
    const chosen = new FormData(event.target);
    const hashes = (kind) => ({ uploads: photos[kind].map((photo) => photo.sha256) });
    fill(wrong);
    try {
      const job = await post(api(name, "train"), {
        good: hashes("good"), bad: hashes("bad"), area: photos.area?.sha256 ?? null,
        false_alarm: Number(chosen.get("share")), align: chosen.has("align"), with_reviews: chosen.has("reviews"),
      });
      begun = job.id;
      seen(newestJob);
    } catch (error) {
      button.disabled = false;
      fill(wrong, showError(error));
    }
  };
  const seen = (job) => {
    newestJob = job;
    if (begun === null || !(job?.id >= begun)) return;
    begun = null;
    button.disabled = false;
  };
  const element = h("form.card.training", { onsubmit: send },
    h("dl.facts",
      fact(t("inspect.photos.good"), number(photos.good.length)),
      fact(t("inspect.photos.bad"), number(photos.bad.length)),
      fact(t("inspect.step.area"), t(photos.area ? "inspect.train.area" : "inspect.train.whole"))),
    h("fieldset", h("legend", t("inspect.train.share")), h("p.small", t("inspect.train.share.more")),
      SHARES.map((share) => option(share, share === first, photos.good.length))),
    h("label.check", h("input", { type: "checkbox", name: "align", checked: Boolean(newest?.settings.align) }),
      h("span", t("inspect.train.align"), h("span.small", t("inspect.train.align.more")))),
    newest && newest.all_inspections > 0 && h("label.check", h("input", { type: "checkbox", name: "reviews", checked: true }),
      h("span", t("inspect.train.reviews"), h("span.small", t("inspect.train.reviews.more")))),
    button);
  return { element, seen };
}

/** The strictest share that so many photos can promise, but none that stops more than needed. */
function usual(photos) {
  return SHARES.find((share) => share >= 0.01 && photos >= needed(share)) ?? 0.05;
}

/** Good photos that it takes to promise a share on average. */
const needed = (share) => Math.ceil(1 / share - 1e-9) - 1;

function option(share, checked, photos) {
  const enough = photos >= needed(share);
  return h("label.choice-of",
    h("input", { type: "radio", name: "share", value: share, checked, required: true }),
    h("span", ofGoodParts(share), " ",
      h("span.small", enough ? t("inspect.train.enough") : t("inspect.train.needs", { n: number(needed(share)) }))));
}

const fact = (name, value) => h("div", h("dt", name), h("dd", value));

/** How training goes; `draw` tells it of the job as it is then. */
function going(job, wrong) {
  const state = h("span.state");
  const bar = progressing();
  const element = h("article.card.job",
    h("header", h("strong", t("job.train")), state), bar.element,
    h("p.small", t("inspect.train.may_leave")),
    may("operator") && h("button", {
      onclick: () => post(`/api/jobs/${job.id}/cancel`).catch((error) => fill(wrong, showError(error))),
    }, t("cancel")));
  const draw = (now) => {
    element.dataset.state = now.state;
    state.textContent = t(`state.${now.state}`);
    bar.draw(now);
  };
  draw(job);
  return { element, draw };
}

/** How training went. */
function ended(job, found) {
  return { element: h("article.card.job", { "data-state": job.state },
    h("header", h("strong", t("job.train")), h("span.state", t(`state.${job.state}`))),
    job.state === "done" ? result(job.result, found) : showFailure(job)) };
}

function result(report, { name, photos }) {
  const names = new Map([...photos.good, ...photos.bad].map((photo) => [photo.sha256, photo.name]));
  const called = ({ path }) => names.get(uploadOf(path)) ?? fileName(path);
  return [
    h("p", t("inspect.train.done", { version: number(report.version), n: number(report.good) })),
    report.not_needed > 0 && h("p", t("inspect.train.not_needed", { n: number(report.not_needed) })),
    report.duplicates?.length > 0 && h("p", t("inspect.train.duplicates", { n: number(report.duplicates.length) })),
    report.reviews?.good + report.reviews?.bad > 0 &&
      h("p", t("inspect.train.reviewed", { good: number(report.reviews.good), bad: number(report.reviews.bad) })),
    report.reviews?.missing.length > 0 && h("details", h("summary", t("inspect.train.reviews.missing", { n: number(report.reviews.missing.length) })),
      h("ul", report.reviews.missing.map((path) => h("li", path)))),
    report.suspicious.length > 0 && h("p", t("inspect.train.suspicious", { n: number(report.suspicious.length) })),
    report.unaligned > 0 && h("p.uncertain", t("inspect.train.unaligned", { n: number(report.unaligned) })),
    report.stretched > 0 && h("p.uncertain", t("inspect.train.stretched", { n: number(report.stretched) })),
    report.skipped.length > 0 && h("details", h("summary", t("inspect.photos.refused", { n: number(report.skipped.length) })),
      h("ul", report.skipped.map((file) => h("li", called(file), ": ", showRefused(file))))),
    h("p.onward", h("a.button.main", { href: page(name, "check") }, t("inspect.train.next"), " →")),
  ];
}
