//! The report on where the images of a collection lie by similarity: a drawing with small photos in it.

#[cfg(test)]
mod tests;
mod words;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use maud::{Markup, html};
use niteru_imaging::{Limits, Picture};
use niteru_store::MapColours;

use self::words::Words;
use super::marks::{Jpeg, file_name};
use super::page::Page;
use crate::args::Language;

/// Units of the drawing along a side.
const SIDE: f64 = 1000.0;

/// Squares along a side, each with one photo if it has any: few where there are few images, so that they are large.
const FEWEST: usize = 8;
const MOST: usize = 16;

/// Longest side of a photo, in pixels, and as a share of its square: a gap is left between them.
const PICTURE: u32 = 128;
const FILLED: f64 = 0.9;

/// Colours after Okabe and Ito, that colour-blind people can tell apart, on light and on dark alike.
const COLOURS: [&str; 8] = [
    "#3f8fc7", "#d55e00", "#00936a", "#b0528a", "#a87400", "#5b9bd5", "#8a7f00", "#8068b8",
];

/// Of ranges of numbers: from few to many, darker all the way.
const RANGED: [&str; 6] = [
    "#9bbf3a", "#4fa86a", "#26898c", "#31688e", "#5a50a0", "#7a2a90",
];

/// Of points whose value has no colour of its own, or that have none.
const PLAIN: &str = "#8a929b";

/// An image on the map.
pub(crate) struct Point {
    pub(crate) path: PathBuf,
    /// From 0 to 1, right and down.
    pub(crate) place: [f64; 2],
}

/// What is shown.
pub(crate) struct Map<'m> {
    pub(crate) collection: &'m str,
    pub(crate) model: &'m str,
    pub(crate) points: Vec<Point>,
    /// The values of a field, in the order of the points.
    pub(crate) colours: Option<MapColours>,
}

/// Writes the report. One photo of each part of the map is read; of those that cannot be, a point tells.
pub(crate) fn map(language: Language, map: &Map<'_>, file: &Path) -> Result<()> {
    let words = words::words(language);
    let page = Page {
        language,
        title: &words::title(language, map.collection),
        model: Some(map.model),
        body: html! {
            p { (words::images(language, map.points.len())) " " (words.near) }
            p.facts { (words.far) }
            @if let Some(colours) = &map.colours { (legend(language, words, colours)) }
            div.panel { (drawing(language, map)) }
            p.facts { (words.photos) }
        },
    };
    page.write(file)
}

fn drawing(language: Language, map: &Map<'_>) -> Markup {
    // Photos at the edge are seen whole.
    let beside = longest(map) / 2.0 + 8.0;
    let view = format!("{0} {0} {1} {1}", -beside, SIDE + 2.0 * beside);
    html! {
        svg.map viewBox=(view) role="img" aria-label=(words::title(language, map.collection)) {
            @for (colour, path) in dots(map) {
                path d=(path) stroke=(colour) stroke-width="7" stroke-linecap="round" fill="none" {}
            }
            @for at in representatives(&map.points) { (photo(map, at)) }
        }
    }
}

/// A photo over its point, in a frame of the point's colour; nothing where it cannot be read.
fn photo(map: &Map<'_>, at: usize) -> Markup {
    let point = &map.points[at];
    let Ok(picture) = Picture::open(&point.path, &Limits::default()) else {
        return Markup::default();
    };
    let Some(jpeg) = Jpeg::of(&picture, PICTURE) else {
        return Markup::default();
    };
    let sides = [picture.width(), picture.height()].map(f64::from);
    let scale = longest(map) / sides[0].max(sides[1]);
    let [width, height] = sides.map(|side| side * scale);
    let [x, y] = [(point.place[0], width), (point.place[1], height)]
        .map(|(share, side)| share * SIDE - side / 2.0);
    let unit = |value: f64| format!("{value:.1}");
    html! {
        image href=(jpeg.uri()) x=(unit(x)) y=(unit(y)) width=(unit(width)) height=(unit(height)) {
            title { (file_name(&point.path)) }
        }
        @if map.colours.is_some() {
            rect x=(unit(x)) y=(unit(y)) width=(unit(width)) height=(unit(height)) fill="none"
                stroke=(colour_of(map, at)) stroke-width="5" {}
        }
    }
}

fn colour_of(map: &Map<'_>, at: usize) -> &'static str {
    map.colours.as_ref().map_or(COLOURS[0], |colours| {
        let place = colours.points.get(at).copied().unwrap_or(u8::MAX);
        colour(colours, usize::from(place))
    })
}

/// All points of one colour as one path: lines of no length with round ends.
fn dots(map: &Map<'_>) -> Vec<(&'static str, String)> {
    let mut paths: Vec<(&'static str, String)> = Vec::new();
    for (at, point) in map.points.iter().enumerate() {
        let colour = colour_of(map, at);
        let [x, y] = point.place.map(|share| share * SIDE);
        let found = paths.iter_mut().find(|(known, _)| *known == colour);
        let path = match found {
            Some((_, path)) => path,
            None => {
                paths.push((colour, String::new()));
                let last = paths.len() - 1;
                &mut paths[last].1
            }
        };
        // Writing to a text does not fail.
        let _ = write!(path, "M{x:.1} {y:.1}h0");
    }
    paths
}

fn colour(colours: &MapColours, place: usize) -> &'static str {
    let ranges = colours.colours.iter().any(|colour| colour.value.is_none());
    let palette: &[&str] = if ranges { &RANGED } else { &COLOURS };
    palette.get(place).copied().unwrap_or(PLAIN)
}

fn legend(language: Language, words: &Words, colours: &MapColours) -> Markup {
    let rest = [(words.other, colours.other), (words.none, colours.none)];
    html! {
        h2 { (words::coloured(language, &colours.field)) }
        ul.keys {
            @for (place, one) in colours.colours.iter().enumerate() {
                li {
                    (dot(colour(colours, place))) " "
                    @match &one.value {
                        Some(value) => { (value) }
                        None => { (words::range(language, one.from, one.to)) }
                    }
                    " (" (one.images) ")"
                }
            }
            @for (name, images) in rest {
                @if images > 0 { li { (dot(PLAIN)) " " (name) " (" (images) ")" } }
            }
        }
    }
}

fn dot(colour: &str) -> Markup {
    html! {
        svg.key viewBox="0 0 12 12" aria-hidden="true" { circle cx="6" cy="6" r="5" fill=(colour) {} }
    }
}

/// Longest side of photos, in units of the drawing.
fn longest(map: &Map<'_>) -> f64 {
    SIDE / squares(map.points.len()) as f64 * FILLED
}

/// Squares along a side for so many points.
fn squares(points: usize) -> usize {
    points.isqrt().clamp(FEWEST, MOST)
}

/// One point of each square of the map that has any: the one nearest to its middle.
fn representatives(points: &[Point]) -> Vec<usize> {
    let side = squares(points.len());
    let mut found: Vec<Option<(f64, usize)>> = vec![None; side * side];
    for (number, point) in points.iter().enumerate() {
        let places = point.place.map(|share| share.clamp(0.0, 1.0) * side as f64);
        let [column, row] = places.map(|place| (place as usize).min(side - 1));
        let [dx, dy] =
            [(places[0], column), (places[1], row)].map(|(place, at)| place - at as f64 - 0.5);
        let distance = dx * dx + dy * dy;
        let square = &mut found[row * side + column];
        if square.is_none_or(|(nearest, _)| distance < nearest) {
            *square = Some((distance, number));
        }
    }
    let found = found.into_iter().flatten();
    found.map(|(_, number)| number).collect()
}
