// The screen's own style sheet, asked for when the screen is first shown.

let ready = null;

/** Waits until the style sheet is there. */
export function styled() {
  ready ??= new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL("inspect.css", import.meta.url).href;
    link.onload = resolve;
    // Without it the screen is plain, and can be used.
    link.onerror = resolve;
    document.head.append(link);
  });
  return ready;
}
