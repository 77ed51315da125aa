//! `niteru inspect replay`.

use anyhow::Result;
use niteru_imaging::Limits;
use niteru_inspect::Inspector;
use niteru_store::{Reproduced, replay};
use serde::Serialize;

use super::open;
use crate::commands::{Context, shown};
use crate::output::Outcome;

/// The contract of `replay --json`.
#[derive(Serialize)]
struct Replayed<'a> {
    id: u64,
    path: String,
    inspector: &'a str,
    version: u32,
    score: f64,
    replayed_score: f64,
    threshold: f64,
    replayed_threshold: f64,
    verdict: &'a str,
    replayed_verdict: &'a str,
    #[serde(flatten)]
    reproduced: &'a Reproduced,
}

pub(super) fn run(context: &Context, id: u64) -> Result<Outcome> {
    let home = context.home()?;
    let was = home.inspection(id)?;
    let (file, encoder) = open(context, &home, (&was.inspector, Some(was.version)), None)?;
    let inspector = Inspector::from_bytes(&file.bytes, &encoder)?;
    let inspected = replay(&inspector, &was, &Limits::default())?;
    let found = &inspected.inspection;
    let kernels = encoder.kernels().name();
    let reproduced = inspected.reproduced(&was, kernels);
    let same = reproduced.same;
    if context.output.is_json() {
        context.output.json(&Replayed {
            id,
            path: shown(&was.path),
            inspector: &was.inspector,
            version: was.version,
            score: was.score,
            replayed_score: found.score,
            threshold: was.threshold,
            replayed_threshold: found.threshold,
            verdict: was.verdict.name(),
            replayed_verdict: found.verdict.name(),
            reproduced: &reproduced,
        })?;
    } else {
        context.output.text(format!(
            "#{id} {}: {} {} of {} then, {} {} of {} now: {}",
            was.path.display(),
            was.verdict.name(),
            was.score,
            was.threshold,
            found.verdict.name(),
            found.score,
            found.threshold,
            match same {
                true => "the same".to_owned(),
                false => format!("different: {}", reproduced.differs.join(", ")),
            },
        ))?;
        let now = reproduced.replayed_program;
        if let Some(program) = was.program.as_deref().filter(|was| !same && *was != now) {
            context.output.note(format!(
                "it was decided by niteru {program}, this is {now}: that version repeats it exactly"
            ));
        }
        if !same && was.kernels != kernels {
            context.output.note(format!(
                "the instruction set was {}, here it is {}: scores then agree to some digits only \
                 (NITERU_KERNELS={} takes the old one, where this CPU has it)",
                was.kernels, kernels, was.kernels
            ));
        }
    }
    Ok(if same {
        Outcome::Done
    } else {
        Outcome::Problems
    })
}
