// Settings: jobs, users, tokens, what the home takes up, the audit log.

import { may } from "../ui/api.js";
import { h } from "../ui/h.js";
import { t } from "../ui/texts.js";

/** The parts of the screen, with the roles that they are for. */
const PARTS = {
  jobs: ["viewer", () => import("./settings/jobs.js")],
  users: ["administrator", () => import("./settings/users.js")],
};

/** Shows the screen: `#/settings/users` its part about users. */
export async function show(place, [asked]) {
  const names = Object.keys(PARTS).filter((name) => may(PARTS[name][0]));
  const name = names.includes(asked) ? asked : "jobs";
  const part = await PARTS[name][1]();
  const body = h("section", { "aria-label": t(`settings.${name}`) });
  place.append(
    h("h1", t("nav.settings")),
    h("nav.tabs", { "aria-label": t("nav.settings") }, names.map((tab) => h("a", {
      href: `#/settings/${tab}`,
      "aria-current": tab === name ? "page" : null,
    }, t(`settings.${tab}`)))),
    body);
  return part.show(body);
}
