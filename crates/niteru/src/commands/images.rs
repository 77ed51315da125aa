//! `niteru images`: what a collection holds.

use std::path::Path;

use anyhow::Result;
use niteru_store::{Collection, Image, Selection};

use super::{Context, count};
use crate::args::{ImagesArgs, ImagesCommand};
use crate::output::Outcome;

/// Images read from the home at a time.
const PAGE: usize = 500;

pub(super) fn run(context: &Context, args: &ImagesArgs) -> Result<Outcome> {
    let home = context.home()?;
    let collection = home.collection(&args.collection)?;
    match &args.command {
        ImagesCommand::List {
            missing,
            filter,
            limit,
        } => {
            let selection = filter.as_ref().map(|filter| collection.select(filter));
            let selection = selection.transpose()?;
            list(context, &collection, selection.as_ref(), *missing, *limit)?;
        }
        ImagesCommand::Show { image } => show(context, &find(&collection, image)?)?,
        ImagesCommand::Remove { images } => {
            let ids = images
                .iter()
                .map(|image| Ok(find(&collection, image)?.id))
                .collect::<Result<Vec<u64>>>()?;
            let removed = collection.remove(&ids)?;
            if context.output.is_json() {
                context
                    .output
                    .json(&serde_json::json!({ "removed": ids }))?;
            } else {
                context
                    .output
                    .text(format!("removed {}", count(removed as usize, "image")))?;
            }
        }
    }
    Ok(Outcome::Done)
}

/// An image by its number, else by its path.
pub(super) fn find(collection: &Collection<'_>, image: &str) -> Result<Image> {
    match image.trim_start_matches('#').parse() {
        Ok(id) => Ok(collection.image(id)?),
        Err(_) => Ok(collection.image_at(Path::new(image))?),
    }
}

/// With `--json` one object a line, so that a million images need no memory.
fn list(
    context: &Context,
    collection: &Collection<'_>,
    selection: Option<&Selection>,
    missing: bool,
    limit: Option<usize>,
) -> Result<()> {
    let mut left = limit.unwrap_or(usize::MAX);
    let mut after = None;
    while left > 0 {
        let page = match selection {
            Some(selection) => collection.images_in(selection, after, PAGE)?,
            None => collection.images(after, PAGE)?,
        };
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for image in page.iter().filter(|image| image.missing || !missing) {
            if left == 0 {
                break;
            }
            left -= 1;
            if context.output.is_json() {
                context.output.json(image)?;
            } else {
                context.output.text(line(image))?;
            }
        }
    }
    Ok(())
}

fn line(image: &Image) -> String {
    let metadata: Vec<String> = image
        .metadata
        .iter()
        .map(|(field, value)| format!("{field}={value}"))
        .collect();
    let missing = if image.missing { "  (missing)" } else { "" };
    let id = format!("#{}", image.id);
    let line = format!(
        "{id:>7}  {}{missing}  {}",
        image.path.display(),
        metadata.join(", ")
    );
    line.trim_end().to_string()
}

fn show(context: &Context, image: &Image) -> Result<()> {
    if context.output.is_json() {
        context.output.json(image)?;
        return Ok(());
    }
    let mut lines = vec![
        format!("number      #{}", image.id),
        format!("path        {}", image.path.display()),
        format!(
            "size        {} × {} px, {} bytes",
            image.width, image.height, image.bytes
        ),
        format!("sha256      {}", image.sha256),
        format!(
            "state       {}",
            if image.missing {
                "the file has vanished"
            } else {
                "present"
            }
        ),
    ];
    lines.extend(
        image
            .metadata
            .iter()
            .map(|(field, value)| format!("{field:<11} {value}")),
    );
    context.output.text(lines.join("\n"))?;
    Ok(())
}
