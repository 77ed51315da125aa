// What was not OK and nobody has looked at yet, the newest first; a person says here what it was.

import { get, may, post } from "../../../ui/api.js";
import { showError } from "../../../ui/errors.js";
import { fill, h } from "../../../ui/h.js";
import { t, time } from "../../../ui/texts.js";
import { fileName, page, uploadOf } from "../data.js";
import { small } from "../verdict.js";

/** Decisions that are shown. */
const MOST = 10;

/** A list that is drawn by `draw`; `said` is called when somebody has said something. */
export function queue(name, said = () => {}) {
  const wrong = h("div");
  const list = h("div");
  const draw = async () => {
    const of = (verdict) => get(`/api/history?${new URLSearchParams({ inspector: name, verdict, reviewed: false, limit: MOST })}`);
    const found = await Promise.all(["NG", "UNLIKE"].map(of));
    const newest = found.flatMap(({ inspections }) => inspections)
      .sort((a, b) => Date.parse(b.time) - Date.parse(a.time) || b.id - a.id).slice(0, MOST);
    fill(list, newest.length === 0 ? h("p.empty", t("inspect.live.queue.empty")) : h("ul.history", newest.map(row)));
  };
  const say = (id, verdict) => async () => {
    try {
      await post(`/api/history/${id}/reviews`, { verdict, note: "" });
      fill(wrong);
      await draw();
      said();
    } catch (error) {
      fill(wrong, showError(error));
    }
  };
  const row = (one) => h("li.waits",
    h("a", { href: page(name, "use", one.id) },
      h("img", { src: `/api/history/${one.id}/picture?side=160`, alt: "", loading: "lazy", width: 72, height: 72 }),
      small(one.verdict),
      h("span.when", time(one.time), uploadOf(one.path) === null && h("span.small.name", fileName(one.path)))),
    may("operator") && h("p.buttons",
      h("button.was-ok", { onclick: say(one.id, "OK") }, "✓ ", t("inspect.review.OK")),
      h("button.was-ng", { onclick: say(one.id, "NG") }, "✕ ", t("inspect.review.NG"))));
  return {
    element: h("section", h("h2", t("inspect.live.queue")), h("p.small", t("inspect.live.queue.more")), wrong, list),
    draw,
  };
}
