//! The SVG as a PNG file.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::{Database, ID, Query};
use resvg::usvg::{FontResolver, Options, Tree};

use super::PlotError;
use super::svg::Drawn;
use crate::Picture;

/// Roboto Regular, Apache-2.0; its origin and licence are beside it.
static ROBOTO: &[u8] = include_bytes!("../../assets/roboto/Roboto-Regular.ttf");

/// Where Japanese text is drawn with, best first: a kanji must not come from a Chinese font
/// while a Japanese one is there. Free fonts first, then those of Windows and macOS.
const JAPANESE: [&str; 16] = [
    "Noto Sans JP",
    "Noto Sans CJK JP",
    "Source Han Sans JP",
    "Hiragino Sans",
    "Hiragino Kaku Gothic ProN",
    "Yu Gothic",
    "Yu Gothic UI",
    "Meiryo",
    "BIZ UDPGothic",
    "BIZ UDGothic",
    "IPAexGothic",
    "IPAPGothic",
    "IPAGothic",
    "TakaoPGothic",
    "VL PGothic",
    "MS PGothic",
];

/// Longest side of a PNG; below it, the PNG has twice the SVG's size.
const MOST_PIXELS: f64 = 8000.0;

pub(crate) fn png(drawn: &Drawn) -> Result<Vec<u8>, PlotError> {
    let failed = |error: &dyn std::fmt::Display| PlotError::Draw(error.to_string());
    let (fontdb, resolver) = if drawn.document.chars().all(in_roboto) {
        (roboto_only(), FontResolver::default())
    } else {
        let resolver = FontResolver {
            select_fallback: Box::new(fallback),
            ..FontResolver::default()
        };
        (with_system_fonts(), resolver)
    };
    let options = Options {
        fontdb,
        font_family: "Roboto".into(),
        font_resolver: resolver,
        ..Options::default()
    };
    let tree = Tree::from_str(&drawn.document, &options).map_err(|e| failed(&e))?;
    let scale = f64::min(2.0, MOST_PIXELS / f64::max(drawn.width, drawn.height));
    let (width, height) = (
        (drawn.width * scale).ceil() as u32,
        (drawn.height * scale).ceil() as u32,
    );
    let mut canvas = Pixmap::new(width, height).ok_or_else(|| failed(&"the plot is too large"))?;
    canvas.fill(Color::WHITE);
    let scale = scale as f32;
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut canvas.as_mut(),
    );
    // The canvas is opaque, so its premultiplied pixels are plain ones.
    let rgb = canvas
        .data()
        .chunks_exact(4)
        .flat_map(|p| [p[0], p[1], p[2]])
        .collect();
    Ok(Picture::new(width, height, rgb).to_png()?)
}

/// Whether Roboto has the character: Latin, Greek and Cyrillic letters and general punctuation.
fn in_roboto(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{17f}' | '\u{384}'..='\u{3ce}' | '\u{400}'..='\u{45f}'
        | '\u{2010}'..='\u{2026}')
}

fn roboto_only() -> Arc<Database> {
    static FONTS: OnceLock<Arc<Database>> = OnceLock::new();
    FONTS
        .get_or_init(|| {
            let mut fonts = Database::new();
            fonts.load_font_data(ROBOTO.to_vec());
            Arc::new(fonts)
        })
        .clone()
}

fn with_system_fonts() -> Arc<Database> {
    static FONTS: OnceLock<Arc<Database>> = OnceLock::new();
    FONTS
        .get_or_init(|| {
            let mut fonts = Database::new();
            fonts.load_font_data(ROBOTO.to_vec());
            fonts.load_system_fonts();
            Arc::new(fonts)
        })
        .clone()
}

/// Called for a character that the fonts in `used` lack, until it is found or this gives `None`.
fn fallback(c: char, used: &[ID], fonts: &mut Arc<Database>) -> Option<ID> {
    use resvg::usvg::fontdb::Family;
    for family in JAPANESE {
        let query = Query {
            families: &[Family::Name(family)],
            ..Query::default()
        };
        let found = fonts.query(&query).filter(|id| !used.contains(id));
        if found.is_some() {
            return found;
        }
    }
    FontResolver::default_fallback_selector()(c, used, fonts)
}
