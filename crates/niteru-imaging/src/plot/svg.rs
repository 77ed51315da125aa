//! The matrix plot as an SVG document.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::text::{escape, shorten, width};
use super::{MatrixPlot, colour, text_colour};
use crate::{EncodeError, Picture};

/// Families for browsers and viewers; the PNG comes from Roboto and what `raster` chooses.
const FONTS: &str = "Roboto, 'Noto Sans JP', 'Noto Sans CJK JP', 'Hiragino Sans', \
                     'Yu Gothic', Meiryo, 'Helvetica Neue', Arial, sans-serif";
const MARGIN: f64 = 24.0;
const TITLE: f64 = 20.0;
/// Longest a label may be, in pixels.
const LABEL_ROOM: f64 = 210.0;
/// Space between label, thumbnail and matrix.
const GAP: f64 = 8.0;
const BAR_WIDTH: f64 = 14.0;
const INK: &str = "#1f2328";
const FAINT: &str = "#59636e";
/// sin 45° and cos 45°: labels across stand at this slope.
const SLOPE: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// A drawn document and its size in pixels.
pub(crate) struct Drawn {
    pub(crate) document: String,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Where everything stands.
struct Layout {
    cell: f64,
    /// Size of the labels' letters.
    label: f64,
    /// Size of the values' letters; none where a cell has no room for them.
    value: Option<f64>,
    /// Upper left corner of the matrix.
    left: f64,
    top: f64,
    bar_left: f64,
    bar_height: f64,
    width: f64,
    height: f64,
    across: Vec<String>,
    down: Vec<String>,
}

impl Layout {
    fn of(plot: &MatrixPlot) -> Layout {
        let (rows, columns) = (plot.labels_down.len(), plot.labels_across.len());
        let cell = match rows.max(columns) {
            0..=6 => 84.0,
            7..=12 => 60.0,
            13..=20 => 48.0,
            21..=60 => 36.0,
            61..=120 => 16.0,
            121..=300 => 9.0,
            _ => 4.0,
        };
        let label = f64::clamp(cell * 0.3, 4.0, 14.0).max(if cell >= 36.0 { 12.0 } else { 4.0 });
        let value = (cell >= 36.0).then(|| f64::clamp(cell * 0.32, 11.5, 18.0));
        let fit = |names: &[String]| -> Vec<String> {
            names
                .iter()
                .map(|name| shorten(name, label, LABEL_ROOM))
                .collect()
        };
        let (across, down) = (fit(&plot.labels_across), fit(&plot.labels_down));
        let widest = |names: &[String]| {
            names
                .iter()
                .map(|name| width(name, label))
                .fold(0.0, f64::max)
        };
        let picture = |pictures: &[Picture]| if pictures.is_empty() { 0.0 } else { cell + GAP };

        let title = if plot.title.is_empty() {
            0.0
        } else {
            TITLE * 1.9
        };
        let left = MARGIN + widest(&down) + GAP + picture(&plot.thumbnails_down);
        let slanted = widest(&across) * SLOPE;
        let top = MARGIN + title + slanted + label + GAP + picture(&plot.thumbnails_across);
        let right = left + columns as f64 * cell;
        let bottom = top + rows as f64 * cell;
        // The last column's label leans over the space right of the matrix.
        let overhang = slanted + label - cell / 2.0;
        let bar_left = right + 28.0;
        let bar_right = bar_left + BAR_WIDTH + 34.0 + 22.0;
        let needed = f64::max(bar_right, right + overhang);
        let title_right = MARGIN + width(&plot.title, TITLE);
        let bar_height = (bottom - top).clamp(160.0, 360.0);
        Layout {
            cell,
            label,
            value,
            left,
            top,
            bar_left,
            bar_height,
            width: (f64::max(needed, title_right) + MARGIN).ceil(),
            height: (f64::max(bottom, top + bar_height + 8.0) + MARGIN).ceil(),
            across,
            down,
        }
    }
}

pub(crate) fn draw(plot: &MatrixPlot) -> Result<Drawn, EncodeError> {
    let at = Layout::of(plot);
    let mut svg = String::new();
    let (w, h) = (at.width, at.height);
    // Writing to a String cannot fail, so the results of `write!` are dropped here and below.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
         viewBox=\"0 0 {w} {h}\" font-family=\"{FONTS}\" fill=\"{INK}\">\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n"
    );
    if !plot.title.is_empty() {
        let y = MARGIN + TITLE * 0.8;
        let title = escape(&plot.title);
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y:.1}\" font-size=\"{TITLE}\">{title}</text>"
        );
    }
    labels(&mut svg, plot, &at);
    thumbnails(&mut svg, plot, &at)?;
    cells(&mut svg, plot, &at);
    bar(&mut svg, plot, &at);
    svg.push_str("</svg>\n");
    Ok(Drawn {
        document: svg,
        width: w,
        height: h,
    })
}

fn labels(svg: &mut String, plot: &MatrixPlot, at: &Layout) {
    let room = |pictures: &[Picture]| {
        if pictures.is_empty() {
            0.0
        } else {
            at.cell + GAP
        }
    };
    let size = at.label;
    let y = at.top - room(&plot.thumbnails_across) - GAP;
    let _ = writeln!(svg, "<g font-size=\"{size:.1}\">");
    for (column, (short, full)) in at.across.iter().zip(&plot.labels_across).enumerate() {
        let x = at.left + (column as f64 + 0.5) * at.cell + size * 0.3;
        let name = named(short, full);
        let _ = writeln!(
            svg,
            "<text transform=\"translate({x:.1} {y:.1}) rotate(-45)\">{name}</text>"
        );
    }
    let _ = writeln!(svg, "</g>\n<g font-size=\"{size:.1}\" text-anchor=\"end\">");
    let x = at.left - room(&plot.thumbnails_down) - GAP;
    for (row, (short, full)) in at.down.iter().zip(&plot.labels_down).enumerate() {
        let y = at.top + (row as f64 + 0.5) * at.cell + size * 0.36;
        let name = named(short, full);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>");
    }
    svg.push_str("</g>\n");
}

/// The label; where it was shortened, a viewer shows the full name under the mouse.
fn named(short: &str, full: &str) -> String {
    if short == full {
        return escape(full);
    }
    format!("{}<title>{}</title>", escape(short), escape(full))
}

fn thumbnails(svg: &mut String, plot: &MatrixPlot, at: &Layout) -> Result<(), EncodeError> {
    let inner = at.cell - 4.0;
    for (column, picture) in plot.thumbnails_across.iter().enumerate() {
        let x = at.left + column as f64 * at.cell + 2.0;
        place(svg, picture, x, at.top - GAP - at.cell + 4.0, inner)?;
    }
    for (row, picture) in plot.thumbnails_down.iter().enumerate() {
        let y = at.top + row as f64 * at.cell + 2.0;
        place(svg, picture, at.left - GAP - at.cell + 4.0, y, inner)?;
    }
    Ok(())
}

fn place(
    svg: &mut String,
    picture: &Picture,
    x: f64,
    y: f64,
    side: f64,
) -> Result<(), EncodeError> {
    // Twice the drawn size: sharp on dense screens and in the PNG.
    let small = picture.thumbnail((side * 2.0) as u32);
    let data = BASE64.encode(small.to_jpeg(88)?);
    let _ = writeln!(
        svg,
        "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{side:.1}\" height=\"{side:.1}\" \
         preserveAspectRatio=\"xMidYMid meet\" href=\"data:image/jpeg;base64,{data}\"/>"
    );
    Ok(())
}

fn cells(svg: &mut String, plot: &MatrixPlot, at: &Layout) {
    let columns = plot.labels_across.len();
    // A hair of white between cells, while they are large enough to spare it.
    let gap = if at.cell >= 16.0 { 1.0 } else { 0.0 };
    let side = at.cell - gap;
    let size = at.value.unwrap_or_default();
    let _ = writeln!(
        svg,
        "<g font-size=\"{size:.1}\" text-anchor=\"middle\" shape-rendering=\"crispEdges\">"
    );
    for (index, &value) in plot.values.iter().enumerate() {
        let x = at.left + (index % columns) as f64 * at.cell;
        let y = at.top + (index / columns) as f64 * at.cell;
        let back = colour(value);
        let fill = hex(back);
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{side}\" height=\"{side}\" fill=\"{fill}\"/>"
        );
        if at.value.is_some() {
            let (x, y) = (x + side / 2.0, y + side / 2.0 + size * 0.36);
            let (ink, text) = (hex(text_colour(back)), number(value));
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{ink}\">{text}</text>"
            );
        }
    }
    svg.push_str("</g>\n");
}

fn bar(svg: &mut String, plot: &MatrixPlot, at: &Layout) {
    let (x, y, h) = (at.bar_left, at.top, at.bar_height);
    svg.push_str("<defs><linearGradient id=\"scale\" x1=\"0\" y1=\"1\" x2=\"0\" y2=\"0\">");
    for step in 0..=32 {
        let value = step as f32 / 32.0;
        let _ = write!(
            svg,
            "<stop offset=\"{value}\" stop-color=\"{}\"/>",
            hex(colour(value))
        );
    }
    let _ = writeln!(
        svg,
        "</linearGradient></defs>\n<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{BAR_WIDTH}\" \
         height=\"{h:.1}\" fill=\"url(#scale)\"/>\n<g font-size=\"11\" fill=\"{FAINT}\">"
    );
    let right = x + BAR_WIDTH;
    for step in 0..=5 {
        let value = f64::from(step) / 5.0;
        let tick = y + h * (1.0 - value);
        let _ = writeln!(
            svg,
            "<path d=\"M{right:.1} {tick:.1}h4\" stroke=\"{FAINT}\"/><text x=\"{:.1}\" \
             y=\"{:.1}\">{value:.1}</text>",
            right + 8.0,
            tick + 4.0
        );
    }
    let (x, y) = (right + 44.0, y + h / 2.0);
    let label = escape(&shorten(&plot.scale_label, 11.0, h));
    let _ = writeln!(
        svg,
        "<text transform=\"translate({x:.1} {y:.1}) rotate(-90)\" text-anchor=\"middle\">{label}</text>\n</g>"
    );
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// 3 decimals; never "-0.000", and a dash for what is not a number.
fn number(value: f32) -> String {
    if value.is_nan() {
        return "–".into();
    }
    let text = format!("{value:.3}");
    if text == "-0.000" {
        "0.000".into()
    } else {
        text
    }
}
