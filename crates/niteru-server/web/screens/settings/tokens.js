// API tokens: what programs log in with.

import { get, may, me, post, remove } from "../../ui/api.js";
import { fill, h } from "../../ui/h.js";
import { parts } from "../../ui/router.js";
import { t, time } from "../../ui/texts.js";
import { doing, once, twice } from "./act.js";

const ROLES = ["viewer", "operator", "engineer", "administrator"];
const DAYS = [7, 30, 90, 365];

/** The token that was made and is shown this once, until this part is left: not lost where the page is drawn in another
 * language. */
let fresh = null;

/** Shows the tokens. */
export async function show(place) {
  const wrong = h("div");
  const made = h("div", { "aria-live": "polite" }, fresh && secret(fresh));
  const list = h("div");
  const draw = async () => {
    const { tokens } = await get("/api/tokens");
    fill(list, tokens.length ? table(tokens, act) : h("p.empty", t("tokens.empty")));
  };
  const act = doing(wrong, draw);
  place.append(h("p.lead", t("tokens.lead")), wrong, made, list, adding(act, made));
  // Nobody else is to see it: not who logs in next, not who comes by later.
  const over = () => { if (me.role === null || parts().join("/") !== "settings/tokens") fresh = null; };
  await draw().catch((error) => { over(); throw error; });
  return over;
}

function table(tokens, act) {
  const all = may("administrator");
  const columns = ["label", "role", "created", "expires", "used"].map((name) => h("th", { scope: "col" }, t(`token.${name}`)));
  return h("div.scroll", h("table.stacked",
    h("caption.small", t(all ? "tokens.all" : "tokens.own")),
    h("thead", h("tr", columns, h("th", h("span.hidden", t("user.actions"))))),
    h("tbody", tokens.map((token) => row(token, act)))));
}

function row(token, act) {
  const over = token.expires !== null && new Date(token.expires) < new Date();
  return h("tr",
    h("th", { scope: "row" }, token.label, token.owner && h("span.small", ` (${token.owner})`)),
    cell("role", t(`role.${token.role}`)),
    cell("created", time(token.created)),
    cell("expires", token.expires === null ? t("token.never_expires") : over ? t("token.over", { time: time(token.expires) }) : time(token.expires)),
    cell("used", token.seen ? time(token.seen) : t("never")),
    h("td.actions", twice(t("remove"), t("token.remove.sure"), () => act(() => remove(`/api/tokens/${token.id}`)))));
}

/** A cell; on a phone, where there is no heading above it, it says itself what it is. */
const cell = (name, value) => h("td", { "data-label": t(`token.${name}`) }, value);

function adding(act, made) {
  const select = (name, options) => h("select", { name }, options);
  const send = async (event) => {
    event.preventDefault();
    const form = event.target;
    const { label, role, days } = Object.fromEntries(new FormData(form));
    fresh = null;
    fill(made);
    await once(form, () => act(async () => {
      const token = await post("/api/tokens", { label: label.trim(), role, days: days === "" ? null : Number(days) });
      fresh = token;
      fill(made, secret(token));
      form.reset();
    }));
  };
  return h("form.card", { onsubmit: send },
    h("h2", t("tokens.add")),
    h("div.fields",
      h("label.field", h("span", t("token.label")), h("input", { name: "label", required: true, maxlength: 100, autocomplete: "off", placeholder: t("token.example") })),
      h("label.field", h("span", t("token.role")), select("role", ROLES.filter(may).map((role) => h("option", { value: role }, t(`role.${role}`))))),
      h("label.field", h("span", t("token.days")), select("days",
        [...DAYS.map((days) => h("option", { value: days, selected: days === 90 }, t("token.days.n", { n: days }))), h("option", { value: "" }, t("token.days.always"))]))),
    h("button.main", { type: "submit" }, t("tokens.add")));
}

/** The secret, this once. */
function secret(token) {
  const field = h("input.secret", { readonly: true, value: token.secret, "aria-label": t("token.secret"), onfocus: (event) => event.target.select() });
  const copied = h("span", { role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(token.secret);
    } catch {
      // Without a secure connection browsers keep the clipboard from pages.
      field.select();
      document.execCommand("copy");
    }
    fill(copied, t("token.copied"));
  };
  return h("div.card.once", h("h2", t("token.made", { label: token.label })), h("p", t("token.once")),
    h("div.copy", field, h("button.main", { onclick: copy }, t("token.copy")), copied),
    h("p.small", t("token.how")), h("pre.example", `Authorization: Bearer ${token.secret.slice(0, 6)}…`));
}
