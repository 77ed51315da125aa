//! What a training says to people.

use niteru_learn::Promise;
use niteru_store::TrainReport;

use crate::args::{InspectTrainArgs, Language};
use crate::commands::count;
use crate::report::training::{placed, reviewed, threshold_without, trust, trust_level};

pub(super) fn told(args: &InspectTrainArgs, report: &TrainReport) -> String {
    let mut text = format!(
        "{} version {}: learnt from {} with {}; {} patches, {:.1} MB\n{}\nhow far to trust the threshold: {}. {}",
        report.inspector,
        report.version,
        count(report.good, "good photo"),
        report.model,
        report.patches,
        report.memory_bytes as f64 / 1e6,
        promised(&report.promise, args.false_alarm),
        trust_level(Language::En, report.trust.level),
        trust(Language::En, &report.trust),
    );
    if let Some(quality) = &report.bad {
        let miss = quality.miss;
        text += &format!(
            "\nof {}, {:.1} % would be missed (95 % confidence: {:.1} % to {:.1} %)",
            count(quality.bad, "bad photo"),
            100.0 * miss.value.unwrap_or(0.0),
            100.0 * miss.interval.low,
            100.0 * miss.interval.high,
        );
    }
    if report.not_needed > 0 {
        let not_needed = count(report.not_needed, "good photo");
        text += &format!(
            "\nnot read, as all together do not fit into memory: {not_needed}, spread evenly over all"
        );
    }
    if let Some(placed) = placed(Language::En, report.placed, report.good) {
        text += &format!("\n{placed}");
    }
    let reviews = report.reviews.as_ref();
    if let Some(told) = reviews.and_then(|of| reviewed(Language::En, of.good, of.bad)) {
        text += &format!("\n{told}");
    }
    if let Some(duplicate) = report.duplicates.first() {
        let copies = match report.duplicates.len() {
            1 => "1 copy of another good photo".to_owned(),
            many => format!("{many} copies of other good photos"),
        };
        text += &format!(
            "\nnot learnt from: {copies}, the first {} of {}; each content counts once",
            duplicate.path.display(),
            duplicate.of.display()
        );
    }
    // Which, was said when they were found.
    if !report.left_out.is_empty() {
        let left_out = count(report.left_out.len(), "photo");
        text += &format!("\nleft out, as like none of the others: {left_out}, named above");
    }
    if !report.suspicious.is_empty() {
        let suspicious = count(report.suspicious.len(), "good photo");
        text += &format!(
            "\nlike none of the others, but learnt from: {suspicious}, named above; where one is bad, its like \
             will pass: take it away and train again"
        );
    }
    if let Some(without) = report.threshold_without {
        let told = threshold_without(Language::En, report.promise.threshold, without);
        text += &format!("\n{told}");
    }
    text
}

/// What the threshold promises, in a sentence.
fn promised(promise: &Promise, asked: f64) -> String {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let (threshold, expected) = (promise.threshold, percent(promise.expected));
    match promise.kept {
        true => format!(
            "threshold {threshold:.3}: on average at most {expected} of good parts are stopped; \
             with 95 % confidence not more than {}",
            percent(promise.at_most)
        ),
        false => format!(
            "threshold {threshold:.3}: too few good photos to promise {}; on average up to {expected} of \
             good parts are stopped. {} more are needed",
            percent(asked),
            promise.more_for_average
        ),
    }
}
