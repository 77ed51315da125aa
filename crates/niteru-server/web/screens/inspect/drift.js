// Whether the parts that were inspected last still look as the good photos did.

import { get, may } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { api, page } from "./data.js";

/** A line, or a warning, that is asked for anew by `draw`. */
export function drift(name) {
  const element = h("div.drift", { "aria-live": "polite" });
  const draw = async () => {
    try {
      const found = await get(api(name, "drift"));
      fill(element, found.drift ? warning(name, found) : h("p.small", calm(found)));
    } catch (error) {
      fill(element, showError(error));
    }
  };
  return { element, draw };
}

function calm({ drift: shifted, needed, decisions }) {
  if (shifted === false) return ["✓ ", t("inspect.drift.none", { n: number(decisions) })];
  return needed > 0 ? t("inspect.drift.few", { n: number(needed) }) : t("inspect.drift.one_photo");
}

/** The warning of a drift that was found elsewhere; nothing without one. */
export const shifted = (name, found) => found && warning(name, found);

/** What has happened, why that may be, and what to do. `direction` is `up` or `down`. */
function warning(name, { direction, decisions }) {
  const causes = direction === "up" ? ["camera", "light", "lens", "product"] : ["same", "focus"];
  return h("div.card.drifted", { role: "alert" },
    h("h3", h("span", { "aria-hidden": "true" }, "⚠ "), t(`inspect.drift.${direction}`, { n: number(decisions) })),
    h("p", t(`inspect.drift.${direction}.means`)),
    h("ol", causes.map((cause) => h("li", t(`inspect.drift.${cause}`)))),
    direction === "up" && may("engineer") && h("p", h("a.button", { href: page(name, "photos") }, t("inspect.drift.photos"), " →")));
}
