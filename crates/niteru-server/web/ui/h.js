// Elements without HTML text: what comes from people is only ever text.

/**
 * Makes an element. `h("button.main", { onclick: save, disabled: true }, "Save")`.
 *
 * Properties that start with `on` are listeners; `true` sets an attribute without a value; `false`, `null`
 * and `undefined` leave it out; `class` adds to the classes of the name. Children are elements, texts,
 * numbers, lists of them; what is `null`, `undefined` or `false` is left out.
 */
export function h(name, properties, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.classList.add(...classes);
  if (properties === null || typeof properties !== "object" || Array.isArray(properties) ||
      properties instanceof Node) {
    children.unshift(properties);
    properties = {};
  }
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.classList.add(...String(value).split(" ").filter(Boolean));
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child !== undefined && child !== null && child !== false) element.append(child);
  }
}

/** Puts children in place of those that an element has. */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

/** Makes these elements the children of another; those that are there already stay untouched, with the focus in them. */
export function settle(element, children) {
  const wanted = new Set(children);
  for (const child of [...element.childNodes]) if (!wanted.has(child)) child.remove();
  children.forEach((child, at) => {
    const here = element.childNodes[at] ?? null;
    if (here !== child) element.insertBefore(child, here);
  });
  return element;
}

/** What may be wider than the page: it is pushed sideways, also with the keys. */
export function wide(label, ...children) {
  return h("div.scroll", { tabindex: "0", role: "group", "aria-label": label }, children);
}
