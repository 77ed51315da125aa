//! What is told of two photos of the same thing, and of an evaluation.

use niteru_imaging::Alignment;
use niteru_inspect::{Comparison, DifferentPlace, Quality};
use serde::Serialize;
use utoipa::ToSchema;

/// How an inspector did on photos of known quality.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Evaluation {
    /// The inspector.
    pub inspector: String,
    /// Its version.
    pub version: u32,
    /// How well it did.
    #[serde(flatten)]
    pub quality: Quality,
}

/// Where two photos of the same thing differ.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ComparedPhotos {
    /// The first photo.
    pub a: String,
    /// The second.
    pub b: String,
    /// How the second lies relative to the first; null where that was not asked for.
    pub alignment: Option<PhotoAlignment>,
    /// Cosine similarity of the whole photos, −1…1.
    pub similarity: f32,
    /// Width and height of the second photo.
    pub size: [u32; 2],
    /// Places that differ, the worst first, in pixels of the second photo.
    pub regions: Vec<DifferentPlace>,
    /// Where the heat map over the second photo is; only where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heatmap: Option<String>,
}

/// How a photo lies relative to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct PhotoAlignment {
    /// To the right, in pixels of the second photo.
    pub dx: f64,
    /// Down, in pixels of the second photo.
    pub dy: f64,
    /// Degrees, counter-clockwise.
    pub rotation: f64,
    /// How well the photos then fit, 0…1.
    pub correlation: f64,
    /// Whether that is sure; if not, they are compared as they lie.
    pub certain: bool,
}

impl From<Alignment> for PhotoAlignment {
    fn from(found: Alignment) -> PhotoAlignment {
        PhotoAlignment {
            dx: found.dx,
            dy: found.dy,
            rotation: found.rotation,
            correlation: found.correlation,
            certain: found.certain,
        }
    }
}

impl ComparedPhotos {
    /// What is told of a comparison. `names` are the photos', `size` is width and height of the second.
    pub fn new(
        names: [String; 2],
        size: [u32; 2],
        found: &Comparison,
        heatmap: Option<String>,
    ) -> ComparedPhotos {
        let [a, b] = names;
        ComparedPhotos {
            a,
            b,
            alignment: found.alignment.map(PhotoAlignment::from),
            similarity: found.similarity,
            size,
            regions: found.differences.clone(),
            heatmap,
        }
    }
}
