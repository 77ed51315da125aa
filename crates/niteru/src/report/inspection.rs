//! The report on inspected pictures.

mod card;
mod drift;
mod pictures;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

use anyhow::Result;
use maud::{Markup, html};
use niteru_imaging::{HeatScale, Picture};
use niteru_inspect::{Inspection, Verdict};
use niteru_learn::Promise;
use niteru_store::Drift;

use self::card::Card;
pub(crate) use self::drift::{DriftTold, told_of_drift};
use self::pictures::Maker;
pub(super) use self::words::promise;
use super::marks::{badge, colours};
use super::page::Page;
use crate::args::Language;

/// Images with pictures and numbers, at most: those that are not OK, and OK ones, of each the highest scores. A file
/// with more is none that a browser opens.
const MOST_BAD: usize = 1000;
const MOST_OK: usize = 200;

/// A report under construction. It holds small encoded pictures: some tens of megabytes of 1 000 images.
pub(crate) struct InspectionReport {
    language: Language,
    title: String,
    model: String,
    promise: Promise,
    scale: Option<HeatScale>,
    maker: Maker,
    /// How many images were added, by [`VERDICTS`].
    counts: [usize; 3],
    bad: Kept,
    ok: Kept,
    drift: Option<DriftTold>,
}

impl InspectionReport {
    pub(crate) fn new(
        language: Language,
        inspector: &str,
        version: Option<u32>,
        model: &str,
        promise: &Promise,
    ) -> InspectionReport {
        InspectionReport {
            language,
            title: words::title(language, inspector, version),
            model: model.to_owned(),
            promise: *promise,
            scale: None,
            maker: Maker::default(),
            counts: [0; 3],
            bad: Kept::at_most(MOST_BAD),
            ok: Kept::at_most(MOST_OK),
            drift: None,
        }
    }

    /// Says above all else that photos have changed as a whole, if they have.
    pub(crate) fn warn_of(&mut self, drift: &Drift) {
        self.drift = told_of_drift(self.language, drift);
    }

    /// Adds an image, in any order. `scale` is the inspector's, the same for all.
    ///
    /// The good pictures that it is compared with are read; of one that cannot be, the report says so.
    pub(crate) fn add(
        &mut self,
        path: &Path,
        picture: &Picture,
        inspection: &Inspection,
        scale: HeatScale,
    ) {
        let verdicts = VERDICTS.iter().zip(&mut self.counts);
        verdicts.for_each(|(of, count)| *count += usize::from(*of == inspection.verdict));
        self.scale = Some(scale);
        let kept = match inspection.verdict {
            Verdict::Ok => &mut self.ok,
            _ => &mut self.bad,
        };
        if kept.makes_room(inspection.score) {
            let pictures = self.maker.pictures(picture, inspection, scale);
            kept.cards.push(Card::new(path, inspection, pictures));
        }
    }

    /// Writes the report: one file, NG first, the worst score first.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let mut cards: Vec<&Card> = self.bad.cards.iter().chain(&self.ok.cards).collect();
        cards.sort_by(|a, b| {
            let by_verdict = order(a.verdict).cmp(&order(b.verdict));
            by_verdict.then(b.score.total_cmp(&a.score))
        });
        let words = words::words(self.language);
        let page = Page {
            language: self.language,
            title: &self.title,
            model: Some(&self.model),
            body: html! {
                @if let Some(drift) = &self.drift { (drift.html()) }
                (self.counts())
                section.panel.short {
                    h3 { (words.threshold_means) }
                    p { (words::promise(self.language, &self.promise)) }
                    @if let Some(scale) = self.scale { (self.legend(scale)) }
                }
                @if let Some(told) = words::left_out(self.language, self.bad.left_out, self.ok.left_out) {
                    p { (told) }
                }
                @if cards.is_empty() { p { (words.no_images) } }
                @for card in cards { (card.html(self.language, self.promise.images)) }
            },
        };
        page.write(file)
    }

    fn counts(&self) -> Markup {
        let words = words::words(self.language);
        html! {
            div.panel.short { table.counts {
                @for ((verdict, count), meaning) in VERDICTS.into_iter().zip(self.counts).zip(words.counts) {
                    tr {
                        td { (badge(self.language, verdict)) }
                        td.big { (words::images(self.language, count)) }
                        td { (meaning) }
                    }
                }
            } }
        }
    }

    /// What the colours of the heat maps mean.
    fn legend(&self, scale: HeatScale) -> Markup {
        let words = words::words(self.language);
        html! {
            h3 { (words.heat_scale) }
            div.legend {
                div {
                    @if let Some(colours) = colours(scale) { img src=(colours.uri()) alt=""; }
                    div.from-to {
                        span { (format!("{:.1} ", scale.low())) (words.as_good) }
                        span { (words.strongest) (format!(" {:.1}", scale.high())) }
                    }
                }
                p.facts {
                    (words.heat_scale_help) (words.gap)
                    (words::scale(self.language, scale.visible(), scale.high()))
                }
            }
        }
    }
}

/// In the order of their counts.
const VERDICTS: [Verdict; 3] = [Verdict::Ng, Verdict::Ok, Verdict::Unlike];

/// The images with the highest scores.
struct Kept {
    most: usize,
    cards: Vec<Card>,
    /// Images with lower scores than these.
    left_out: usize,
}

impl Kept {
    fn at_most(most: usize) -> Kept {
        Kept {
            most,
            cards: Vec::new(),
            left_out: 0,
        }
    }

    /// Whether an image with this score is kept. Where there is no room, the lowest is left out for it; of equal
    /// ones those that came first stay.
    fn makes_room(&mut self, score: f64) -> bool {
        if self.cards.len() < self.most {
            return true;
        }
        self.left_out += 1;
        let lowest = (0..self.cards.len()).rev().min_by(|&a, &b| {
            let score = |at: usize| self.cards[at].score;
            score(a).total_cmp(&score(b))
        });
        match lowest.filter(|&at| score > self.cards[at].score) {
            Some(lowest) => {
                self.cards.remove(lowest);
                true
            }
            None => false,
        }
    }
}

/// NG first; OK, which nobody looks for, last.
fn order(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ng => 0,
        Verdict::Unlike => 1,
        Verdict::Ok => 2,
    }
}
