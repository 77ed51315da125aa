//! `niteru eval`: how well embeddings find what belongs together.

use anyhow::{Result, bail};
use niteru_encoder::{EmbedOptions, Framing};
use niteru_index::Condition;
use niteru_store::{FileEncoder, FramingReport, FramingsReport};

use super::Context;
use crate::args::ModelArgs;
use crate::output::Outcome;

pub(super) fn retrieval(
    context: &Context,
    collection: &str,
    label: &str,
    filter: Option<&Condition>,
) -> Result<Outcome> {
    let home = context.home()?;
    let collection = home.collection(collection)?;
    let report = collection.evaluate_retrieval(label, filter, None)?;
    if context.output.is_json() {
        context.output.json(&report)?;
        return Ok(Outcome::Done);
    }
    context.output.text(format!(
        "{} by {} ({}): {} images, {} values; {} queries, {} whose value no other image has\n\
         recall@1   {:.3}\n\
         recall@5   {:.3}\n\
         recall@10  {:.3}\n\
         mAP        {:.3}",
        report.collection,
        report.field,
        report.model,
        report.images,
        report.values,
        report.queries,
        report.singletons,
        report.recall_at_1,
        report.recall_at_5,
        report.recall_at_10,
        report.mean_average_precision,
    ))?;
    Ok(Outcome::Done)
}

pub(super) fn framing(
    context: &Context,
    collection: &str,
    label: &str,
    filter: Option<&Condition>,
) -> Result<Outcome> {
    let home = context.home()?;
    let collection = home.collection(collection)?;
    let own = collection.identity();
    let mut framings = Vec::new();
    for framing in Framing::ALL {
        let mut model = ModelArgs::default();
        model.numbers.framing = Some(framing);
        let encoder = context.encoder(Some(own), &model)?;
        let encoder = FileEncoder {
            encoder: &encoder,
            options: EmbedOptions::default(),
        };
        let bar = context.output.images_bar();
        let show = context.output.on_bar(&bar);
        let mut on_image = |done, total| show(done as u64, Some(total as u64));
        let retrieval = collection.evaluate_encoder(&encoder, label, filter, &mut on_image, None);
        bar.finish_and_clear();
        framings.push(FramingReport::new(framing, retrieval?));
    }
    let Some(report) = FramingsReport::of(&own.framing, framings) else {
        bail!("no image of {} could be read", collection.name());
    };
    if context.output.is_json() {
        context.output.json(&report)?;
    } else {
        context.output.text(framings_text(&report))?;
    }
    Ok(Outcome::Done)
}

fn framings_text(report: &FramingsReport) -> String {
    let mut text = format!("{:14} recall@1  recall@5     mAP\n", "framing");
    for FramingReport { framing, retrieval } in &report.framings {
        text += &format!(
            "{framing:14} {:8.3}  {:8.3}  {:6.3}\n",
            retrieval.recall_at_1, retrieval.recall_at_5, retrieval.mean_average_precision
        );
    }
    text += &match report.recommended == report.current {
        true => format!("recommended: {}, as it is", report.recommended),
        false => format!(
            "recommended: {}; to use it, add the images to a new collection with --framing {}",
            report.recommended, report.recommended
        ),
    };
    text
}
