// Photos from people: dropped, also as folders, or picked.

import { h } from "../../ui/h.js";
import { t } from "../../ui/texts.js";

const IMAGE = /\.(jpe?g|png|webp|bmp|gif|tiff?)$/i;

/** A button that lets people pick files. */
export function picker(words, take, { accept = "image/*", many = true, folder = false, main = false } = {}) {
  const input = h("input.hidden", {
    type: "file", accept, multiple: many && !folder, webkitdirectory: folder, tabindex: "-1", "aria-hidden": "true",
    onchange: (event) => {
      const files = [...event.target.files];
      event.target.value = "";
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
    const files = await dropped(event.dataTransfer);
    if (files.length) take(files);
  });
  return element;
}

/** A place to drop photos and folders on, with buttons beside. */
export function dropPlace(take, ...more) {
  return takesDrops(h("div.drop",
    h("p", t("add.drop")),
    h("p.buttons", picker(t("add.files"), take, { main: true }), picker(t("add.folder"), take, { folder: true }), more)), take);
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
