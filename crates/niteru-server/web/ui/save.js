// Files for people: text that is saved, and tables for spreadsheet programs.

import { h } from "./h.js";

/** Gives people text as a file. */
export function save(name, text, type = "text/csv;charset=utf-8") {
  const address = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** What a spreadsheet program would take for a formula, and no number; and what looks like that with a `'` before it. */
const isFormula = (value) => /^'*[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value));

/**
 * Rows as a CSV file that spreadsheet programs read as UTF-8. They must not run what somebody put into a name, so
 * formulas get a `'` before them; a server that a table is brought back to takes it off (niteru-store, spreadsheet.rs).
 */
export function csv(rows) {
  const text = (value) => (isFormula(value) ? `'${value}` : value);
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const cell = (value) => quoted(text(value));
  return "\ufeff" + rows.map((row) => row.map((value) => cell(String(value ?? ""))).join(",")).join("\r\n") + "\r\n";
}
