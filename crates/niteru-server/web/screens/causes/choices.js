// What is looked at: which inspector, which time, which fields. All of it is in the address.

import { h } from "../../ui/h.js";
import { go } from "../../ui/router.js";
import { t } from "../../ui/texts.js";
import { fieldName } from "./words.js";

const PERIODS = ["all", "7d", "30d", "90d"];
const ALIKE = ["coarse", "middle", "fine"];

/** The controls; `known` are the fields that could be asked about. */
export function choices(inspectors, asked, known) {
  const to = (change) => {
    const { name, period, fields, alike } = { ...asked, ...change };
    // Commas stand between fields, so those inside of a name are written otherwise.
    go("causes", name, period, fields.length > 0 ? fields.map(encodeURIComponent).join(",") : "all", alike);
  };
  const select = (label, value, options, change) => h("label.field", h("span", label),
    h("select", { onchange: (event) => change(event.target.value) },
      options.map(([key, shown]) => h("option", { value: key, selected: key === value }, shown))));
  const own = asked.period.includes("..");
  return [
    h("div.row",
      select(t("causes.inspector"), asked.name, inspectors.map(({ name }) => [name, name]), (name) => go("causes", name, asked.period)),
      select(t("causes.period"), own ? "own" : asked.period,
        [...PERIODS.map((period) => [period, t(`causes.period.${period}`)]), ["own", t("causes.period.own")]],
        (period) => to({ period: period === "own" ? lastMonth() : period })),
      own && days(asked.period, (period) => to({ period })),
      select(t("causes.alike"), asked.alike, ALIKE.map((alike) => [alike, t(`causes.alike.${alike}`)]), (alike) => to({ alike }))),
    known.length > 0 && fieldChips(asked, known, (fields) => to({ fields })),
  ];
}

/**
 * From one day to another, both included. They count when the button or Enter is pressed: while a year is typed, browsers
 * tell of each digit as of another day.
 */
function days(period, change) {
  const [from, to] = period.split("..");
  const input = (label, name, value) => h("label.field", h("span", label), h("input", { type: "date", name, value, required: true }));
  const send = (event) => {
    event.preventDefault();
    const chosen = new FormData(event.target);
    // Whoever takes one for the other means the same days.
    change([chosen.get("from"), chosen.get("to")].sort().join(".."));
  };
  return h("form.days", { onsubmit: send },
    input(t("causes.from"), "from", from), input(t("causes.to"), "to", to),
    h("button", { type: "submit" }, t("causes.period.go")));
}

function lastMonth() {
  const day = (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
  const start = new Date();
  start.setMonth(start.getMonth() - 1);
  return `${day(start)}..${day(new Date())}`;
}

/** A chip for each field: fewer fields are fewer questions, and so surer answers. */
function fieldChips({ fields }, known, change) {
  const on = (field) => fields.length === 0 || fields.includes(field);
  const toggle = (field) => {
    const chosen = known.filter((one) => (one === field ? !on(one) : on(one)));
    // None is no question: then all are asked about again.
    change(chosen.length === known.length ? [] : chosen);
  };
  return h("div.field-chips", { role: "group", "aria-label": t("causes.fields") },
    h("strong", t("causes.fields")),
    known.map((field) => h("button.toggle", { type: "button", "aria-pressed": on(field) ? "true" : "false", onclick: () => toggle(field) },
      h("span", { "aria-hidden": "true" }, on(field) ? "✓ " : "＋ "), fieldName(field))));
}
