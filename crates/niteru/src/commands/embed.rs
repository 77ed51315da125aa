//! `niteru embed`: embeddings as JSON lines.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Result;
use niteru_encoder::EmbedOptions;
use niteru_store::{Skipped, image_files};
use serde::Serialize;

use super::add::described;
use super::{Context, shown};
use crate::args::EmbedArgs;
use crate::output::Outcome;

/// The contract of each line.
#[derive(Serialize)]
struct Line<'a> {
    input: String,
    embedding: &'a [f32],
}

pub(super) fn run(context: &Context, args: &EmbedArgs) -> Result<Outcome> {
    let encoder = context.encoder(None, &args.model)?;
    if !args.text.is_empty() {
        let texts: Vec<&str> = args.text.iter().map(String::as_str).collect();
        for (text, embedding) in texts.iter().zip(encoder.embed_texts(&texts)?) {
            context.output.json(&Line {
                input: (*text).into(),
                embedding: &embedding,
            })?;
        }
    }
    let mut any_skipped = false;
    let mut skip = |reason: String| {
        any_skipped = true;
        context.output.warn(format!("skipped: {reason}"));
    };
    let (files, unreadable) = split(image_files(args.inputs.clone()));
    unreadable.iter().map(described).for_each(&mut skip);
    let options = EmbedOptions {
        threads: args.model.threads,
        ..EmbedOptions::default()
    };
    let mut failed = None;
    encoder.embed_files(files.into_iter(), &options, &mut |path, result| {
        match result {
            Ok(embedded) => {
                let line = Line {
                    input: shown(&path),
                    embedding: &embedded.embedding,
                };
                if let Err(error) = context.output.json(&line) {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            Err(error) => skip(error.to_string()),
        }
        ControlFlow::Continue(())
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(Outcome::skipped(any_skipped)),
    }
}

fn split(
    found: impl Iterator<Item = std::result::Result<PathBuf, Skipped>>,
) -> (Vec<PathBuf>, Vec<Skipped>) {
    let (mut files, mut unreadable) = (Vec::new(), Vec::new());
    for found in found {
        match found {
            Ok(file) => files.push(file),
            Err(skipped) => unreadable.push(skipped),
        }
    }
    (files, unreadable)
}
