//! `niteru add --watch`: a collection in step with folders, until stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Error, Result};
use indicatif::ProgressBar;
use niteru_encoder::{EmbedOptions, Encoder};
use niteru_store::{
    AddProgress, DuplicateKind, FileEncoder, Home, Skipped, WatchCounts, WatchEvent, WatchOptions,
};

use super::{Context, add, count, index, shown};
use crate::args::AddArgs;
use crate::output::Outcome;

pub(super) fn run(
    context: &Context,
    home: &Home,
    args: &AddArgs,
    encoder: &Encoder,
) -> Result<Outcome> {
    let stop = stopped_by_signals()?;
    let bar = context.output.images_bar();
    let show = context.output.on_bar(&bar);
    let progress = |progress: &AddProgress| show(progress.done, progress.total);
    let watcher = Watcher {
        context,
        home,
        collection: &args.collection,
        stop: &stop,
        bar: &bar,
        failure: Mutex::default(),
    };
    let mut options = WatchOptions::default();
    options.settle = Duration::from_secs_f64(args.watch.settle);
    options.poll = args.watch.poll.map(Duration::from_secs_f64);
    options.skip_duplicates = args.skip_duplicates;
    options.cancel = Some(&stop);
    options.progress = Some(&progress);
    let encoder = FileEncoder {
        encoder,
        options: EmbedOptions {
            threads: args.model.threads,
            ..EmbedOptions::default()
        },
    };
    let report = home.watch(&args.collection, &args.paths, &encoder, options, &|event| {
        watcher.take(event);
    });
    bar.finish_and_clear();
    if let Some(failure) = watcher.into_failure() {
        return Err(failure);
    }
    let report = report?;
    if context.output.is_json() {
        context.output.json(&report)?;
    } else {
        let done = described(&report.counts);
        let name = &report.collection;
        context.output.text(format!("{name}: stopped; {done}"))?;
    }
    Ok(Outcome::Done)
}

/// Set when Ctrl-C is pressed or SIGTERM or SIGHUP comes.
pub(super) fn stopped_by_signals() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    ctrlc::set_handler(move || set.store(true, Ordering::Relaxed))
        .context("cannot wait for Ctrl-C")?;
    Ok(stop)
}

/// Prints what happens.
struct Watcher<'a> {
    context: &'a Context,
    home: &'a Home,
    collection: &'a str,
    stop: &'a AtomicBool,
    bar: &'a ProgressBar,
    /// What could not be printed; it ends the watch.
    failure: Mutex<Option<Error>>,
}

impl Watcher<'_> {
    fn take(&self, event: &WatchEvent) {
        if let Err(error) = self.keep_index(event).and_then(|()| self.print(event)) {
            self.stop.store(true, Ordering::Relaxed);
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
        }
    }

    fn into_failure(self) -> Option<Error> {
        let failure = self.failure.into_inner();
        failure.unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_index(&self, event: &WatchEvent) -> Result<()> {
        match event {
            WatchEvent::Synced(counts)
                if counts.changes() > 0 && !self.stop.load(Ordering::Relaxed) =>
            {
                index::after_add(self.context, self.home, self.collection, Some(self.stop))
            }
            _ => Ok(()),
        }
    }

    fn print(&self, event: &WatchEvent) -> Result<()> {
        let output = &self.context.output;
        match event {
            WatchEvent::Skipped { path, reason } => {
                let (path, reason) = (path.clone(), reason.clone());
                let skipped = add::described(&Skipped {
                    path,
                    reason,
                    exactly: None,
                });
                self.bar
                    .suspend(|| output.warn(format!("skipped: {skipped}")));
            }
            WatchEvent::Duplicate {
                path,
                kind,
                image_path,
                ..
            } => {
                let how = match kind {
                    DuplicateKind::Exact => "has the contents of",
                    DuplicateKind::Near => "looks the same as",
                };
                let (path, other) = (shown(path), shown(image_path));
                self.bar
                    .suspend(|| output.note(format!("not added: {path} {how} {other}")));
            }
            WatchEvent::Polling { reason, seconds } => output.warn(format!(
                "{reason}: looking through the folders every {seconds} s instead"
            )),
            WatchEvent::Retrying { reason } => output.warn(reason),
            _ => {}
        }
        if output.is_json() {
            output.json(event)?;
            return Ok(());
        }
        match event {
            WatchEvent::Watching(report) => {
                self.bar.finish_and_clear();
                output.text(add::summary(report))?;
                output.note("watching; Ctrl-C stops");
            }
            // What the first look found is in its summary.
            WatchEvent::Synced(counts) if self.bar.is_finished() => {
                output.text(format!("{}: {}", self.collection, described(counts)))?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The counts that are not zero.
fn described(counts: &WatchCounts) -> String {
    let parts = [
        (counts.added, "added"),
        (counts.updated, "updated"),
        (counts.moved, "moved"),
        (counts.missing, "missing"),
        (counts.returned, "back"),
        (counts.skipped, "skipped"),
    ];
    let mut words: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    if counts.duplicates > 0 {
        let number = usize::try_from(counts.duplicates).unwrap_or(usize::MAX);
        words.push(count(number, "duplicate"));
    }
    match words.is_empty() {
        true => "nothing had changed".into(),
        false => words.join(", "),
    }
}
