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

/// A report under construction. It holds small encoded pictures: some tens of megabytes of 1 000 images.
pub(crate) struct InspectionReport {
    language: Language,
    title: String,
    model: String,
    promise: Promise,
    scale: Option<HeatScale>,
    maker: Maker,
    cards: Vec<Card>,
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
            cards: Vec::new(),
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
        let pictures = self.maker.pictures(picture, inspection, scale);
        self.scale = Some(scale);
        self.cards.push(Card::new(path, inspection, pictures));
    }

    /// Writes the report: one file, NG first, the worst score first.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let mut cards: Vec<&Card> = self.cards.iter().collect();
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
                @if cards.is_empty() { p { (words.no_images) } }
                @for card in cards { (card.html(self.language, self.promise.images)) }
            },
        };
        page.write(file)
    }

    fn counts(&self) -> Markup {
        let words = words::words(self.language);
        let verdicts = [Verdict::Ng, Verdict::Ok, Verdict::Unlike];
        html! {
            div.panel.short { table.counts {
                @for (verdict, meaning) in verdicts.into_iter().zip(words.counts) {
                    @let count = self.cards.iter().filter(|card| card.verdict == verdict).count();
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

/// NG first; OK, which nobody looks for, last.
fn order(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ng => 0,
        Verdict::Unlike => 1,
        Verdict::Ok => 2,
    }
}
