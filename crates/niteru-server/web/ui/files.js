// Files from people: dropped, also as folders, or picked; sent in portions.

import { h } from "./h.js";
import { t } from "./texts.js";
import { hold } from "./unsaved.js";

/** Files and bytes of a request: small enough that progress is seen. */
const PORTION_FILES = 20;
const PORTION_BYTES = 40e6;

const IMAGE = /\.(jpe?g|png|webp|bmp|gif|tiff?)$/i;

/** A button that lets people pick files. */
export function picker(words, take, { accept = "image/*", many = true, folder = false, main = false, capture = false } = {}) {
  const input = h("input.hidden", {
    type: "file", accept, multiple: many && !folder, webkitdirectory: folder, capture: capture && "environment", tabindex: "-1", "aria-hidden": "true",
    onchange: (event) => {
      const files = [...event.target.files];
      event.target.value = "";
      // A folder without pictures is worth a word.
      if (files.length) take(folder ? files.filter(isImage) : files);
    },
  });
  return [h(main ? "button.main" : "button", { type: "button", onclick: () => input.click() }, words), input];
}

/** Makes an element take what is dropped on it. */
export function takesDrops(element, take) {
  const over = (is) => (event) => {
    event.preventDefault();
    element.classList.toggle("over", is);
  };
  element.addEventListener("dragover", over(true));
  element.addEventListener("dragleave", over(false));
  element.addEventListener("drop", async (event) => {
    over(false)(event);
    take(await dropped(event.dataTransfer));
  });
  return element;
}

/** A place to drop files and folders on, with buttons to pick them, and what else is put beside those. */
export function dropZone(words, take, { folders = true, many = true } = {}, ...more) {
  return takesDrops(h("div.drop",
    h("p", words),
    h("p.buttons",
      picker(t(many ? "pick.files" : "pick.file"), take, { many, main: true }),
      folders && picker(t("pick.folder"), take, { folder: true }), more)), take);
}

/** Of a folder, what looks like a picture: what else lies there is not meant. */
const isImage = (file) => IMAGE.test(file.name);

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return [...transfer.files];
  const lists = await Promise.all(entries.map(async (entry) =>
    entry.isDirectory ? (await inFolder(entry)).filter(isImage) : asFile(entry)));
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

/**
 * Files in portions for a request each, by name: photos that follow each other may be of one part, and training
 * minds that. Until the last is through, the browser asks before the page goes.
 */
export function* portions(files) {
  const left = [...files].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  const release = hold();
  try {
    while (left.length) {
      const portion = [];
      let bytes = 0;
      while (left.length && portion.length < PORTION_FILES && (portion.length === 0 || bytes + left[0].size < PORTION_BYTES)) {
        bytes += left[0].size;
        portion.push(left.shift());
      }
      yield portion;
    }
  } finally {
    release();
  }
}
