// Which screen is shown: the part of the address behind `#`, such as #/settings/users.

/** Screens by the first part of the address. Each module has `show(place, parts)`; see docs/how-to/add-a-screen.md. */
const screens = {
  start: () => import("../screens/start.js"),
  collections: () => import("../screens/collections.js"),
  find: () => import("../screens/find.js"),
  inspect: () => import("../screens/inspect.js"),
  compare: () => import("../screens/inspect/compare.js"),
  causes: () => import("../screens/causes.js"),
  map: () => import("../screens/map.js"),
  settings: () => import("../screens/settings.js"),
};

/** The screens that the navigation shows, in its order, with the roles that they are for. */
export const navigation = ["start", "collections", "find", "inspect", "causes", "map", "settings"]
  .filter((name) => name in screens);

/** What ends the screen that is shown. */
let end = null;

/** The parts of the address: `["settings", "users"]`. */
export function parts() {
  const all = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  return all.length ? all : ["start"];
}

/** Goes to a screen. */
export function go(...to) {
  location.hash = "#/" + to.map(encodeURIComponent).join("/");
}

/** How often a screen was asked for: what belongs to an older turn is ended as soon as it is known. */
let turn = 0;

/** Ends what the screen that is shown left running, such as a camera. */
export function leave() {
  turn += 1;
  end?.();
  end = null;
  // What it looks like, too: names are short in those sheets, and mean something else on other screens. See ui/sheet.js.
  for (const link of document.head.querySelectorAll("link.of-screen")) link.media = "not all";
}

/** Shows the screen of the address in a place. What the last one left running ends first. */
export async function show(place) {
  const [name, ...rest] = parts();
  leave();
  const own = turn;
  const load = screens[name] ?? screens.start;
  const screen = await load();
  // Another screen may have been asked for meanwhile.
  if (own !== turn) return;
  place.replaceChildren();
  place.dataset.screen = name;
  const ending = (await screen.show(place, rest)) ?? null;
  if (own === turn) end = ending;
  else ending?.();
}
