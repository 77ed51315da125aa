//! What a report says of one inspected image.

use std::path::Path;

use maud::{Markup, html};
use niteru_inspect::{Difference, Inspection, NearestGood, Region, ScoreParts, UNUSUAL, Verdict};

use super::pictures::{Pictures, Places};
use super::words::{self, Words};
use crate::args::Language;
use crate::report::marks::{Jpeg, badge, caption, file_name, framed, shot, track};

/// Places whose difference is told, of the worst.
const MOST_TOLD: usize = 3;

/// One inspected image.
pub(super) struct Card {
    pub(super) verdict: Verdict,
    pub(super) score: f64,
    name: String,
    path: String,
    parts: ScoreParts,
    threshold: f64,
    p_value: f64,
    regions: Vec<Region>,
    nearest: Option<NearestGood>,
    /// Whether it was to be aligned, and it is not certain how it lies.
    unaligned: bool,
    pictures: Pictures,
}

impl Card {
    pub(super) fn new(path: &Path, inspection: &Inspection, pictures: Pictures) -> Card {
        Card {
            verdict: inspection.verdict,
            score: inspection.score,
            name: file_name(path),
            path: path.to_string_lossy().into_owned(),
            parts: inspection.parts,
            threshold: inspection.threshold,
            p_value: inspection.p_value,
            regions: inspection.regions.clone(),
            nearest: inspection.nearest_good.clone(),
            unaligned: inspection.alignment.is_some_and(|found| !found.certain),
            pictures,
        }
    }

    /// `calibrated` is how many good scores the p-value counts.
    pub(super) fn html(&self, language: Language, calibrated: usize) -> Markup {
        let words = words::words(language);
        let more = html! {
            div.numbers {
                div { (self.made_of(words)) }
                div { (self.region_table(words)) (self.differences(language)) }
            }
        };
        html! {
            section.panel.card {
                header { (badge(language, self.verdict)) h2 { (self.name) } }
                p.facts { (self.path) }
                div.shots.large[self.verdict != Verdict::Ok] {
                    (self.photo(words))
                    (shot(self.pictures.heat.as_ref(), words.no_picture, words.heat,
                          &caption(words.heat, words.heat_help)))
                    @if let Some(places) = &self.pictures.places { (pair(words, places)) }
                    (self.nearest(words))
                }
                (self.score_bar(words))
                p {
                    (words::verdict(language, self.verdict)) (words.gap)
                    (words::p_value(language, self.p_value, calibrated))
                    @if self.verdict == Verdict::Ng {
                        (words.gap) (words::mostly(language, self.parts.most()))
                    }
                }
                @if self.unaligned { p { (words.unaligned) } }
                // Good parts are many, and nobody asks why they are good.
                @if self.verdict == Verdict::Ok { details { summary { (words.details) } (more) } }
                @else { (more) }
            }
        }
    }

    fn photo(&self, words: &Words) -> Markup {
        let told = match self.regions.is_empty() {
            true => html! { (words.photo) },
            false => caption(words.photo, words.photo_frames),
        };
        let frames = (1..).zip(self.regions.iter().map(Region::rect));
        let photo = self.pictures.photo.as_ref();
        framed(
            photo,
            self.pictures.size,
            frames,
            [words.no_picture, &self.name],
            &told,
        )
    }

    fn nearest(&self, words: &Words) -> Markup {
        let Some(nearest) = &self.nearest else {
            return html! {};
        };
        let told = html! {
            (words.nearest) br;
            span {
                (words.similarity) " " (format!("{:.3}", nearest.similarity)) " · "
                span title=(nearest.path.to_string_lossy()) { (file_name(&nearest.path)) }
            }
        };
        let picture = self.pictures.nearest.as_deref();
        shot(picture, words.no_good_picture, words.nearest, &told)
    }

    /// The score on a bar that has the threshold in its middle.
    fn score_bar(&self, words: &Words) -> Markup {
        let reach = self.threshold.abs().max(1.0);
        let share = (self.score - (self.threshold - reach)) / (2.0 * reach);
        html! {
            h3 {
                (words.score) " " (format!("{:.2}", self.score)) " · "
                (words.threshold) " " (format!("{:.2}", self.threshold))
            }
            (track(share, Some(0.5)))
            div.ends aria-hidden="true" {
                span { (format!("{:.1}", self.threshold - reach)) }
                span style="left:50%" { (words.threshold) " " (format!("{:.2}", self.threshold)) }
                span.last style="left:100%" { (format!("{:.1}+", self.threshold + reach)) }
            }
        }
    }

    fn made_of(&self, words: &Words) -> Markup {
        let ScoreParts {
            patches,
            whole,
            texture,
            grain,
            place,
            known_bad,
            ..
        } = self.parts;
        let values = [patches, whole, texture, grain, place, known_bad];
        let rows = self.parts.added().map(|(_, added)| added);
        let rows: Vec<(f64, f64)> = values.into_iter().zip(rows).collect();
        let longest = rows.iter().map(|(value, _)| *value);
        let longest = longest.fold(2.0 * self.threshold.max(1.0), f64::max);
        html! {
            h3 { (words.made_of) }
            p.facts { (words.made_of_help) }
            table {
                thead { tr {
                    th { (words.part) } th.n { (words.value) } th {} th.n { (words.counts_for) }
                } }
                @for (name, (value, added)) in words.parts.iter().zip(&rows) {
                    tr {
                        td { (name) }
                        td.n { (format!("{value:.2}")) }
                        td.bar { (track(value / longest, None)) }
                        td.n { (format!("{added:+.2}")) }
                    }
                }
            }
        }
    }

    /// Of the worst places.
    fn differences(&self, language: Language) -> Markup {
        let words = words::words(language);
        let told = self.regions.iter().take(MOST_TOLD).enumerate();
        let mut told = told
            .filter_map(|(index, region)| Some((index + 1, region.difference?, region.weak)))
            .peekable();
        if told.peek().is_none() {
            return html! {};
        }
        html! {
            h3 { (words.differs) }
            p.facts { (words.differs_help) }
            @for (number, told, weak) in told { (difference(language, number, &told, weak)) }
        }
    }

    fn region_table(&self, words: &Words) -> Markup {
        html! {
            h3 { (words.regions) }
            @if self.regions.is_empty() { p.facts { (words.no_regions) } }
            @else {
                div.wide { table {
                    thead { tr { @for column in words.region_columns { th.n { (column) } } } }
                    @for (index, region) in self.regions.iter().enumerate() {
                        tr {
                            td.n { b { (index + 1) } }
                            @for length in [region.x, region.y, region.w, region.h] { td.n { (length) } }
                            td.n { (format!("{:.1}", region.score)) }
                            td.n { (region.area) " px" }
                        }
                    }
                } }
            }
        }
    }
}

/// How a place differs, as bars of one scale.
fn difference(language: Language, number: usize, difference: &Difference, weak: bool) -> Markup {
    let words = words::words(language);
    let longest = difference.groups().map(|(_, value)| value);
    let longest = longest.fold(UNUSUAL, f64::max);
    html! {
        p { b { (number) } " · " (words::most(language, difference.most, weak)) }
        table {
            @for (group, value) in difference.groups() {
                tr {
                    td { (words.groups[group as usize]) }
                    td.n { (format!("{:.1}", value.max(0.0))) }
                    td.bar { (track(value / longest, Some(UNUSUAL / longest))) }
                }
            }
        }
    }
}

fn pair(words: &Words, places: &Places) -> Markup {
    let good = html! {
        (words.good_place) br;
        span title=(places.path.to_string_lossy()) { (file_name(&places.path)) }
    };
    let show =
        |picture: Option<&Jpeg>, absent, name, told: &Markup| shot(picture, absent, name, told);
    html! {
        (show(places.own.as_ref(), words.no_picture, words.own_place, &html! { (words.own_place) }))
        (show(places.good.as_ref(), words.no_good_picture, words.good_place, &good))
    }
}
