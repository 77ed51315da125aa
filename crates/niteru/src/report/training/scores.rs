//! How the scores of good and of bad photos lie beside the threshold.

use maud::{Markup, html};
use niteru_learn::Spread;

use super::words::{self, Words};
use crate::args::Language;

/// Units of the drawing: its width, what is left at the sides, the height of a row of bars, and the rest.
const WIDTH: f64 = 640.0;
const SIDE: f64 = 14.0;
const ROW: f64 = 130.0;
const TOP: f64 = 44.0;
const AXIS: f64 = 46.0;

const BARS: usize = 32;

/// Robust standard deviations below the median that still are on the scale.
const USUAL: f64 = 5.0;

/// Numbers below the axis, about.
const TICKS: f64 = 7.0;

/// From where good scores usually begin to well beyond the threshold: what lies outside is all in the first and
/// the last bar, as one photo that is far off would else press all others together.
struct Scale {
    low: f64,
    high: f64,
    /// Whether the first bar holds lower ones, too.
    lower: bool,
    /// Whether the last bar holds higher ones, too.
    higher: bool,
}

impl Scale {
    fn of(good: &[f64], bad: &[f64], threshold: f64) -> Scale {
        let all = || good.iter().chain(bad).copied().filter(|x| x.is_finite());
        let lowest = all().fold(threshold, f64::min);
        let highest = all().fold(threshold, f64::max);
        let usual = Spread::of(good);
        let low = lowest
            .max(usual.median() - USUAL * usual.scale())
            .min(threshold);
        // The threshold lies in the middle at the most.
        let reach = (threshold - low).max(1e-9);
        let high = highest.min(threshold + reach) + 0.05 * reach;
        Scale {
            low,
            high,
            lower: lowest < low,
            higher: highest > high,
        }
    }

    fn share(&self, score: f64) -> f64 {
        ((score - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    fn across(&self, score: f64) -> f64 {
        SIDE + self.share(score) * (WIDTH - 2.0 * SIDE)
    }

    fn counts(&self, scores: &[f64]) -> [usize; BARS] {
        let mut counts = [0; BARS];
        for &score in scores {
            let bar = (self.share(score) * BARS as f64) as usize;
            counts[bar.min(BARS - 1)] += 1;
        }
        counts
    }

    /// Round numbers inside.
    fn ticks(&self) -> Vec<f64> {
        let rough = (self.high - self.low) / TICKS;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let (first, last) = ((self.low / step).ceil(), (self.high / step).floor());
        let mut ticks = Vec::new();
        let mut at = first;
        while at <= last && ticks.len() < 20 {
            ticks.push(at * step);
            at += 1.0;
        }
        ticks
    }
}

/// Good photos above the axis, bad ones below it: the sides tell them apart, not the colours alone.
pub(super) fn distribution(
    language: Language,
    words: &Words,
    ((good, good_name), bad): ((&[f64], &str), &[f64]),
    threshold: f64,
) -> Markup {
    let scale = Scale::of(good, bad, threshold);
    let base = TOP + ROW;
    let below = if bad.is_empty() { 0.0 } else { ROW };
    let axis = base + below;
    let height = axis + AXIS;
    let at = scale.across(threshold);
    html! {
        svg.plot.broad viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(words.scores) {
            @for tick in scale.ticks() {
                line.grid x1=(f(scale.across(tick))) x2=(f(scale.across(tick))) y1=(TOP) y2=(axis) {}
                text x=(f(scale.across(tick))) y=(axis + 17.0) text-anchor="middle" { (number(tick)) }
            }
            (bars(language, &scale, good, ("good", base, -1.0)))
            (bars(language, &scale, bad, ("bad", base, 1.0)))
            line.axis x1=(SIDE) x2=(WIDTH - SIDE) y1=(base) y2=(base) {}
            line.lead x1=(f(at)) x2=(f(at)) y1=(TOP - 12.0) y2=(axis) {}
            text x=(f(at)) y=(TOP - 18.0) text-anchor="middle" font-weight="700" {
                (words.threshold) " " (format!("{threshold:.2}"))
            }
            text x=(SIDE) y=(TOP - 2.0) { (good_name) }
            @if !bad.is_empty() {
                text x=(SIDE) y=(axis - 6.0) { (words::bad_photos(language, bad.len())) }
            }
            text x=(WIDTH / 2.0) y=(height - 8.0) text-anchor="middle" { (words.score) }
            @if scale.lower { text x=(SIDE) y=(axis + 33.0) { (words.and_lower) } }
            @if scale.higher {
                text x=(WIDTH - SIDE) y=(axis + 33.0) text-anchor="end" { (words.and_higher) }
            }
        }
    }
}

/// Bars on one side of the axis, the highest as high as there is room.
fn bars(
    language: Language,
    scale: &Scale,
    scores: &[f64],
    (class, base, direction): (&str, f64, f64),
) -> Markup {
    let counts = scale.counts(scores);
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let width = (WIDTH - 2.0 * SIDE) / BARS as f64;
    html! {
        @for (bar, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            @let high = (count as f64 / most * (ROW - 24.0)).max(2.0);
            @let top = if direction < 0.0 { base - high } else { base };
            rect class=(class) x=(f(SIDE + (bar as f64 + 0.08) * width)) width=(f(0.84 * width))
                y=(f(top)) height=(f(high)) {
                title { (words::photos(language, count)) }
            }
        }
    }
}

/// A coordinate, short.
fn f(value: f64) -> String {
    format!("{value:.1}")
}

/// A tick's number without digits that say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_is_in_a_bar() {
        let usual = [-1.0, -0.5, 0.0, 0.0, 0.5, 1.0];
        // another score, the threshold, whether the first and the last bar are open
        let table = [
            (0.2, 1.0, false, false),
            (900.0, 1.0, false, true),
            (-900.0, 1.0, true, false),
            (1.5, -0.5, false, true),
            (1.0, 1e3, false, false),
        ];
        for (other, threshold, lower, higher) in table {
            let scale = Scale::of(&usual, &[other], threshold);
            assert_eq!((scale.lower, scale.higher), (lower, higher), "{other}");
            let counted: usize = [&usual[..], &[other]]
                .iter()
                .flat_map(|scores| scale.counts(scores))
                .sum();
            assert_eq!(counted, 7);
            assert!((0.4..1.0).contains(&scale.share(threshold)), "{other}");
            let ticks = scale.ticks();
            assert!((2..=20).contains(&ticks.len()), "{ticks:?}");
        }
        let same = Scale::of(&[2.5; 3], &[], 2.5);
        assert_eq!(same.counts(&[2.5; 3]).iter().sum::<usize>(), 3);
    }

    #[test]
    fn numbers_are_short() {
        let table = [
            (0.0, "0"),
            (-0.0, "0"),
            (2.5, "2.5"),
            (10.0, "10"),
            (-0.25, "-0.25"),
        ];
        for (value, text) in table {
            assert_eq!(number(value), text);
        }
    }
}
