// Images a page at a time, more whenever the end comes into view.

import { showError } from "../../ui/errors.js";
import { h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";

/**
 * Fills a place with images: `next(after, signal)` gives a page of them after one (see set.js), and `draw` their elements.
 * Pages that are out of view cost the browser nothing: each is a block of its own.
 *
 * `clear` is called before the first ones are put in: what stood there goes only when there is something in its place. The
 * function that it gives asks anew for the pages that are shown, waits for that, and gives whether there is any image.
 * Pages that are as they were stay untouched: where one has scrolled to, and what has the focus. `signal` ends it all.
 */
export function pages(place, next, draw, { page = "div.page", signal, clear = () => {} }) {
  /** What is shown: `told` is what a page was drawn from, `after` where the next one begins. */
  let blocks = [];
  /** What belongs to an older turn is not shown. */
  let turn = 0;
  let busy = false;
  const end = h("div.end");

  const ask = async (after, before) => {
    const found = await next(after, signal);
    const told = JSON.stringify(found.images);
    if (before?.told === told) return { ...before, after: found.next };
    return { told, after: found.next, images: found.images };
  };
  const put = (all) => {
    if (blocks.length === 0) clear();
    const kept = new Set(all.map(({ element }) => element));
    for (const { element } of blocks) if (element && !kept.has(element)) element.remove();
    for (const block of all) block.element ??= block.images.length > 0 ? h(page, draw(block.images)) : null;
    blocks = all;
    let following = end;
    if (end.parentNode !== place) place.append(end);
    for (const { element } of [...all].reverse()) {
      if (!element) continue;
      if (element.nextSibling !== following) place.insertBefore(element, following);
      following = element;
    }
    end.replaceChildren();
    if (all.at(-1).after === null) end.remove();
    else seen.observe(end);
  };
  const more = async () => {
    const own = turn;
    try {
      const block = await ask(blocks.at(-1).after);
      if (own === turn && !signal.aborted) put([...blocks, block]);
    } catch (error) {
      if (own !== turn || signal.aborted) return;
      end.replaceChildren(showError(error, h("button", { onclick: () => { end.replaceChildren(); seen.observe(end); } }, t("again"))));
    }
  };
  const seen = new IntersectionObserver(async (entries) => {
    if (busy || !entries.some((entry) => entry.isIntersecting)) return;
    busy = true;
    const own = turn;
    seen.unobserve(end);
    await more();
    busy = false;
    // What was asked for is not shown, as all was asked for anew meanwhile.
    if (own === turn || signal.aborted) return;
    seen.unobserve(end);
    seen.observe(end);
  }, { rootMargin: "1200px" });
  signal.addEventListener("abort", () => seen.disconnect());

  return async () => {
    const own = ++turn;
    const all = [];
    do {
      all.push(await ask(all.at(-1)?.after ?? null, blocks[all.length]));
    } while (all.at(-1).after !== null && all.length < blocks.length);
    if (own === turn && !signal.aborted) put(all);
    return all.some(({ told }) => told !== "[]");
  };
}
