// Filters made of the metadata that there is, one chip for each field, and grouping and sorting.

import { fill, h } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { quoted, STEP } from "./search.js";

/** Up to so many values are shown as boxes to tick. */
const BOXES = 40;

/** Who goes on elsewhere is through with the chip that is open. */
document.addEventListener("pointerdown", (event) => {
  for (const chip of document.querySelectorAll("details.chip[open]")) if (!chip.contains(event.target)) chip.open = false;
});

/** The chips. `look` is called when something has changed. */
export function filters(state, fields, look) {
  if (fields.length === 0) return h("p.small", t("filter.none"));
  const again = () => { state.k = STEP; look(); };
  const chips = h("div.chips", { role: "group", "aria-label": t("filter.title") });
  const draw = () => fill(chips, h("strong", t("filter.title")),
    fields.map((field) => chip(state, field, again)),
    h("button.quiet", { onclick: () => { state.filters.clear(); draw(); again(); } }, t("filter.clear")));
  // A chip closes when something else is used.
  chips.addEventListener("toggle", (event) => {
    if (event.target.open) for (const other of chips.querySelectorAll("details[open]")) if (other !== event.target) other.open = false;
  }, true);
  draw();
  const choice = (title, chosen, options, change) => h("label.inline", h("span", title),
    h("select", { onchange: (event) => change(event.target.value) }, options.map(([value, shown]) =>
      h("option", { value, selected: value === chosen }, shown))));
  const names = fields.map((field) => [field.name, field.name]);
  return h("div.narrow-down", chips,
    h("div.chips",
      choice(t("filter.group"), state.groupBy, [["", t("filter.group.none")], ...names], (value) => { state.groupBy = value; again(); }),
      choice(t("filter.sort"), state.sort, [["", t("find.similarity")], ...names], (value) => { state.sort = value; look(); })));
}

function chip(state, field, look) {
  const label = h("summary");
  const show = () => {
    const set = state.filters.get(field.name);
    fill(label, set ? `${field.name}: ${set.shown}` : field.name);
    label.classList.toggle("set", Boolean(set));
  };
  const put = (condition, shown, chosen) => {
    if (condition) state.filters.set(field.name, { condition, shown, chosen });
    else state.filters.delete(field.name);
    show();
    look();
  };
  const before = state.filters.get(field.name)?.chosen;
  show();
  return h("details.chip", { onkeydown: (event) => {
    if (event.key !== "Escape") return;
    event.currentTarget.open = false;
    label.focus();
  } }, label, h("div.choices-of", ways(field, before, put)));
}

/** Numbers from and to, values to tick, or a text that is in it: what fits the field. */
function ways(field, before, put) {
  if (field.numbers === field.images && field.different > 8) return range(field, before, put);
  if (field.different <= BOXES) return boxes(field, before, put);
  return words(field, before, put);
}

function range(field, before, put) {
  const [from, to] = [before?.from ?? "", before?.to ?? ""];
  const input = (name, value, hint) => h("label.field", h("span", t(`filter.${name}`)),
    h("input", { name, type: "number", step: "any", inputmode: "decimal", value, placeholder: number(hint, Number.isInteger(hint) ? 0 : 2) }));
  const send = (event) => {
    event.preventDefault();
    const { from, to } = Object.fromEntries(new FormData(event.currentTarget));
    const parts = [from !== "" && `${quoted(field.name)} >= ${plain(from)}`, to !== "" && `${quoted(field.name)} <= ${plain(to)}`].filter(Boolean);
    put(parts.join(" and "), from !== "" && to !== "" ? `${from} – ${to}` : from !== "" ? `≥ ${from}` : `≤ ${to}`, { from, to });
  };
  return h("form", { onsubmit: send, onchange: (event) => event.currentTarget.requestSubmit() },
    input("from", from, field.smallest), input("to", to, field.largest));
}

/** A number as conditions write it. */
const plain = (text) => String(Number(text));

function boxes(field, before, put) {
  const chosen = new Set(before);
  const tick = (value) => (event) => {
    if (event.target.checked) chosen.add(value);
    else chosen.delete(value);
    const values = [...chosen];
    put(values.length > 0 && `${quoted(field.name)} in (${values.map(quoted).join(", ")})`,
      values.length > 2 ? t("filter.some", { n: number(values.length) }) : values.join(", "), values);
  };
  return field.values.map(({ value, images }) => h("label.check",
    h("input", { type: "checkbox", checked: chosen.has(value), onchange: tick(value) }),
    h("span", value), h("span.small", number(images))));
}

function words(field, before, put) {
  const id = `values-${field.name}`;
  const change = (event) => {
    const text = event.target.value.trim();
    put(text && `${quoted(field.name)} contains ${quoted(text)}`, t("filter.has", { text }), text);
  };
  return [
    h("label.field", h("span", t("filter.contains")),
      h("input", { type: "search", value: before ?? "", list: id, autocomplete: "off", onchange: change })),
    h("datalist", { id }, field.values.map(({ value }) => h("option", { value }))),
  ];
}
