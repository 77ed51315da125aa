// Jobs as they come: one connection for the whole page, and whoever wants to know.

import { get, me } from "./api.js";

/** Milliseconds after which a connection that was refused is tried again. */
const AGAIN = 3000;

const listeners = new Set();
const jobs = new Map();
let source = null;

/** All jobs that are known, the newest first. */
export function known() {
  return [...jobs.values()].sort((a, b) => b.id - a.id);
}

/** Calls a function with the jobs now and after each change. Returns what ends that. */
export function watch(listener) {
  listeners.add(listener);
  connect();
  listener(known());
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      source?.close();
      source = null;
    }
  };
}

/** Waits until a job is over, and gives it. */
export function finished(id) {
  return new Promise((resolve) => {
    const end = watch(() => {
      const job = jobs.get(id);
      if (job && !["queued", "running"].includes(job.state)) {
        queueMicrotask(() => end());
        resolve(job);
      }
    });
  });
}

function tell() {
  const all = known();
  for (const listener of listeners) listener(all);
}

function connect() {
  if (source) return;
  // The browser connects again by itself; the server then begins with a snapshot.
  source = new EventSource("/api/jobs/events");
  source.addEventListener("snapshot", (event) => {
    jobs.clear();
    for (const job of JSON.parse(event.data).jobs) jobs.set(job.id, job);
    tell();
  });
  source.addEventListener("job", (event) => {
    const job = JSON.parse(event.data);
    jobs.set(job.id, job);
    tell();
  });
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    // Refused: logged out, or the server is busy or being restored. Asking tells the rest of the page.
    source = null;
    if (me?.name) get("/api/jobs?limit=1").catch(() => {});
    setTimeout(() => listeners.size > 0 && me?.role && connect(), AGAIN);
  });
}
