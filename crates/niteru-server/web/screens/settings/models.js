// Models: what turns images into numbers. Fetched, brought as files, checked, removed.

import { ApiError, get, may, post, remove } from "../../ui/api.js";
import { showError, showFailure, showRefused } from "../../ui/errors.js";
import { fill, h, settle } from "../../ui/h.js";
import { finished, isOpen, watch } from "../../ui/jobs.js";
import { progressing, spoken } from "../../ui/progress.js";
import { bytes, number, t } from "../../ui/texts.js";
import { picker } from "../../ui/files.js";
import { doing, sendShown, twice } from "./act.js";
import { precisions } from "./results.js";

/** Kinds of jobs that change what there is. */
const JOBS = ["pull", "import"];

/** The files of a model in a folder; others that lie there are not needed. */
const WANTED = ["config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin"];

/** Shows the models until the screen is left. */
export async function show(place) {
  const wrong = h("div");
  const list = h("div.cards");
  const results = h("div", { "aria-live": "polite" });
  const aloud = spoken();
  let models = [];
  let jobs = [];
  /** The cards by their models. One is drawn anew only when its model or its job is another: somebody may be at its buttons. */
  let cards = new Map();
  const paint = () => {
    cards = new Map(models.map((model) => {
      const job = jobs.find((one) => one.parameters.name === model.name);
      const key = JSON.stringify([model, job?.id]);
      const before = cards.get(model.name);
      const one = before?.key === key ? before : { key, ...card(model, job, { act, pull, results }) };
      one.draw(job);
      return [model.name, one];
    }));
    settle(list, [...cards.values()].map(({ element }) => element));
  };
  const draw = async () => {
    ({ models } = await get("/api/models"));
    paint();
  };
  const act = doing(wrong, draw);
  /** Fetches a model; its card shows the job at once, so that nobody begins it twice. */
  const pull = async (event, name) => {
    const button = event.target;
    button.disabled = true;
    const begun = await act(async () => { jobs = [...jobs, await post(`/api/models/${encodeURIComponent(name)}/pull`)]; });
    if (!begun) button.disabled = false;
  };
  place.append(h("p.lead", t("models.lead")), wrong, results, aloud.element, list, may("administrator") && importing(wrong, draw));
  await draw();
  let open = new Set();
  return watch((all) => {
    aloud.tell(all.filter((job) => JOBS.includes(job.kind)));
    jobs = all.filter((job) => JOBS.includes(job.kind) && isOpen(job));
    const now = new Set(jobs.map((job) => job.id));
    // One has come to its end: what there is may be another.
    if ([...open].some((id) => !now.has(id))) draw().catch(() => {});
    open = now;
    paint();
  });
}

const installed = (model) => model.state === "installed";

/** The card of a model; `draw` tells it how far its job is. */
function card(model, job, does) {
  const going = job && working(job);
  const element = h("article.card.model", { "data-state": model.state },
    h("header", h("h2", model.name), h("span.state", t(`model.${model.state.replace(" ", "_")}`))),
    model.description && h("p", about(model)),
    model.problem && h("p.problem", showRefused({ reason: model.problem, kind: "model_damaged", values: { name: model.name } })),
    h("dl.short",
      fact("size", model.bytes && bytes(model.bytes)),
      fact("licence", model.licence),
      fact("reads", t(model.reads_text ? "model.reads.text" : "model.reads.images")),
      fact("dimensions", model.dimensions && number(model.dimensions)),
      fact("source", model.source)),
    going ? going.element : buttons(model, does));
  return { element, draw: (now) => going?.draw(now) };
}

const fact = (name, value) => value && h("div", h("dt", t(`model.${name}`)), h("dd", value));

function working(job) {
  const bar = progressing();
  const element = h("div.working", h("strong.small", t(`job.${job.kind}`)), bar.element,
    may("operator") && h("button.quiet", { onclick: () => post(`/api/jobs/${job.id}/cancel`).catch(() => {}) }, t("cancel")));
  return { element, draw: bar.draw };
}

function buttons(model, { act, pull, results }) {
  const path = (what = "") => `/api/models/${encodeURIComponent(model.name)}${what}`;
  const known = model.dimensions !== null;
  return h("p.buttons",
    may("administrator") && !installed(model) && known && h("button.main", { onclick: (event) => pull(event, model.name) }, t("model.pull")),
    may("engineer") && installed(model) && checking(model, path, results),
    may("administrator") && model.state !== "not installed" && twice(t("remove"), t("model.remove.sure"), () => act(() => remove(path())), () => needing(model.name)));
}

/** What cannot be used without a model, in words; `null`: nothing. */
async function needing(name) {
  try {
    const [{ collections }, { inspectors }] = await Promise.all([get("/api/collections"), get("/api/inspectors")]);
    const count = (all) => all.filter((one) => one.model === name).length;
    const used = [count(collections), count(inspectors)];
    return used.some((n) => n > 0) ? t("model.remove.needed", { collections: number(used[0]), inspectors: number(used[1]) }) : null;
  } catch {
    return t("model.remove.needed.some");
  }
}

/** Compares the precisions on the photos of a collection. */
function checking(model, path, results) {
  const begin = async () => {
    const { collections } = await get("/api/collections");
    const usable = collections.filter((one) => one.images > 0);
    if (usable.length === 0) return fill(results, h("p.empty", t("model.check.empty")));
    const choice = h("select", { "aria-label": t("nav.collections") }, usable.map((one) => h("option", { value: one.name }, one.name)));
    fill(results, h("div.card", h("h2", t("model.check.title", { name: model.name })), h("p", t("model.check.about")),
      h("p.buttons", choice, h("button.main", { onclick: () => run(choice.value) }, t("model.check.go")))));
    results.scrollIntoView({ block: "nearest" });
  };
  const run = async (collection) => {
    fill(results, h("p.card", { role: "status" }, t("model.check.running")));
    try {
      const job = await finished((await post(path("/check"), { photos: { collection } })).id);
      fill(results, job.state === "done" ? precisions(job.result) : showFailure(job));
    } catch (error) {
      fill(results, showError(error));
    }
  };
  return h("button", { onclick: () => begin().catch((error) => fill(results, showError(error))) }, t("model.check"));
}

/** Files that somebody brings, for computers without a network. */
function importing(wrong, draw) {
  const sending = h("div");
  const name = h("input", { name: "name", required: true, maxlength: 64, pattern: "[a-z0-9][a-z0-9._\\-]*", autocomplete: "off", placeholder: "clip-vit-b-32" });
  const take = async (all) => {
    const files = all.length > 1 ? all.filter((file) => WANTED.includes(file.name)) : all;
    if (!name.reportValidity() || files.length === 0) return;
    fill(wrong);
    const called = name.value.trim();
    try {
      // Before gigabytes are sent for nothing: a server that refuses them at once cuts the connection.
      const { models } = await get("/api/models");
      if (models.some((model) => model.name === called && model.state !== "not installed")) {
        throw new ApiError(409, { code: "conflict", kind: "model_installed", values: { name: called }, message: called });
      }
      if (await sendShown(sending, `/api/models/${encodeURIComponent(called)}/files`, files)) await draw();
    } catch (error) {
      fill(wrong, showError(error));
      wrong.scrollIntoView({ block: "nearest" });
    }
  };
  return h("div.card", h("h2", t("model.import")), h("p", t("model.import.about")),
    h("label.field", h("span", t("model.import.name")), name),
    h("p.buttons", picker(t("model.import.pick"), take, { accept: "", main: true })), sending);
}

/** What a model is good at: those of the catalogue in the reader's language. */
function about(model) {
  const key = `model.about.${model.name}`;
  return t(key) === key ? model.description : t(key);
}
