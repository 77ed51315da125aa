// Inspect: from photos of good parts to a verdict, in five steps; and live.

import { t, load } from "../ui/texts.js";
import { sheet } from "../ui/sheet.js";

/** What the part of the address behind the inspector's name leads to. */
const PAGES = {
  photos: () => import("./inspect/photos.js"),
  area: () => import("./inspect/area.js"),
  train: () => import("./inspect/train.js"),
  check: () => import("./inspect/check.js"),
  use: () => import("./inspect/use.js"),
  live: () => import("./inspect/live.js"),
};

/** Shows the screen: `#/inspect` the list, `#/inspect/NAME/photos` a step, `#/inspect/NAME/use/7` a decision. */
export async function show(place, [name, page, ...rest]) {
  await Promise.all([load("inspect"), sheet(new URL("inspect/inspect.css", import.meta.url))]);
  if (name === undefined) return (await import("./inspect/list.js")).show(place);
  const known = page in PAGES ? page : "photos";
  document.title = `${name} – ${t(`inspect.step.${known}`)} – Niteru`;
  const [{ frame }, part] = await Promise.all([import("./inspect/frame.js"), PAGES[known]()]);
  const inside = await frame(place, name, known);
  return part.show(inside.place, inside.inspector, rest);
}
