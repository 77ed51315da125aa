// What the server is doing, and what it did.

import { get, may, post } from "../../ui/api.js";
import { showError, showFailure } from "../../ui/errors.js";
import { fill, h, settle } from "../../ui/h.js";
import { watch } from "../../ui/jobs.js";
import { progressing, spoken } from "../../ui/progress.js";
import { t, time } from "../../ui/texts.js";
import { results } from "./results.js";

/** Earlier jobs that are asked for at a time; as many as are told at first. */
const PAGE = 50;

/** Shows the jobs until the screen is left. */
export function show(place) {
  const list = h("div.jobs");
  const wrong = h("div");
  const aloud = spoken();
  const none = h("p.empty", t("jobs.empty"));
  const earlier = h("button", { onclick: more }, t("jobs.earlier"));
  /** Those that are not told: asked for, or told before. */
  let older = [];
  /** The last one of the page that was asked for last; at first, of those that are told for being the newest. */
  let cursor = null;
  /** Whether there may be more. */
  let rest = true;
  let told = [];
  // A card is drawn anew only when its job has come to its end: somebody may be reading in it, or at its button.
  let cards = new Map();
  const draw = () => {
    const known = new Set(told.map((job) => job.id));
    const jobs = [...told, ...older.filter((job) => !known.has(job.id))].sort((a, b) => b.id - a.id);
    cards = new Map(jobs.map((job) => {
      const before = cards.get(job.id);
      const now = before?.open === isOpen(job) ? before : card(job, wrong);
      if (now.job !== job) now.draw(job);
      return [job.id, now];
    }));
    settle(list, jobs.length > 0 ? jobs.map((job) => cards.get(job.id).element) : [none]);
    earlier.hidden = !rest || jobs.length < PAGE;
  };
  /** What is told no more is kept, with what is newer of each. */
  function keep(jobs) {
    const fresh = new Set(jobs.map((job) => job.id));
    older = [...older.filter((job) => !fresh.has(job.id)), ...jobs];
  }
  async function more() {
    earlier.disabled = true;
    fill(wrong);
    try {
      // Open ones are told however old they are: the newest end where a page does.
      cursor ??= told[Math.min(PAGE, told.length) - 1].id;
      const { jobs } = await get(`/api/jobs?limit=${PAGE}&before=${cursor}`);
      keep(jobs);
      cursor = jobs.at(-1)?.id ?? cursor;
      rest = jobs.length === PAGE;
      draw();
    } catch (error) {
      fill(wrong, showError(error));
    }
    earlier.disabled = false;
  }
  place.append(wrong, aloud.element, list, h("p.buttons", earlier));
  return watch((jobs) => {
    const now = new Set(jobs.map((job) => job.id));
    if (cursor !== null) keep(told.filter((job) => !now.has(job.id) && !isOpen(job)));
    told = jobs;
    aloud.tell(jobs);
    draw();
  });
}

const isOpen = ({ state }) => state === "queued" || state === "running";

/** A job; `draw` tells how far it is then. */
function card(job, wrong) {
  const open = isOpen(job);
  const state = h("span.state");
  const bar = progressing();
  const element = h("article.card.job",
    h("header", h("strong", t(`job.${job.kind}`)), state),
    h("p.small", [subject(job), job.owner, time(job.created)].filter(Boolean).join(" · ")),
    open && bar.element,
    ["failed", "interrupted"].includes(job.state) && showFailure(job),
    ["done", "cancelled"].includes(job.state) && results(job),
    open && may("operator") && h("button.quiet", {
      onclick: () => post(`/api/jobs/${job.id}/cancel`).catch((error) => fill(wrong, showError(error))),
    }, t("cancel")));
  const draw = (now) => {
    one.job = now;
    element.dataset.state = now.state;
    state.textContent = t(`state.${now.state}`);
    bar.element.hidden = now.state !== "running";
    if (open) bar.draw(now);
  };
  const one = { open, element, draw };
  return one;
}

/** What a job works on, in few words. */
function subject(job) {
  return job.parameters.collection ?? job.parameters.name ?? "";
}
