// Images a page at a time, more whenever the end comes into view.

import { showError } from "../../ui/errors.js";
import { h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";

/**
 * Fills a place with images: `next` gives a page of them after one (see set.js), and `draw` their elements. Pages that
 * are out of view cost the browser nothing: each is a block of its own.
 */
export async function pages(place, next, draw, page = "div.page") {
  let after = null;
  const end = h("div.end");
  const more = async () => {
    const found = await next(after);
    const elements = draw(found.images);
    if (elements.length) place.append(h(page, elements));
    after = found.next;
    end.remove();
    if (after !== null) {
      place.append(end);
      seen.observe(end);
    }
  };
  let busy = false;
  const seen = new IntersectionObserver(async (entries) => {
    if (busy || !entries.some((entry) => entry.isIntersecting)) return;
    busy = true;
    seen.unobserve(end);
    try {
      await more();
    } catch (error) {
      end.replaceChildren(showError(error, h("button", { onclick: () => { end.replaceChildren(); seen.observe(end); } }, t("again"))));
    }
    busy = false;
  }, { rootMargin: "1200px" });
  await more();
}
