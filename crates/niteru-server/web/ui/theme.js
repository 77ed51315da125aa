// Light, dark, or as the system has it.

const KEY = "niteru-theme";

/** `light`, `dark`, or `system`. */
export function current() {
  return localStorage.getItem(KEY) ?? "system";
}

/** Takes a theme, and remembers it. */
export function use(theme) {
  if (theme === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme);
  begin();
}

/** Shows the theme that was taken before. */
export function begin() {
  const theme = current();
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
