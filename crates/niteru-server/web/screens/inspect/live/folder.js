// Live with a watched folder: the server judges each photo that comes into it, whether anybody looks or not.

import { get, may, post } from "../../../ui/api.js";
import { showError, showRefused } from "../../../ui/errors.js";
import { fill, h } from "../../../ui/h.js";
import { watch as watchJobs } from "../../../ui/jobs.js";
import { number, t, time } from "../../../ui/texts.js";
import { api, page } from "../data.js";
import { shifted } from "../drift.js";
import { result } from "../result.js";
import { small } from "../verdict.js";
import { starting } from "./starting.js";
import { queue } from "./queue.js";
import { tone } from "./tone.js";

/** Milliseconds from one question to the server to the next, at least. */
const PAUSE = 500;

/** What asks for a watch of one more folder. */
const NEW = "new";

/** Shows the watch of a job; without one, the last that was started. Gives what ends that. */
export async function show(place, name, job) {
  const top = h("div");
  const wrong = h("div");
  const answer = h("div.answer");
  const counted = h("dl.facts.counted", { "aria-label": t("inspect.folder.today") });
  const sound = h("input", { type: "checkbox" });
  const trouble = h("div");
  const below = h("div");
  const refused = h("div");
  const waiting = queue(name, () => count());
  let left = false;
  /** Which watches there were, and which of them is shown, when that was drawn. */
  let drawn = null;
  /** The last inspection that was looked at. */
  let seen = null;

  const count = async () => {
    const today = new Date().setHours(0, 0, 0, 0);
    const counts = await get(`${api(name, "counts")}?since=${encodeURIComponent(new Date(today).toISOString())}`);
    fill(counted, ["OK", "NG", "UNLIKE"].map((one) => h("div", h("dt", small(one)), h("dd", number(counts[one])))));
  };
  const look = async () => {
    const { watches } = await get("/api/watches");
    const own = watches.filter((one) => one.inspector === name);
    const current = job === NEW ? undefined : own.find((one) => String(one.job) === job) ?? own.at(-1);
    const now = [current?.job, ...own.map((one) => one.job)].join();
    if (now !== drawn) {
      drawn = now;
      await draw(current, own);
    }
    if (!current) return;
    fill(trouble, unreachable(current), shifted(name, current.drift));
    fill(refused, skipped(current));
    if (current.last === null || current.last === seen) return;
    // Photos may come faster than they are shown: what is wrong is not hidden by what came after it.
    const news = seen === null ? [] : current.recent.filter((one) => one.id > seen);
    const worst = ["NG", "UNLIKE"].map((one) => news.find(({ verdict }) => verdict === one)).find(Boolean);
    seen = current.last;
    const id = worst?.id ?? seen;
    const found = current.found?.id === id ? current.found : await post(`/api/history/${id}/replay`);
    if (left) return;
    fill(answer, result(found, { said: () => Promise.all([waiting.draw(), count()]) }));
    if (news.length > 0 && sound.checked) tone(found.verdict);
    await Promise.all([waiting.draw(), count()]);
  };
  const draw = async (current, own) => {
    seen = null;
    fill(trouble);
    fill(refused);
    fill(answer, current && h("p.empty.first", t("inspect.folder.first")));
    fill(below, current && h("p.small", t("inspect.folder.since", { time: time(current.since), who: current.by })), others(name, own, current));
    fill(top, current ? running(current, { sound, counted, stop: () => tried(() => post(`/api/jobs/${current.job}/cancel`)) })
      : may("operator") ? await starting(name, started) : h("p.empty", t("inspect.folder.nobody")));
    await Promise.all([waiting.draw(), count()]);
  };
  const started = ({ id }) => {
    if (job !== undefined) location.hash = page(name, "live", "folder", id);
  };
  const tried = async (act) => {
    try {
      fill(wrong);
      await act();
    } catch (error) {
      fill(wrong, showError(error));
    }
  };

  // Little stands above the verdict: it is to be seen from afar.
  place.append(top, trouble, wrong, answer, waiting.element, refused, below);
  await look();
  // Each change of a job asks once more; changes that come meanwhile ask together.
  let busy = false;
  let again = false;
  const changed = async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again && !left) {
      again = false;
      await tried(look);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    busy = false;
  };
  const end = watchJobs(changed);
  return () => {
    left = true;
    end();
  };
}

/** What is watched, and how that went today, in a line. */
function running(current, { sound, counted, stop }) {
  return h("div.card.watched",
    h("strong.name", t("inspect.folder.watching", { folder: current.folder })),
    h("span.small", t("inspect.folder.today")), counted,
    h("label.check", sound, t("inspect.live.sound")),
    may("operator") && h("button.stop", { onclick: stop }, t("inspect.folder.stop")));
}

/** The way to the other watches of this inspector, and to one more. */
function others(name, own, current) {
  const links = own.filter((one) => one !== current)
    .map((one) => h("a.button", { href: page(name, "live", "folder", one.job) }, t("inspect.folder.show", { folder: one.folder })));
  if (current && may("operator")) links.push(h("a.button", { href: page(name, "live", "folder", NEW) }, t("inspect.folder.more")));
  return links.length > 0 && h("p.buttons.others", links);
}

function unreachable({ unreachable, folder }) {
  return unreachable !== null && h("div.error.unreachable", { role: "alert" },
    h("strong", t("inspect.folder.unreachable", { folder })), h("p", t("inspect.folder.unreachable.more")), h("p.small", unreachable));
}

/** The files that cannot be used. */
function skipped({ skipped, last_skipped: last }) {
  return skipped > 0 && h("section.skipped", h("p", t("inspect.folder.skipped", { n: number(skipped) })),
    h("ul", last.map((file) => h("li", h("span.name", file.name), ": ", showRefused(file)))));
}
