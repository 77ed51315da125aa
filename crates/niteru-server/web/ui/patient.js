// Sending again what could not be taken now: a server that is busy, or a network that was away for a moment.

import { isAway } from "./api.js";
import { t } from "./texts.js";

/** Milliseconds that are waited before it is tried again, where the server does not say, at first and at most. */
const FIRST = 1000;
const MOST = 15_000;

/** Milliseconds without success after which it is given up. */
const PATIENCE = 5 * 60_000;

/** What passes by itself: a connection that is away, and a server that is busy or being restored. */
const passes = (error) => isAway(error) || error.status === 503;

/**
 * Does something that may be done twice, again and again until it works. `waits(error)` is told of each time that it
 * did not; `waits(null)` when it goes on. `signal` ends the waiting: then the last error is thrown.
 */
export async function patiently(work, { signal, waits = () => {} } = {}) {
  const until = Date.now() + PATIENCE;
  for (let pause = FIRST; ; pause = Math.min(MOST, pause * 2)) {
    try {
      const done = await work();
      waits(null);
      return done;
    } catch (error) {
      if (!passes(error) || signal?.aborted || Date.now() > until) throw error;
      waits(error);
      await rest(error.again === null ? pause : Math.min(MOST, error.again * 1000), signal);
      if (signal?.aborted) throw error;
    }
  }
}

/** Why it is waited, in words: for `signal` that has come, or because of an error; `null` where it goes on. */
export function why(error, signal) {
  if (signal.aborted) return t("add.stopping");
  return error && t(isAway(error) ? "add.waits.offline" : "add.waits.busy");
}

/** Milliseconds that what is on its way has when it is cancelled: what has nearly come through need not be sent again. */
const GRACE = 5000;

/** A signal that comes a moment after another: for requests of which it matters whether they came through. */
export function graceful(signal) {
  const end = new AbortController();
  signal.addEventListener("abort", () => setTimeout(() => end.abort(), GRACE), { once: true });
  return end.signal;
}

/** Waits, but no longer than until the signal. */
function rest(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(over, milliseconds);
    signal?.addEventListener("abort", over);
    function over() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", over);
      resolve();
    }
  });
}
