// Files from people: dropped, also as folders, or picked; sent in portions.

import { upload } from "../../ui/api.js";
import { h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";

/** Files and bytes of a request: small enough that progress is seen. */
const PORTION_FILES = 20;
const PORTION_BYTES = 40e6;

const IMAGE = /\.(jpe?g|png|webp|bmp|gif|tiff?)$/i;

/** A place to drop files and folders on, with buttons to pick them. `take` gets the files. */
export function dropZone(words, take, { folders = true, many = true } = {}) {
  const files = h("input.hidden", { type: "file", accept: "image/*", multiple: many, tabindex: "-1", "aria-hidden": "true",
    onchange: (event) => { take([...event.target.files]); event.target.value = ""; } });
  const folder = h("input.hidden", { type: "file", webkitdirectory: true, tabindex: "-1", "aria-hidden": "true",
    onchange: (event) => { take(images([...event.target.files])); event.target.value = ""; } });
  const zone = h("div.drop",
    h("p", words),
    h("p.buttons",
      h("button.main", { type: "button", onclick: () => files.click() }, t(many ? "inspect.pick.files" : "inspect.pick.file")),
      folders && h("button", { type: "button", onclick: () => folder.click() }, t("inspect.pick.folder"))),
    files, folder);
  const over = (is) => (event) => { event.preventDefault(); zone.classList.toggle("over", is); };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", async (event) => {
    over(false)(event);
    take(await dropped(event.dataTransfer));
  });
  return zone;
}

/** Of a folder, only what looks like a picture: what else lies there is not meant. */
const images = (files) => files.filter((file) => IMAGE.test(file.name));

/** The files that were dropped, those inside of folders too. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return [...transfer.files];
  const lists = await Promise.all(entries.map((entry) => (entry.isDirectory ? inFolder(entry).then(images) : asFile(entry))));
  return lists.flat();
}

const asFile = (entry) => new Promise((resolve) => entry.file((file) => resolve([file]), () => resolve([])));

async function inFolder(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    // A reader gives its entries in portions, and an empty one at the end.
    const entries = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (entries.length === 0) return found;
    for (const entry of entries) found.push(...await (entry.isDirectory ? inFolder(entry) : asFile(entry)));
  }
}

/** Sends files in portions; tells `progress(sent, all)` after each. Gives what was refused. */
export async function send(path, files, query, progress) {
  const refused = [];
  let sent = 0;
  // By name: photos that follow each other may be of one part, and training minds that.
  const left = [...files].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  progress(0, files.length);
  while (left.length) {
    const portion = [];
    let bytes = 0;
    while (left.length && portion.length < PORTION_FILES && (portion.length === 0 || bytes + left[0].size < PORTION_BYTES)) {
      bytes += left[0].size;
      portion.push(left.shift());
    }
    refused.push(...(await upload(path, portion, query)).refused);
    sent += portion.length;
    progress(sent, files.length);
  }
  return refused;
}
