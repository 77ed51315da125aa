// Sample photos: a job brings them, and this tells how far it is and what to do then.

import { get, post } from "../../ui/api.js";
import { showError, showFailure, showRefused } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { finished, isOpen, watch } from "../../ui/jobs.js";
import { progressing, spoken } from "../../ui/progress.js";
import { t } from "../../ui/texts.js";

/**
 * Follows the job that brings them, or begins one where that is asked for, and fills a place with what becomes of it, until
 * `signal`. `follows` is called when there is one. Gives whether they are there.
 */
export async function bring(place, signal, { begin, follows }) {
  const bar = progressing();
  const aloud = spoken();
  const told = h("div");
  let end = null;
  fill(place, told, aloud.element);
  try {
    // Whoever began it, and in whatever language: a second one would bring all once more under other names.
    const { jobs } = await get("/api/jobs?limit=50");
    const open = jobs.find((job) => job.kind === "samples" && isOpen(job));
    if (!open && !begin) return false;
    const begun = open ?? await post("/api/samples", { inspector: t("start.samples.inspector"), collection: t("start.samples.collection") });
    if (signal.aborted) return false;
    follows();
    end = watch((jobs) => {
      const own = jobs.filter((one) => one.id === begun.id);
      aloud.tell(own);
      if (own.length > 0) bar.draw(own[0]);
    });
    signal.addEventListener("abort", end);
    bar.draw(begun);
    fill(told, bar.element);
    const over = await finished(begun.id);
    end();
    const there = over.state === "done";
    if (!signal.aborted) fill(told, there ? ready(over.parameters, over.result) : showFailure(over));
    return there;
  } catch (error) {
    end?.();
    if (!signal.aborted) fill(told, showError(error));
    return false;
  }
}

const ready = ({ inspector, collection }, { problem, exactly }) => [
  h("p.done", { role: "status" }, t("start.samples.done")),
  problem && h("p.small", t("start.samples.problem"), " ", showRefused({ reason: problem, ...exactly })),
  h("p.buttons",
    h("a.button.main", { href: `#/inspect/${encodeURIComponent(inspector)}/photos` }, t("start.samples.inspect"), " →"),
    h("a.button", { href: `#/find/${encodeURIComponent(collection)}` }, t("start.samples.find"), " →")),
];
