//! `niteru backup` and `niteru restore`: the home in one file, and back.

use anyhow::Result;
use niteru_store::{BackupOptions, Home, RestoreOptions};

use super::{Context, count};
use crate::args::{BackupArgs, RestoreArgs};
use crate::output::Outcome;

pub(super) fn backup(context: &Context, args: &BackupArgs) -> Result<Outcome> {
    let home: Home = context.home()?;
    let bar = context.output.bytes_bar(Some(0));
    let progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let mut options = BackupOptions::default();
    options.with_models = args.with_models;
    options.force = args.force;
    options.progress = Some(&progress);
    let report = home.backup(&args.file, options);
    bar.finish_and_clear();
    let report = report?;
    if context.output.is_json() {
        context.output.json(&report)?;
    } else {
        let files = count(report.files as usize, "file");
        let bytes = report.bytes;
        let file = report.file.display();
        context
            .output
            .text(format!("wrote {file}: {files}, {bytes} bytes"))?;
    }
    Ok(Outcome::Done)
}

pub(super) fn restore(context: &Context, args: &RestoreArgs) -> Result<Outcome> {
    let bar = context.output.bytes_bar(Some(0));
    let progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let mut options = RestoreOptions::default();
    options.force = args.force;
    options.progress = Some(&progress);
    let report = niteru_store::restore(&args.file, context.home_path(), options);
    bar.finish_and_clear();
    let report = report?;
    if context.output.is_json() {
        context.output.json(&report)?;
        return Ok(Outcome::Done);
    }
    let files = count(report.files as usize, "file");
    let mut text = format!(
        "restored {} ({files}, every sha256 compared)",
        report.home.display()
    );
    if let Some(old) = &report.replaced {
        text += &format!("\nthe home that was there is now {}", old.display());
    }
    if !report.kept.is_empty() {
        text += &format!("\nkept from it: {}", report.kept.join(", "));
    }
    if report.audit_entries > 0 {
        let entries = report.audit_entries;
        text += &format!(
            "\nits audit log goes on in the new one (entries since the backup: {entries})"
        );
    }
    context.output.text(text)?;
    Ok(Outcome::Done)
}
