//! `niteru index`: what makes searches of large collections fast.

mod cluster;

use std::sync::atomic::AtomicBool;

use anyhow::Result;
use niteru_store::{
    Collection, Home, IndexBuild, IndexProgress, IndexReport, IndexState, IndexStatus, StoreError,
};

use super::{Context, count};
use crate::args::{IndexCommand, index_place};
use crate::output::Outcome;

pub(super) fn run(context: &Context, command: IndexCommand) -> Result<Outcome> {
    let home = context.home()?;
    match command {
        IndexCommand::Status { collection } => {
            show_status(context, &home.collection(&collection)?)?;
        }
        IndexCommand::Build {
            collection,
            threads,
        } => {
            let threads = threads.map_or(0, |threads| threads.get());
            let collection = home.collection(&collection)?;
            let report = build(context, &collection, threads, None)?;
            if context.output.is_json() {
                context.output.json(&report)?;
            } else {
                context.output.text(summary(&report))?;
            }
        }
        IndexCommand::Move { collection, place } => {
            let place = index_place("<PLACE>", &place);
            cluster::move_to(context, &home.collection(&collection)?, &place)?;
        }
        IndexCommand::Verify { collection, sample } => {
            let outcome = cluster::verify(context, &home.collection(&collection)?, sample);
            context.tell(&home);
            return outcome;
        }
    }
    context.tell(&home);
    Ok(Outcome::Done)
}

fn show_status(context: &Context, collection: &Collection<'_>) -> Result<()> {
    if let Some(status) = collection.cluster_status()? {
        return match context.output.is_json() {
            true => Ok(context.output.json(&status)?),
            false => Ok(context.output.text(cluster::described(&status))?),
        };
    }
    let status = collection.index_status()?;
    match context.output.is_json() {
        true => Ok(context.output.json(&status)?),
        false => Ok(context.output.text(described(&status))?),
    }
}

/// Builds where `add` made it worth it, unless cancelled. The images are stored: what fails here costs a
/// line, no more.
pub(super) fn after_add(
    context: &Context,
    home: &Home,
    collection: &str,
    cancel: Option<&AtomicBool>,
) -> Result<()> {
    let collection = home.collection(collection)?;
    cluster::send_after_add(context, &collection)?;
    context.tell(home);
    if !collection.wants_index()? {
        return Ok(());
    }
    match build(context, &collection, 0, cancel) {
        Ok(report) if report.cancelled => {}
        Ok(report) => context.output.note(summary(&report)),
        Err(error) => context.output.warn(format!(
            "the images are stored, but their index is not built: {error:#}; searches compare all images \
             until `niteru index build` succeeds"
        )),
    }
    Ok(())
}

fn build(
    context: &Context,
    collection: &Collection<'_>,
    threads: usize,
    cancel: Option<&AtomicBool>,
) -> Result<IndexReport> {
    with_bar(context, |progress| {
        let mut options = IndexBuild::default();
        options.threads = threads;
        options.cancel = cancel;
        options.progress = Some(progress);
        collection.build_index(options)
    })
}

/// Does something with images while a bar shows how far it is.
fn with_bar<T>(
    context: &Context,
    work: impl FnOnce(&IndexProgress<'_>) -> Result<T, StoreError>,
) -> Result<T> {
    let bar = context.output.images_bar();
    let show = context.output.on_bar(&bar);
    let done = work(&|done, total| show(done as u64, Some(total as u64)));
    bar.finish_and_clear();
    Ok(done?)
}

fn summary(report: &IndexReport) -> String {
    let images = count(report.images, "image");
    match report.built {
        true => format!(
            "{}: index of {images} built in {:.1} s",
            report.collection, report.seconds
        ),
        false => format!(
            "{}: {images}, which need no index: all are compared",
            report.collection
        ),
    }
}

fn described(status: &IndexStatus) -> String {
    let images = count(
        usize::try_from(status.images).unwrap_or(usize::MAX),
        "image",
    );
    let build = format!("`niteru index build {}`", status.collection);
    let state = match status.state {
        IndexState::Exact => format!(
            "no index, all are compared; one is built from {} images on",
            status.least_images
        ),
        IndexState::Ready => "index ready".to_string(),
        IndexState::Behind => format!("index ready, but far behind; {build} brings it up to date"),
        IndexState::Missing => format!("no index, all are compared; {build} makes searches fast"),
        IndexState::Unusable => format!(
            "the index file cannot be used ({}); {build} makes it again",
            status.problem.as_deref().unwrap_or_default()
        ),
    };
    let mut text = format!("{}: {images}, {state}", status.collection);
    if let (Some(bytes), Some(behind)) = (status.bytes, status.behind) {
        let megabytes = bytes as f64 / 1e6;
        let file = status.file.display();
        text += &format!("\n{file}, {megabytes:.1} MB, {behind} changes behind the database");
    }
    text
}
