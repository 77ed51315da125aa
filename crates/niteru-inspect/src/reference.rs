//! What pictures are aligned with before they are compared.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use niteru_imaging::{AlignOptions, Alignment, Filter, Limits, Mask, Picture, Rect, align};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Shorter side of what is kept, in pixels: as fine as aligning looks at.
const SIDE: f64 = 320.0;

/// Longer sides than this are none of a reference.
const MOST_SIDE: u32 = 16_384;

/// Good pictures that are tried as the reference, and with how many others each.
const TRIED: usize = 3;
const WITH: usize = 8;

/// A good picture, small, and its own size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reference {
    /// Of the good picture, in pixels: aligned pictures have it, too.
    pub(crate) size: (u32, u32),
    width: u32,
    height: u32,
    /// `[height][width][3]`.
    pixels: Vec<u8>,
}

/// A picture as the reference shows it.
pub(crate) struct Framed<'p> {
    pub(crate) picture: Cow<'p, Picture>,
    /// What counts of it; `None`: all.
    pub(crate) area: Option<Arc<Mask>>,
    /// How it lay; `None` when there was nothing to align it with.
    pub(crate) alignment: Option<Alignment>,
}

impl Reference {
    fn of(picture: &Picture) -> Reference {
        let (width, height) = (picture.width(), picture.height());
        let scale = (SIDE / f64::from(width.min(height))).min(1.0);
        let side = |side: u32| (f64::from(side) * scale).round().max(1.0) as u32;
        let small = picture.resize(side(width), side(height), Filter::Bicubic);
        Reference {
            size: (width, height),
            width: small.width(),
            height: small.height(),
            pixels: small.pixels().to_vec(),
        }
    }

    /// The good picture that most of some others can be aligned with; of the first ones that can be read, as all are
    /// taken for good. `None` when none of them can be read.
    pub(crate) fn choose(good: &[PathBuf], limits: &Limits) -> Option<Reference> {
        let pictures = first(good, TRIED + WITH, limits);
        let tried = pictures.iter().take(TRIED).map(|picture| {
            let others = pictures
                .par_iter()
                .filter(|other| !std::ptr::eq(*other, picture));
            let certain = others.filter(|other| align(picture, other, options()).certain);
            (certain.count(), picture)
        });
        // The first of the best.
        let best = tried.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, picture)| Reference::of(picture))
    }

    /// The first good picture that can be read: what an area is drawn on. `None` when none of them can be read.
    pub(crate) fn first(good: &[PathBuf], limits: &Limits) -> Option<Reference> {
        first(good, 1, limits).first().map(Reference::of)
    }

    pub(crate) fn is_sound(&self) -> bool {
        let small = |side: u32| (1..=MOST_SIDE).contains(&side);
        let sides = [self.size.0, self.size.1, self.width, self.height];
        sides.into_iter().all(small) && self.picture().is_some()
    }

    /// `None` of one that is not sound.
    pub(crate) fn picture(&self) -> Option<Picture> {
        Picture::from_rgb(self.width, self.height, self.pixels.clone()).ok()
    }
}

/// The first so many pictures that can be read.
fn first(good: &[PathBuf], most: usize, limits: &Limits) -> Vec<Picture> {
    let mut pictures = Vec::new();
    for part in good.chunks(most) {
        let read = part.par_iter().map(|path| Picture::open(path, limits).ok());
        let read: Vec<Option<Picture>> = read.collect();
        pictures.extend(read.into_iter().flatten());
        if pictures.len() >= most {
            pictures.truncate(most);
            break;
        }
    }
    pictures
}

/// How far parts may lie from where they usually lie.
fn options() -> AlignOptions {
    AlignOptions::default()
}

/// Brings a picture to the reference's frame, `reference` with the size of what comes out. Where it is not certain how
/// the picture lies, it is taken as it lies: that is not like the good ones, then.
pub(crate) fn framed<'p>(
    reference: Option<(&Picture, (u32, u32))>,
    picture: &'p Picture,
    area: Option<&Arc<Mask>>,
) -> Framed<'p> {
    let as_it_lies = |alignment| Framed {
        picture: Cow::Borrowed(picture),
        area: area.cloned(),
        alignment,
    };
    let Some((reference, (width, height))) = reference else {
        return as_it_lies(None);
    };
    let alignment = align(reference, picture, options());
    if !alignment.certain {
        return as_it_lies(Some(alignment));
    }
    let (picture, seen) = alignment.apply(picture, width, height);
    Framed {
        picture: Cow::Owned(picture),
        area: Some(Arc::new(match area {
            None => seen,
            Some(area) => both(&seen, area),
        })),
        alignment: Some(alignment),
    }
}

/// What counts by both; by the first alone, where nothing would be left.
fn both(seen: &Mask, area: &Mask) -> Mask {
    let scaled = area.for_size(seen.width(), seen.height());
    let cells = seen.cells().iter().zip(scaled.cells()).map(|(a, b)| a & b);
    let cells: Vec<bool> = cells.collect();
    match cells.contains(&true) {
        true => Mask::new(seen.width(), seen.height(), cells).unwrap_or_else(|_| seen.clone()),
        false => seen.clone(),
    }
}

/// A rectangle of an aligned picture in the picture as it lay: the smallest upright one around it, inside
/// the picture.
pub(crate) fn as_it_lay(
    alignment: &Alignment,
    rect: Rect,
    reference: (u32, u32),
    picture: (u32, u32),
) -> Rect {
    let (left, top) = (rect.x as f64, rect.y as f64);
    let (right, bottom) = (left + f64::from(rect.width), top + f64::from(rect.height));
    let corners = [(left, top), (right, top), (left, bottom), (right, bottom)];
    let corners = corners.map(|corner| alignment.to_moving(corner, reference, picture));
    let edges = |along: fn(&(f64, f64)) -> f64, side: u32| {
        let values = corners.iter().map(along);
        let most = f64::from(side);
        let first = values.clone().fold(f64::INFINITY, f64::min).round();
        let last = values.fold(f64::NEG_INFINITY, f64::max).round();
        let first = first.clamp(0.0, most - 1.0);
        (first, last.clamp(first + 1.0, most))
    };
    let (left, right) = edges(|corner| corner.0, picture.0);
    let (top, bottom) = edges(|corner| corner.1, picture.1);
    Rect {
        x: left as i64,
        y: top as i64,
        width: (right - left) as u32,
        height: (bottom - top) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_read_do_not_turn_aligning_off() {
        let folder = tempfile::tempdir().unwrap();
        let file = |at: usize, bytes: &[u8]| {
            let path = folder.path().join(format!("{at:02}.png"));
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let broken = (0..2 * (TRIED + WITH)).map(|at| file(at, b"no picture"));
        let sizes = [(40, 30), (50, 30), (60, 30)];
        let pictures = sizes.iter().enumerate().map(|(at, &(width, height))| {
            let pixels = vec![90; (width * height * 3) as usize];
            let picture = Picture::from_rgb(width, height, pixels).unwrap();
            file(50 + at, &picture.to_png().unwrap())
        });
        let files: Vec<PathBuf> = broken.chain(pictures).collect();
        let limits = Limits::default();
        let sides = |reference: Option<Reference>| reference.map(|reference| reference.size);
        assert_eq!(sides(Reference::first(&files, &limits)), Some((40, 30)));
        let chosen = sides(Reference::choose(&files, &limits)).unwrap();
        assert!(sizes.contains(&chosen), "{chosen:?}");
        assert_eq!(first(&files, 2, &limits).len(), 2);
        assert_eq!(sides(Reference::choose(&files[..9], &limits)), None);
    }
}
