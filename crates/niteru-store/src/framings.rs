//! Which framing finds best what belongs together.

use std::fmt::Display;

use serde::Serialize;
use utoipa::ToSchema;

use crate::RetrievalReport;

/// How well one framing finds what belongs together.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FramingReport {
    /// The framing.
    pub framing: String,
    /// How well.
    #[serde(flatten)]
    pub retrieval: RetrievalReport,
}

/// All framings beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FramingsReport {
    /// The framing with the highest recall@1, of equal ones the simpler.
    pub recommended: String,
    /// What the collection has now.
    pub current: String,
    /// Each, the simplest first.
    pub framings: Vec<FramingReport>,
}

impl FramingReport {
    /// What was measured with a framing.
    pub fn new(framing: impl Display, retrieval: RetrievalReport) -> FramingReport {
        FramingReport {
            framing: framing.to_string(),
            retrieval,
        }
    }
}

impl FramingsReport {
    /// Of framings, the simplest first; `None`: there are none.
    pub fn of(current: &str, framings: Vec<FramingReport>) -> Option<FramingsReport> {
        let mut best: Option<&FramingReport> = None;
        for report in &framings {
            if best.is_none_or(|best| report.retrieval.recall_at_1 > best.retrieval.recall_at_1) {
                best = Some(report);
            }
        }
        Some(FramingsReport {
            recommended: best?.framing.clone(),
            current: current.to_owned(),
            framings,
        })
    }
}
