// A group of bad parts that look alike: what they look like, what they have in common, when they came.

import { fill, h } from "../../ui/h.js";
import { number, t } from "../../ui/texts.js";
import { course } from "./course.js";
import { days, named, sentences } from "./words.js";
import { svg } from "../../ui/svg.js";

/** Photos that are shown at first. */
const SHOWN = 12;

const picture = (id, what, side) => `/api/history/${id}/${what}?side=${side}`;

/** A group of enough photos to say something. */
export function groupCard(trace, group, at) {
  return h("article.card.group-card", { "aria-label": t("causes.group", { at: number(at) }) },
    h("header",
      h("h2", t("causes.group", { at: number(at) })),
      h("p.small", t("causes.group.photos", { n: number(group.count), when: days(group.first, group.last) }))),
    h("div.group-body",
      typical(trace, group),
      h("div",
        h("h3", t("causes.common")),
        group.causes.length > 0 ? h("ul.found-causes", group.causes.map(cause)) : h("p", nothing(trace)),
        h("h3", t("causes.when")),
        course(group.time_course))),
    past(group.past),
    h("h3", t("causes.photos")),
    photos(trace, group.inspections));
}

/** The photo that is most like the others, with the heat map over it. */
function typical(trace, { typical: { inspection } }) {
  const image = h("img", { src: picture(inspection, "heat", 640), alt: t("causes.typical") });
  image.addEventListener("error", () => image.replaceWith(h("p.empty", t("inspect.picture.gone"))));
  const heat = h("input", { type: "checkbox", checked: true,
    onchange: () => { image.src = picture(inspection, heat.checked ? "heat" : "picture", 640); } });
  return h("figure.typical",
    h("a", { href: to(trace, inspection) }, image),
    h("figcaption", t("causes.typical"), h("label.check", heat, t("inspect.result.heat"))));
}

const to = (trace, id) => `#/inspect/${encodeURIComponent(trace.inspector)}/use/${id}`;

function cause(cause) {
  const { count, effect, sure } = sentences(cause);
  return h("li",
    h("strong", named(cause)), " ", h("span", count),
    shares(cause),
    h("p.small", effect, " ", sure));
}

/** The share in the group beside the share of all: what is meant by "more often". */
function shares(cause) {
  const bar = (kind, part, all) => h("div",
    h("dt", t(`causes.share.${kind}`)),
    h("dd", svg(`svg.share.${kind}`, { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect.ground", { width: 100, height: 10 }), svg("rect.part", { width: 100 * part / Math.max(1, all), height: 10 })),
    h("span", `${number(100 * part / Math.max(1, all))} %`)));
  return h("dl.shares", bar("here", cause.in_group_with_value, cause.in_group), bar("all", cause.with_value, cause.all));
}

/** What is known of such parts from before: what people wrote about them, and what looks most like them. */
function past(records) {
  if (records.length === 0) return null;
  return [h("h3", t("causes.past")), h("ul.past", records.map(record))];
}

function record({ inspection, inspector, time, verdict, similarity, note, reviewer }) {
  const image = h("img", { src: picture(inspection, "picture", 200), alt: t("causes.photo", { id: inspection }), loading: "lazy", width: 96, height: 96 });
  return h("li",
    h("a", { href: to({ inspector }, inspection) }, image),
    h("div",
      note !== "" && h("blockquote", note, reviewer && h("cite", reviewer)),
      h("p.small", t("causes.past.when", { verdict, day: days(time, time), similarity: number(similarity, 3) }))));
}

const nothing = (trace) => t(trace.tests > 0 ? "causes.nothing" : "causes.nothing.asked");

/** The photos of a group, each a way to its decision. */
function photos(trace, ids) {
  const list = h("ul.group-photos");
  const draw = (most) => fill(list, ids.slice(0, most).map((id) => h("li", photo(trace, id))),
    ids.length > most && h("li.more", h("button", { onclick: () => draw(ids.length) }, t("causes.more", { n: number(ids.length - most) }))));
  draw(ids.length > SHOWN + 2 ? SHOWN : ids.length);
  return list;
}

const photo = (trace, id) => h("a", { href: to(trace, id) },
  h("img", { src: picture(id, "picture", 200), alt: t("causes.photo", { id }), loading: "lazy", width: 96, height: 96 }));

/** Groups of too few photos, one beside the other. */
export function small(trace, groups) {
  if (groups.length === 0) return null;
  return h("section.card", h("h2", t("causes.small")), h("p.small", t("causes.small.more")),
    h("ul.group-photos", groups.map((group) => h("li", photo(trace, group.typical.inspection),
      group.count > 1 && h("span.small", t("causes.small.count", { n: number(group.count) }))))));
}
