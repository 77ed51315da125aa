// Where parts come from: lot, machine, mould. Kept in this browser for each inspector, and sent with each photo, so
// that the screen Causes can name what bad parts have in common.

import { fill, h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";

const KEY = "niteru-origin";

/** Fields that are offered at first, and how many there may be. */
const USUAL = ["lot", "machine"];
const MOST = 12;

/** A part of the page to fill in; `query()` is what goes with a photo. */
export function origin(name) {
  const key = `${KEY}:${name}`;
  const rows = read(key) ?? USUAL.map((field) => [t(`inspect.origin.${field}`), ""]);
  const keep = () => localStorage.setItem(key, JSON.stringify(rows));
  const told = () => rows.map((row) => row.map((text) => text.trim())).filter(([field, value]) => field && value);
  const summary = h("span.small");
  const list = h("div.origin-rows");
  const tell = () => {
    fill(summary, told().map(([field, value]) => `${field} ${value}`).join(" · ") || t("inspect.origin.none"));
  };
  const input = (row, at, label) => h("input", { value: row[at], "aria-label": label, placeholder: label, maxlength: 100, autocomplete: "off",
    oninput: (event) => { row[at] = event.target.value; keep(); tell(); } });
  /** Draws what was changed. */
  const redraw = () => { keep(); draw(); };
  const draw = () => {
    tell();
    fill(list, rows.map((row) => h("div.origin-row",
      input(row, 0, t("inspect.origin.field")), input(row, 1, t("inspect.origin.value")),
      h("button.quiet", { type: "button", "aria-label": `${t("remove")}: ${row[0]}`, onclick: () => { rows.splice(rows.indexOf(row), 1); redraw(); } }, "×"))),
    rows.length < MOST && h("button", { type: "button", onclick: () => { rows.push(["", ""]); redraw(); list.querySelectorAll("input")[rows.length * 2 - 2]?.focus(); } }, `＋ ${t("inspect.origin.add")}`));
  };
  draw();
  return {
    element: h("details.card.origin", h("summary", h("strong", t("inspect.origin")), " ", summary), h("p.small", t("inspect.origin.more")), list),
    query: () => ({ metadata: Object.fromEntries(told()) }),
  };
}

function read(key) {
  try {
    const rows = JSON.parse(localStorage.getItem(key));
    return Array.isArray(rows) ? rows.slice(0, MOST).map(([field, value]) => [String(field), String(value)]) : null;
  } catch {
    return null;
  }
}
