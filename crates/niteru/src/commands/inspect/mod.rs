//! `niteru inspect`: learn from good parts, judge others, and follow defects to their causes.

mod compare;
mod drift;
mod eval;
mod heat_maps;
mod history;
mod replay;
mod run;
mod trace;
mod train;
mod watch;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use niteru_encoder::Encoder;
use niteru_store::{Home, InspectorFile, image_files};

use super::Context;
use super::add::described;
use crate::args::{InspectCommand, ModelArgs};
use crate::output::Outcome;

pub(super) fn run(context: &Context, command: &InspectCommand) -> Result<Outcome> {
    match command {
        InspectCommand::Train(args) => train::run(context, args),
        InspectCommand::Run(args) => run::run(context, args),
        InspectCommand::Watch(args) => watch::run(context, args),
        InspectCommand::Eval(args) => eval::run(context, args),
        InspectCommand::Compare(args) => compare::run(context, args),
        InspectCommand::List => history::inspectors(context),
        InspectCommand::Remove { name, with_history } => {
            history::remove(context, name, *with_history)
        }
        InspectCommand::Drift(args) => drift::run(context, args),
        InspectCommand::History(args) => history::history(context, args),
        InspectCommand::Replay { id } => replay::run(context, *id),
        InspectCommand::Review {
            id,
            verdict,
            note,
            by,
        } => history::review(context, *id, *verdict, note, by.as_deref()),
        InspectCommand::Trace(args) => trace::run(context, args),
    }
}

/// A version of an inspector, with the encoder that it was trained with.
fn open(
    context: &Context,
    home: &Home,
    (name, version): (&str, Option<u32>),
    threads: Option<NonZeroUsize>,
) -> Result<(InspectorFile, Encoder)> {
    let file = home.inspector(name, version)?;
    let model = ModelArgs {
        threads,
        ..ModelArgs::default()
    };
    let encoder = context.encoder(Some(&file.inspector.identity()), &model)?;
    Ok((file, encoder))
}

/// The photos at and below some paths in the order of their names, and whether any could not be read.
fn photos(context: &Context, paths: &[PathBuf]) -> (Vec<PathBuf>, bool) {
    let mut any_skipped = false;
    let mut files = Vec::new();
    for found in image_files(paths.to_vec()) {
        match found {
            // Absolute, as what is stored must be found again from any folder.
            Ok(file) => files.push(std::path::absolute(&file).unwrap_or(file)),
            Err(skipped) => {
                any_skipped = true;
                context
                    .output
                    .warn(format!("skipped: {}", described(&skipped)));
            }
        }
    }
    files.sort();
    files.dedup();
    (files, any_skipped)
}
