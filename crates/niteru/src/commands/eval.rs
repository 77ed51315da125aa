//! `niteru eval`: how well embeddings find what belongs together.

use anyhow::Result;
use niteru_index::Condition;

use super::Context;
use crate::output::Outcome;

pub(super) fn retrieval(
    context: &Context,
    collection: &str,
    label: &str,
    filter: Option<&Condition>,
) -> Result<Outcome> {
    let home = context.home()?;
    let collection = home.collection(collection)?;
    let report = collection.evaluate_retrieval(label, filter)?;
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
