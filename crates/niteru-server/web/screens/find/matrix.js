// The similarity of each of some images with each other: a heat map, and the numbers.

import { get } from "../../ui/api.js";
import { showError } from "../../ui/errors.js";
import { fill, h, wide } from "../../ui/h.js";
import { t } from "../../ui/texts.js";
import { csv, save } from "../../ui/save.js";
import { at, nameOf, openDialog, similarity } from "./shared.js";

/** Most images that are compared; see the API. */
const MOST = 200;

/** Opens the matrix of images of a collection. */
export async function openMatrix(collection, ids) {
  const chosen = ids.slice(0, MOST);
  const query = `ids=${chosen.join(",")}`;
  const picture = at(collection, `matrix/picture?${query}&scale=${encodeURIComponent(t("matrix.scale"))}`);
  const numbers = h("div");
  openDialog(t("matrix.title"),
    h("p.small", t("matrix.about")),
    ids.length > MOST && h("p", t("matrix.most", { n: MOST })),
    wide(t("matrix.title"), h("img.matrix", { src: picture, alt: t("matrix.alt") })),
    numbers);
  try {
    const { images, matrix } = await get(at(collection, `matrix?${query}`));
    const names = images.map(nameOf);
    const rows = [["", ...names], ...matrix.map((row, at) => [names[at], ...row.map((value) => value.toFixed(6))])];
    fill(numbers,
      h("p.buttons",
        h("a.button", { href: picture, download: "similarities.png" }, t("matrix.save.picture")),
        h("button", { onclick: () => save("similarities.csv", csv(rows)) }, t("find.csv"))),
      h("details.more", h("summary", t("matrix.numbers")),
        wide(t("matrix.numbers"), h("table.nowrap",
          h("thead", h("tr", h("td"), names.map((name) => h("th", { scope: "col" }, name)))),
          h("tbody", matrix.map((row, at) => h("tr", h("th", { scope: "row" }, names[at]), row.map((value) => h("td", similarity(value))))))))));
  } catch (error) {
    fill(numbers, showError(error));
  }
}
