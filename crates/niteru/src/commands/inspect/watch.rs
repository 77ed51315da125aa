//! `niteru inspect watch`: each photo that comes into a folder is judged once, until stopped.

use std::cell::Cell;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Error, Result};
use niteru_encoder::with_causes;
use niteru_imaging::Limits;
use niteru_inspect::Inspector;
use niteru_store::{
    Drift, DriftBasis, DriftWatch, Home, InspectError, JudgedPhoto, LOOK_BACK, NotJudged,
    PhotoEvent, PhotoWatch, inspect_bytes,
};
use serde_json::json;

use super::{open, run::tell_found};
use crate::args::{InspectWatchArgs, Language};
use crate::commands::watch::stopped_by_signals;
use crate::commands::{Context, shown};
use crate::output::Outcome;
use crate::report::inspection::told_of_drift;

/// How often it is looked whether the inspector was trained again.
const VERSIONS: Duration = Duration::from_secs(2);

pub(super) fn run(context: &Context, args: &InspectWatchArgs) -> Result<Outcome> {
    let home = context.home()?;
    let stop = stopped_by_signals()?;
    home.begin_watching(&args.name, &args.folder, args.existing)?;
    let output = context.output;
    if output.is_json() {
        let folder = shown(&args.folder);
        output.json(&json!({ "event": "watching", "inspector": args.name, "folder": folder }))?;
    }
    output.note("watching; Ctrl-C stops");
    let mut counts = Counts::default();
    while !stop.load(Ordering::Relaxed) {
        watch_with_newest(context, &home, args, &stop, &mut counts)?;
    }
    let Counts {
        judged, skipped, ..
    } = counts;
    if output.is_json() {
        output.json(&json!({ "event": "stopped", "judged": judged, "skipped": skipped }))?;
    }
    output.note(format!("stopped; {judged} judged, {skipped} skipped"));
    Ok(Outcome::Done)
}

/// What was dealt with.
#[derive(Default)]
struct Counts {
    judged: u64,
    skipped: u64,
    /// When it is looked back whether photos have changed as a whole.
    lately: DriftWatch,
}

/// Another inspector has the name now: it is to judge the photo.
#[derive(Debug)]
struct Superseded;

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is a newer version of the inspector")
    }
}

impl std::error::Error for Superseded {}

/// Watches with the inspector's newest version, until told to stop or there is a newer one.
fn watch_with_newest(
    context: &Context,
    home: &Home,
    args: &InspectWatchArgs,
    stop: &AtomicBool,
    counts: &mut Counts,
) -> Result<()> {
    let (file, encoder) = open(context, home, (&args.name, None), None)?;
    let inspector = Inspector::from_bytes(&file.bytes, &encoder)?;
    let looked = Cell::new(Instant::now());
    let is_newest = || {
        if looked.get().elapsed() < VERSIONS {
            return true;
        }
        looked.set(Instant::now());
        // What is wrong with the home is told when a photo comes.
        home.inspector_id(&args.name, None)
            .is_ok_and(|newest| newest == file.inspector.id)
    };
    // A result that cannot be printed ends the watch.
    let failure = Cell::new(None);
    let failed = Cell::new(false);
    let watch = PhotoWatch {
        inspector: &args.name,
        folder: &args.folder,
        linked: true,
        limits: Limits::default(),
        stop: &|| stop.load(Ordering::Relaxed) || failed.get() || !is_newest(),
    };
    let operator = args.operator.as_deref();
    let mut judge = |path: &Path, bytes: Vec<u8>| {
        // What was removed a moment ago decides nothing any more: it could not be noted.
        match home.inspector_id(&args.name, None) {
            Ok(newest) if newest == file.inspector.id => {}
            Ok(_) => return Err(NotJudged::Watch(Superseded.into())),
            Err(error) => return Err(NotJudged::Watch(error.into())),
        }
        let inspected = inspect_bytes(&inspector, path, &bytes, &watch.limits);
        let inspected = inspected.map_err(|error| match error {
            InspectError::Decode(error) => NotJudged::Photo(error),
            error => NotJudged::Watch(Error::new(error).context(path.display().to_string())),
        })?;
        let metadata = args.field.iter().cloned().collect();
        let kernels = encoder.kernels().name();
        Ok(JudgedPhoto {
            inspector: file.inspector.id,
            record: inspected.record(path, operator, kernels, metadata),
            inspected,
        })
    };
    let basis = DriftBasis::of(&inspector);
    let watched = home.watch_photos::<Error>(&watch, &mut judge, &mut |event| {
        let judged = matches!(event, PhotoEvent::Judged(_));
        match event {
            PhotoEvent::Judged(_) => counts.judged += 1,
            PhotoEvent::Skipped { .. } => counts.skipped += 1,
            _ => {}
        }
        let told = tell(context, event).and_then(|()| match judged && counts.lately.is_due() {
            true => {
                let drift = home.drift(&basis.query(file.inspector.id, LOOK_BACK))?;
                tell_drift(context, &mut counts.lately, &drift)
            }
            false => Ok(()),
        });
        if let Err(error) = told {
            failed.set(true);
            failure.set(Some(error));
        }
    });
    match (failure.take(), watched) {
        (Some(error), _) => Err(error),
        (None, Err(error)) if error.is::<Superseded>() => Ok(()),
        (None, watched) => watched,
    }
}

/// Tells when photos have changed as a whole, and when they look as the good ones again.
fn tell_drift(context: &Context, lately: &mut DriftWatch, drift: &Drift) -> Result<()> {
    if !lately.is_news(drift) {
        return Ok(());
    }
    let output = context.output;
    output.warn(match told_of_drift(Language::En, drift) {
        Some(told) => told.sentences.join("\n"),
        None => "the last photos look as the good ones again".to_owned(),
    });
    match output.is_json() {
        true => {
            let mut line = serde_json::to_value(drift)?;
            line["event"] = "drift".into();
            Ok(output.json(&line)?)
        }
        false => Ok(()),
    }
}

fn tell(context: &Context, event: PhotoEvent) -> Result<()> {
    let output = context.output;
    let line = match event {
        PhotoEvent::Judged(found) if output.is_json() => {
            let mut line = serde_json::to_value(&found)?;
            line["event"] = "judged".into();
            line
        }
        PhotoEvent::Judged(found) => return tell_found(context, &found),
        PhotoEvent::Skipped { path, error } => {
            let reason = with_causes(error.reason());
            output.warn(format!("skipped: {}: {reason}", path.display()));
            json!({ "event": "skipped", "path": shown(&path), "reason": reason })
        }
        PhotoEvent::Unreachable { reason } => {
            output.warn(format!("the folder cannot be reached: {reason}"));
            json!({ "event": "unreachable", "reason": reason })
        }
        PhotoEvent::Reachable => {
            output.warn("the folder is back");
            json!({ "event": "reachable" })
        }
    };
    match output.is_json() {
        true => Ok(output.json(&line)?),
        false => Ok(()),
    }
}
