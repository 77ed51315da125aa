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

/** A bar with its words, drawn anew in place by `draw(job)`: a button beside it stays where the finger is. */
export function progressing() {
  const bar = h("progress", { "aria-label": t("jobs.progress") });
  const label = h("span.small");
  const draw = (job) => {
    if (job.total) Object.assign(bar, { max: job.total, value: job.done });
    else bar.removeAttribute("value");
    const words = inWords(job);
    if (label.textContent !== words) label.textContent = words;
  };
  return { element: h("div.progress", bar, label), draw };
}

function inWords(job) {
  const inBytes = IN_BYTES.includes(job.kind) || STAGES_IN_BYTES.includes(job.message);
  const amount = inBytes ? bytes : number;
  return [
    stage(job),
    job.total ? `${amount(job.done)} / ${amount(job.total)}` : job.done > 0 && amount(job.done),
    job.rate && t("jobs.rate", { n: inBytes ? bytes(job.rate) : number(job.rate, 1) }),
    job.seconds_left !== null && t("jobs.left", { time: duration(job.seconds_left) }),
  ].filter(Boolean).join(" · ");
}

/**
 * Tells those who hear the page of jobs, and not more often than can be listened to: when one begins, each quarter of it,
 * and its end. `tell` takes the jobs that are to be told of; those that were over before it was called first are not.
 */
export function spoken() {
  const element = h("p.hidden", { role: "status" });
  let before = null;
  const tell = (jobs) => {
    const now = new Map(jobs.map((job) => [job.id, state(job)]));
    const news = jobs.filter((job) => (before === null ? isOpen(job) : now.get(job.id) !== before.get(job.id) && (isOpen(job) || before.has(job.id))));
    before = now;
    if (news.length > 0) element.textContent = news.map((job) => `${t(`job.${job.kind}`)}: ${now.get(job.id)}`).join(t("list.comma"));
  };
  return { element, tell };
}

const isOpen = ({ state }) => state === "queued" || state === "running";

/** A job's state in words; while it runs, the quarter that it has got to. */
function state(job) {
  const quarter = job.state === "running" && job.total ? Math.floor(4 * job.done / job.total) : 0;
  return quarter > 0 ? `${number(Math.min(quarter, 4) * 25)} %` : t(`state.${job.state}`);
}
