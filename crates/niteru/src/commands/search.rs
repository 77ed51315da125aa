//! `niteru search`: the images of a collection most like an image, a text, or both.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use niteru_encoder::{EmbedOptions, Encoder};
use niteru_store::{Collection, Query, SearchResult};
use serde::Serialize;

use super::Context;
use crate::args::{ModelArgs, SearchArgs};
use crate::output::Outcome;
use crate::report::{Found, Report, Shown};

/// The contract of `--json`.
#[derive(Serialize)]
struct Searched<'a> {
    collection: &'a str,
    model: &'a str,
    results: &'a [SearchResult],
}

pub(super) fn run(context: &Context, args: &SearchArgs) -> Result<Outcome> {
    let home = context.home()?;
    let collection = home.collection(&args.collection)?;
    let model = ModelArgs {
        model: None,
        numbers: args.numbers.clone(),
        threads: args.threads,
    };
    let encoder = context.encoder(Some(collection.identity()), &model)?;
    let embedding = query_embedding(&encoder, args)?;
    let results = search(
        &collection,
        &encoder,
        embedding,
        args.k.get(),
        args.min_similarity,
    )?;
    if let Some(file) = &args.html {
        let mut report = Report::of_search(args.report.lang, &args.collection, encoder.model());
        let mut query = Vec::new();
        query.extend(args.image.as_deref().map(Shown::open));
        query.extend(args.text.clone().map(Shown::named));
        report.search(&query, &found(&results));
        report.write(file)?;
        context.output.note(format!("wrote {}", file.display()));
    }
    if context.output.is_json() {
        let model = encoder.model();
        context.output.json(&Searched {
            collection: &args.collection,
            model,
            results: &results,
        })?;
    } else if results.is_empty() {
        context.output.text("nothing found")?;
        context
            .output
            .note(why_nothing(&collection, args.min_similarity)?);
    } else {
        context.output.text(table(&results))?;
    }
    Ok(Outcome::Done)
}

/// Searches with an embedding of `encoder`'s.
pub(super) fn search(
    collection: &Collection<'_>,
    encoder: &Encoder,
    embedding: Vec<f32>,
    k: usize,
    min_similarity: Option<f32>,
) -> Result<Vec<SearchResult>> {
    let query = Query {
        encoder: encoder.into(),
        embedding,
        k,
        min_similarity,
        exclude: Vec::new(),
    };
    Ok(collection.search(&query)?)
}

fn query_embedding(encoder: &Encoder, args: &SearchArgs) -> Result<Vec<f32>> {
    let text = match &args.text {
        Some(text) => Some(encoder.embed_texts(&[text.as_str()])?.remove(0)),
        None => None,
    };
    let image = args
        .image
        .as_deref()
        .map(|path| embed_one(encoder, path))
        .transpose()?;
    match (image, text) {
        (Some(image), Some(text)) => Ok(encoder.combine(&image, &text, args.text_weight)?),
        (Some(only), None) | (None, Some(only)) => Ok(only),
        (None, None) => bail!("name an image to look for, or a text with --text"),
    }
}

/// The embedding of one file.
pub(super) fn embed_one(encoder: &Encoder, path: &Path) -> Result<Vec<f32>> {
    let mut embedding = None;
    encoder.embed_files(
        std::iter::once(path),
        &EmbedOptions::default(),
        &mut |_, result| {
            embedding = Some(result);
            ControlFlow::Break(())
        },
    );
    match embedding {
        Some(result) => {
            let embedded = result.with_context(|| format!("cannot look for {}", path.display()))?;
            Ok(embedded.embedding)
        }
        None => bail!("{} was not embedded", path.display()),
    }
}

/// Results for a report, with their thumbnails.
pub(super) fn found(results: &[SearchResult]) -> Vec<Found> {
    let found = |result: &SearchResult| Found {
        image: Shown::open(&result.path),
        rank: result.rank,
        similarity: result.similarity,
        metadata: result
            .metadata
            .iter()
            .map(|(f, v)| (f.to_string(), v.to_string()))
            .collect(),
    };
    results.iter().map(found).collect()
}

/// Rank, similarity with 3 decimals, number, path and metadata.
pub(super) fn table(results: &[SearchResult]) -> String {
    let line = |result: &SearchResult| {
        let metadata: Vec<String> = result
            .metadata
            .iter()
            .map(|(field, value)| format!("{field}={value}"))
            .collect();
        let line = format!(
            "{:>3}  {:.3}  {:>6}  {}  {}",
            result.rank,
            result.similarity,
            format!("#{}", result.id),
            result.path.display(),
            metadata.join(", ")
        );
        line.trim_end().to_string()
    };
    results.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn why_nothing(collection: &Collection<'_>, min_similarity: Option<f32>) -> Result<String> {
    if collection.images(None, 1)?.is_empty() {
        return Ok(format!(
            "collection {:?} holds no image; add some with `niteru add`",
            collection.name()
        ));
    }
    Ok(match min_similarity {
        Some(least) => {
            format!("no image has a similarity of {least:.3} or more; try a lower --min-similarity")
        }
        None => "the files of all images have vanished; `niteru add` them again".to_string(),
    })
}
