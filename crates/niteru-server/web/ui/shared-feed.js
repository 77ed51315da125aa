// What the server tells of jobs, by one connection for all tabs of this browser where it can share one.

import { get } from "./api.js";
import { feed } from "./feed.js";

/** Milliseconds without a sign of life after which the worker that tabs share is taken for gone. */
const SILENCE = 25_000;

/** Milliseconds between two looks at that. */
const LOOK = 5000;

/** Milliseconds between two questions of a tab that nobody sees and that has no worker. */
const EACH = 5000;

/** Calls `hear` as `feed` does. Gives what ends that. */
export function sharedFeed(hear) {
  let end = shared(hear);
  // A page that was left may come back as it was.
  const leave = () => { end?.(); end = null; };
  const back = () => { end ??= shared(hear); };
  addEventListener("pagehide", leave);
  addEventListener("pageshow", back);
  return () => {
    removeEventListener("pagehide", leave);
    removeEventListener("pageshow", back);
    leave();
  };
}

/** By the worker of all tabs; where there is none, by a connection of this tab's own. */
function shared(hear) {
  let worker;
  try {
    worker = new SharedWorker(new URL("feed-worker.js", import.meta.url), { type: "module", name: "niteru" });
  } catch {
    // A browser that has none, or gives this page none.
    return alone(hear);
  }
  let heard = performance.now();
  const leave = () => {
    clearInterval(timer);
    worker.port.onmessage = null;
    worker.port.postMessage("enough");
  };
  let end = leave;
  let over = false;
  const instead = (other) => {
    if (over || end !== leave) return;
    leave();
    end = other(hear);
  };
  const timer = setInterval(() => performance.now() - heard > SILENCE && instead(shared), LOOK);
  worker.port.onmessage = ({ data }) => {
    heard = performance.now();
    if (!data.alive) hear(data);
  };
  // It cannot be loaded: the server may be a newer one than this page.
  worker.addEventListener("error", () => instead(alone));
  return () => {
    over = true;
    end();
  };
}

/** By a connection of this tab's own while somebody sees it; else it asks now and then, and keeps none. */
function alone(hear) {
  let end = null;
  let timer = null;
  /** What is asked belongs to a turn; an answer that comes after it is not told. */
  let turn = 0;
  const rest = () => {
    turn += 1;
    end?.();
    end = null;
    clearTimeout(timer);
  };
  const ask = async () => {
    const own = turn;
    const answer = await get("/api/jobs").catch(() => null);
    if (own !== turn) return;
    timer = setTimeout(ask, EACH);
    if (answer) hear({ snapshot: answer.jobs });
  };
  const seen = () => {
    rest();
    if (document.hidden) ask();
    else end = feed(hear);
  };
  document.addEventListener("visibilitychange", seen);
  seen();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    rest();
  };
}
