//! Indexes in a cluster: sending, moving, comparing.

use anyhow::Result;
use niteru_store::{ClusterStatus, Collection, IndexPlace, VerifyReport};

use super::with_bar;
use crate::commands::{Context, count};
use crate::output::Outcome;

/// Sends what was added. The images are stored: a cluster that is down costs a line, no more.
pub(super) fn send_after_add(context: &Context, collection: &Collection<'_>) -> Result<()> {
    if let Err(error) = with_bar(context, |progress| collection.send_changes(Some(progress))) {
        let waiting = number(collection.waiting()?);
        context.output.warn(format!(
            "{error:#}; nothing is lost: {} wait in the home and are sent with the next `niteru add`, search \
             or `niteru index move`",
            count(waiting, "changed image")
        ));
    }
    Ok(())
}

pub(super) fn move_to(
    context: &Context,
    collection: &Collection<'_>,
    place: &IndexPlace,
) -> Result<()> {
    let report = with_bar(context, |progress| {
        collection.move_index(place, Some(progress))
    })?;
    if context.output.is_json() {
        return Ok(context.output.json(&report)?);
    }
    Ok(context.output.text(format!(
        "{}: index of {} moved from {} to {} in {:.1} s",
        report.collection,
        count(report.images, "image"),
        report.from,
        report.to,
        report.seconds
    ))?)
}

pub(super) fn verify(
    context: &Context,
    collection: &Collection<'_>,
    sample: usize,
) -> Result<Outcome> {
    let report = collection.verify_index(sample, None)?;
    if context.output.is_json() {
        context.output.json(&report)?;
    } else {
        context.output.text(compared(&report))?;
    }
    Ok(match report.is_good() {
        true => Outcome::Done,
        false => Outcome::Problems,
    })
}

fn compared(report: &VerifyReport) -> String {
    let mut text = format!(
        "{}: {} in the database, {} in the index ({}); {} missing, {} too many, {} of {} compared differ",
        report.collection,
        count(number(report.images), "image"),
        report.points,
        report.place,
        report.missing,
        report.extra,
        report.differing,
        report.compared,
    );
    if !report.is_good() {
        let ids: Vec<_> = report.examples.iter().map(u64::to_string).collect();
        if !ids.is_empty() {
            text += &format!("\nimages such as {}", ids.join(", "));
        }
        text += &format!(
            "\n`niteru index build {}` makes the index again from the database",
            report.collection
        );
    }
    text
}

pub(super) fn described(status: &ClusterStatus) -> String {
    let mut text = format!(
        "{}: {}, index at {} ({})",
        status.collection,
        count(number(status.images), "image"),
        status.url,
        status.name
    );
    if let Some(problem) = &status.problem {
        text += &format!("\n{problem}");
    }
    text += &format!(
        "\nat change {} of {}: {}",
        status.version,
        status.latest,
        match status.behind {
            0 => "nothing waits to be sent".to_owned(),
            behind => format!("{} wait to be sent", count(number(behind), "changed image")),
        }
    );
    if let (Some(points), Some(shards), Some(replicas), Some(condition)) = (
        status.points,
        status.shards,
        status.replicas,
        status.condition,
    ) {
        text += &format!(
            "\n{}, {}, {}, {condition}",
            count(number(points), "point"),
            count(shards as usize, "shard"),
            count(replicas as usize, "replica")
        );
    }
    text
}

fn number(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
