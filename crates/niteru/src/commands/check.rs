//! `niteru check`: is everything in the home as it should be?

use anyhow::{Result, bail};
use niteru_store::CheckOptions;

use super::{Context, count};
use crate::args::CheckArgs;
use crate::output::Outcome;

pub(super) fn run(context: &Context, args: &CheckArgs) -> Result<Outcome> {
    // Opening a home makes one; a check that finds a new home sound would tell nothing.
    if !context.home_path().exists() {
        bail!("there is no home at {}", context.home_path().display());
    }
    let bar = context.output.steps_bar();
    let progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let mut options = CheckOptions::default();
    options.files = args.files;
    options.progress = Some(&progress);
    let report = niteru_store::check(context.home_path(), options);
    bar.finish_and_clear();
    let report = report?;
    if context.output.is_json() {
        context.output.json(&report)?;
    } else {
        for problem in &report.problems {
            context
                .output
                .text(format!("{}: {}", problem.what, problem.way_out))?;
        }
        let checked = &report.checked;
        let mut text = format!(
            "checked {}, {}",
            count(checked.images as usize, "image"),
            count(checked.values as usize, "metadata value")
        );
        if args.files {
            text += &format!(", {}", count(checked.files as usize, "file"));
        }
        text += &format!(": {}", count(report.problems.len(), "problem"));
        context.output.text(text)?;
    }
    Ok(match report.problems.is_empty() {
        true => Outcome::Done,
        false => Outcome::Problems,
    })
}
