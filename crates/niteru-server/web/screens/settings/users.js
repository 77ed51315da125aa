// Who may log in, and what they may do.

import { get, patch, post, remove } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { t, time } from "../../ui/texts.js";

const ROLES = ["viewer", "operator", "engineer", "administrator"];

/** Shows the users. */
export async function show(place) {
  const wrong = h("div");
  const list = h("div");
  const draw = async () => {
    const { users } = await get("/api/users");
    fill(list, users.length ? table(users, act) : h("p.empty", t("users.empty")));
  };
  // Does something, and shows what came of it.
  const act = async (work) => {
    fill(wrong);
    try {
      await work();
      await draw();
      return true;
    } catch (error) {
      fill(wrong, showError(error));
      return false;
    }
  };
  place.append(wrong, list, adding(act));
  await draw();
}

function table(users, act) {
  return h("div.scroll", h("table",
    h("thead", h("tr", ["name", "role", "last_login", "state"].map((name) => h("th", { scope: "col" }, t(`user.${name}`))),
      h("th", h("span.hidden", t("user.actions"))))),
    h("tbody", users.map((user) => row(user, act)))));
}

function row(user, act) {
  const change = (body) => act(() => patch(`/api/users/${user.id}`, body));
  return h("tr",
    h("th", { scope: "row" }, user.name),
    h("td", roles(user.role, (role) => change({ role }), user.name)),
    h("td", user.last_login ? time(user.last_login) : t("never")),
    h("td", user.disabled ? t("user.disabled") : user.locked_until && new Date(user.locked_until) > new Date()
      ? t("user.locked", { until: time(user.locked_until) }) : t("user.active")),
    h("td.actions",
      h("button.quiet", { onclick: () => change({ disabled: !user.disabled }) }, t(user.disabled ? "user.enable" : "user.disable")),
      h("button.quiet", {
        onclick: () => confirm(t("user.remove.sure", { name: user.name })) && act(() => remove(`/api/users/${user.id}`)),
      }, t("remove"))));
}

function roles(chosen, change, name) {
  return h("select", { "aria-label": `${t("user.role")}: ${name}`, name: "role", onchange: (event) => change?.(event.target.value) },
    ROLES.map((role) => h("option", { value: role, selected: role === chosen }, t(`role.${role}`))));
}

function adding(act) {
  const send = async (event) => {
    event.preventDefault();
    const form = event.target;
    const body = Object.fromEntries(new FormData(form));
    if (await act(() => post("/api/users", body))) form.reset();
  };
  const field = (name, type, complete) => h("label.field", h("span", t(`field.${name}`)),
    h("input", { name, type, required: true, autocomplete: complete, minlength: type === "password" ? 10 : null }));
  return h("form.card", { onsubmit: send },
    h("h2", t("users.add")),
    field("name", "text", "off"), field("password", "password", "new-password"),
    h("label.field", h("span", t("user.role")), roles("viewer", null, t("users.add"))),
    h("p.small", t("users.roles")),
    h("button.main", { type: "submit" }, t("users.add")));
}
