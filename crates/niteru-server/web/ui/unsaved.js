// What is lost when the page goes: photos that are being sent, an area that is not kept yet. The browser asks before.

const held = new Set();

function ask(event) {
  event.preventDefault();
}

/** From now on the browser asks before the page goes. Gives what ends that. */
export function hold() {
  const own = {};
  held.add(own);
  addEventListener("beforeunload", ask);
  return () => {
    held.delete(own);
    if (held.size === 0) removeEventListener("beforeunload", ask);
  };
}
