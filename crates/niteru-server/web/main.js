// The shell around all screens: header, navigation, language, theme, and logging in.

import { me, post, refreshMe } from "./ui/api.js";
import { fill, h } from "./ui/h.js";
import * as router from "./ui/router.js";
import * as texts from "./ui/texts.js";
import * as theme from "./ui/theme.js";
import { showError } from "./ui/errors.js";

const { t } = texts;
const app = document.getElementById("app");

/** What stands above all screens: kept while screens change, so that who is in it stays there. */
let header = null;

async function begin() {
  theme.begin();
  await texts.begin();
  addEventListener("hashchange", () => draw(true));
  addEventListener("niteru-logged-out", () => reload());
  for (const event of ["dragover", "drop"]) addEventListener(event, beside);
  await reload();
}

/** A file that is dropped beside what takes it is not opened in place of the page. */
function beside(event) {
  if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "none";
}

/** Asks who we are, and draws everything. */
async function reload() {
  const again = header !== null;
  try {
    await refreshMe();
    header = makeHeader();
    await draw(again);
  } catch (error) {
    router.leave();
    header = null;
    fill(app, showError(error, h("button.main", { onclick: () => reload() }, t("again"))));
  }
}

/** Draws the screen of the address. `move`: the focus goes to it, as what had it is gone. */
async function draw(move = false) {
  // An address that was changed before it is known who asks is drawn then.
  if (header === null) return;
  document.title = `${t(`nav.${router.parts()[0]}`)} – Niteru`;
  if (me.role === null) {
    router.leave();
    const form = me.setup ? setup() : login();
    fill(app, header.element, h("main.screen.narrow", { id: "screen" }, form));
    header.tell();
    if (move) form.querySelector("input").focus();
    return;
  }
  const place = h("main.screen", { id: "screen", tabindex: "-1" });
  show(place);
  header.tell();
  try {
    await router.show(place);
  } catch (error) {
    fill(place, showError(error));
  }
  if (move && place.isConnected) focus(place);
}

/** Puts a screen below the header, which stays where it is. */
function show(place) {
  const known = header.element.isConnected && app.querySelector("main");
  if (known) {
    known.replaceWith(place);
    return;
  }
  fill(app, h("a.skip", { href: "#screen", onclick: (event) => { event.preventDefault(); app.querySelector("main").focus(); } }, t("skip")),
    header.element, place);
}

/** The heading is where reading begins; who is somewhere in the screen or in the header already stays there. */
function focus(place) {
  const at = document.activeElement;
  if (place.contains(at) || at?.closest("select")) return;
  const heading = place.querySelector("h1") ?? place;
  heading.setAttribute("tabindex", "-1");
  heading.focus({ preventScroll: true });
}

/** The header for who is here now. `tell` puts into it what is to be read at the moment: another language, another screen. */
function makeHeader() {
  const links = new Map(me.role === null ? [] : router.navigation.map((name) => [name, h("a", { href: `#/${name}` })]));
  const nav = h("nav", [...links.values()]);
  const languages = h("select", { onchange: (event) => speak(event.target.value) },
    Object.entries(texts.languages).map(([name, shown]) => h("option", { value: name, lang: name }, shown)));
  const shades = ["system", "light", "dark"].map((name) => h("option", { value: name }));
  const themes = h("select", { onchange: (event) => theme.use(event.target.value) }, shades);
  const out = me.has_password && h("button.quiet", { onclick: logout });
  const tell = () => {
    for (const [name, link] of links) {
      fill(link, t(`nav.${name}`));
      if (router.parts()[0] === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    nav.setAttribute("aria-label", t("nav"));
    languages.setAttribute("aria-label", t("language"));
    languages.value = texts.current();
    themes.setAttribute("aria-label", t("theme"));
    for (const option of shades) fill(option, t(`theme.${option.value}`));
    themes.value = theme.current();
    if (out) fill(out, t("logout"));
    const skip = app.querySelector(".skip");
    if (skip) fill(skip, t("skip"));
    nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  };
  const element = h("header.top", h("a.brand", { href: "#/start" }, "Niteru"), nav, h("div.choices", languages, themes, out));
  return { element, tell };
}

/** Everything in another language. Who steps through the languages with the keys gets the last one. */
let asked = null;
async function speak(language) {
  asked = language;
  await texts.use(language);
  if (asked === language) await draw();
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
