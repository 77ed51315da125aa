//! The report on a training: how far to trust the inspector, what it promises, and what it would miss.

mod scores;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

use anyhow::Result;
use maud::{Markup, html};
use niteru_inspect::{Duplicate, Judged, Quality, Skipped, Suspicious};
use niteru_store::{AppliedReviews, TrainReport};

use self::words::Words;
pub(crate) use self::words::{
    placed, reviewed, reviews_missing, stretched, threshold_without, trust, trust_level, unaligned,
};
use super::evaluation::{self, curve};
use super::inspection;
use super::marks::{Jpeg, badge, file_name, percent, shot};
use super::page::Page;
use crate::args::Language;

/// Pictures of a kind that are shown at most.
const MOST_PICTURES: usize = 24;

/// Copies that are named at most, and photos that are nowhere any more.
const MOST_COPIES: usize = 50;

/// Longest side of a picture, in pixels.
const PICTURE: u32 = 320;

/// Writes the report. Suspicious and missed photos are read; of one that cannot be, it says so.
pub(crate) fn training(language: Language, of: &TrainReport, file: &Path) -> Result<()> {
    let words = words::words(language);
    let bad_skipped = of.bad.as_ref().map_or(&[][..], |quality| &quality.skipped);
    let page = Page {
        language,
        title: &words::title(language, &of.inspector, of.version),
        model: Some(&of.model),
        body: html! {
            (trust_panel(language, words, of))
            (suspicious(language, words, (words.suspicious, words.suspicious_help), &of.suspicious))
            (suspicious(language, words, (words.left_out, words.left_out_help), &of.left_out))
            h2 { (words.scores) }
            (score_panel(language, words, of))
            @if let Some(quality) = of.bad.as_ref() { (bad_photos(language, words, of, quality)) }
            @else { p { (words.no_bad) } }
            @if let Some(of) = &of.reviews { (reviews(language, words, of)) }
            (duplicates(language, words, &of.duplicates))
            (skipped(words, of.skipped.iter().chain(bad_skipped)))
        },
    };
    page.write(file)
}

fn trust_panel(language: Language, words: &Words, of: &TrainReport) -> Markup {
    html! {
        section.panel.short {
            h3 { (words.trust) ": " (trust_level(language, of.trust.level)) }
            p { (trust(language, &of.trust)) }
            h3 { (words.promise) }
            p { (inspection::promise(language, &of.promise)) }
            @if let Some(without) = of.threshold_without {
                p { strong { (words::threshold_without(language, of.promise.threshold, without)) } }
            }
            @if let Some(told) = words::placed(language, of.placed, of.good) { p { (told) } }
            @if of.unaligned > 0 { p { (words::unaligned(language, of.unaligned)) } }
            @if of.stretched > 0 { p { (words::stretched(language, of.stretched)) } }
            @if of.not_needed > 0 { p { (words::not_needed(language, of.not_needed)) } }
        }
    }
}

fn score_panel(language: Language, words: &Words, of: &TrainReport) -> Markup {
    let bad = of
        .bad
        .as_ref()
        .map_or(&[][..], |quality| &quality.bad_scores);
    let count = of.good_scores.len();
    let (help, name) = match of.trust.photos {
        ..=1 => (words.scores_of_one, words::copies(language, count)),
        _ => (words.scores_help, words::good_photos(language, count)),
    };
    html! {
        p { (help) }
        div.panel.short.fit {
            (scores::distribution(language, words, ((&of.good_scores, &name), bad), of.promise.threshold))
        }
    }
}

/// Pictures that look like none of the others; nothing where there are none.
fn suspicious(
    language: Language,
    words: &Words,
    (heading, help): (&str, &str),
    found: &[Suspicious],
) -> Markup {
    if found.is_empty() {
        return html! {};
    }
    let shown = &found[..found.len().min(MOST_PICTURES)];
    html! {
        h2 { (heading) }
        p { (help) }
        div.panel {
            div.shots.small {
                @for one in shown {
                    (photo(words, &one.path, &html! { (words::score(language, one.score)) }))
                }
            }
            (more(language, found.len() - shown.len()))
        }
    }
}

fn photo(words: &Words, path: &Path, told: &Markup) -> Markup {
    let picture = Jpeg::open(path, PICTURE);
    let told = html! { (told) br; span { (path.to_string_lossy()) } };
    shot(picture.as_ref(), words.absent, &file_name(path), &told)
}

fn more(language: Language, count: usize) -> Markup {
    html! { @if count > 0 { p.facts { (words::more(language, count)) } } }
}

fn bad_photos(language: Language, words: &Words, of: &TrainReport, quality: &Quality) -> Markup {
    let missed: Vec<&Judged> = quality.mistakes.iter().filter(|one| !one.good).collect();
    let shown = &missed[..missed.len().min(MOST_PICTURES)];
    html! {
        h2 { (words.bad) }
        p { (words::missed(language, missed.len(), quality.bad)) }
        @if of.bad_learnt > 0 { p.facts { (words::learnt_of(language, of.bad_learnt)) } }
        @if let Some(share) = quality.miss.value {
            p.facts { (words::miss_rate(language, share, quality.miss.interval)) }
        }
        @if !shown.is_empty() {
            div.panel {
                div.shots.small {
                    @for judged in shown {
                        (photo(words, &judged.path, &html! {
                            (badge(language, judged.verdict)) br; (words::score(language, judged.score))
                        }))
                    }
                }
                (more(language, missed.len() - shown.len()))
            }
        }
        h2 { (words.trade_off) }
        (trade_off(language, words, of, quality))
    }
}

fn trade_off(language: Language, words: &Words, of: &TrainReport, quality: &Quality) -> Markup {
    if quality.trade_off.is_empty() {
        return html! { p { (words.no_trade_off) } };
    }
    let labels = evaluation::words(language);
    let threshold = of.promise.threshold;
    let above = quality
        .good_scores
        .iter()
        .filter(|score| **score > threshold);
    let false_alarm = above.count() as f64 / quality.good_scores.len().max(1) as f64;
    let now = quality.miss.value.map(|miss| (false_alarm, miss));
    html! {
        p { (labels.trade_off_help) }
        div.panel.short.fit { (curve::curve(labels, &quality.trade_off, now)) }
        @if let Some((_, miss)) = now {
            p { (words::at_threshold(language, threshold, &percent(false_alarm), &percent(miss))) }
        }
        p.facts { (words.trade_off_basis) }
    }
}

/// What became of reviews; nothing where there are none.
fn reviews(language: Language, words: &Words, of: &AppliedReviews) -> Markup {
    let told = reviewed(language, of.good, of.bad);
    if told.is_none() && of.missing.is_empty() {
        return html! {};
    }
    let shown = &of.missing[..of.missing.len().min(MOST_COPIES)];
    html! {
        h2 { (words.reviews) }
        @if let Some(told) = told { p { (told) } }
        @if !shown.is_empty() {
            p { (reviews_missing(language, of.missing.len())) }
            ul.found { @for path in shown { li { (path.to_string_lossy()) } } }
            (more(language, of.missing.len() - shown.len()))
        }
    }
}

/// Copies of other good photos; nothing where there are none.
fn duplicates(language: Language, words: &Words, found: &[Duplicate]) -> Markup {
    if found.is_empty() {
        return html! {};
    }
    let shown = &found[..found.len().min(MOST_COPIES)];
    html! {
        h2 { (words.duplicates) }
        p { (words::duplicates(language, found.len())) }
        ul.found {
            @for one in shown {
                li { (one.path.to_string_lossy()) " = " (one.of.to_string_lossy()) }
            }
        }
        (more(language, found.len() - shown.len()))
    }
}

fn skipped<'s>(words: &Words, skipped: impl Iterator<Item = &'s Skipped>) -> Markup {
    let mut skipped = skipped.peekable();
    html! {
        @if skipped.peek().is_some() {
            h2 { (words.skipped) }
            ul.found {
                @for one in skipped { li { (one.path.to_string_lossy()) ": " (one.reason) } }
            }
        }
    }
}
