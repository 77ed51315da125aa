// Style sheets of single screens, asked for when the screen is first shown.

const asked = new Map();

/** Waits until a style sheet is there: `styled(new URL("map.css", import.meta.url).href)`. */
export function styled(address) {
  if (!asked.has(address)) {
    asked.set(address, new Promise((resolve) => {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = address;
      link.onload = resolve;
      // Without it the screen is plain, and can be used.
      link.onerror = resolve;
      document.head.append(link);
    }));
  }
  return asked.get(address);
}
