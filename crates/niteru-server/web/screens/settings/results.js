// What jobs found, also for who was not there when they ended.

import { showRefused } from "../../ui/errors.js";
import { h, wide } from "../../ui/h.js";
import { bytes, number, t } from "../../ui/texts.js";

/** Files of a list that are named. */
const NAMED = 100;

/** What there is to say of a job that is done, by what its result has. */
export function results({ kind, result }) {
  if (!result) return [];
  const line = (key, values) => h("p", t(`result.${key}`, values));
  return [
    kind === "add" && line("add", { added: number(result.added), unchanged: number(result.unchanged) }),
    result.duplicates?.length > 0 && line("duplicates", { n: number(result.duplicates.length) }),
    kind === "train" && [line("train", { version: number(result.version), n: number(result.good) }),
      result.suspicious?.length > 0 && line("suspicious", { n: number(result.suspicious.length) })],
    kind === "backup" && line("backup", { size: bytes(result.bytes) }),
    kind === "samples" && result.problem && h("p", t("start.samples.problem"), " ", showRefused({ reason: result.problem, ...result.exactly })),
    kind === "check" && checked(result),
    kind === "check-model" ? precisions(result) : result.skipped?.length > 0 && skipped(result.skipped),
  ];
}

/** Whether the home is as it should be. */
export function checked({ problems, checked: looked }) {
  const told = t("storage.check.done", { images: number(looked.images), inspections: number(looked.inspections), files: number(looked.files) });
  if (problems.length === 0) return h("p.fine", h("strong", "✓ ", t("storage.check.fine")), " ", told);
  return h("div.error", h("strong", t("storage.check.problems", { n: number(problems.length) })),
    h("ul", problems.map((problem) => h("li", t(`storage.problem.${problem.kind}`), h("p.small", found(problem.exactly) ?? problem.what)))), h("p.small", told));
}

/** What exactly is not as it should be, in words; `null` where there are none, as of jobs of older versions. */
export function found(exactly) {
  if (!exactly) return null;
  const key = `storage.what.${exactly.kind}`;
  // Numbers here name things.
  const text = t(key, exactly.values);
  return text === key ? null : text;
}

/** How fast and how exact a model is in each precision. */
export function precisions(report) {
  return h("div.card", h("h2", t("model.check.title", { name: report.model })),
    h("p", t("model.check.auto", { auto: report.auto, n: number(report.images) })),
    wide(t("model.check.title", { name: report.model }), h("table",
      h("thead", h("tr", ["precision", "speed", "mean", "worst"].map((name) => h("th", { scope: "col" }, t(`model.check.${name}`))))),
      h("tbody", report.precisions.map((one) => h("tr", h("th", { scope: "row" }, one.precision),
        h("td", number(one.images_per_second, 1)), h("td", number(one.mean_cosine, 5)), h("td", number(one.worst_cosine, 5))))))),
    report.skipped.length > 0 && skipped(report.skipped));
}

/** Files that could not be used, each with the reason. */
export function skipped(files) {
  return h("details.skipped", h("summary", t("result.skipped", { n: number(files.length) })),
    h("ul", files.slice(0, NAMED).map((file) => h("li", h("span.name", file.path.split(/[\\/]/).at(-1)), ": ", showRefused(file)))),
    files.length > NAMED && h("p.small", t("result.skipped.more", { n: number(files.length - NAMED) })));
}
