// How far a job is, as a bar and in words.

import { h } from "./h.js";
import { bytes, duration, number, t } from "./texts.js";

/** Kinds of jobs, and stages of others, that count bytes. */
const IN_BYTES = ["pull", "import", "verify-model", "backup"];
const STAGES_IN_BYTES = ["model"];

/** What a job is doing; a stage that has no text, such as a file's name, says it itself. */
export function stage({ message, state }) {
  if (!message) return state === "running" ? null : t(`state.${state}`);
  const key = `stage.${message}`;
  const text = t(key);
  return text === key ? message : text;
}

/** The bar with its words. */
export function progress(job) {
  const inBytes = IN_BYTES.includes(job.kind) || STAGES_IN_BYTES.includes(job.message);
  const amount = inBytes ? bytes : number;
  const label = [
    stage(job),
    job.total ? `${amount(job.done)} / ${amount(job.total)}` : job.done > 0 && amount(job.done),
    job.rate && t("jobs.rate", { n: inBytes ? bytes(job.rate) : number(job.rate, 1) }),
    job.seconds_left !== null && t("jobs.left", { time: duration(job.seconds_left) }),
  ].filter(Boolean).join(" · ");
  return h("div.progress",
    h("progress", { max: job.total, value: job.total ? job.done : undefined, "aria-label": t("jobs.progress") }),
    h("span.small", label));
}
