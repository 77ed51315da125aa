// Step 5: a photo of a part in, a verdict out.

import { get, isAway, may, me, post, upload } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h } from "../../ui/h.js";
import { number, t, time } from "../../ui/texts.js";
import { cameraBox } from "../../ui/camera.js";
import { hold } from "../../ui/unsaved.js";
import { api, page, scored } from "./data.js";
import { drift } from "./drift.js";
import { dropZone } from "../../ui/files.js";
import { historyList } from "./history.js";
import { origin } from "./origin.js";
import { result } from "./result.js";

/** The last part that was judged here, with what was said of it: it outlasts that the page is drawn in another language. */
let last = null;

/** Shows the step; of a decision that was made before, where its number is given. */
export async function show(place, { name, newest }, [id]) {
  if (newest === null) return void place.append(h("p.empty", t("inspect.check.untrained")));
  if (id !== undefined) return showOld(place, name, id);
  const answer = h("div.answer");
  const from = origin(name);
  const list = historyList(name, { empty: t("inspect.history.empty") });
  const lately = drift(name);
  const tell = (...above) => fill(answer, above, result(last.found, { time: last.time, reviews: last.reviews, said: (review) => {
    last.reviews.push(review);
    list.draw();
  } }));
  /** What belongs to an older turn is not shown: the newest photo is the one that somebody looks at. */
  let turn = 0;
  /** Judges photos one after the other: the last is shown, and all get into the history. */
  const judge = async (files) => {
    if (files.length === 0) return;
    const own = ++turn;
    last = null;
    const query = from.query();
    const [left, wrong] = [[...files], []];
    let [newest, problem] = [null, null];
    const release = hold();
    while (left.length > 0 && !problem) {
      const [file] = left;
      const words = files.length === 1 ? t("inspect.use.judging")
        : t("inspect.use.judging.of", { n: number(files.length - left.length + 1), all: number(files.length) });
      if (own === turn) fill(answer, h("p.waiting", { role: "status" }, words));
      try {
        newest = { of: me.name, name, found: await upload(api(name, "inspect"), [file], query), time: Date.now(), reviews: [] };
        list.draw().catch((error) => fill(list.element, showError(error)));
      } catch (error) {
        // What can be tried again is kept for that; one that is no photo does not keep the others from being inspected.
        if (isAway(error)) problem = error;
        else wrong.push([file, error]);
      }
      if (!problem) left.shift();
    }
    release();
    if (own === turn) {
      const judged = files.length - left.length - wrong.length;
      const told = [
        problem && showError(problem),
        files.length > 1 && left.length > 0 && [h("p", t("add.left", { n: number(left.length) })),
          h("p.buttons", h("button", { type: "button", onclick: () => judge(left) }, t("add.left.send")))],
        wrong.map(([file, error]) => [files.length > 1 && h("p", h("strong", file.name)), showError(error)]),
        judged > 1 && h("p.several", t("inspect.use.several", { n: number(judged) })),
      ];
      last = newest;
      if (last) tell(told);
      else fill(answer, told);
      answer.scrollIntoView({ block: "start" });
    }
    await lately.draw();
  };
  const eye = cameraBox((file) => judge([file]));
  fill(place,
    h("h2", t("inspect.use.title")), threshold(newest), lately.element,
    may("operator") && h("div.card.adding", dropZone(t("inspect.use.drop"), judge, { folders: false }, eye.element)),
    may("operator") && from.element,
    may("operator") && h("p", h("a.button", { href: page(name, "live") }, t("inspect.live.go"), " →")),
    answer, h("h2", t("inspect.history")), list.element,
    h("p", h("a.button", { href: `/api/history/export?inspector=${encodeURIComponent(name)}`, download: `${name}.csv` }, t("inspect.history.csv"))));
  const address = location.hash;
  if (last?.name === name && last.of === me.name) tell();
  list.draw().catch((error) => fill(list.element, showError(error)));
  // It makes the inspector ready, which may take a while.
  lately.draw();
  return () => {
    turn += 1;
    eye.stop();
    // Who comes back later finds no verdict that might be taken for one of now.
    if (location.hash !== address) last = null;
  };
}

/** What decides now: it may have been chosen a moment ago. */
function threshold({ version, summary }) {
  const now = summary.promise?.threshold;
  return now !== undefined && h("p.small.decides", t("inspect.use.threshold", { version: number(version), threshold: scored(now, 2) }));
}

/** A decision that was made before, as it was then. */
async function showOld(place, name, id) {
  const was = await get(`/api/history/${encodeURIComponent(id)}`);
  const back = h("p", h("a.button", { href: page(name, "use") }, "← ", t("inspect.history")));
  const about = h("p.small", t("inspect.history.about", { time: time(was.time), version: was.version, who: was.operator ?? "–" }));
  place.append(back, h("h2", t("inspect.history.one", { id: was.id })), about);
  // The photo may be gone, or another: what was decided and said stays.
  const again = post(`/api/history/${was.id}/replay`);
  place.append(result(was, { time: was.time, reviews: was.reviews, again }));
}
