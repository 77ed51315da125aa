// One's own password.

import { post, refreshMe } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";

/** Characters that a password has at least. */
export const LEAST = 10;

/** A field for a password. */
export const passwordField = (name, words, complete) => h("label.field", h("span", words),
  h("input", { name, type: "password", required: true, autocomplete: complete, minlength: complete === "new-password" ? LEAST : null }));

/** Shows the part. */
export function show(place) {
  const told = h("div", { "aria-live": "polite" });
  const button = h("button.main", { type: "submit" }, t("password.go"));
  const send = async (event) => {
    event.preventDefault();
    const form = event.target;
    const { old, first, again } = Object.fromEntries(new FormData(form));
    if (first !== again) return void fill(told, h("p.problem", { role: "alert" }, t("password.differ")));
    button.disabled = true;
    fill(told);
    try {
      await post("/api/me/password", { old, new: first });
      // The session is another one now.
      await refreshMe();
      form.reset();
      fill(told, h("p.fine", { role: "status" }, "✓ ", t("password.done")));
    } catch (error) {
      fill(told, showError(error));
    }
    button.disabled = false;
  };
  place.append(h("form.card", { onsubmit: send },
    h("h2", t("password.own")), h("p", t("password.about")),
    passwordField("old", t("password.old"), "current-password"),
    passwordField("first", t("password.new"), "new-password"),
    passwordField("again", t("password.again"), "new-password"),
    told, h("p", button)));
}
