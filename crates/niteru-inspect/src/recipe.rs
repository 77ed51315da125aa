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
    /// Whether each value is replaced by its square root, with its sign: a few strong dimensions then do
    /// not speak for all (power normalisation: Perronnin, Sánchez and Mensink, 2010).
    pub(crate) root: bool,
    /// Whether a feature's length is made 1: what is left is what it is like, not how strong.
    pub(crate) unit: bool,
    /// Whether its farthest patches decide on the picture.
    pub(crate) decides: bool,
    /// So many of them are averaged; at least 1.
    pub(crate) farthest: usize,
    /// Whether its distances are part of the heat map.
    pub(crate) locates: bool,
    /// Whether mean and standard deviation of its features describe the whole picture.
    pub(crate) describes: bool,
    /// Whether its patches are also compared with those of the same place, and what they look like is
    /// known: of one detector.
    pub(crate) places: bool,
}

impl Detector {
    /// Patches that its bank holds at most. To decide, also rare good patches must be known; a map is
    /// sharper when only the main kinds are.
    pub(crate) fn most_patches(&self) -> usize {
        if self.decides { 8192 } else { 2048 }
    }

    /// Good pictures whose patches of every place are kept at most, of so many numbers each. Where it also decides its
    /// features are those of a transformer, several times as wide as others and beside large banks of them: there the
    /// numbers of all are bounded, too.
    pub(crate) fn most_placed(&self, numbers: usize) -> usize {
        match self.decides {
            true => MOST_PLACED.min(MOST_NUMBERS / numbers.max(1)),
            false => MOST_PLACED,
        }
    }
}

/// Good pictures whose places are kept at most.
const MOST_PLACED: usize = 48;

/// Numbers of them, of 16 bits each, where they are bounded.
const MOST_NUMBERS: usize = 8 << 20;

/// Farthest patches of a picture that are averaged: one alone is noise.
pub(crate) const FARTHEST: usize = 3;

/// From so many good pictures on, what is usual is known well enough to decide by the kinds of features
/// that tell most; below, by those that hang least on which pictures were taken.
pub(crate) const SOME: usize = 12;

/// The detectors for a network, and for so many good pictures.
pub(crate) fn detectors(encoder: &Encoder, good: usize) -> Vec<Detector> {
    let depths = encoder.depths();
    match encoder.input_size() {
        InputSize::Any { .. } => {
            // Stages of EfficientNet-Lite have one more block from Lite1 on.
            let [quarter, sixteenth, last] = match depths {
                ..21 => [7, 10, 12],
                _ => [10, 14, 16],
            };
            let locating = |level, depth| Detector {
                level,
                depth,
                pool: 1,
                root: false,
                unit: false,
                decides: false,
                farthest: FARTHEST,
                locates: true,
                describes: false,
                places: false,
            };
            let deciding = |level, depth| Detector {
                decides: true,
                locates: false,
                ..locating(level, depth)
            };
            // Three kinds that agree are no noise: each need not be averaged.
            let rooted = |level, depth| Detector {
                root: true,
                farthest: 1,
                ..deciding(level, depth)
            };
            let describing = |detector| Detector {
                describes: true,
                ..detector
            };
            let mut all = match good {
                ..SOME => vec![
                    rooted(Level::Coarse, sixteenth),
                    rooted(Level::Middle, sixteenth),
                    describing(rooted(Level::Middle, last)),
                ],
                _ => vec![
                    Detector {
                        unit: true,
                        ..deciding(Level::Coarse, quarter)
                    },
                    describing(deciding(Level::Middle, last)),
                ],
            };
            all.extend([
                describing(locating(Level::Coarse, quarter)),
                Detector {
                    pool: 3,
                    ..locating(Level::Middle, quarter)
                },
                Detector {
                    places: true,
                    ..locating(Level::Fine, sixteenth)
                },
            ]);
            all
        }
        InputSize::Square(_) => {
            let at = |depth: usize| Detector {
                level: Level::Middle,
                depth,
                pool: 1,
                root: false,
                unit: true,
                decides: true,
                farthest: FARTHEST,
                locates: true,
                describes: false,
                places: false,
            };
            let mut all = vec![at(depths / 3), at(depths * 2 / 3)];
            all.dedup();
            if let Some(last) = all.last_mut() {
                last.places = true;
                // One layer is 768 wide and more, and to fit a distribution takes time with the cube of that.
                last.describes = true;
            }
            all
        }
    }
}

/// The detector that decides about pictures and describes them: by its patches defects are known again.
pub(crate) fn telling(detectors: &[Detector]) -> Option<usize> {
    let both = |detector: &Detector| detector.decides && detector.describes;
    detectors.iter().rposition(both)
}

/// The detector that knows places and looks.
pub(crate) fn placing(detectors: &[Detector]) -> Option<usize> {
    detectors.iter().position(|detector| detector.places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detector(decides: bool) -> Detector {
        Detector {
            level: Level::Fine,
            depth: 8,
            pool: 1,
            root: false,
            unit: true,
            decides,
            farthest: FARTHEST,
            locates: true,
            describes: false,
            places: true,
        }
    }

    #[test]
    fn wide_features_take_no_more_than_60_megabytes_whatever_the_tiles() {
        let placing = detector(true);
        // Of CLIP ViT-B/32, DINOv2 base and CLIP ViT-L/14.
        for (grid, width) in [(7, 768), (16, 768), (16, 1024)] {
            for tiles in [1, 2, 4, 8] {
                let cells = (grid * tiles) * (grid * tiles);
                let placed = placing.most_placed(cells * width);
                let banks = 2 * 2 * width * placing.most_patches();
                let whole = 4 * (2 * width) * (2 * width + 3) / 2;
                let bytes = banks + whole + 2 * placed * cells * width;
                assert!(bytes < 60_000_000, "{grid} {width} {tiles}: {bytes}");
            }
        }
        assert_eq!(placing.most_placed(7 * 7 * 768), 48);
        // What does not decide is as narrow as ever, and as many are kept as ever.
        assert_eq!(detector(false).most_placed(usize::MAX), 48);
    }
}
