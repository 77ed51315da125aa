// What the server is doing, and what it did.

import { may, post } from "../../ui/api.js";
import { showError, showFailure } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { watch } from "../../ui/jobs.js";
import { duration, number, t, time } from "../../ui/texts.js";

/** Shows the jobs until the screen is left. */
export function show(place) {
  const list = h("div.jobs", { "aria-live": "polite" });
  const wrong = h("div");
  place.append(wrong, list);
  return watch((jobs) => fill(list, jobs.length ? jobs.map((job) => card(job, wrong)) : h("p.empty", t("jobs.empty"))));
}

function card(job, wrong) {
  const open = job.state === "queued" || job.state === "running";
  return h("article.card.job", { "data-state": job.state },
    h("header",
      h("strong", t(`job.${job.kind}`)),
      h("span.state", t(`state.${job.state}`))),
    h("p.small", subject(job), " · ", job.owner, " · ", time(job.created)),
    job.state === "running" && progress(job),
    ["failed", "interrupted"].includes(job.state) && showFailure(job),
    open && may("operator") && h("button.quiet", {
      onclick: () => post(`/api/jobs/${job.id}/cancel`).catch((error) => fill(wrong, showError(error))),
    }, t("cancel")));
}

/** What a job works on, in few words. */
function subject(job) {
  return job.parameters.collection ?? job.parameters.name ?? "";
}

function progress(job) {
  const label = [
    job.message && t(`stage.${job.message}`),
    job.total ? `${number(job.done)} / ${number(job.total)}` : number(job.done),
    job.rate && t("jobs.rate", { n: number(job.rate, 1) }),
    job.seconds_left !== null && t("jobs.left", { time: duration(job.seconds_left) }),
  ].filter(Boolean).join(" · ");
  return h("div.progress",
    h("progress", { max: job.total, value: job.total ? job.done : undefined, "aria-label": t("jobs.progress") }),
    h("span.small", label));
}
