//! `niteru inspect train`.

mod told;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Result;
use niteru_encoder::Encoder;
use niteru_imaging::{Limits, Mask, Picture};
use niteru_inspect::{Suspicious, TrainError, TrainOptions, TrainStep, WithSuspicious};
use niteru_store::{Home, TrainReport, Training, TrainingError};
use serde_json::Value;

use self::told::told;
use super::photos;
use crate::args::{self, InspectTrainArgs, Language};
use crate::commands::Context;
use crate::commands::add::described;
use crate::output::Outcome;
use crate::report::training::{
    reviews_missing, stretched, training as write_report, trust, unaligned,
};

/// Photos that are not there any more and that are named at most.
const MISSING_NAMED: usize = 10;

pub(super) fn run(context: &Context, args: &InspectTrainArgs) -> Result<Outcome> {
    let home = context.home()?;
    let encoder = context.encoder(None, &args.model)?;
    let (good, mut any_skipped) = photos(context, &args.good);
    let (bad, bad_skipped) = photos(context, &args.bad);
    any_skipped |= bad_skipped;
    let training = Training {
        name: args.name.clone(),
        good,
        bad,
        with_reviews: args.with_reviews,
        options: options(args)?,
    };
    let report = learn(context, &home, &encoder, &training)?;
    let of_bad = report.bad.iter().flat_map(|quality| &quality.skipped);
    for skipped in report.skipped.iter().chain(of_bad) {
        any_skipped = true;
        context
            .output
            .warn(format!("skipped: {}", described(skipped)));
    }
    if let Some(reviews) = &report.reviews {
        tell_missing(context, &reviews.missing);
    }
    if report.unaligned > 0 {
        context
            .output
            .warn(unaligned(Language::En, report.unaligned));
    }
    if report.stretched > 0 {
        context
            .output
            .warn(stretched(Language::En, report.stretched));
    }
    if let Some(file) = &args.html {
        write_report(args.report.language(), &report, file)?;
        context.output.note(format!("wrote {}", file.display()));
    }
    match context.output.is_json() {
        true => context.output.json(&json_of(&report)?)?,
        false => context.output.text(told(args, &report))?,
    }
    Ok(Outcome::skipped(any_skipped))
}

fn options(args: &InspectTrainArgs) -> Result<TrainOptions> {
    Ok(TrainOptions {
        false_alarm: args.false_alarm,
        tiles: args.tiles.0,
        area: args.area.as_deref().map(area).transpose()?,
        align: args.align,
        suspicious: args.suspicious.into(),
        seed: args.seed,
        ..TrainOptions::default()
    })
}

/// Trains, and tells of suspicious photos as soon as they are known.
fn learn(
    context: &Context,
    home: &Home,
    encoder: &Encoder,
    training: &Training,
) -> Result<TrainReport> {
    let stages = context.output.stages_bar();
    let trained = home.train_inspector(encoder, training, &|step| {
        match step {
            TrainStep::Reading { done, total } => stages.show("reading", done, total),
            TrainStep::Learning { done, total } => stages.show("learning", done, total),
            TrainStep::Judging { done, total } => stages.show("judging", done, total),
            // The error lists them.
            TrainStep::Suspicious(_) if training.options.suspicious == WithSuspicious::Stop => {}
            TrainStep::Suspicious(found) => stages.bar.suspend(|| warn(context, found)),
        }
        ControlFlow::Continue(())
    });
    stages.bar.finish_and_clear();
    trained.map_err(|error| match error {
        TrainingError::Train(
            error @ (TrainError::Suspicious { .. } | TrainError::Mixed { .. }),
        ) => anyhow::anyhow!("{error} (--suspicious keep learns from all of them)"),
        error => error.into(),
    })
}

/// Tells which photos that people have judged could not be learnt from.
fn tell_missing(context: &Context, missing: &[PathBuf]) {
    if missing.is_empty() {
        return;
    }
    let output = context.output;
    output.warn(reviews_missing(Language::En, missing.len()));
    for path in missing.iter().take(MISSING_NAMED) {
        output.warn(format!("not there any more: {}", path.display()));
    }
    if missing.len() > MISSING_NAMED {
        let more = missing.len() - MISSING_NAMED;
        output.warn(format!("and {more} more, which --json lists"));
    }
}

fn warn(context: &Context, found: &[Suspicious]) {
    for Suspicious { path, score } in found {
        let path = path.display();
        context.output.warn(format!(
            "look at this good photo, it looks like none of the others: {path} (score {score:.1})"
        ));
    }
}

/// A mask that is painted in a picture.
pub(super) fn area(path: &Path) -> Result<Mask> {
    let picture = Picture::open(path, &Limits::default())?;
    Ok(Mask::from_picture(&picture))
}

/// The report, with why it is to be trusted so far in words.
fn json_of(report: &TrainReport) -> Result<Value> {
    let mut json = serde_json::to_value(report)?;
    json["trust"]["why"] = trust(Language::En, &report.trust).into();
    Ok(json)
}

impl From<args::Suspicious> for WithSuspicious {
    fn from(asked: args::Suspicious) -> WithSuspicious {
        match asked {
            args::Suspicious::Keep => WithSuspicious::Keep,
            args::Suspicious::LeaveOut => WithSuspicious::LeaveOut,
            args::Suspicious::Stop => WithSuspicious::Stop,
        }
    }
}
