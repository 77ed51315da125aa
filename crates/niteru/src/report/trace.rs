//! The report on what bad images have in common.

#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

use anyhow::Result;
use maud::{Markup, html};
use niteru_store::{Cause, DefectGroup, PastInspection, TimeCourse, TimeUnit, Trace};

use self::words::Words;
use super::marks::{InspectedJpeg, file_name, shot};
use super::page::Page;
use crate::args::Language;

/// Longest side of a typical image's picture, in pixels.
const PICTURE: u32 = 360;

/// The same of an image from before.
const PAST_PICTURE: u32 = 96;

/// Writes the report. The typical images are read; of one that cannot be, or is another one now, it says so.
/// `utc_offset_minutes` is how far local time is ahead of UTC, as the trace was asked for.
pub(crate) fn trace(
    language: Language,
    trace: &Trace,
    utc_offset_minutes: i32,
    file: &Path,
) -> Result<()> {
    let words = words::words(language);
    let page = Page {
        language,
        title: &words::title(language, &trace.inspector),
        model: None,
        body: html! {
            p { (words::basis(language, trace)) }
            @if trace.groups.is_empty() { p { (words.no_groups) } }
            @else { p { (words.caution) } }
            @for (index, group) in trace.groups.iter().enumerate() {
                (Section { language, words, trace, group, utc_offset_minutes }.html(index + 1))
            }
            @for sentence in words::left_out(language, trace) { p.facts { (sentence) } }
            @if trace.older_left_out { p.facts { (words.older_left_out) } }
        },
    };
    page.write(file)
}

/// What is told of one group.
struct Section<'t> {
    language: Language,
    words: &'t Words,
    trace: &'t Trace,
    group: &'t DefectGroup,
    utc_offset_minutes: i32,
}

impl Section<'_> {
    fn html(&self, number: usize) -> Markup {
        let (language, group) = (self.language, self.group);
        html! {
            section.panel {
                h2 style="margin-top:0" { (words::group(language, number, group.count)) }
                p.facts { (words::alike(language, group)) }
                div.group {
                    (self.typical())
                    div {
                        h3 { (self.words.in_common) }
                        (self.causes())
                        h3 { (self.words.course) }
                        (self.course(&group.time_course))
                    }
                }
                (self.past())
            }
        }
    }

    fn typical(&self) -> Markup {
        let path = &self.group.typical.path;
        let told = html! {
            (self.words.typical) br;
            span title=(path.to_string_lossy()) { (file_name(path)) }
        };
        let typical = InspectedJpeg::open(path, &self.group.typical.sha256, PICTURE);
        let (picture, absent) = match &typical {
            InspectedJpeg::There(picture) => (Some(picture), ""),
            InspectedJpeg::Changed => (None, self.words.changed),
            InspectedJpeg::Absent => (None, self.words.absent),
        };
        shot(picture, absent, self.words.typical, &told)
    }

    /// What is known of such defects from before.
    fn past(&self) -> Markup {
        let past = &self.group.past;
        if past.is_empty() {
            return html! {};
        }
        html! {
            h3 { (self.words.before) }
            ul.found { @for past in past { li { (self.past_one(past)) } } }
        }
    }

    fn past_one(&self, past: &PastInspection) -> Markup {
        let picture = InspectedJpeg::open(&past.path, &past.sha256, PAST_PICTURE);
        html! {
            @match &picture {
                InspectedJpeg::There(picture) => { img src=(picture.uri()) alt=(file_name(&past.path)) loading="lazy"; br; }
                InspectedJpeg::Changed => { span.facts { (self.words.changed) } br; }
                InspectedJpeg::Absent => {}
            }
            b { (past.verdict.name()) } " #" (past.inspection) ", " (self.day(past.time)) ", " (past.inspector)
            " (" (self.words.similarity) " " (format!("{:.3}", past.similarity)) ")"
            @if !past.note.is_empty() {
                br; "“" (past.note) "”" @if let Some(reviewer) = &past.reviewer { " — " (reviewer) }
            }
        }
    }

    fn day(&self, time: i64) -> String {
        words::span(TimeUnit::Day, time, self.utc_offset_minutes)
    }

    fn causes(&self) -> Markup {
        let causes = &self.group.causes;
        if causes.is_empty() {
            return html! { p { (words::nothing(self.language, self.trace, self.group)) } };
        }
        html! {
            ul.found { @for cause in causes { li { b { (words::cause(self.language, cause)) } } } }
            div.wide { table.nowrap {
                thead { tr { @for column in self.words.columns { th { (column) } } } }
                @for cause in causes { (self.cause(cause)) }
            } }
        }
    }

    fn cause(&self, cause: &Cause) -> Markup {
        let (field, value) = words::named(self.language, cause);
        let (counts, enrichment) = (&cause.counts, &cause.enrichment);
        let count = |part, all| words::count(self.language, part, all);
        let p = match enrichment.adjusted {
            ..0.001 => "< 0.001".to_owned(),
            p => format!("{p:.3}"),
        };
        let [odds, low, high] = [
            enrichment.odds_ratio,
            enrichment.interval.low,
            enrichment.interval.high,
        ]
        .map(rounded);
        html! {
            tr {
                td { (field) }
                td { (value) }
                td { (count(counts.in_group_with_value, counts.in_group)) }
                td { (count(counts.with_value, counts.all)) }
                td { (p) }
                td { (odds) " (" (low) " – " (high) ")" }
            }
        }
    }

    /// A bar for each span of time, as high as the group has images in it.
    fn course(&self, course: &TimeCourse) -> Markup {
        let counts = &course.counts;
        let Some(most) = counts.iter().max_by_key(|count| count.in_group) else {
            return html! {};
        };
        let (language, unit) = (self.language, course.unit);
        let name = |start: i64| words::span(unit, start, self.utc_offset_minutes);
        let highest = most.in_group.max(1) as f64;
        let step = 100.0 / counts.len() as f64;
        html! {
            svg.course viewBox="0 0 100 100" preserveAspectRatio="none" role="img"
                aria-label=(self.words.course) {
                @for (index, count) in counts.iter().enumerate() {
                    @let height = 100.0 * count.in_group as f64 / highest;
                    rect x=(format!("{:.3}", (index as f64 + 0.1) * step)) width=(format!("{:.3}", 0.8 * step))
                        y=(format!("{:.2}", 100.0 - height)) height=(format!("{height:.2}")) {
                        title { (name(count.start)) ": " (count.in_group) " / " (count.all) }
                    }
                }
            }
            div.from-to {
                @for end in [counts.first(), counts.last()].into_iter().flatten() { span { (name(end.start)) } }
            }
            p.facts {
                (words::peak(language, unit, &name(most.start), most))
            }
        }
    }
}

/// An odds ratio with two digits that count.
fn rounded(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
