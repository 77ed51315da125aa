//! The line of false alarms against misses.

use maud::{Markup, html};
use niteru_learn::TradeOff;

use super::words::Words;
use crate::report::marks::percent;

/// Units of the drawing: its sides, and what is left for the labels.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 52.0;

const TICKS: [f64; 8] = [0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0];

/// Where a false-alarm rate is. The root: rates that matter are small.
fn across(rate: f64) -> f64 {
    LEFT + rate.clamp(0.0, 1.0).sqrt() * (WIDTH - LEFT - RIGHT)
}

/// Where a miss rate is.
fn down(rate: f64) -> f64 {
    HEIGHT - BOTTOM - rate.clamp(0.0, 1.0).sqrt() * (HEIGHT - TOP - BOTTOM)
}

/// The line as an inline drawing; `now` is false alarms and misses at the threshold in use.
pub(in crate::report) fn curve(
    words: &Words,
    points: &[TradeOff],
    now: Option<(f64, f64)>,
) -> Markup {
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    let (left, right) = (across(0.0), across(1.0));
    let (bottom, top) = (down(0.0), down(1.0));
    html! {
        svg.plot viewBox=(view) role="img" aria-label=(words.trade_off) {
            @for tick in TICKS {
                line.grid x1=(across(tick)) x2=(across(tick)) y1=(top) y2=(bottom) {}
                line.grid x1=(left) x2=(right) y1=(down(tick)) y2=(down(tick)) {}
                text x=(across(tick)) y=(bottom + 17.0) text-anchor="middle" { (percent(tick)) }
                text x=(left - 7.0) y=(down(tick) + 4.0) text-anchor="end" { (percent(tick)) }
            }
            line.axis x1=(left) x2=(right) y1=(bottom) y2=(bottom) {}
            line.axis x1=(left) x2=(left) y1=(top) y2=(bottom) {}
            text x=((left + right) / 2.0) y=(HEIGHT - 8.0) text-anchor="middle" { (words.false_alarms) }
            text transform=(format!("translate(14 {}) rotate(-90)", (top + bottom) / 2.0))
                text-anchor="middle" { (words.misses) }
            path.curve d=(steps(points)) {}
            @if let Some(now) = now { (point(words, now)) }
        }
    }
}

/// Between two points the first one's threshold holds: misses stay while false alarms rise.
fn steps(points: &[TradeOff]) -> String {
    let mut path = String::new();
    for (index, point) in points.iter().enumerate() {
        let (x, y) = (across(point.false_alarm), down(point.miss));
        path += &match index {
            0 => format!("M{x:.1} {y:.1}"),
            _ => format!("H{x:.1}V{y:.1}"),
        };
    }
    path
}

/// The threshold in use, with its name where there is room for it.
fn point(words: &Words, (false_alarm, miss): (f64, f64)) -> Markup {
    let (x, y) = (across(false_alarm), down(miss));
    let (label_x, anchor) = match x < WIDTH / 2.0 {
        true => (x + 11.0, "start"),
        false => (x - 11.0, "end"),
    };
    let label_y = (y - 11.0).max(TOP + 12.0);
    html! {
        circle.point cx=(x) cy=(y) r="7" {}
        text x=(label_x) y=(label_y) text-anchor=(anchor) font-weight="700" {
            (words.now) " (" (percent(false_alarm)) ", " (percent(miss)) ")"
        }
    }
}
