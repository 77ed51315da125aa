// What the home takes up, and what the server computes with.

import { get, may, post } from "../../ui/api.js";
import { showError, showFailure } from "../../ui/errors.js";
import { fill, h, wide } from "../../ui/h.js";
import { finished } from "../../ui/jobs.js";
import { svg } from "../../ui/svg.js";
import { bytes, number, t } from "../../ui/texts.js";
import { checked } from "./results.js";

/** What takes up room, in the order of the bar. */
const KINDS = ["uploads", "models", "backups", "database", "indexes", "thumbnails", "maps"];

/** Shows the part. */
export async function show(place) {
  const [storage, kernels, health] = await Promise.all([get("/api/storage"), get("/api/kernels"), get("/api/health")]);
  place.append(
    h("div.card", h("h2", t("storage.title")), bar(storage), h("p.small", t("storage.home", { home: storage.home }))),
    quota(storage),
    h("div.card", h("h2", t("storage.computer")),
      h("dl.short",
        fact("version", health.version),
        fact("kernels", kernels.name),
        fact("available", kernels.available.join(", ")),
        fact("cores", number(kernels.cores))),
      h("p.small", t("storage.kernels.about"))),
    may("engineer") && checking());
}

const fact = (name, value) => h("div", h("dt", t(`storage.${name}`)), h("dd", value));

/** One bar for all, with the same as a table: colours alone tell nothing. */
function bar(storage) {
  const total = KINDS.reduce((sum, kind) => sum + storage[kind], 0);
  let x = 0;
  const parts = KINDS.map((kind, at) => {
    const width = 100 * storage[kind] / Math.max(1, total);
    const part = svg(`rect.kind-${at}`, { x, width: Math.max(0, width - 0.15), height: 10 });
    part.append(svg("title", {}, `${t(`storage.${kind}`)}: ${bytes(storage[kind])}`));
    x += width;
    return part;
  });
  return [
    h("p.total", bytes(total)),
    svg("svg.storage-bar", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, parts),
    wide(t("storage.title"), h("table.storage", h("tbody", KINDS.map((kind, at) => h("tr",
      h("th", { scope: "row" }, svg("svg.key", { viewBox: "0 0 10 10", "aria-hidden": "true" }, svg(`rect.kind-${at}`, { width: 10, height: 10, rx: 2 })), t(`storage.${kind}`)),
      h("td.number", bytes(storage[kind])),
      h("td.small", t(`storage.${kind}.about`))))))),
  ];
}

function quota({ uploads, quota }) {
  const share = uploads / Math.max(1, quota);
  return h("div.card", h("h2", t("storage.quota")),
    h("meter", { min: 0, max: 1, high: 0.9, optimum: 0, value: Math.min(1, share), "aria-label": t("storage.quota") }),
    h("p", t("storage.quota.of", { used: bytes(uploads), all: bytes(quota), share: number(share * 100, share < 0.1 ? 1 : 0) })),
    h("p.small", t("storage.quota.about")));
}

/** Whether all is as it should be. */
function checking() {
  const told = h("div", { "aria-live": "polite" });
  const files = h("input", { type: "checkbox" });
  const button = h("button", { onclick: run }, t("storage.check.go"));
  async function run() {
    button.disabled = true;
    fill(told, h("p", { role: "status" }, t("storage.check.running")));
    try {
      const job = await finished((await post("/api/check", { files: files.checked })).id);
      fill(told, job.state === "done" ? checked(job.result) : showFailure(job));
    } catch (error) {
      fill(told, showError(error));
    }
    button.disabled = false;
  }
  return h("div.card", h("h2", t("storage.check")), h("p", t("storage.check.about")),
    h("label.check", files, t("storage.check.files")), h("p.buttons", button), told);
}
