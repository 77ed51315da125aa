//! `niteru inspect train`.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use niteru_imaging::{Limits, Mask, Picture};
use niteru_inspect::{TrainOptions, TrainStep};
use niteru_learn::Promise;
use niteru_store::{TrainReport, Training};

use super::photos;
use crate::args::InspectTrainArgs;
use crate::commands::{Context, count};
use crate::output::Outcome;

pub(super) fn run(context: &Context, args: &InspectTrainArgs) -> Result<Outcome> {
    let home = context.home()?;
    let encoder = context.encoder(None, &args.model)?;
    let (good, mut any_skipped) = photos(context, &args.good);
    let (bad, bad_skipped) = photos(context, &args.bad);
    any_skipped |= bad_skipped;
    let options = TrainOptions {
        false_alarm: args.false_alarm,
        tiles: args.tiles.0,
        area: args.area.as_deref().map(area).transpose()?,
        seed: args.seed,
        ..TrainOptions::default()
    };
    let training = Training {
        name: args.name.clone(),
        good,
        bad,
        with_reviews: args.with_reviews,
        options,
    };
    let bar = context.output.images_bar();
    let on_bar = context.output.on_bar(&bar);
    let report = home.train_inspector(&encoder, &training, &|step| {
        if let TrainStep::Reading { done, total } = step {
            on_bar(done as u64, Some(total as u64));
        }
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let report = report?;
    for skipped in &report.skipped {
        any_skipped = true;
        let path = skipped.path.display();
        context
            .output
            .warn(format!("skipped: {path}: {}", skipped.reason));
    }
    if context.output.is_json() {
        context.output.json(&report)?;
    } else {
        context.output.text(told(args, &report))?;
    }
    Ok(Outcome::skipped(any_skipped))
}

fn area(path: &Path) -> Result<Mask> {
    let picture = Picture::open(path, &Limits::default())?;
    Ok(Mask::from_picture(&picture))
}

fn told(args: &InspectTrainArgs, report: &TrainReport) -> String {
    let mut text = format!(
        "{} version {}: learnt from {} with {}; {} patches, {:.1} MB\n{}",
        report.inspector,
        report.version,
        count(report.good, "good photo"),
        report.model,
        report.patches,
        report.memory_bytes as f64 / 1e6,
        promised(&report.promise, args.false_alarm),
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
    for suspicious in &report.suspicious {
        let path = suspicious.path.display();
        text += &format!(
            "\nlook at this good photo, it is like none of the others: {path} (score {:.1})",
            suspicious.score
        );
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
