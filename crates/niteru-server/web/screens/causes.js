// Causes: bad parts that look alike, when they came, and what they have in common.

import { get, may } from "../ui/api.js";
import { showError } from "../ui/errors.js";
import { fill, h } from "../ui/h.js";
import { sheet } from "../ui/sheet.js";
import { load, number, t } from "../ui/texts.js";
import { choices } from "./causes/choices.js";
import { groupCard, small } from "./causes/group.js";
import { fieldName, offset } from "./causes/words.js";

/** Groups with fewer photos are not asked about; see the API. */
const LEAST = 3;

/** What is known of every inspection: without more, there is little to find. */
const BUILT_IN = ["hour", "weekday", "operator", "inspector_version"];

/** Shows the screen: `#/causes/NAME/PERIOD/FIELDS/ALIKE`; what is left out is chosen. */
export async function show(place, [name, period = "all", fields = "all", alike = "middle"]) {
  await Promise.all([load("causes"), load("inspect"), sheet(new URL("inspect/inspect.css", import.meta.url)), sheet(new URL("causes/causes.css", import.meta.url))]);
  const { inspectors } = await get("/api/inspectors");
  place.append(h("h1", t("nav.causes")), h("p.lead", t("causes.lead")));
  const used = inspectors.filter((one) => one.all_inspections > 0);
  if (used.length === 0) return void place.append(nothingYet(inspectors));
  const asked = {
    name: used.some((one) => one.name === name) ? name : used[0].name,
    period, fields: fields === "all" ? [] : fields.split(",").map(decodeURIComponent), alike,
  };
  const controls = h("div.card.controls");
  const body = h("div", { "aria-live": "polite" }, h("p.waiting", { role: "status" }, t("causes.looking")));
  const all = h("div.causes", controls, body);
  fill(controls, choices(used, asked, []));
  place.append(all);
  try {
    const trace = await get(`/api/inspectors/${encodeURIComponent(asked.name)}/trace?${query(asked)}`);
    fill(controls, choices(used, asked, trace.known_fields));
    fill(body, found(trace, asked));
  } catch (error) {
    fill(body, showError(error, h("p", h("a.button", { href: `#/causes/${encodeURIComponent(asked.name)}` }, t("causes.reset")))));
  }
}

/** How alike defects of a group are on average, at least. */
const ALIKE = { fine: 0.5, middle: 0.35, coarse: 0.2 };

function query({ period, fields, alike }) {
  const asked = new URLSearchParams({ utc_offset: offset(), similarity: ALIKE[alike] ?? ALIKE.middle });
  if (fields.length > 0) asked.set("fields", fields.join(","));
  const days = /^(\d+)d$/.exec(period);
  if (days) asked.set("since", new Date(Date.now() - days[1] * 86_400_000).toISOString());
  const [from, to] = period.includes("..") ? period.split("..") : [];
  // Whole days, as they are here.
  if (from) asked.set("since", new Date(`${from}T00:00`).toISOString());
  if (to) {
    const end = new Date(`${to}T00:00`);
    end.setDate(end.getDate() + 1);
    asked.set("until", end.toISOString());
  }
  return asked;
}

function nothingYet(inspectors) {
  const some = inspectors.length > 0;
  return h("div.empty", h("p", t(some ? "causes.empty.unused" : "causes.empty")),
    may("operator") && h("p", h("a.button.main", { href: some ? `#/inspect/${encodeURIComponent(inspectors[0].name)}/use` : "#/inspect" },
      t(some ? "causes.go.use" : "causes.go.inspect"), " →")));
}

function found(trace, asked) {
  if (trace.images === 0) return h("div.empty", h("p", t("causes.empty.period")),
    h("p", h("a.button", { href: `#/causes/${encodeURIComponent(asked.name)}` }, t("causes.period.all"))));
  if (trace.bad === 0) return h("p.empty", t("causes.empty.good", { n: number(trace.images) }));
  const large = trace.groups.filter((group) => group.count >= LEAST);
  const few = trace.groups.filter((group) => group.count < LEAST);
  return [
    h("p.basis", t("causes.basis", {
      n: number(trace.images), bad: number(trace.bad), share: number(100 * trace.bad / trace.images, 1), groups: number(trace.groups.length + trace.other_groups),
    })),
    onlyBuiltIn(trace) && origin(trace),
    large.length > 0 ? h("p.small", t("causes.caution")) : h("p.empty", t("causes.empty.groups")),
    large.map((group, at) => groupCard(trace, group, at + 1)),
    small(trace, few),
    left(trace).map((sentence) => h("p.small", sentence)),
  ];
}

const onlyBuiltIn = (trace) => trace.known_fields.every((field) => BUILT_IN.includes(field));

/** Nobody has said where the parts come from: that is the way to better answers. */
const origin = (trace) => h("div.card.hint-card", h("strong", t("causes.origin")), h("p", t("causes.origin.more")),
  may("operator") && h("p", h("a.button", { href: `#/inspect/${encodeURIComponent(trace.inspector)}/use` }, t("causes.go.use"), " →")));

/** What the groups do not show. */
function left(trace) {
  const told = (count, key, values = {}) => count > 0 && t(key, { n: number(count), ...values });
  return [
    told(trace.other_groups, "causes.left.groups", { photos: number(trace.in_other_groups) }),
    told(trace.bad_without_defect, "causes.left.without"),
    told(trace.bad_left_out, "causes.left.old"),
    told(trace.repeated, "causes.left.repeated"),
    trace.older_left_out && t("causes.left.older"),
    trace.tests > 0 && t("causes.left.tests", { n: number(trace.tests), fields: trace.fields.map(fieldName).join(t("causes.and")) }),
  ].filter(Boolean);
}
