// Parts of the page that a person is at: what would change there waits until the person is through, so that a finger
// never meets another button than the eye saw, and nothing that is being typed is lost.

/** Milliseconds after a touch in which nothing changes. */
const CALM = 1200;

/** Milliseconds in which what has just changed cannot be pressed: the finger was on its way before. */
const SETTLE = 700;

/**
 * Watches an element. `busy()`: somebody is at it, with the focus unless that does not count; `changed()`: it has just
 * become another. `free` is called some time after a touch or when the focus has gone; it looks itself whether it may.
 */
export function held(element, free = () => {}) {
  let down = false;
  let touched = -Infinity;
  let fresh = -Infinity;
  let timer = null;
  // A heading that was given the focus is no work.
  const focused = () => element.contains(document.activeElement) && !document.activeElement.matches("h2, h3");
  const busy = (withFocus = true) => down || performance.now() - touched < CALM || (withFocus && focused());
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => element.isConnected && free(), CALM + 50);
  };
  const lifted = () => {
    down = false;
    touched = performance.now();
    removeEventListener("pointerup", lifted, true);
    removeEventListener("pointercancel", lifted, true);
    later();
  };
  element.addEventListener("pointerdown", () => {
    down = true;
    // Wherever it is lifted.
    addEventListener("pointerup", lifted, true);
    addEventListener("pointercancel", lifted, true);
  }, true);
  element.addEventListener("focusout", later);
  element.addEventListener("click", (event) => {
    if (performance.now() - fresh >= SETTLE || !event.target.closest("button, a")) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  return { busy, changed: () => { fresh = performance.now(); } };
}
