// Jobs as they come, and whoever wants to know.

import { get, me } from "./api.js";
import { sharedFeed } from "./shared-feed.js";

/** Milliseconds after which a connection that was refused is tried again. */
const AGAIN = 3000;

const listeners = new Set();
const jobs = new Map();

/** What ends listening to the server; `null` while nobody wants to know. */
let end = null;

/** Jobs whose ends are waited for, by their numbers: what is to be called with each, and with what is wrong. */
const awaited = new Map();

/** Whether a job waits for its turn or is being done. */
export const isOpen = (job) => ["queued", "running"].includes(job.state);

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
    if (listeners.size === 0) stop();
  };
}

/** Waits until a job is over, and gives it. */
export function finished(id) {
  let end = () => {};
  return new Promise((resolve, reject) => {
    const known = awaited.get(id) ?? [];
    awaited.set(id, [...known, { resolve, reject }]);
    end = watch(() => jobs.has(id) && ended(jobs.get(id)));
    // It may be over for so long that no snapshot has it.
    ask(id);
  }).finally(() => end());
}

/** Tells those who wait for a job, when it is over. */
function ended(job) {
  if (isOpen(job)) return;
  const all = awaited.get(job.id) ?? [];
  awaited.delete(job.id);
  for (const { resolve } of all) resolve(job);
}

/** Asks about a job that is waited for. What cannot be answered now is asked again. */
async function ask(id) {
  try {
    ended(await get(`/api/jobs/${id}`));
  } catch (error) {
    if (!awaited.has(id)) return;
    if (error.status !== 404 && me?.role) return void setTimeout(() => awaited.has(id) && ask(id), AGAIN);
    const all = awaited.get(id);
    awaited.delete(id);
    for (const { reject } of all) reject(error);
  }
}

function tell() {
  const all = known();
  for (const listener of listeners) listener(all);
}

function connect() {
  end ??= sharedFeed(hear);
}

function stop() {
  end?.();
  end = null;
}

function hear({ snapshot, job, refused }) {
  if (snapshot) {
    jobs.clear();
    for (const one of snapshot) jobs.set(one.id, one);
    tell();
    // It has only the newest ones, and some may have come to their end while nobody was told.
    for (const id of awaited.keys()) if (!jobs.has(id)) ask(id);
  }
  if (job) {
    jobs.set(job.id, job);
    tell();
  }
  if (!refused) return;
  // Asking tells the rest of the page.
  stop();
  if (me?.name) get("/api/jobs?limit=1").catch(() => {});
  setTimeout(() => listeners.size > 0 && me?.role && connect(), AGAIN);
}
