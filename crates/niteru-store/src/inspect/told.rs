use std::path::PathBuf;

use niteru_inspect::{NearestGood, Region, ScorePart, ScoreParts, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

use super::compared::PhotoAlignment;
use super::run::InspectedFile;
use crate::paths;

/// What is told of an inspected photo.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ToldInspection {
    /// Its number in the history.
    pub id: u64,
    /// The photo.
    #[serde(serialize_with = "paths::serialize")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// Width of the photo in pixels, as it is upright: what regions are measured in.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// What was decided.
    pub verdict: Verdict,
    /// In robust standard deviations of good photos.
    pub score: f64,
    /// A score above it is NG.
    pub threshold: f64,
    /// Share of good parts that score as high or higher.
    pub p_value: f64,
    /// What the score is made of.
    pub parts: ScoreParts,
    /// The part that adds most to the score.
    pub mostly: ScorePart,
    /// Places that differ, the worst first.
    pub regions: Vec<Region>,
    /// The good photo that is most like it.
    pub nearest_good: Option<NearestGood>,
    /// How it lies relative to the good photo that all are aligned with; only of inspectors that align. Where that is
    /// not certain, it was compared as it lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alignment: Option<PhotoAlignment>,
    /// Where its heat map is; `null` where none was asked for.
    pub heatmap: Option<String>,
}

impl InspectedFile {
    /// What is told of it, under its number in the history.
    pub fn told(&self, id: u64, path: PathBuf, heatmap: Option<String>) -> ToldInspection {
        let found = &self.inspection;
        ToldInspection {
            id,
            path,
            width: self.picture.width(),
            height: self.picture.height(),
            verdict: found.verdict,
            score: found.score,
            threshold: found.threshold,
            p_value: found.p_value,
            parts: found.parts,
            mostly: found.parts.most(),
            regions: found.regions.clone(),
            nearest_good: found.nearest_good.clone(),
            alignment: found.alignment.map(PhotoAlignment::from),
            heatmap,
        }
    }
}
