//! `niteru inspect train`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use niteru_encoder::Encoder;
use niteru_imaging::{Limits, Mask, Picture};
use niteru_inspect::{Known, Quality, TrainOptions, TrainStep, Trained, evaluate, train};
use niteru_learn::Promise;
use niteru_store::{EncoderIdentity, Home, NewInspector, StoredInspector};
use serde::Serialize;
use serde_json::{Value, json};

use super::photos;
use crate::args::InspectTrainArgs;
use crate::commands::{Context, count};
use crate::output::Outcome;

/// The contract of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    inspector: &'a str,
    version: u32,
    model: &'a str,
    good: usize,
    #[serde(flatten)]
    promise: &'a Promise,
    patches: usize,
    memory_bytes: usize,
    bytes: usize,
    suspicious: &'a [niteru_inspect::Suspicious],
    #[serde(skip_serializing_if = "Option::is_none")]
    bad: Option<&'a Quality>,
    skipped: &'a [niteru_inspect::Skipped],
}

pub(super) fn run(context: &Context, args: &InspectTrainArgs) -> Result<Outcome> {
    let home = context.home()?;
    let encoder = context.encoder(None, &args.model)?;
    let (mut good, mut any_skipped) = photos(context, &args.good);
    let (mut bad, bad_skipped) = photos(context, &args.bad);
    any_skipped |= bad_skipped;
    if args.with_reviews {
        home.apply_reviews(&args.name, &mut good, &mut bad)?;
    }
    if let Some(both) = good.iter().find(|path| bad.contains(path)) {
        bail!(
            "{} is among the good photos and among the bad ones; --good must not be a folder around --bad",
            both.display()
        );
    }
    let options = TrainOptions {
        false_alarm: args.false_alarm,
        tiles: args.tiles.0,
        area: args.area.as_deref().map(area).transpose()?,
        seed: args.seed,
        ..TrainOptions::default()
    };
    let bar = context.output.images_bar();
    let on_bar = context.output.on_bar(&bar);
    let trained = train(&encoder, &good, &options, &|step| {
        if let TrainStep::Reading { done, total } = step {
            on_bar(done as u64, Some(total as u64));
        }
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let trained = trained?;
    for skipped in &trained.skipped {
        any_skipped = true;
        let path = skipped.path.display();
        context
            .output
            .warn(format!("skipped: {path}: {}", skipped.reason));
    }
    let quality = match bad.is_empty() {
        true => None,
        false => Some(judge_bad(&trained, &bad)?),
    };
    let bytes = trained.inspector.to_bytes()?;
    let stored = store(&home, args, &encoder, &trained, (&bytes, quality.as_ref()))?;
    if context.output.is_json() {
        context.output.json(&Report {
            inspector: &stored.name,
            version: stored.version,
            model: &stored.model,
            good: trained.inspector.good().len(),
            promise: trained.inspector.promise(),
            patches: trained.patches,
            memory_bytes: trained.memory_bytes,
            bytes: bytes.len(),
            suspicious: &trained.suspicious,
            bad: quality.as_ref(),
            skipped: &trained.skipped,
        })?;
    } else {
        context
            .output
            .text(told(args, &stored, &trained, quality.as_ref()))?;
    }
    Ok(Outcome::skipped(any_skipped))
}

/// A mask that is painted in a picture.
pub(super) fn area(path: &Path) -> Result<Mask> {
    let picture = Picture::open(path, &Limits::default())?;
    Ok(Mask::from_picture(&picture))
}

/// What the bad photos score; the good ones' scores are those that were held out.
fn judge_bad(trained: &Trained<'_>, bad: &[PathBuf]) -> Result<Quality> {
    let known: Vec<Known> = bad
        .iter()
        .map(|path| Known {
            path: path.clone(),
            good: false,
            mask: None,
        })
        .collect();
    let quality = evaluate(&trained.inspector, &known, &Limits::default(), &|| ());
    quality.context("the bad photos cannot be judged")
}

fn store(
    home: &Home,
    args: &InspectTrainArgs,
    encoder: &Encoder,
    trained: &Trained<'_>,
    (bytes, quality): (&[u8], Option<&Quality>),
) -> Result<StoredInspector> {
    let own = EncoderIdentity::from(encoder);
    let settings = json!({
        "precision": own.precision,
        "exact_decode": own.exact_decode,
        "framing": own.framing,
        "false_alarm": args.false_alarm,
        "tiles": args.tiles.0,
        "area": args.area.is_some(),
        "seed": args.seed,
    });
    let summary = json!({
        "good": trained.inspector.good().len(),
        "promise": trained.inspector.promise(),
        "patches": trained.patches,
        "memory_bytes": trained.memory_bytes,
        "suspicious": trained.suspicious.len(),
        "bad": quality.map_or(Value::Null, |quality| json!({
            "images": quality.bad,
            "miss": quality.miss,
        })),
    });
    let stored = home.save_inspector(
        &args.name,
        &NewInspector {
            model: &own.model,
            fingerprint: &own.fingerprint,
            settings: &settings,
            summary: &summary,
            bytes,
        },
    )?;
    Ok(stored)
}

fn told(
    args: &InspectTrainArgs,
    stored: &StoredInspector,
    trained: &Trained<'_>,
    quality: Option<&Quality>,
) -> String {
    let promise = trained.inspector.promise();
    let mut text = format!(
        "{} version {}: learnt from {} with {}; {} patches, {:.1} MB\n{}",
        stored.name,
        stored.version,
        count(trained.inspector.good().len(), "good photo"),
        stored.model,
        trained.patches,
        trained.memory_bytes as f64 / 1e6,
        promised(promise, args.false_alarm),
    );
    if let Some(quality) = quality {
        let miss = quality.miss;
        text += &format!(
            "\nof {}, {:.1} % would be missed (95 % confidence: {:.1} % to {:.1} %)",
            count(quality.bad, "bad photo"),
            100.0 * miss.value.unwrap_or(0.0),
            100.0 * miss.interval.low,
            100.0 * miss.interval.high,
        );
    }
    for suspicious in &trained.suspicious {
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
