// What the server is doing, and what it did.

import { may, post } from "../../ui/api.js";
import { showError, showFailure } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { watch } from "../../ui/jobs.js";
import { progress } from "../../ui/progress.js";
import { t, time } from "../../ui/texts.js";
import { results } from "./results.js";

/** Shows the jobs until the screen is left. */
export function show(place) {
  const list = h("div.jobs", { "aria-live": "polite" });
  const wrong = h("div");
  place.append(wrong, list);
  // A card is drawn again only when its job has changed: somebody may be reading in it.
  let cards = new Map();
  return watch((jobs) => {
    cards = new Map(jobs.map((job) => [job.id, cards.get(job.id)?.job === job ? cards.get(job.id) : { job, element: card(job, wrong) }]));
    fill(list, jobs.length ? [...cards.values()].map(({ element }) => element) : h("p.empty", t("jobs.empty")));
  });
}

function card(job, wrong) {
  const open = job.state === "queued" || job.state === "running";
  return h("article.card.job", { "data-state": job.state },
    h("header",
      h("strong", t(`job.${job.kind}`)),
      h("span.state", t(`state.${job.state}`))),
    h("p.small", [subject(job), job.owner, time(job.created)].filter(Boolean).join(" · ")),
    job.state === "running" && progress(job),
    ["failed", "interrupted"].includes(job.state) && showFailure(job),
    ["done", "cancelled"].includes(job.state) && results(job),
    open && may("operator") && h("button.quiet", {
      onclick: () => post(`/api/jobs/${job.id}/cancel`).catch((error) => fill(wrong, showError(error))),
    }, t("cancel")));
}

/** What a job works on, in few words. */
function subject(job) {
  return job.parameters.collection ?? job.parameters.name ?? "";
}
