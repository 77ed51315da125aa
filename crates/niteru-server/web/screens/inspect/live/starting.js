// How a folder is chosen and its watch is started.

import { get, post } from "../../../ui/api.js";
import { showError } from "../../../ui/errors.js";
import { fill, h } from "../../../ui/h.js";
import { t } from "../../../ui/texts.js";
import { api } from "../data.js";
import { origin } from "../origin.js";

/** What is filled in to start a watch; `started` is given its job. */
export async function starting(name, started) {
  const { folders } = await get("/api/watched-folders");
  const from = origin(name);
  const wrong = h("div");
  const where = h("p.small.path");
  const existing = h("input", { type: "checkbox", name: "existing" });
  const folder = h("select", { name: "folder", onchange: tell }, folders.map((one) => h("option", { value: one.name }, one.name)));
  const button = h("button.main", t("inspect.folder.start"));
  function tell() {
    const chosen = folders.find((one) => one.name === folder.value);
    fill(where, chosen && t("inspect.folder.path", { path: chosen.path }));
  }
  tell();
  const start = async (event) => {
    event.preventDefault();
    button.disabled = true;
    fill(wrong);
    try {
      started(await post(api(name, "watch"), { folder: folder.value, existing: existing.checked, ...from.query() }));
    } catch (error) {
      button.disabled = false;
      fill(wrong, showError(error));
    }
  };
  return h("form.card.watching", { onsubmit: start },
    h("p", t("inspect.folder.lead")),
    h("label.field", h("span", t("inspect.folder.which")), folder), where,
    h("label.check", existing, h("span", t("inspect.folder.existing"), h("span.small", t("inspect.folder.existing.more")))),
    from.element,
    h("p.buttons", button), wrong);
}
