//! `niteru collections`: what the home holds.

use anyhow::Result;

use super::{Context, count};
use crate::args::{CollectionsArgs, CollectionsCommand};
use crate::output::Outcome;

pub(super) fn run(context: &Context, args: CollectionsArgs) -> Result<Outcome> {
    let home = context.home()?;
    match args.command {
        Some(CollectionsCommand::Remove { name }) => {
            home.remove_collection(&name)?;
            context.tell(&home);
            if context.output.is_json() {
                context
                    .output
                    .json(&serde_json::json!({ "removed": name }))?;
            } else {
                context
                    .output
                    .text(format!("removed {name}; image files were left alone"))?;
            }
        }
        Some(CollectionsCommand::List) | None => {
            let collections = home.collections()?;
            if context.output.is_json() {
                context
                    .output
                    .json(&serde_json::json!({ "collections": collections }))?;
            } else if collections.is_empty() {
                context
                    .output
                    .note("no collections yet; make one with `niteru add NAME FOLDER`");
            } else {
                for c in collections {
                    let images = count(c.images as usize, "image");
                    let missing = match c.missing {
                        0 => String::new(),
                        missing => format!(", {missing} missing"),
                    };
                    context
                        .output
                        .text(format!("{}  {images}{missing}  {}", c.name, c.model))?;
                }
            }
        }
    }
    Ok(Outcome::Done)
}
