//! `niteru duplicates`: images that a collection holds more than once.

use anyhow::Result;
use niteru_store::{DuplicateGroup, DuplicateKind, DuplicateOptions, Duplicates};
use serde::Serialize;

use super::{Context, count};
use crate::args::DuplicatesArgs;
use crate::output::Outcome;
use crate::report::{Report, SameImage, SameImages, Shown};

/// The contract of `--json`.
#[derive(Serialize)]
struct Found<'a> {
    collection: &'a str,
    model: &'a str,
    threshold: f32,
    #[serde(flatten)]
    duplicates: &'a Duplicates,
}

pub(super) fn run(context: &Context, args: &DuplicatesArgs) -> Result<Outcome> {
    let home = context.home()?;
    let collection = home.collection(&args.collection)?;
    let bar = context.output.steps_bar();
    let progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let mut options = DuplicateOptions::default();
    options.threshold = args.threshold.unwrap_or(options.threshold);
    options.progress = Some(&progress);
    let duplicates = collection.duplicates(options);
    bar.finish_and_clear();
    let duplicates = duplicates?;
    let model = &collection.identity().model;
    if let Some(file) = &args.html {
        let mut report = Report::of_duplicates(args.report.lang, &args.collection, model);
        report.duplicates(&duplicates.groups.iter().map(shown).collect::<Vec<_>>());
        report.write(file)?;
        context.output.note(format!("wrote {}", file.display()));
    }
    if context.output.is_json() {
        context.output.json(&Found {
            collection: &args.collection,
            model,
            threshold: options.threshold,
            duplicates: &duplicates,
        })?;
    } else if duplicates.groups.is_empty() {
        context.output.text("no duplicates")?;
    } else {
        for group in &duplicates.groups {
            context.output.text(text(group))?;
        }
    }
    if duplicates.unavailable > 0 {
        let images = count(duplicates.unavailable as usize, "image");
        context.output.note(format!(
            "{images} compared by contents only: added by an older niteru, and the files are gone, \
             changed or unreadable; add their folder again"
        ));
    }
    Ok(Outcome::Done)
}

fn shown(group: &DuplicateGroup) -> SameImages {
    let images = group.images.iter().map(|image| SameImage {
        image: Shown::open(&image.path),
        similarity: image.similarity,
        size: format!("{} × {}", image.width, image.height),
    });
    SameImages {
        exact: group.kind == DuplicateKind::Exact,
        images: images.collect(),
    }
}

fn text(group: &DuplicateGroup) -> String {
    let kind = match group.kind {
        DuplicateKind::Exact => "equal files",
        DuplicateKind::Near => "the same picture",
    };
    let mut text = format!("{kind}, {}:", count(group.images.len(), "image"));
    for image in &group.images {
        text += &format!(
            "\n  {:.3}  {:>6}  {}x{}  {}",
            image.similarity,
            format!("#{}", image.id),
            image.width,
            image.height,
            image.path.display()
        );
    }
    text
}
