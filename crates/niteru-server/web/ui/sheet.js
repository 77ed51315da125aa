// Style sheets of single screens, asked for when these are shown.

/** By their addresses: each one's link, and what waits until it is there. */
const sheets = new Map();

/** Waits until a style sheet is there: `sheet(new URL("causes.css", import.meta.url))`. It counts until the screen is left. */
export function sheet({ href }) {
  if (!sheets.has(href)) sheets.set(href, added(href));
  const { link, there } = sheets.get(href);
  link.media = "all";
  return there;
}

function added(href) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  // By which ui/router.js ends it.
  link.className = "of-screen";
  link.href = href;
  const there = new Promise((resolve) => {
    link.onload = resolve;
    // Without it the screen is plain, and can be used.
    link.onerror = resolve;
  });
  document.head.append(link);
  return { link, there };
}
