// Backups: made with one click, taken away, brought, restored.

import { get, post, refreshMe, remove } from "../../ui/api.js";
import { modal } from "../../ui/dialog.js";
import { showError, showFailure, showRefused } from "../../ui/errors.js";
import { fill, h, settle } from "../../ui/h.js";
import { isOpen, watch } from "../../ui/jobs.js";
import { progressing, spoken } from "../../ui/progress.js";
import { bytes, number, t, time } from "../../ui/texts.js";
import { picker } from "../../ui/files.js";
import { doing, sendShown, twice } from "./act.js";

/** Milliseconds between two looks whether the server is there again. */
const LOOK = 1500;

/** Shows the part until the screen is left. */
export async function show(place) {
  const wrong = h("div");
  const working = h("div");
  const failure = h("div");
  const aloud = spoken();
  const before = h("div");
  const list = h("div");
  const sending = h("div");
  const draw = async () => {
    const { backups, restored } = await get("/api/backups");
    fill(before, restored && outcome(restored));
    fill(list, backups.length > 0 ? table(backups, act, place) : h("p.empty", t("backup.empty")));
  };
  const act = doing(wrong, draw);
  const models = h("input", { type: "checkbox" });
  /** The backup that was asked for and is not seen among the jobs yet; one at a time is enough. */
  let asked = null;
  const go = h("button.main", { onclick: async () => {
    go.disabled = true;
    const began = await act(async () => { asked = (await post("/api/backups", { with_models: models.checked })).id; });
    if (!began) go.disabled = false;
  } }, t("backup.make.go"));
  const bring = async ([file]) => {
    if (!file) return;
    fill(wrong);
    try {
      if (await sendShown(sending, "/api/backups/upload", [file])) await draw();
    } catch (error) {
      fill(wrong, showError(error));
    }
  };
  place.append(h("p.lead", t("backup.lead")), before, wrong,
    h("div.card", h("h2", t("backup.make")), h("p", t("backup.make.about")),
      h("label.check", models, t("backup.models")),
      h("p.buttons", go),
      working, failure, aloud.element),
    h("h2", t("backup.list")), h("p.small", t("backup.list.about")), list,
    h("div.card", h("h2", t("backup.bring")), h("p", t("backup.bring.about")),
      h("p.buttons", picker(t("backup.bring.go"), bring, { accept: ".tar", many: false })), sending));
  await draw();
  let open = new Map();
  /** The job of which it is told that it failed. */
  let failed;
  return watch((all) => {
    aloud.tell(all.filter((job) => job.kind === "backup"));
    const jobs = all.filter((job) => job.kind === "backup" && isOpen(job));
    const now = new Map(jobs.map((job) => [job.id, open.get(job.id) ?? making(job)]));
    for (const job of jobs) now.get(job.id).draw(job);
    if (asked !== null && all.some((job) => job.id === asked)) {
      asked = null;
      go.disabled = false;
    }
    if (jobs.length > 0) go.disabled = true;
    else if (open.size > 0) go.disabled = false;
    if ([...open.keys()].some((id) => !now.has(id))) draw().catch(() => {});
    open = now;
    settle(working, [...now.values()].map(({ element }) => element));
    const last = all.find((job) => job.kind === "backup");
    const failing = last?.state === "failed" && jobs.length === 0 ? last : null;
    if (failing?.id !== failed) fill(failure, failing && showFailure(failing));
    failed = failing?.id;
  });
}

function making(job) {
  const bar = progressing();
  const element = h("div", h("strong", t("backup.making")), bar.element,
    h("button.quiet", { onclick: () => post(`/api/jobs/${job.id}/cancel`).catch(() => {}) }, t("cancel")));
  return { element, draw: bar.draw };
}

function table(backups, act, place) {
  return h("div.scroll", h("table.stacked",
    h("thead", h("tr", ["written", "size", "file"].map((name) => h("th", { scope: "col" }, t(`backup.${name}`))), h("th", h("span.hidden", t("user.actions"))))),
    h("tbody", backups.map((backup) => row(backup, act, place)))));
}

function row(backup, act, place) {
  const path = `/api/backups/${encodeURIComponent(backup.name)}`;
  return h("tr",
    h("th", { scope: "row" }, time(backup.written), backup.uploaded && h("span.small", ` ${t("backup.uploaded")}`)),
    h("td.number", bytes(backup.bytes)),
    h("td.file", backup.name),
    h("td.actions",
      h("a.button", { href: path, download: backup.name }, t("backup.download")),
      h("button", { onclick: () => confirming(backup, place) }, t("backup.restore")),
      twice(t("remove"), t("backup.remove.sure"), () => act(() => remove(path)))));
}

/** What restoring means, and a word to type: a click alone must not replace everything. */
function confirming(backup, place) {
  const word = t("backup.restore.word");
  const wrong = h("div");
  const go = h("button.danger-button", { disabled: true, onclick: restore }, t("backup.restore.go"));
  const input = h("input", { autocomplete: "off", "aria-label": t("backup.restore.type", { word }),
    oninput: () => { go.disabled = input.value.trim() !== word; } });
  const dialog = h("dialog.confirm", { "aria-label": t("backup.restore.title") },
    h("h2", t("backup.restore.title")),
    h("p", t("backup.restore.what", { time: time(backup.written) })),
    h("ul", ["replaced", "kept", "sessions", "jobs"].map((line) => h("li", t(`backup.restore.${line}`)))),
    h("label.field", h("span", t("backup.restore.type", { word })), input),
    wrong,
    h("p.buttons", go, h("button", { onclick: () => dialog.close() }, t("cancel"))));
  async function restore() {
    go.disabled = true;
    try {
      await post("/api/restore", { backup: backup.name, confirm: backup.name });
      dialog.close();
      await waiting(place);
    } catch (error) {
      fill(wrong, showError(error));
      go.disabled = false;
    }
  }
  modal(dialog);
  input.focus();
}

/** The server is away; when it is back, everything is read again. */
async function waiting(place) {
  const told = h("p.small");
  fill(place, h("div.card.away", { role: "status" }, h("h2", t("backup.away")), h("progress", { "aria-label": t("backup.away") }), h("p", t("backup.away.about")), told));
  let gone = false;
  for (let looks = 0; ; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, LOOK));
    try {
      const response = await fetch("/api/health", { cache: "no-store" });
      if (response.ok && (gone || looks > 4)) break;
      if (response.status === 503) {
        gone = true;
        const { values } = (await response.json()).error ?? {};
        fill(told, values?.percent !== undefined && `${number(values.percent)} %`);
      }
    } catch {
      gone = true;
    }
  }
  await refreshMe().catch(() => {});
  location.reload();
}

/** What became of the last restore. */
function outcome({ backup, problem, replaced, ...exactly }) {
  if (problem) return h("div.error", h("strong", t("backup.restored.not")), h("p", showRefused({ reason: problem, ...exactly })), h("p.help", t("backup.restored.unchanged")));
  return h("div.card.fine-card", h("strong", "✓ ", t("backup.restored", { backup })),
    replaced && h("p.small", t("backup.restored.old", { path: replaced })));
}
