// The audit log: who did what. Pages, a filter, whether it is as it was written, and the whole of it as a file.

import { get } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h, wide } from "../../ui/h.js";
import { number, t, time } from "../../ui/texts.js";
import { found } from "./results.js";

/** Entries of a page. */
const PAGE = 50;

/** Shows the log. */
export async function show(place) {
  const wrong = h("div");
  const rows = h("tbody");
  const told = h("p.small", { role: "status" });
  const more = h("button", { onclick: () => next().catch((error) => fill(wrong, showError(error))) }, t("audit.more"));
  const search = h("input", { type: "search", placeholder: t("audit.filter.example"), oninput: () => filter() });
  const entries = [];
  const next = async () => {
    const before = entries.length > 0 ? `&before=${entries[entries.length - 1].id}` : "";
    const page = (await get(`/api/audit?limit=${PAGE}${before}`)).entries;
    entries.push(...page);
    more.hidden = page.length < PAGE;
    filter();
  };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = entries.filter((entry) => words.every((word) => text(entry).includes(word)));
    fill(rows, shown.map(row));
    fill(told, words.length > 0 ? t("audit.filtered", { n: number(shown.length), all: number(entries.length) }) : "");
  };
  place.append(h("p.lead", t("audit.lead")), wrong,
    h("div.card.tools-row", check(),
      h("p.buttons", h("a.button", { href: "/api/audit/export?format=csv", download: "niteru-audit.csv" }, t("audit.csv")),
        h("a.button", { href: "/api/audit/export?format=jsonl", download: "niteru-audit.jsonl" }, t("audit.jsonl")))),
    h("label.field", h("span", t("audit.filter")), search), told,
    wide(t("settings.audit"), h("table.audit",
      h("thead", h("tr", ["time", "who", "action", "target", "result", "address"].map((name) => h("th", { scope: "col" }, t(`audit.${name}`))))), rows)),
    h("p", more));
  await next();
  if (entries.length === 0) place.append(h("p.empty", t("audit.empty")));
}

/** An action as people call it; those without a name of their own as they are. */
const action = (entry) => {
  const key = `audit.action.${entry.action}`;
  return t(key) === key ? entry.action : t(key);
};

const text = (entry) => [entry.who, entry.action, action(entry), entry.target, entry.address, time(entry.time)].join(" ").toLowerCase();

function row(entry) {
  const fine = entry.status < 400;
  return h("tr",
    h("th", { scope: "row" }, time(entry.time)), h("td", entry.who), h("td", { title: entry.action }, action(entry)), h("td.target", entry.target),
    h(fine ? "td.fine" : "td.refused", fine ? `✓ ${t("audit.done")}` : `✕ ${t("audit.refused", { status: entry.status })}`), h("td", entry.address));
}

/** Looks whether the chain of hashes holds. */
function check() {
  const told = h("div", { "aria-live": "polite" });
  const run = async () => {
    try {
      const { entries, hash, problem, exactly } = await get("/api/audit/check");
      fill(told, problem
        ? h("div.error", h("strong", t("audit.check.wrong")), h("p", found(exactly) ?? problem))
        : h("p", h("strong.fine", "✓ ", t("audit.check.fine", { n: number(entries) })), h("span.small.hash", t("audit.check.hash", { hash }))));
    } catch (error) {
      fill(told, showError(error));
    }
  };
  return h("div", h("button", { onclick: run }, t("audit.check")), told);
}
