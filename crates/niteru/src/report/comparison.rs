//! The report on how two pictures of the same thing differ.

mod words;

use std::path::Path;

use anyhow::Result;
use maud::{Markup, html};
use niteru_imaging::{HeatScale, Picture, Rect};
use niteru_inspect::{Comparison, DifferentPlace};

use self::words::Words;
use super::marks::{Jpeg, around, caption, colours, file_name, framed};
use super::page::Page;
use crate::args::Language;

/// Longest side of the pictures, in pixels.
const LARGE: u32 = 720;

/// Longest side of an enlarged place.
const DETAIL: u32 = 320;

/// An enlarged place is so many times as large as what differs, at least so many pixels, and at least this
/// share of the shorter side: to be seen in what surrounds it.
const AROUND: f64 = 1.8;
const LEAST: u32 = 48;
const LEAST_SHARE: f64 = 0.15;

/// What was compared, and what was found.
pub(crate) struct Compared<'a> {
    pub(crate) paths: [&'a Path; 2],
    pub(crate) first: &'a Picture,
    pub(crate) second: &'a Picture,
    pub(crate) found: &'a Comparison,
    pub(crate) scale: HeatScale,
}

/// Writes the report.
pub(crate) fn comparison(
    language: Language,
    model: &str,
    compared: &Compared<'_>,
    file: &Path,
) -> Result<()> {
    let words = words::words(language);
    let names = compared.paths.map(file_name);
    let shown = Shown::of(compared);
    let differences = &compared.found.differences;
    let page = Page {
        language,
        title: &words::title(language, &names),
        model: Some(model),
        body: html! {
            section.panel.short {
                p { b { (words::count(language, differences.len())) } }
                @let told = words::alignment(language, compared.found.alignment);
                @if shown.is_doubtful { p { strong { (told) } } } @else { p { (told) } }
                p.facts {
                    (words.similarity) " " (format!("{:.3}", compared.found.similarity)) br;
                    (words.first) ": " (compared.paths[0].to_string_lossy()) br;
                    (words.second) ": " (compared.paths[1].to_string_lossy())
                }
            }
            section.panel {
                (shown.whole(words, &names, differences))
                (legend(language, words, compared.scale))
            }
            @for (number, difference) in (1..).zip(differences) {
                section.panel.card {
                    header { h2 { (words::place(language, number)) } }
                    (shown.enlarged(words, number, difference))
                    (numbers(words, difference))
                }
            }
        },
    };
    page.write(file)
}

/// The pictures as the first one shows the thing.
struct Shown<'a> {
    first: &'a Picture,
    second: Picture,
    heat: Picture,
    /// Whether the second was to be laid on the first, but lies uncertain.
    is_doubtful: bool,
    /// Whether it was.
    is_laid: bool,
}

impl<'a> Shown<'a> {
    fn of(compared: &Compared<'a>) -> Shown<'a> {
        let second = compared.found.laid_on_first(compared.second);
        let certain = compared.found.alignment.map(|found| found.certain);
        Shown {
            first: compared.first,
            heat: compared.found.heat.overlay(&second, compared.scale),
            second,
            is_doubtful: certain == Some(false),
            is_laid: certain == Some(true),
        }
    }

    /// The three in full.
    fn whole(&self, words: &Words, names: &[String; 2], differences: &[DifferentPlace]) -> Markup {
        let places = || (1..).zip(differences.iter().map(|difference| difference.other.rect()));
        let size = (self.first.width(), self.first.height());
        let shot = |picture: &Picture, frames: bool, alt: &str, told: &Markup| {
            let frames = places().filter(|_| frames);
            let picture = Jpeg::of(picture, LARGE);
            framed(
                picture.as_ref(),
                size,
                frames,
                [words.no_picture, alt],
                told,
            )
        };
        let second = match self.is_laid {
            true => format!("{}{}", names[1], words.laid),
            false => names[1].clone(),
        };
        html! {
            div.shots.tall {
                (shot(self.first, true, &names[0], &caption(words.first, &names[0])))
                (shot(&self.second, true, &names[1], &caption(words.second, &second)))
                (shot(&self.heat, false, words.heat, &caption(words.heat, words.heat_help)))
            }
        }
    }

    /// The three around a place.
    fn enlarged(&self, words: &Words, number: usize, difference: &DifferentPlace) -> Markup {
        let place = difference.other.rect();
        let shorter = self.first.width().min(self.first.height());
        let least = (f64::from(shorter) * LEAST_SHARE) as u32;
        let side = |length: u32| ((f64::from(length) * AROUND) as u32).max(LEAST).max(least);
        let part = around(place, (side(place.width), side(place.height)), self.first);
        let inside = Rect {
            x: place.x - part.x,
            y: place.y - part.y,
            ..place
        };
        let shot = |picture: &Picture, name: &str| {
            let cut = picture.crop(part.x, part.y, part.width, part.height);
            let frame = std::iter::once((number, inside));
            let size = (part.width, part.height);
            let picture = Jpeg::of(&cut, DETAIL);
            framed(
                picture.as_ref(),
                size,
                frame,
                [words.no_picture, name],
                &html! { (name) },
            )
        };
        html! {
            div.shots {
                (shot(self.first, words.first))
                (shot(&self.second, words.second))
                (shot(&self.heat, words.heat))
            }
        }
    }
}

fn numbers(words: &Words, difference: &DifferentPlace) -> Markup {
    let DifferentPlace {
        x,
        y,
        w,
        h,
        score,
        area,
        other,
        ..
    } = difference;
    let rows = [
        (words.first, [other.x, other.y, other.w, other.h]),
        (words.second, [*x, *y, *w, *h]),
    ];
    html! {
        p {
            (words.strength) " " b { (format!("{score:.1}")) } " · "
            (words.area) " " (area) " px"
        }
        div.wide { table.fit {
            thead { tr { th {} @for column in words.columns { th.n { (column) } } } }
            @for (name, lengths) in rows {
                tr { td { (name) } @for length in lengths { td.n { (length) " px" } } }
            }
        } }
    }
}

/// What the colours mean.
fn legend(language: Language, words: &Words, scale: HeatScale) -> Markup {
    html! {
        div.legend {
            div {
                @if let Some(colours) = colours(scale) { img src=(colours.uri()) alt=""; }
                div.from-to {
                    span { (format!("{:.1} ", scale.low())) (words.same) }
                    span { (words.strongest) (format!(" {:.1}", scale.high())) }
                }
            }
            p.facts { (words::scale(language, Comparison::THRESHOLD)) }
        }
    }
}
