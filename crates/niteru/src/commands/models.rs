//! `niteru models`: what is there, what can be fetched, and fetching it.

use std::cell::RefCell;

use anyhow::Result;
use indicatif::ProgressBar;
use niteru_encoder::{FetchEvent, ModelStatus, Network, Pulled, Watch};
use niteru_store::ModelSummary;

use super::{Context, models_check};
use crate::args::ModelsCommand;
use crate::output::{Outcome, Output};

pub(super) fn run(context: &Context, command: ModelsCommand) -> Result<Outcome> {
    let cache = context.models();
    match command {
        ModelsCommand::List => list(context)?,
        ModelsCommand::Show { name, verify } => {
            let status = cache.status(&name)?;
            if verify {
                with_progress(&context.output, |watch| cache.verify(&name, watch))?;
                context
                    .output
                    .note(format!("{name}: every file has its recorded sha256"));
            }
            show(context, &status)?;
        }
        ModelsCommand::Pull { name } => {
            pull(context, &name)?;
            show(context, &cache.status(&name)?)?;
        }
        ModelsCommand::Import { name, path } => {
            with_progress(&context.output, |watch| cache.import(&name, &path, watch))?;
            show(context, &cache.status(&name)?)?;
        }
        ModelsCommand::Check(args) => return models_check::run(context, &args),
        ModelsCommand::Remove { name } => {
            cache.remove(&name, &Watch::silent())?;
            if context.output.is_json() {
                context
                    .output
                    .json(&serde_json::json!({ "removed": name }))?;
            } else {
                context.output.text(format!("removed {name}"))?;
            }
        }
    }
    Ok(Outcome::Done)
}

/// Fetches a model unless it is there.
pub(super) fn pull(context: &Context, name: &str) -> Result<()> {
    let cache = context.models();
    let pulled = with_progress(&context.output, |watch| {
        cache.pull(name, &Network::from_env(), watch)
    })?;
    context.output.note(match pulled {
        Pulled::Installed(_) => format!("{name} is ready"),
        Pulled::AlreadyThere(_) => format!("{name} is already there"),
    });
    Ok(())
}

/// Shows what a fetch or a check tells: sentences as lines, bytes as a bar.
pub(super) fn with_progress<R>(output: &Output, action: impl FnOnce(&Watch<'_>) -> R) -> R {
    let bar: RefCell<Option<(String, ProgressBar)>> = RefCell::new(None);
    let on_event = |event: FetchEvent<'_>| match event {
        FetchEvent::Note(note) => output.note(note),
        FetchEvent::Progress { file, done, total } => {
            let mut bar = bar.borrow_mut();
            if bar.as_ref().is_none_or(|(name, _)| name != file) {
                if let Some((_, old)) = bar.take() {
                    old.finish_and_clear();
                }
                *bar = Some((file.to_string(), output.bytes_bar(total)));
            }
            if let Some((_, bar)) = &*bar {
                bar.set_position(done);
                bar.set_message(file.to_string());
            }
        }
        _ => {}
    };
    let result = action(&Watch::new(&on_event, &|| false));
    if let Some((_, bar)) = bar.into_inner() {
        bar.finish_and_clear();
    }
    result
}

fn describe(context: &Context, status: &ModelStatus) -> ModelSummary {
    ModelSummary::new(&context.models(), status)
}

fn list(context: &Context) -> Result<()> {
    let models: Vec<ModelSummary> = context
        .models()
        .list()?
        .iter()
        .map(|status| describe(context, status))
        .collect();
    if context.output.is_json() {
        context
            .output
            .json(&serde_json::json!({ "models": models }))?;
        return Ok(());
    }
    for model in &models {
        let dimensions = model
            .dimensions
            .map(|d| format!("{d}-d"))
            .unwrap_or_default();
        context.output.text(format!(
            "{:<22} {:<13} {:>6}  {:<10}  {}",
            model.name,
            model.state,
            dimensions,
            model.licence.as_deref().unwrap_or("?"),
            model.description.unwrap_or("imported"),
        ))?;
    }
    context
        .output
        .note("\nfetch one with `niteru models pull NAME`");
    Ok(())
}

fn show(context: &Context, status: &ModelStatus) -> Result<()> {
    let model = describe(context, status);
    if context.output.is_json() {
        context.output.json(&model)?;
        return Ok(());
    }
    let mut lines = vec![("name", model.name), ("state", model.state.to_string())];
    let mut line = |field, value: Option<String>| lines.extend(value.map(|value| (field, value)));
    line("problem", model.problem);
    line("about", model.description.map(String::from));
    line("architecture", model.architecture.map(String::from));
    line("dimensions", model.dimensions.map(|d| d.to_string()));
    line(
        "input",
        model.input.map(|side| format!("{side} × {side} px")),
    );
    line(
        "reads text",
        Some(if model.reads_text { "yes" } else { "no" }.to_string()),
    );
    line("licence", model.licence);
    line("source", Some(model.source));
    line(
        "sha256",
        Some(model.sha256.unwrap_or_else(|| {
            "not in the catalogue; recorded at the first pull and verified from then on".to_string()
        })),
    );
    line(
        "size",
        model
            .bytes
            .map(|bytes| format!("{:.1} MB", bytes as f64 / 1e6)),
    );
    line("folder", model.folder);
    let text: Vec<String> = lines
        .iter()
        .map(|(field, value)| format!("{field:<13} {value}"))
        .collect();
    context.output.text(text.join("\n"))?;
    Ok(())
}
