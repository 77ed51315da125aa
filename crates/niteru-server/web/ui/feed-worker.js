// The one connection on which the server tells of jobs, for all tabs of this browser. Over plain HTTP a browser has six
// connections for all of them, and one that listens keeps its own: with six tabs nothing else would come through.

import { feed } from "./feed.js";

/** Milliseconds between two signs of life: a browser may end a worker without a word. */
const ALIVE = 10_000;

/** The tabs that listen. */
const tabs = new Set();

/** What ends the connection; `null` while there is none. */
let end = null;

/** The jobs as they were told; `null` while that is not known. */
let jobs = null;

/** Signs of life, while somebody listens. */
let timer = null;

const tell = (news) => { for (const tab of tabs) tab.postMessage(news); };

addEventListener("connect", ({ ports: [tab] }) => {
  const leave = () => {
    tabs.delete(tab);
    tab.close();
    if (tabs.size === 0) stop();
  };
  // All that a tab ever says is that it has had enough.
  tab.addEventListener("message", leave);
  tab.addEventListener("close", leave);
  tab.start();
  tabs.add(tab);
  if (jobs) tab.postMessage({ snapshot: [...jobs.values()] });
  end ??= feed(hear);
  timer ??= setInterval(() => tell({ alive: true }), ALIVE);
});

function hear(news) {
  if (news.snapshot) jobs = new Map(news.snapshot.map((job) => [job.id, job]));
  if (news.job) jobs?.set(news.job.id, news.job);
  if (news.away || news.refused) jobs = null;
  tell(news);
  if (!news.refused) return;
  // Each tab comes again when it is time.
  tabs.clear();
  stop();
}

function stop() {
  end?.();
  end = null;
  jobs = null;
  clearInterval(timer);
  timer = null;
}
