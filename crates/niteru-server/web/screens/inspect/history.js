// What was inspected last, the newest first.

import { get } from "../../ui/api.js";
import { fill, h } from "../../ui/h.js";
import { t, time } from "../../ui/texts.js";
import { page, scored } from "./data.js";
import { small } from "./verdict.js";

/** A list that is drawn by `draw`, of those inspections that `which` asks for. */
export function historyList(name, { which = {}, empty, limit = 20 } = {}) {
  const element = h("div");
  let last = limit;
  let turn = 0;
  const draw = async () => {
    const own = ++turn;
    const query = new URLSearchParams({ inspector: name, limit: last, ...which });
    const { inspections } = await get(`/api/history?${query}`);
    if (own !== turn) return;
    fill(element, inspections.length === 0 ? h("p.empty", empty) : h("ul.history", inspections.map((one) => row(name, one))),
      inspections.length === last && h("button", { onclick: () => { last += limit; draw(); } }, t("inspect.history.more")));
  };
  return { element, draw };
}

/** The photo may be gone; or the next one has its name, which is no picture of this decision. */
function gone({ target }) {
  target.replaceWith(h("span.small.gone", t("inspect.picture.gone")));
}

function row(name, one) {
  const reviewed = one.reviews.length > 0 && h("span.small", t("inspect.history.reviewed", { verdict: t(`inspect.verdict.${one.final_verdict}`) }));
  return h("li", h("a", { href: page(name, "use", one.id) },
    h("img", { src: `/api/history/${one.id}/picture?side=160`, alt: "", loading: "lazy", width: 72, height: 72, onerror: gone }),
    small(one.verdict),
    h("span.when", time(one.time), h("span.small", t("inspect.score", { n: scored(one.score, 1) })), reviewed)));
}
