//! Pieces that the reports on inspections share: verdicts, shares, bars, pictures.

use std::path::Path;

use base64::Engine as _;
use maud::{Markup, html};
use niteru_imaging::{HeatMap, HeatScale, Limits, Picture, Rect};
use niteru_inspect::Verdict;
use niteru_store::{KnownFile, read_known};

use crate::args::Language;

/// JPEG quality: a heat map's colours stay, noise is not paid for.
const QUALITY: u8 = 78;

/// Width of a heat scale's picture, in pixels.
const LEGEND: u32 = 400;

/// A picture as a JPEG file.
pub(super) struct Jpeg(Vec<u8>);

/// The picture of a photo that was inspected.
pub(super) enum InspectedJpeg {
    There(Jpeg),
    /// Another photo has its name now.
    Changed,
    /// It cannot be read.
    Absent,
}

impl InspectedJpeg {
    /// The photo with at most `longest` pixels along its longer side, if it still has the contents of this sha256.
    pub(super) fn open(path: &Path, sha256: &str, longest: u32) -> InspectedJpeg {
        let limits = Limits::default();
        let bytes = match read_known(path, sha256, &limits) {
            Ok(KnownFile::Same(bytes)) => bytes,
            Ok(KnownFile::Changed { .. }) => return InspectedJpeg::Changed,
            Err(_) => return InspectedJpeg::Absent,
        };
        let picture = Picture::decode(&bytes, &limits).ok();
        let jpeg = picture.and_then(|picture| Jpeg::of(&picture, longest));
        jpeg.map_or(InspectedJpeg::Absent, InspectedJpeg::There)
    }
}

impl Jpeg {
    /// The picture with at most `longest` pixels along its longer side; `None` when it cannot be
    /// encoded.
    pub(super) fn of(picture: &Picture, longest: u32) -> Option<Jpeg> {
        picture.thumbnail(longest).to_jpeg(QUALITY).ok().map(Jpeg)
    }

    /// The same of a file; `None` when it cannot be read.
    pub(super) fn open(path: &Path, longest: u32) -> Option<Jpeg> {
        let picture = Picture::open(path, &Limits::default()).ok()?;
        Jpeg::of(&picture, longest)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// As a page holds it.
    pub(super) fn uri(&self) -> String {
        let data = base64::engine::general_purpose::STANDARD.encode(&self.0);
        format!("data:image/jpeg;base64,{data}")
    }
}

/// The file's name alone.
pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// A verdict by a sign and words; its colour says nothing more.
pub(super) fn badge(language: Language, verdict: Verdict) -> Markup {
    let (class, sign) = match verdict {
        Verdict::Ok => ("badge ok", "✓"),
        Verdict::Ng => ("badge ng", "✕"),
        Verdict::Unlike => ("badge unlike", "?"),
    };
    html! { span class=(class) { span aria-hidden="true" { (sign) } " " (verdict_name(language, verdict)) } }
}

fn verdict_name(language: Language, verdict: Verdict) -> &'static str {
    match (language, verdict) {
        (Language::En, Verdict::Ok) => "OK",
        (Language::En, Verdict::Ng) => "NG",
        (Language::En, Verdict::Unlike) => "UNLIKE",
        (Language::Ja, Verdict::Ok) => "OK（良品）",
        (Language::Ja, Verdict::Ng) => "NG（不良）",
        (Language::Ja, Verdict::Unlike) => "UNLIKE（対象外）",
    }
}

/// A picture in its box with a caption; `absent` stands where there is none.
pub(super) fn shot(picture: Option<&Jpeg>, absent: &str, alt: &str, caption: &Markup) -> Markup {
    html! {
        figure {
            div.box {
                @match picture {
                    Some(picture) => { img src=(picture.uri()) alt=(alt) loading="lazy"; }
                    None => { span { (absent) } }
                }
            }
            figcaption { (caption) }
        }
    }
}

/// A picture of this size in its box, with numbered frames over it; `absent` stands where there is none.
pub(super) fn framed(
    picture: Option<&Jpeg>,
    size: (u32, u32),
    frames: impl Iterator<Item = (usize, Rect)>,
    [absent, alt]: [&str; 2],
    caption: &Markup,
) -> Markup {
    let ratio = f64::from(size.0) / f64::from(size.1.max(1));
    let style = format!("aspect-ratio:{ratio:.4};width:min(100cqw,100cqh*{ratio:.4})");
    html! {
        figure {
            div.box {
                @match picture {
                    None => { span { (absent) } }
                    Some(picture) => {
                        div.shot style=(style) {
                            img src=(picture.uri()) alt=(alt) loading="lazy";
                            @for (number, place) in frames { (frame(number, place, size)) }
                        }
                    }
                }
            }
            figcaption { (caption) }
        }
    }
}

/// A numbered frame over a picture of this size; its number stands where there is room.
fn frame(number: usize, place: Rect, (width, height): (u32, u32)) -> Markup {
    let share = |pixels: f64, side: u32| pixels / f64::from(side.max(1)) * 100.0;
    let (left, top) = (share(place.x as f64, width), share(place.y as f64, height));
    let (w, h) = (
        share(f64::from(place.width), width),
        share(f64::from(place.height), height),
    );
    let style = format!("left:{left:.2}%;top:{top:.2}%;width:{w:.2}%;height:{h:.2}%");
    let class = match (top < 10.0, top + h > 90.0) {
        (false, _) => "above",
        (true, false) => "below",
        (true, true) => "inside",
    };
    html! { i class=(class) style=(style) { b { (number) } } }
}

/// Two lines under a picture: what it is, and what to see.
pub(super) fn caption(name: &str, help: &str) -> Markup {
    html! { (name) br; span { (help) } }
}

/// The part of this size around a place of a picture, moved so that it lies inside where it can; no larger
/// than the picture.
pub(super) fn around(place: Rect, (width, height): (u32, u32), picture: &Picture) -> Rect {
    let (width, height) = (width.min(picture.width()), height.min(picture.height()));
    let first = |start: i64, length: u32, part: u32, side: u32| {
        let centred = start + (i64::from(length) - i64::from(part)) / 2;
        centred.clamp(0, i64::from(side - part))
    };
    Rect {
        x: first(place.x, place.width, width, picture.width()),
        y: first(place.y, place.height, height, picture.height()),
        width,
        height,
    }
}

/// All values of a scale over a grey picture, from the left: the colours of heat maps, painted by what
/// paints these.
pub(super) fn colours(scale: HeatScale) -> Option<Jpeg> {
    let height = LEGEND / 16;
    let value = |at: u32| {
        let share = at as f32 / (LEGEND - 1) as f32;
        scale.low() + (scale.high() - scale.low()) * share
    };
    let grey = vec![110; (LEGEND * height * 3) as usize];
    let picture = Picture::from_rgb(LEGEND, height, grey).ok()?;
    let heat = HeatMap::new(LEGEND, 1, (0..LEGEND).map(value).collect()).ok()?;
    Jpeg::of(&heat.overlay(&picture, scale), LEGEND)
}

/// A bar that is filled up to `share` (0…1), with a mark where one is given.
pub(super) fn track(share: f64, mark: Option<f64>) -> Markup {
    let percent = |share: f64| format!("{:.1}%", share.clamp(0.0, 1.0) * 100.0);
    html! {
        div.track aria-hidden="true" {
            i style=(format!("width:{}", percent(share))) {}
            @if let Some(mark) = mark { span.mark style=(format!("left:{}", percent(mark))) {} }
        }
    }
}

/// A share in percent, rounded to what people read: `0.25 %`, `2.4 %`, `37 %`.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    written(value, decimals(value))
}

/// A share in percent that is not above what is written.
pub(super) fn percent_at_most(share: f64) -> String {
    let value = share * 100.0;
    let decimals = decimals(value);
    let steps = 10f64.powi(decimals as i32);
    // What is a whole number but for rounding stays it.
    written((value * steps - 1e-6).ceil().max(0.0) / steps, decimals)
}

fn decimals(percent: f64) -> usize {
    match percent {
        ..1.0 => 2,
        1.0..10.0 => 1,
        99.0..100.0 => 2,
        _ => 0,
    }
}

fn written(percent: f64, decimals: usize) -> String {
    let text = format!("{percent:.decimals$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_as_people_read_them() {
        let table = [
            (0.0, "0 %", "0 %"),
            (0.0024, "0.24 %", "0.24 %"),
            (0.01, "1 %", "1 %"),
            (0.024_39, "2.4 %", "2.5 %"),
            (0.1, "10 %", "10 %"),
            (0.371, "37 %", "38 %"),
            (0.9987, "99.87 %", "99.87 %"),
            (1.0, "100 %", "100 %"),
        ];
        for (share, nearest, most) in table {
            assert_eq!(
                (percent(share), percent_at_most(share)),
                (nearest.into(), most.into()),
                "{share}"
            );
        }
    }
}
