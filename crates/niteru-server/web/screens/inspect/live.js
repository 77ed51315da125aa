// Live: what comes, from this device's camera or into a watched folder, is judged; the verdict is large.

import { get } from "../../ui/api.js";
import { h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { page } from "./data.js";

/** Where photos come from. */
const SOURCES = {
  camera: () => import("./live/camera.js"),
  folder: () => import("./live/folder.js"),
};

/** Shows the page until it is left: `live/camera`, or `live/folder/7` of a watch. Unasked, a watch that runs is shown. */
export async function show(place, { name, newest }, [asked, watch]) {
  if (newest === null) return void place.append(h("p.empty", t("inspect.check.untrained")));
  const { watches } = await get("/api/watches");
  const usual = watches.some((one) => one.inspector === name) ? "folder" : "camera";
  const source = asked in SOURCES ? asked : usual;
  const inside = h("div");
  place.append(h("h2", t("inspect.live")),
    h("nav.tabs", { "aria-label": t("inspect.live") }, Object.keys(SOURCES).map((one) => h("a", {
      href: page(name, "live", one), "aria-current": one === source ? "page" : null,
    }, t(`inspect.live.${one}`)))),
    inside);
  return (await SOURCES[source]()).show(inside, name, watch);
}
