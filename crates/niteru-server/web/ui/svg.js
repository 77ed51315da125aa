// Pictures that are drawn: elements of SVG, as h.js has those of HTML.

const SPACE = "http://www.w3.org/2000/svg";

/** Makes an element: `svg("line.axis", { x1: 0, x2: 9 })`. Texts are only ever text. */
export function svg(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElementNS(SPACE, tag);
  if (classes.length) element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(key, String(value));
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}
