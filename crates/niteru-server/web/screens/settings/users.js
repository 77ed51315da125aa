// Who may log in, and what they may do.

import { get, me, patch, post, remove } from "../../ui/api.js";
import { modal } from "../../ui/dialog.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { t, time } from "../../ui/texts.js";
import { doing, once, twice } from "./act.js";
import { passwordField } from "./password.js";

const ROLES = ["viewer", "operator", "engineer", "administrator"];

/** Shows the users. */
export async function show(place) {
  const wrong = h("div");
  const told = h("div", { "aria-live": "polite" });
  const list = h("div");
  const draw = async () => {
    const { users } = await get("/api/users");
    fill(list, users.length ? table(users, act, told) : h("p.empty", t("users.empty")));
  };
  const act = doing(wrong, draw);
  place.append(wrong, told, list, adding(act));
  await draw();
}

function table(users, act, told) {
  return h("div.scroll", h("table",
    h("thead", h("tr", ["name", "role", "last_login", "state"].map((name) => h("th", { scope: "col" }, t(`user.${name}`))),
      h("th", h("span.hidden", t("user.actions"))))),
    h("tbody", users.map((user) => row(user, act, told)))));
}

function row(user, act, told) {
  const change = (body) => act(() => patch(`/api/users/${user.id}`, body));
  const own = user.name === me.name;
  return h("tr",
    h("th", { scope: "row" }, user.name),
    // One touch too many would end one's own session: another administrator does it.
    h("td", own ? t(`role.${user.role}`) : role(user, change)),
    h("td", user.last_login ? time(user.last_login) : t("never")),
    h("td", user.disabled ? t("user.disabled") : user.locked_until && new Date(user.locked_until) > new Date()
      ? t("user.locked", { until: time(user.locked_until) }) : t("user.active")),
    own ? h("td.actions", h("span.small", t("user.own"))) : h("td.actions",
      // One's own is changed with the old one, under Password.
      h("button.quiet", { onclick: () => newPassword(user, act, told) }, t("user.password")),
      user.disabled
        ? h("button.quiet", { onclick: () => change({ disabled: false }) }, t("user.enable"))
        : twice(t("user.disable"), t("user.disable.sure", { name: user.name }), () => change({ disabled: true })),
      h("button.quiet", {
        onclick: () => confirm(t("user.remove.sure", { name: user.name })) && act(() => remove(`/api/users/${user.id}`)),
      }, t("remove"))));
}

/** The role of a user. Another one counts once it is saved: arrow keys go through those in between. */
function role(user, change) {
  const save = h("button.main", { hidden: true, onclick: () => change({ role: list.value }) }, t("user.role.save"));
  const list = roles(user.role, (value) => { save.hidden = value === user.role; }, user.name);
  return h("span.role", list, save);
}

/** Asks for another password of somebody who has forgotten theirs. */
function newPassword(user, act, told) {
  fill(told);
  const wrong = h("div");
  const send = async (event) => {
    event.preventDefault();
    const button = event.submitter;
    button.disabled = true;
    try {
      const { password } = Object.fromEntries(new FormData(event.target));
      await patch(`/api/users/${user.id}`, { password });
      dialog.close();
      fill(told, h("p.fine", "✓ ", t("user.password.done", { name: user.name })));
      // Whether the user is locked may be another answer now.
      await act(() => {});
    } catch (error) {
      fill(wrong, showError(error));
      button.disabled = false;
    }
  };
  const dialog = modal(h("dialog.confirm", { "aria-label": t("user.password.title", { name: user.name }) },
    h("form", { onsubmit: send },
      h("h2", t("user.password.title", { name: user.name })), h("p", t("user.password.about")),
      passwordField("password", t("password.new"), "new-password"), wrong,
      h("p.buttons", h("button.main", { type: "submit" }, t("password.go")),
        h("button", { type: "button", onclick: () => dialog.close() }, t("cancel"))))));
  dialog.querySelector("input").focus();
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
    if (await once(form, () => act(() => post("/api/users", body)))) form.reset();
  };
  return h("form.card", { onsubmit: send },
    h("h2", t("users.add")),
    h("label.field", h("span", t("field.name")), h("input", { name: "name", type: "text", required: true, autocomplete: "off" })),
    passwordField("password", t("field.password"), "new-password"),
    h("label.field", h("span", t("user.role")), roles("viewer", null, t("users.add"))),
    h("p.small", t("users.roles")),
    h("button.main", { type: "submit" }, t("users.add")));
}
