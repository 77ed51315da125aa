//! `niteru demo` and `niteru samples`: from nothing to a result on real photos.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use niteru_encoder::{DEFAULT_MODEL, Encoder, ModelState, Pip, Watch};
use niteru_store::{Home, SamplesReport, StoreError, similarity_matrix};
use serde::Serialize;

use super::{Context, add, compare, models, query, search, shown};
use crate::args::{DemoArgs, Language};
use crate::output::Outcome;
use crate::report::{NextStep, Note, Report, Shown};

/// The collection that the demo makes.
const COLLECTION: &str = "demo";

/// Two photos of one kind and two of another.
const FOUR: [&str; 4] = [
    "cats/tabby.jpg",
    "cats/chelsea.png",
    "motorcycles/left.png",
    "motorcycles/right.png",
];

/// How many results the demo's search shows.
const RESULTS: usize = 6;

/// The contract of `demo --json`.
#[derive(Serialize)]
struct Demo<'a> {
    model: &'a str,
    collection: &'a str,
    images: Vec<String>,
    matrix: &'a [Vec<f32>],
    query: String,
    results: &'a [niteru_store::SearchResult],
    report: String,
}

pub(super) fn samples(context: &Context) -> Result<Outcome> {
    let samples = fetch_samples(context)?;
    if context.output.is_json() {
        context.output.json(&samples)?;
    } else {
        let (photos, folder) = (samples.photos, samples.folder.display());
        context
            .output
            .text(format!("{photos} photos in {folder}"))?;
    }
    Ok(Outcome::Done)
}

pub(super) fn run(context: &Context, args: &DemoArgs) -> Result<Outcome> {
    let model = args.model.model.as_deref().unwrap_or(DEFAULT_MODEL);
    if !matches!(
        context.models().status(model)?.state,
        ModelState::Installed(_)
    ) {
        context.output.note(format!("fetching the model {model} …"));
        models::pull(context, model)?;
    }
    let samples = fetch_samples(context)?;
    let home = context.home()?;
    let encoder = context.encoder(None, &args.model)?;

    let (folder, csv) = (&samples.folder, &samples.metadata);
    make_room(&home, &encoder, folder)?;
    let paths = [folder.clone()];
    let added = add::add(
        context,
        &home,
        COLLECTION,
        &paths,
        Some(csv),
        false,
        &encoder,
        args.model.threads,
    )?;
    context.output.note(format!(
        "collection {COLLECTION:?}: {} added, {} unchanged in {:.1} s\n",
        added.added, added.unchanged, added.seconds
    ));

    let four: Vec<PathBuf> = FOUR.iter().map(|name| folder.join(name)).collect();
    let embeddings = four
        .iter()
        .map(|path| query::embed_one(&encoder, path))
        .collect::<Result<Vec<_>>>()?;
    let matrix = similarity_matrix(encoder.kernels(), &embeddings);
    let collection = home.collection(COLLECTION)?;
    let results = search::nearest(&collection, &encoder, embeddings[0].clone(), RESULTS)?;

    let html = args
        .html
        .clone()
        .unwrap_or_else(|| context.home_path().join("demo.html"));
    let next = next_commands(context, folder);
    write_report(
        &html,
        args,
        encoder.model(),
        &four,
        &matrix,
        &results,
        &next,
    )?;

    if context.output.is_json() {
        context.output.json(&Demo {
            model: encoder.model(),
            collection: COLLECTION,
            images: four.iter().map(|path| shown(path)).collect(),
            matrix: &matrix,
            query: shown(&four[0]),
            results: &results,
            report: shown(&html),
        })?;
        return Ok(Outcome::skipped(!added.skipped.is_empty()));
    }
    let labels: Vec<String> = FOUR.iter().map(|name| name.to_string()).collect();
    context.output.text(format!(
        "How alike are four photos? (cosine similarity, 1.000 = the same)\n\n{}\n",
        compare::table(&labels, &matrix)
    ))?;
    context.output.text(format!(
        "Which of the {} sample photos are most like {}?\n\n{}\n",
        samples.photos,
        FOUR[0],
        search::table(&results)
    ))?;
    context.output.text(format!(
        "The same with pictures: {}\n\nNext:",
        html.display()
    ))?;
    for command in next {
        let line = command.line(Language::En);
        context.output.text(format!("  {line}"))?;
    }
    Ok(Outcome::skipped(!added.skipped.is_empty()))
}

fn fetch_samples(context: &Context) -> Result<SamplesReport> {
    let home = context.home()?;
    let fetch = |watch: &Watch<'_>| home.fetch_samples(&Pip::default(), watch);
    Ok(models::with_progress(&context.output, fetch)?)
}

/// Removes an earlier demo that another model made; a collection with images of the user's own is
/// never touched.
fn make_room(home: &Home, encoder: &Encoder, samples: &Path) -> Result<()> {
    let collection = match home.collection(COLLECTION) {
        Ok(collection) => collection,
        Err(StoreError::NoCollection { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut after = None;
    loop {
        let page = collection.images(after, 500)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        if let Some(own) = page.iter().find(|image| !image.path.starts_with(samples)) {
            bail!(
                "collection {COLLECTION:?} holds your own images, such as {}; \
                 run the demo in another home: niteru --home DIR demo",
                own.path.display()
            );
        }
    }
    if collection.check_encoder(&encoder.into()).is_err() {
        home.remove_collection(COLLECTION)?;
    }
    Ok(())
}

/// Commands to try, as they can be typed where this one was.
fn next_commands(context: &Context, folder: &Path) -> Vec<NextStep> {
    let mut program = quoted(
        &std::env::args()
            .next()
            .unwrap_or_else(|| "niteru".to_string()),
    );
    if context.home_was_named() {
        program += &format!(" --home {}", quoted(&shown(context.home_path())));
    }
    let photo = quoted(&shown(&folder.join("things").join("coffee.png")));
    let step = |arguments: &str, note| NextStep {
        command: format!("{program} {arguments}"),
        note,
    };
    vec![
        step(
            &format!("search {COLLECTION} {photo} --html result.html"),
            None,
        ),
        step(&format!("eval retrieval {COLLECTION} --label kind"), None),
        step("add parts FOLDER", Some(Note::OwnImages)),
        step("search parts PHOTO", Some(Note::WhichAlike)),
        step("--help", None),
    ]
}

/// In double quotes where a shell would split it.
fn quoted(word: &str) -> String {
    match word.contains(char::is_whitespace) {
        true => format!("\"{word}\""),
        false => word.to_string(),
    }
}

fn write_report(
    file: &Path,
    args: &DemoArgs,
    model: &str,
    four: &[PathBuf],
    matrix: &[Vec<f32>],
    results: &[niteru_store::SearchResult],
    next: &[NextStep],
) -> Result<()> {
    let mut report = Report::of_demo(args.report.lang, model);
    let images: Vec<Shown> = four.iter().map(|path| Shown::open(path)).collect();
    report.matrix(&images, matrix);
    report.search(&images[..1], &[], &search::found(results));
    report.next(next);
    report.write(file)
}
