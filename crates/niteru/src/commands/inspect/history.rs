//! `niteru inspect list`, `remove`, `history` and `review`.

use anyhow::Result;
use niteru_store::{HistoryQuery, ReviewVerdict, Verdict, rfc3339};
use serde::Serialize;

use crate::args::{DecidedAs, InspectHistoryArgs, ReviewedAs};
use crate::commands::{Context, count};
use crate::output::Outcome;

pub(super) fn inspectors(context: &Context) -> Result<Outcome> {
    let inspectors = context.home()?.inspectors()?;
    if context.output.is_json() {
        context.output.json(&inspectors)?;
    } else if inspectors.is_empty() {
        context.output.text("no inspectors")?;
        context
            .output
            .note("train one with `niteru inspect train NAME --good DIR`");
    }
    if !context.output.is_json() {
        for inspector in &inspectors {
            let newest = &inspector.newest;
            context.output.text(format!(
                "{}  version {} of {}  {}  {}  {}",
                newest.name,
                newest.version,
                rfc3339(newest.created),
                newest.model,
                count(inspector.versions as usize, "version"),
                count(inspector.all_inspections as usize, "inspection"),
            ))?;
        }
    }
    Ok(Outcome::Done)
}

pub(super) fn remove(context: &Context, name: &str, with_history: bool) -> Result<Outcome> {
    #[derive(Serialize)]
    struct Removed<'a> {
        removed: &'a str,
        inspections: u64,
    }
    let inspections = context.home()?.remove_inspector(name, with_history)?;
    if context.output.is_json() {
        context.output.json(&Removed {
            removed: name,
            inspections,
        })?;
    } else {
        let inspections = count(inspections as usize, "inspection");
        context
            .output
            .text(format!("removed {name} with {inspections}"))?;
    }
    Ok(Outcome::Done)
}

pub(super) fn history(context: &Context, args: &InspectHistoryArgs) -> Result<Outcome> {
    let inspections = context.home()?.inspections(&HistoryQuery {
        inspector: args.name.clone(),
        verdict: args.verdict.map(Into::into),
        since: args.since,
        until: args.until,
        after: args.before,
        limit: args.limit.get(),
        ..HistoryQuery::default()
    })?;
    if context.output.is_json() {
        for inspection in &inspections {
            context.output.json(inspection)?;
        }
        return Ok(Outcome::Done);
    }
    if inspections.is_empty() {
        context.output.text(match args.before {
            Some(id) => format!("nothing was inspected before #{id}"),
            None => "nothing was inspected".to_owned(),
        })?;
    }
    for inspection in &inspections {
        let review = inspection
            .reviews
            .last()
            .map_or_else(String::new, |review| {
                let by = review.reviewer.as_deref().unwrap_or("somebody");
                format!("  {by} says {}: {}", review.verdict.name(), review.note)
            });
        context.output.text(format!(
            "#{}  {}  {:<6}  {:.3} / {:.3}  {} v{}  {}{review}",
            inspection.id,
            rfc3339(inspection.time),
            inspection.verdict.name(),
            inspection.score,
            inspection.threshold,
            inspection.inspector,
            inspection.version,
            inspection.path.display(),
        ))?;
    }
    if let Some(last) = inspections
        .last()
        .filter(|_| inspections.len() == args.limit.get())
    {
        let id = last.id;
        context
            .output
            .note(format!("there may be more: --before {id}"));
    }
    Ok(Outcome::Done)
}

pub(super) fn review(
    context: &Context,
    id: u64,
    verdict: ReviewedAs,
    note: &str,
    by: Option<&str>,
) -> Result<Outcome> {
    let verdict = match verdict {
        ReviewedAs::Ok => ReviewVerdict::Ok,
        ReviewedAs::Ng => ReviewVerdict::Ng,
    };
    let review = context.home()?.review(id, verdict, note, by)?;
    if context.output.is_json() {
        context.output.json(&review)?;
    } else {
        let verdict = review.verdict.name();
        context.output.text(format!(
            "#{id} is {verdict} now; the decision itself is kept"
        ))?;
    }
    Ok(Outcome::Done)
}

impl From<DecidedAs> for Verdict {
    fn from(decided: DecidedAs) -> Verdict {
        match decided {
            DecidedAs::Ok => Verdict::Ok,
            DecidedAs::Ng => Verdict::Ng,
            DecidedAs::Unlike => Verdict::Unlike,
        }
    }
}
