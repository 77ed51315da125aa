// What went wrong, and what to do about it.

import { h } from "./h.js";
import { t } from "./texts.js";

/** An error as people read it; `more` stands below it, such as a button to try again. */
export function showError(error, ...more) {
  const known = error.code === "offline" ? t("error.offline") : null;
  const message = known ?? (error.message || t("error.unknown"));
  return h("div.error", { role: "alert" },
    h("strong", t("error")), h("p", message), error.help && h("p.help", error.help), more);
}
