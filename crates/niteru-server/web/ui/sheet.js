// Style sheets of single screens, asked for when they are first shown.

const sheets = new Map();

/** Waits until a style sheet is there: `sheet(new URL("causes.css", import.meta.url))`. */
export function sheet(url) {
  const { href } = url;
  if (!sheets.has(href)) {
    sheets.set(href, new Promise((resolve) => {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = href;
      link.onload = resolve;
      // Without it the screen is plain, and can be used.
      link.onerror = resolve;
      document.head.append(link);
    }));
  }
  return sheets.get(href);
}
