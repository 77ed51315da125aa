// Fields, values and chances in plain words.

import { current, number, t } from "../../ui/texts.js";

/** Fields that the program itself knows, and values that have names of their own in each language. */
const NAMED = ["hour", "weekday", "operator", "inspector_version"];
const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/** Minutes that local time is ahead of UTC. */
export const offset = () => -new Date().getTimezoneOffset();

/** A field as people call it. */
export const fieldName = (field) => (NAMED.includes(field) ? t(`causes.field.${field}`) : field);

/** Field and value of a cause. */
export function named({ field, value }) {
  if (field === "weekday" && WEEKDAYS.includes(value)) return t("causes.value", { field: fieldName(field), value: t(`causes.weekday.${value}`) });
  if (field === "hour" && /^\d+$/.test(value)) return t("causes.value.hour", { from: value, to: String((Number(value) + 1) % 24) });
  return t("causes.value", { field: fieldName(field), value });
}

/** What is said of a cause: how many, how much, how sure. */
export function sentences(cause) {
  const expected = cause.in_group * cause.with_value / Math.max(1, cause.all);
  return {
    count: t("causes.cause.count", { n: number(cause.in_group_with_value), all: number(cause.in_group), expected: number(expected, 1) }),
    effect: t("causes.cause.effect", { odds: ratio(cause.odds_ratio), low: ratio(cause.interval.low), high: ratio(cause.interval.high) }),
    sure: t(cause.adjusted < 0.001 ? "causes.cause.sure.very" : "causes.cause.sure", { p: number(cause.adjusted, 3) }),
  };
}

/** A ratio with two digits that count. */
const ratio = (value) => number(value, value < 10 ? 1 : 0);

/** A span of time by its start. */
export function span(unit, start) {
  const date = new Date(start);
  const day = { month: "short", day: "numeric" };
  if (unit === "hour") return date.toLocaleString(current(), { ...day, hour: "numeric" });
  const text = date.toLocaleDateString(current(), day);
  return unit === "week" ? t("causes.week", { day: text }) : text;
}

/** From one day to another. */
export function days(first, last) {
  const shape = new Intl.DateTimeFormat(current(), { year: "numeric", month: "short", day: "numeric" });
  return shape.formatRange(new Date(first), new Date(last));
}
