// Sample photos: a job brings them, and this tells how far it is and what to do then.

import { post } from "../../ui/api.js";
import { showError, showFailure, showRefused } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { finished, watch } from "../../ui/jobs.js";
import { progress } from "../../ui/progress.js";
import { t } from "../../ui/texts.js";

/** Has them brought, and fills a place with what becomes of it. */
export async function bring(place) {
  const names = { inspector: t("start.samples.inspector"), collection: t("start.samples.collection") };
  let end = null;
  try {
    const { id } = await post("/api/samples", names);
    end = watch((jobs) => fill(place, jobs.filter((job) => job.id === id).map(progress)));
    const job = await finished(id);
    end();
    fill(place, job.state === "done" ? ready(names, job.result) : showFailure(job));
  } catch (error) {
    end?.();
    fill(place, showError(error));
  }
}

const ready = (names, { problem, exactly }) => [
  h("p.done", t("start.samples.done")),
  problem && h("p.small", t("start.samples.problem"), " ", showRefused({ reason: problem, ...exactly })),
  h("p.buttons",
    h("a.button.main", { href: `#/inspect/${encodeURIComponent(names.inspector)}/photos` }, t("start.samples.inspect"), " →"),
    h("a.button", { href: `#/find/${encodeURIComponent(names.collection)}` }, t("start.samples.find"), " →")),
];
