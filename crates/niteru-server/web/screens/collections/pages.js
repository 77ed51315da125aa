// Images a page at a time, more whenever the end comes into view.

import { get } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { at } from "../find/shared.js";

/** Images of a page. */
const PAGE = 100;

/**
 * Fills a place with the images of a collection: `draw` gets those of a page, and gives their elements. Pages that
 * are out of view cost the browser nothing: each is a block of its own.
 */
export async function pages(place, collection, draw, page = "div.page") {
  let after = null;
  const end = h("div.end");
  const more = async () => {
    const query = after === null ? "" : `&after=${after}`;
    const { images, next } = await get(at(collection, `images?limit=${PAGE}${query}`));
    const elements = draw(images);
    if (elements.length) place.append(h(page, elements));
    after = next;
    end.remove();
    if (next !== null) {
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
