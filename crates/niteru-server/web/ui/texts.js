// Texts in the language that the user reads, and numbers and times as it writes them.

const NAMES = { en: "English", ja: "日本語" };
const KEY = "niteru-language";

let language = "en";
let texts = {};

/** The texts of single screens by their languages: what `load` has brought, and under which names. */
const parts = { en: {}, ja: {} };
const loaded = { en: new Set(), ja: new Set() };

/** The languages by their own names. */
export const languages = NAMES;

/** The language in use, `en` or `ja`. */
export function current() {
  return language;
}

/** Takes the language that was chosen before, else that of the browser. */
export async function begin() {
  const chosen = localStorage.getItem(KEY);
  const browser = (navigator.language || "en").slice(0, 2);
  await use(chosen in NAMES ? chosen : browser in NAMES ? browser : "en", false);
}

/** The language that was asked for last: its texts may come before those of the one that was asked for before it. */
let wanted = null;

/** Changes the language; whoever shows texts draws them again after it. */
export async function use(name, keep = true) {
  wanted = name;
  const brought = (await import(`../texts/${name}.js`)).default;
  if (wanted !== name) return;
  texts = brought;
  language = name;
  document.documentElement.lang = name;
  if (keep) localStorage.setItem(KEY, name);
}

/** Brings the texts of a screen, `texts/NAME.LANGUAGE.js`; the screen waits for them before it shows anything. */
export async function load(name) {
  const own = language;
  Object.assign(parts[own], (await import(`../texts/${name}.${own}.js`)).default);
  loaded[own].add(name);
}

/** Whether the texts of a screen are there in the language in use. */
export function has(name) {
  return loaded[language].has(name);
}

/**
 * A text by its key: `t("jobs.left", { time: "2 min" })` puts the value in place of `{time}`. While a screen's texts are
 * on their way in another language, those of the one before stand there; a key that is nowhere is shown as itself.
 */
export function t(key, values = {}) {
  const text = texts[key] ?? parts[language][key] ?? parts.en[key] ?? parts.ja[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A number as the language writes it. */
export function number(value, digits = 0) {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A time (RFC 3339) as the language writes it, here. */
export function time(text) {
  return new Date(text).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

/** A time to the second, as it is wanted while one waits; with the date where that is not today's. */
export function clock(moment) {
  const then = new Date(moment);
  const today = then.toDateString() === new Date().toDateString();
  return then.toLocaleString(language, { dateStyle: today ? undefined : "medium", timeStyle: "medium" });
}

/** Bytes as people read them. */
export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${number(value, at > 1 && value < 100 ? 1 : 0)} ${units[at]}`;
}

/** Seconds as people read them. */
export function duration(seconds) {
  if (seconds < 90) return t("time.seconds", { n: number(Math.max(1, Math.round(seconds))) });
  if (seconds < 5400) return t("time.minutes", { n: number(Math.round(seconds / 60)) });
  return t("time.hours", { n: number(seconds / 3600, 1) });
}
