// Live with a watched folder: the server judges each photo that comes into it, whether anybody looks or not. The verdict
// above is always that of the newest part, or says that there is none; what stands below it waits for who is at it.

import { get, may, post } from "../../../ui/api.js";
import { showError, showFailure, showRefused } from "../../../ui/errors.js";
import { fill, h } from "../../../ui/h.js";
import { held } from "../../../ui/held.js";
import { known, watch as watchJobs } from "../../../ui/jobs.js";
import { clock, number, t, time } from "../../../ui/texts.js";
import { api, page } from "../data.js";
import { shifted } from "../drift.js";
import { below } from "../result.js";
import { scoreBar, small, standstill, verdict } from "../verdict.js";
import { starting } from "./starting.js";
import { queue } from "./queue.js";
import { soundBox, tone } from "./tone.js";

/** Milliseconds from one question to the server to the next, at least and at most, and after one without an answer. */
const PAUSE = 500;
const EACH = 5000;
const AGAIN = 1500;

/** Milliseconds for an answer, and for one that makes an inspector ready. */
const BOUNDS = { patience: 6000 };
const SLOWLY = { patience: 60_000 };

/** Milliseconds without an answer after which the verdict is taken away. */
const SILENCE = 15_000;

/** Milliseconds that a part is shown with all that was found, at least: verdicts may come faster. */
const STAY = 2000;

/** What asks for a watch of one more folder. */
const NEW = "new";

/** Shows the watch of a job; without one, the last that was started. Gives what ends that. */
export async function show(place, name, job) {
  const top = h("div");
  const wrong = h("div");
  const head = h("div.live-head");
  const newer = h("p.newer", { role: "status" });
  const body = h("div.answer-body");
  const counted = h("dl.facts.counted", { "aria-label": t("inspect.folder.today") });
  const sound = soundBox();
  const trouble = h("div");
  const bottom = h("div");
  const refused = h("div");
  const waiting = queue(name, () => count().catch(() => {}));
  const desk = held(body, () => showNewest());
  let left = false;
  /** Which watches there were, and which of them is shown, when that was drawn. */
  let drawn = null;
  /** The last inspection that was looked at. */
  let seen = null;
  /** When the server answered last, and whether it still does. */
  let heard = Date.now();
  let silent = false;
  /** The watch, and the part whose verdict stands above. */
  let current = null;
  let newest = null;
  /** The job of the watch that failed, where nothing is watched since. */
  let failed = null;
  /** When the watch that was shown here was stopped, where nothing is watched since. */
  let stopped = null;
  /** What stands above and below now: drawn again only for something else. */
  let above = null;
  let shown = null;
  let shownAt = -Infinity;
  /** Whether somebody has said what the part below is, and has not begun anything else there. */
  let spoken = false;
  body.addEventListener("focusin", () => { spoken = false; });

  const count = async () => {
    const today = new Date().setHours(0, 0, 0, 0);
    const counts = await get(`${api(name, "counts")}?since=${encodeURIComponent(new Date(today).toISOString())}`, BOUNDS);
    fill(counted, ["OK", "NG", "UNLIKE"].map((one) => h("div", h("dt", small(one)), h("dd", number(counts[one])))));
  };
  const look = async () => {
    const { watches } = await get("/api/watches", BOUNDS);
    if (left) return;
    heard = Date.now();
    silent = false;
    const own = watches.filter((one) => one.inspector === name);
    const before = current;
    current = job === NEW ? null : own.find((one) => String(one.job) === job) ?? own.at(-1) ?? null;
    failed = current || job === NEW ? null : failure(name, job);
    if (current || failed) stopped = null;
    else if (before) stopped = known().find((one) => one.id === before.job)?.ended ?? new Date().toISOString();
    const now = [current?.job, ...own.map((one) => one.job), failed?.id, stopped].join();
    if (now !== drawn) {
      await draw(own);
      drawn = now;
    }
    headline();
    if (!current) return;
    fill(trouble, unreachable(current), shifted(name, current.drift));
    fill(refused, skipped(current));
    if (current.last === null || current.last === seen) return;
    // Photos may come faster than they are shown: what is wrong is not hidden by what came after it.
    const first = seen === null;
    const news = first ? [] : current.recent.filter((one) => one.id > seen);
    const worst = ["NG", "UNLIKE"].map((one) => news.find((other) => other.verdict === one)).find(Boolean);
    const id = worst?.id ?? current.last;
    const was = await get(`/api/history/${id}`, BOUNDS);
    if (left) return;
    seen = current.last;
    newest = { was, found: current.found?.id === id ? current.found : null };
    headline();
    if (!first && sound.checked) tone(was.verdict);
    showNewest();
    await Promise.all([waiting.draw(BOUNDS), count()]);
  };
  /** What is read from afar: the verdict of the newest part with its time, or that there is none. */
  const headline = () => {
    const told = silent ? "offline" : current?.unreachable != null ? "folder" : newest?.was.id ?? "first";
    const what = failed || stopped ? "ended" : current && told;
    if (what === above) return;
    above = what;
    const last = newest && h("span", t("inspect.still.last", { time: clock(newest.was.time) }));
    if (what === null) fill(head);
    else if (what === "ended") fill(head, standstill("ended", failed?.ended ?? stopped, h("span", t("inspect.still.not_inspected"))), failed && showFailure(failed));
    else if (what === "offline") fill(head, standstill("offline", heard, h("span", t("inspect.still.not_shown"))));
    else if (what === "folder") fill(head, standstill("folder", null, last));
    else if (what === "first") fill(head, h("p.empty.first", t("inspect.folder.first")));
    else fill(head, verdict(newest.was.verdict, newest.was.time), scoreBar(newest.was.score, newest.was.threshold));
    if (["offline", "ended"].includes(what) && sound.checked) tone("STILL");
  };
  /** Draws below what was found of the newest part, when nobody is at that of the one before. */
  function showNewest() {
    if (left || newest === null || shown === newest.was.id) return;
    const rest = shownAt + STAY - performance.now();
    if (shown !== null && desk.busy(!spoken)) return void newer.classList.add("there");
    if (rest > 0) return void setTimeout(showNewest, rest);
    next();
  }
  const next = async () => {
    const { was, found } = newest;
    shown = was.id;
    shownAt = performance.now();
    spoken = false;
    newer.classList.remove("there");
    const title = h("h3.of", { tabindex: "-1" }, small(was.verdict), h("span", t("inspect.folder.of", { time: clock(was.time) })));
    const atIt = body.contains(document.activeElement);
    const put = (...inside) => {
      fill(body, title, inside);
      body.dataset.id = was.id;
      desk.changed();
      if (atIt) title.focus({ preventScroll: true });
    };
    const said = () => {
      spoken = true;
      showNewest();
      Promise.all([waiting.draw(BOUNDS), count()]).catch(() => {});
    };
    try {
      const all = found ?? await post(`/api/history/${was.id}/replay`, {}, SLOWLY);
      if (!left && shown === was.id) put(below(all, { reviews: was.reviews, said }));
    } catch (error) {
      if (!left && shown === was.id) put(showError(error));
    }
  };
  fill(newer, t("inspect.folder.newer"), " ", h("button", { type: "button", onclick: next }, t("inspect.folder.newer.show")));
  const draw = async (own) => {
    seen = null;
    newest = null;
    shown = null;
    above = null;
    // The verdict of a watch that is over says nothing of the parts of now.
    fill(head);
    fill(trouble);
    fill(refused);
    fill(body);
    newer.classList.remove("there");
    // That nothing is watched any more stands above the way to begin again.
    const begin = !current && (may("operator") ? await starting(name, started) : h("p.empty", t("inspect.folder.nobody")));
    fill(bottom, current && h("p.small", t("inspect.folder.since", { time: time(current.since), who: current.by })), (failed || stopped) && begin,
      others(name, own, current));
    const stop = (job) => tried(() => post(`/api/jobs/${job}/cancel`, {}, BOUNDS));
    fill(top, current ? running(current, { sound, counted, stop: () => stop(current.job) }) : !(failed || stopped) && begin);
    await Promise.all([waiting.draw(BOUNDS), count()]);
  };
  const started = ({ id }) => {
    if (job !== undefined) location.hash = page(name, "live", "folder", id);
  };
  const tried = async (act) => {
    try {
      await act();
      fill(wrong);
      return true;
    } catch (error) {
      if (left) return false;
      if (error.code === "offline") {
        silent = true;
        headline();
      }
      // Where it is told large, that is enough.
      fill(wrong, !(silent && current) && showError(error));
      return false;
    }
  };

  // Little stands above the verdict: it is to be seen from afar.
  place.append(top, wrong, h("div.answer", head, trouble, newer, body), waiting.element, refused, bottom);
  await look();
  // Each change of a job asks once more, and so does time: a connection may be gone without a word.
  let busy = false;
  let again = false;
  let timer = null;
  const changed = async () => {
    again = true;
    if (busy) return;
    busy = true;
    clearTimeout(timer);
    let worked = true;
    while (again && !left) {
      again = false;
      worked = await tried(look);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    busy = false;
    if (!left) timer = setTimeout(changed, worked ? EACH : AGAIN);
  };
  // Pages that nobody sees are let sleep by browsers: that is no silence of the server.
  const listen = () => {
    if (document.hidden || silent || Date.now() - heard < SILENCE) return;
    silent = true;
    headline();
  };
  const awake = () => {
    listen();
    if (!document.hidden) changed();
  };
  document.addEventListener("visibilitychange", awake);
  const clockwork = setInterval(listen, 1000);
  const end = watchJobs(changed);
  return () => {
    left = true;
    clearTimeout(timer);
    clearInterval(clockwork);
    document.removeEventListener("visibilitychange", awake);
    end();
  };
}

/** The watch that was asked for, or the last of this inspector, if it failed. */
function failure(name, job) {
  const own = known().filter((one) => one.kind === "watch" && one.parameters.name === name);
  const last = own.find((one) => job === undefined || String(one.id) === job);
  return last?.state === "failed" ? last : null;
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

function unreachable({ unreachable, unreachable_exactly: exactly, folder }) {
  return unreachable !== null && h("div.error.unreachable", { role: "alert" },
    h("strong", t("inspect.folder.unreachable", { folder })), h("p", t("inspect.folder.unreachable.more")), h("p.small", showRefused({ reason: unreachable, ...exactly })));
}

/** The files that cannot be used. */
function skipped({ skipped, last_skipped: last }) {
  return skipped > 0 && h("section.skipped", h("p", t("inspect.folder.skipped", { n: number(skipped) })),
    h("ul", last.map((file) => h("li", h("span.name", file.name), ": ", showRefused(file)))));
}
