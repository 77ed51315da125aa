// Settings: jobs, users, passwords, tokens, models, backups, what the home takes up, the audit log.

import { may, me } from "../ui/api.js";
import { h } from "../ui/h.js";
import { sheet } from "../ui/sheet.js";
import { load, t } from "../ui/texts.js";

/** The parts of the screen, with the roles that they are for. */
const PARTS = {
  jobs: ["viewer", () => import("./settings/jobs.js")],
  models: ["viewer", () => import("./settings/models.js")],
  backup: ["administrator", () => import("./settings/backup.js")],
  storage: ["engineer", () => import("./settings/storage.js")],
  users: ["administrator", () => import("./settings/users.js")],
  password: ["viewer", () => import("./settings/password.js")],
  tokens: ["viewer", () => import("./settings/tokens.js")],
  audit: ["administrator", () => import("./settings/audit.js")],
};

/** Shows the screen: `#/settings/users` its part about users. */
export async function show(place, [asked, ...rest]) {
  await Promise.all([load("settings"), sheet(new URL("settings/settings.css", import.meta.url))]);
  const names = Object.keys(PARTS).filter((name) => may(PARTS[name][0]) && (name !== "password" || me.has_password));
  const name = names.includes(asked) ? asked : "jobs";
  const part = await PARTS[name][1]();
  const body = h("section.settings", { "aria-label": t(`settings.${name}`) });
  place.append(
    h("h1", t("nav.settings")),
    h("nav.tabs", { "aria-label": t("nav.settings") }, names.map((tab) => h("a", {
      href: `#/settings/${tab}`,
      "aria-current": tab === name ? "page" : null,
    }, t(`settings.${tab}`)))),
    body);
  return part.show(body, rest);
}
