// What was not OK and nobody has looked at yet; a person says here what it was. Rows keep their places while somebody is
// at them: what is new comes to the end, and what is done goes when nobody is there.

import { get, may, post } from "../../../ui/api.js";
import { showError } from "../../../ui/errors.js";
import { fill, h } from "../../../ui/h.js";
import { held } from "../../../ui/held.js";
import { clock, t } from "../../../ui/texts.js";
import { fileName, page, uploadOf } from "../data.js";
import { small } from "../verdict.js";

/** Decisions that are shown. */
const MOST = 10;

/** Which of them wait for a person. */
const VERDICTS = ["NG", "UNLIKE"];

const byTime = (a, b) => Date.parse(a.time) - Date.parse(b.time) || a.id - b.id;

/** A list that is drawn by `draw`; `said` is called when somebody has said something. */
export function queue(name, said = () => {}) {
  const wrong = h("div");
  const list = h("ul.history");
  const below = h("div");
  /** The rows by the numbers of their inspections; `over`: nobody has to look at it any more. */
  const rows = new Map();
  const desk = held(list, () => draw().catch(() => {}));

  const draw = async (bounds) => {
    const of = async (verdict) => (await get(`/api/history?${new URLSearchParams({ inspector: name, verdict, reviewed: false, limit: MOST })}`, bounds)).inspections;
    const found = await Promise.all(VERDICTS.map(of));
    const newest = new Map(found.flat().map((one) => [one.id, one]));
    for (const row of rows.values()) {
      // Said by somebody else, unless it is only older than what is told.
      const told = found[VERDICTS.indexOf(row.one.verdict)];
      const older = told.length === MOST && byTime(row.one, told.at(-1)) < 0;
      if (!newest.has(row.one.id) && !older) row.over = true;
    }
    if (!desk.busy()) sweep();
    const open = [...rows.values()].filter((row) => !row.over).length;
    const fresh = [...newest.values()].filter((one) => !rows.has(one.id)).sort(byTime);
    // At first the newest ones; later, those that came first.
    const added = rows.size === 0 ? fresh.slice(-MOST) : fresh.slice(0, Math.max(0, MOST - open));
    for (const one of added) {
      const element = row(one);
      rows.set(one.id, { one, element, over: false });
      list.append(element);
    }
    fill(below, rows.size === 0 ? h("p.empty", t("inspect.live.queue.empty"))
      : fresh.length > added.length && h("p.small", t("inspect.live.queue.rest")));
  };
  const sweep = () => {
    for (const [id, row] of rows) {
      if (!row.over) continue;
      row.element.remove();
      rows.delete(id);
    }
  };
  const say = (id, verdict) => async (event) => {
    const own = rows.get(id);
    const byKeys = event.detail === 0;
    const pressed = event.currentTarget;
    // Until the answer is there, a second press would be kept, too.
    const open = (is) => { for (const button of own.element.querySelectorAll(".buttons button")) button.disabled = !is; };
    open(false);
    try {
      await post(`/api/history/${id}/reviews`, { verdict, note: "" });
    } catch (error) {
      fill(wrong, showError(error));
      open(true);
      if (document.activeElement === document.body) pressed.focus({ preventScroll: true });
      return;
    }
    fill(wrong);
    own.over = true;
    own.element.className = "said";
    fill(own.element.querySelector(".buttons"), h("span", { role: "status" }, t("inspect.live.queue.said", { what: t(`inspect.review.${verdict}`) })));
    if (byKeys) [...list.querySelectorAll(".waits button")].find((button) => own.element.compareDocumentPosition(button) & 4)?.focus();
    said();
    await draw().catch((error) => fill(wrong, showError(error)));
  };
  const row = (one) => h("li.waits",
    h("a", { href: page(name, "use", one.id) },
      h("img", { src: `/api/history/${one.id}/picture?side=160`, alt: "", loading: "lazy", width: 72, height: 72 }),
      small(one.verdict),
      h("span.when", clock(one.time), uploadOf(one.path) === null && h("span.small.name", fileName(one.path)))),
    may("operator") && h("p.buttons",
      h("button.was-ok", { onclick: say(one.id, "OK") }, "✓ ", t("inspect.review.OK")),
      h("button.was-ng", { onclick: say(one.id, "NG") }, "✕ ", t("inspect.review.NG"))));
  return {
    element: h("section.queue", h("h2", t("inspect.live.queue")), h("p.small", t("inspect.live.queue.more")), wrong, list, below),
    draw,
  };
}
