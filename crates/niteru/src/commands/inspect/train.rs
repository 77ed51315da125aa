//! `niteru inspect train`.

mod told;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use niteru_encoder::Encoder;
use niteru_imaging::{Limits, Mask, Picture};
use niteru_inspect::{
    Quality, Skipped, Suspicious, TrainError, TrainOptions, TrainStep, Trained, Trust,
    WithSuspicious, evaluate_bad, train,
};
use niteru_learn::Promise;
use niteru_store::{EncoderIdentity, Home, NewInspector, StoredInspector};
use serde::Serialize;
use serde_json::{Value, json};

use self::told::told;
use super::photos;
use crate::args::{self, InspectTrainArgs, Language};
use crate::commands::Context;
use crate::commands::add::described;
use crate::output::Outcome;
use crate::report::training::{Training, training, trust};

/// The contract of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    inspector: &'a str,
    version: u32,
    model: &'a str,
    good: usize,
    trust: TrustTold,
    #[serde(flatten)]
    promise: &'a Promise,
    patches: usize,
    memory_bytes: usize,
    bytes: usize,
    suspicious: &'a [Suspicious],
    left_out: &'a [Suspicious],
    #[serde(skip_serializing_if = "Option::is_none")]
    bad: Option<&'a Quality>,
    skipped: &'a [Skipped],
}

#[derive(Serialize)]
struct TrustTold {
    #[serde(flatten)]
    trust: Trust,
    /// For people.
    why: String,
}

/// An inspector with what was learnt about it.
struct Made<'e> {
    trained: Trained<'e>,
    trust: Trust,
    quality: Option<Quality>,
    stored: StoredInspector,
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
    let trained = learn(context, args, &encoder, &good)?;
    let quality = match bad.is_empty() {
        true => None,
        false => Some(
            evaluate_bad(&trained.inspector, &bad, &Limits::default(), &|| ())
                .context("the bad photos cannot be judged")?,
        ),
    };
    let of_bad = quality.iter().flat_map(|quality| &quality.skipped);
    for skipped in trained.skipped.iter().chain(of_bad) {
        any_skipped = true;
        context
            .output
            .warn(format!("skipped: {}", described(skipped)));
    }
    let bytes = trained.inspector.to_bytes()?;
    let made = Made {
        stored: store(&home, args, &encoder, &trained, (&bytes, quality.as_ref()))?,
        trust: Trust::of(trained.inspector.good().len(), trained.inspector.promise()),
        trained,
        quality,
    };
    if let Some(file) = &args.html {
        write_report(args.report.language(), &made, file)?;
        context.output.note(format!("wrote {}", file.display()));
    }
    match context.output.is_json() {
        true => context.output.json(&json_of(&made))?,
        false => context.output.text(told(args, &made))?,
    }
    Ok(Outcome::skipped(any_skipped))
}

/// Trains, and tells of suspicious photos as soon as they are known.
fn learn<'e>(
    context: &Context,
    args: &InspectTrainArgs,
    encoder: &'e Encoder,
    good: &[PathBuf],
) -> Result<Trained<'e>> {
    let options = TrainOptions {
        false_alarm: args.false_alarm,
        tiles: args.tiles.0,
        area: args.area.as_deref().map(area).transpose()?,
        suspicious: args.suspicious.into(),
        seed: args.seed,
        ..TrainOptions::default()
    };
    let bar = context.output.images_bar();
    let on_bar = context.output.on_bar(&bar);
    let trained = train(encoder, good, &options, &|step| {
        match step {
            TrainStep::Reading { done, total } => on_bar(done as u64, Some(total as u64)),
            // The error lists them.
            TrainStep::Suspicious(_) if options.suspicious == WithSuspicious::Stop => {}
            TrainStep::Suspicious(found) => bar.suspend(|| warn(context, found)),
            TrainStep::Learning { .. } => {}
        }
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    trained.map_err(|error| match error {
        TrainError::Suspicious { .. } | TrainError::Mixed { .. } => {
            anyhow::anyhow!("{error} (--suspicious keep learns from all of them)")
        }
        error => error.into(),
    })
}

fn warn(context: &Context, found: &[Suspicious]) {
    for Suspicious { path, score } in found {
        let path = path.display();
        context.output.warn(format!(
            "look at this good photo, it looks like none of the others: {path} (score {score:.1})"
        ));
    }
}

fn area(path: &Path) -> Result<Mask> {
    let picture = Picture::open(path, &Limits::default())?;
    Ok(Mask::from_picture(&picture))
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
        "left_out": trained.left_out.len(),
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

fn write_report(language: Language, made: &Made<'_>, file: &Path) -> Result<()> {
    let Made {
        trained, stored, ..
    } = made;
    let of = Training {
        inspector: &stored.name,
        version: stored.version,
        model: &stored.model,
        trust: made.trust,
        promise: trained.inspector.promise(),
        good_scores: trained.inspector.good_scores(),
        quality: made.quality.as_ref(),
        suspicious: &trained.suspicious,
        left_out: &trained.left_out,
        skipped: &trained.skipped,
    };
    training(language, &of, file)
}

fn json_of<'m>(made: &'m Made<'_>) -> Report<'m> {
    let Made {
        trained, stored, ..
    } = made;
    Report {
        inspector: &stored.name,
        version: stored.version,
        model: &stored.model,
        good: trained.inspector.good().len(),
        trust: TrustTold {
            trust: made.trust,
            why: trust(Language::En, &made.trust),
        },
        promise: trained.inspector.promise(),
        patches: trained.patches,
        memory_bytes: trained.memory_bytes,
        bytes: stored.bytes as usize,
        suspicious: &trained.suspicious,
        left_out: &trained.left_out,
        bad: made.quality.as_ref(),
        skipped: &trained.skipped,
    }
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
