//! `niteru inspect drift`.

use anyhow::Result;
use niteru_inspect::Inspector;
use niteru_store::{Drift, DriftBasis, LEAST_DECISIONS};

use super::open;
use crate::args::{InspectDriftArgs, Language};
use crate::commands::{Context, count};
use crate::output::Outcome;
use crate::report::inspection::told_of_drift;

pub(super) fn run(context: &Context, args: &InspectDriftArgs) -> Result<Outcome> {
    let home = context.home()?;
    let (file, encoder) = open(context, &home, (&args.name, args.version), None)?;
    let inspector = Inspector::from_bytes(&file.bytes, &encoder)?;
    let basis = DriftBasis::of(&inspector);
    let drift = home.drift(&basis.query(file.inspector.id, args.last))?;
    if context.output.is_json() {
        context.output.json(&drift)?;
    } else {
        context.output.text(told(&drift))?;
    }
    Ok(Outcome::Done)
}

fn told(drift: &Drift) -> String {
    let name = format!("{} version {}", drift.inspector, drift.version);
    if let Some(told) = told_of_drift(Language::En, drift) {
        return format!("{name}: {}", told.sentences.join("\n"));
    }
    match (drift.superiority, drift.p_value) {
        (Some(superiority), Some(p)) => format!(
            "{name}: no drift in the last {}: {:.0} of 100 comparisons have the new one higher than a good \
             one, 50 are usual (p {p:.2})",
            count(drift.decisions, "photo"),
            100.0 * superiority,
        ),
        _ if drift.needed == 0 => format!(
            "{name}: it was trained from one good photo, which gives nothing to compare with; \
             train with more"
        ),
        _ => format!(
            "{name}: {} judged that it was not trained with; {LEAST_DECISIONS} are needed, {} more",
            count(drift.decisions, "photo"),
            drift.needed
        ),
    }
}
