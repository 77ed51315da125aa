// The shell around all screens: header, navigation, language, theme, and logging in.

import { me, post, refreshMe } from "./ui/api.js";
import { fill, h } from "./ui/h.js";
import * as router from "./ui/router.js";
import * as texts from "./ui/texts.js";
import * as theme from "./ui/theme.js";
import { showError } from "./ui/errors.js";

const { t } = texts;
const app = document.getElementById("app");

async function begin() {
  theme.begin();
  await texts.begin();
  addEventListener("hashchange", () => draw());
  addEventListener("niteru-logged-out", () => reload());
  await reload();
}

/** Asks who we are, and draws everything. */
async function reload() {
  try {
    await refreshMe();
    await draw();
  } catch (error) {
    fill(app, showError(error, h("button.main", { onclick: () => reload() }, t("again"))));
  }
}

async function draw() {
  document.title = `${t(`nav.${router.parts()[0]}`)} – Niteru`;
  if (me.role === null) {
    fill(app, header(), h("main.screen.narrow", { id: "screen" }, me.setup ? setup() : login()));
    return;
  }
  const place = h("main.screen", { id: "screen", tabindex: "-1" });
  fill(app, h("a.skip", { href: "#screen", onclick: (event) => { event.preventDefault(); place.focus(); } }, t("skip")),
    header(), place);
  app.querySelector(".top [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  try {
    await router.show(place);
  } catch (error) {
    fill(place, showError(error));
  }
}

function header() {
  const links = me.role === null ? [] : router.navigation.map((name) => h("a", {
    href: `#/${name}`,
    "aria-current": router.parts()[0] === name ? "page" : null,
  }, t(`nav.${name}`)));
  return h("header.top",
    h("a.brand", { href: "#/start" }, "Niteru"),
    h("nav", { "aria-label": t("nav") }, links),
    h("div.choices", language(), themes(), me.has_password && h("button.quiet", { onclick: logout }, t("logout"))));
}

function language() {
  const options = Object.entries(texts.languages).map(([name, shown]) =>
    h("option", { value: name, selected: name === texts.current(), lang: name }, shown));
  return h("select", {
    "aria-label": t("language"),
    onchange: async (event) => { await texts.use(event.target.value); await draw(); },
  }, options);
}

function themes() {
  const options = ["system", "light", "dark"].map((name) =>
    h("option", { value: name, selected: name === theme.current() }, t(`theme.${name}`)));
  return h("select", { "aria-label": t("theme"), onchange: (event) => theme.use(event.target.value) }, options);
}

/** A form that sends its fields; what was wrong is said below it. */
function form(title, intro, path, fields, button) {
  const wrong = h("div", { role: "alert" });
  const inputs = fields.map(([name, type, complete]) => h("label.field", h("span", t(`field.${name}`)),
    h("input", { name, type, autocomplete: complete, required: true, minlength: type === "password" && me.setup ? 10 : null })));
  const send = async (event) => {
    event.preventDefault();
    fill(wrong);
    try {
      await post(path, Object.fromEntries(new FormData(event.target)));
      await reload();
    } catch (error) {
      fill(wrong, showError(error));
    }
  };
  return h("form.card", { onsubmit: send }, h("h1", title), h("p", intro), inputs, wrong,
    h("button.main", { type: "submit" }, button));
}

function login() {
  return form(t("login"), t("login.intro"), "/api/login",
    [["name", "text", "username"], ["password", "password", "current-password"]], t("login"));
}

function setup() {
  return form(t("setup"), t("setup.intro"), "/api/setup",
    [["code", "text", "off"], ["name", "text", "username"], ["password", "password", "new-password"]], t("setup.go"));
}

async function logout() {
  await post("/api/logout").catch(() => {});
  await reload();
}

begin();
