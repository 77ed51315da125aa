//! Which features of which network tell good from bad.
//!
//! Chosen by cross-validation on textured surfaces with defects of five kinds; docs/inspection.md has
//! the figures. Small inputs are no mistake: at a low magnification a network that was trained on whole
//! objects sees a texture as one, and what interrupts it as an object.

use niteru_encoder::{Encoder, InputSize};
use serde::{Deserialize, Serialize};

/// How large a picture is shown to the network. All pictures of an inspector have one magnification, so
/// that a pixel stays as long as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Level {
    Coarse,
    Middle,
    Fine,
}

impl Level {
    pub(crate) const ALL: [Level; 3] = [Level::Coarse, Level::Middle, Level::Fine];

    /// Pixels that the shorter side of a usual picture is brought to.
    pub(crate) fn shorter_side(self) -> f64 {
        match self {
            Level::Coarse => 84.0,
            Level::Middle => 142.0,
            Level::Fine => 204.0,
        }
    }
}

/// Features that one memory bank holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Detector {
    pub(crate) level: Level,
    /// Block or layer of the network.
    pub(crate) depth: usize,
    /// Each cell becomes the mean of so many cells in rows and columns; odd.
    pub(crate) pool: usize,
    /// Whether a feature's length is made 1: what is left is what it is like, not how strong.
    pub(crate) unit: bool,
    /// Whether its farthest patches decide on the picture.
    pub(crate) decides: bool,
    /// Whether its distances are part of the heat map.
    pub(crate) locates: bool,
    /// Whether mean and standard deviation of its features describe the whole picture.
    pub(crate) describes: bool,
}

impl Detector {
    /// Patches that its bank holds at most. To decide, also rare good patches must be known; a map is
    /// sharper when only the main kinds are.
    pub(crate) fn most_patches(&self) -> usize {
        if self.decides { 8192 } else { 2048 }
    }
}

/// The detectors for a network.
pub(crate) fn detectors(encoder: &Encoder) -> Vec<Detector> {
    let depths = encoder.depths();
    match encoder.input_size() {
        InputSize::Any { .. } => {
            // Stages of EfficientNet-Lite have one more block from Lite1 on.
            let [quarter, sixteenth, last] = match depths {
                ..21 => [7, 10, 12],
                _ => [10, 14, 16],
            };
            let at = |level, depth| Detector {
                level,
                depth,
                pool: 1,
                unit: false,
                decides: false,
                locates: true,
                describes: false,
            };
            vec![
                Detector {
                    unit: true,
                    decides: true,
                    locates: false,
                    ..at(Level::Coarse, quarter)
                },
                Detector {
                    describes: true,
                    ..at(Level::Coarse, quarter)
                },
                Detector {
                    pool: 3,
                    ..at(Level::Middle, quarter)
                },
                Detector {
                    decides: true,
                    locates: false,
                    describes: true,
                    ..at(Level::Middle, last)
                },
                at(Level::Fine, sixteenth),
            ]
        }
        InputSize::Square(_) => {
            let at = |depth: usize| Detector {
                level: Level::Middle,
                depth: depth.min(depths.saturating_sub(1)),
                pool: 1,
                unit: true,
                decides: true,
                locates: true,
                describes: true,
            };
            let mut all = vec![at(depths / 3), at(depths * 2 / 3)];
            all.dedup();
            all
        }
    }
}
