//! The report on how well an inspector tells good from bad.

pub(super) mod curve;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

use anyhow::Result;
use maud::{Markup, html};
use niteru_inspect::{Judged, Quality, Rate};

use self::words::Words;
pub(super) use self::words::words;
use super::marks::{Jpeg, badge, file_name, percent, shot};
use super::page::Page;
use crate::args::Language;

/// Mistakes that are shown at most.
const MOST_MISTAKES: usize = 24;

/// Longest side of a mistake's picture, in pixels.
const PICTURE: u32 = 320;

/// Writes the report. The pictures of the worst mistakes are read; of one that cannot be, it says so.
pub(crate) fn evaluation(
    language: Language,
    inspector: &str,
    model: &str,
    quality: &Quality,
    file: &Path,
) -> Result<()> {
    let words = words(language);
    let basis = words::basis(language, quality.good, quality.bad, quality.threshold);
    let page = Page {
        language,
        title: &words::title(language, inspector),
        model: Some(model),
        body: html! {
            p { (basis) }
            @if quality.learnt > 0 {
                section.panel.short.warning role="note" {
                    p { (words::learnt(language, quality.learnt, quality.good)) }
                }
            }
            @if !quality.stretched.is_empty() {
                section.panel.short.warning role="note" {
                    p { (words::stretched(language, quality.stretched.len())) }
                }
            }
            div.panel.wide { (figures(language, words, quality)) }
            h2 { (words.trade_off) }
            (trade_off(words, quality))
            h2 { (words.mistakes) }
            (mistakes(language, words, quality))
            @if !quality.skipped.is_empty() {
                h2 { (words.skipped) }
                ul.found {
                    @for skipped in &quality.skipped {
                        li { (skipped.path.to_string_lossy()) ": " (skipped.reason) }
                    }
                }
            }
        },
    };
    page.write(file)
}

/// Value and interval as text.
type Figure = (Option<String>, Option<String>);

fn figures(language: Language, words: &Words, quality: &Quality) -> Markup {
    let rate = |rate: Rate| -> Figure {
        let interval = rate.value.map(|_| words::shares(language, rate.interval));
        (rate.value.map(percent), interval)
    };
    let number =
        |value: Option<f64>| -> Figure { (value.map(|value| format!("{value:.3}")), None) };
    let auroc_interval = quality.auroc_interval.map(|i| words::numbers(language, i));
    let time = quality.milliseconds_per_image;
    let values: [Figure; 8] = [
        rate(quality.false_alarm),
        rate(quality.miss),
        (number(quality.auroc).0, auroc_interval),
        number(quality.aupr),
        number(quality.f1),
        number(quality.pixel_auroc),
        number(quality.pro),
        (
            time.map(|time| format!("{time:.1} {}", words.per_image)),
            None,
        ),
    ];
    html! {
        table.figures {
            thead { tr {
                th { (words.figure) } th { (words.value) } th { (words.interval) } th { (words.meaning) }
            } }
            @for ([name, meaning], (value, interval)) in words.figures.iter().zip(values) {
                tr {
                    th.nowrap scope="row" { (name) }
                    @match value {
                        Some(value) => { td.big { (value) } }
                        None => { td.facts { (words.unknown) } }
                    }
                    td.nowrap { (interval.as_deref().unwrap_or("–")) }
                    td.meaning { (meaning) }
                }
            }
        }
    }
}

fn trade_off(words: &Words, quality: &Quality) -> Markup {
    if quality.trade_off.is_empty() {
        return html! { p { (words.no_trade_off) } };
    }
    let now = quality.false_alarm.value.zip(quality.miss.value);
    html! {
        p { (words.trade_off_help) }
        div.panel.short.fit { (curve::curve(words, &quality.trade_off, now)) }
    }
}

fn mistakes(language: Language, words: &Words, quality: &Quality) -> Markup {
    let all = quality.mistakes.len();
    if all == 0 {
        return html! { p { (words.no_mistakes) } };
    }
    let worst = &quality.mistakes[..all.min(MOST_MISTAKES)];
    html! {
        p { (words::shown(language, worst.len(), all)) }
        div.panel { div.shots.small {
            @for judged in worst { (mistake(language, words, judged, quality.threshold)) }
        } }
    }
}

fn mistake(language: Language, words: &Words, judged: &Judged, threshold: f64) -> Markup {
    let picture = Jpeg::open(&judged.path, PICTURE);
    let kind = if judged.good {
        words.stopped
    } else {
        words.passed
    };
    let name = file_name(&judged.path);
    let told = html! {
        (badge(language, judged.verdict)) br;
        b { (kind) } br;
        (words::score(language, judged.score, threshold)) br;
        span { (judged.path.to_string_lossy()) }
    };
    shot(picture.as_ref(), words.absent, &name, &told)
}
