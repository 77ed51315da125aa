//! A trained inspector: pictures in, verdicts out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use niteru_encoder::{Encoder, InputSize};
use niteru_imaging::{Alignment, HeatError, HeatMap, HeatScale, Mask, Picture, Rect};
use niteru_kernels::Kernels;
use niteru_learn::{Calibration, Promise};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::difference::{Cells, Difference, Differences};
use crate::features::Features;
use crate::fusion::{Fusion, ObjectSpread, ScoreParts};
use crate::known_bad::{KnownBad, Traits};
use crate::memory::{Measured, Memory, PackedMemory};
use crate::pixel_hash::PixelHash;
use crate::recipe::{Detector, placing};
use crate::reference::{Reference, as_it_lay, framed};
use crate::regions::{Region, hottest, meets, regions};
use crate::train::{TrainOptions, promise};
use crate::view::View;

/// Cells of a heat map along the shorter side of a usual picture, for each tile.
const HEAT_CELLS: f64 = 64.0;

/// Cells of a heat map along a side at most.
const MOST_HEAT_CELLS: f64 = 1024.0;

/// What an inspector says of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Verdict {
    /// Like the good ones.
    #[serde(rename = "OK")]
    Ok,
    /// Its score is above the threshold.
    #[serde(rename = "NG")]
    Ng,
    /// Unlike anything seen in training: another product, or another camera.
    #[serde(rename = "UNLIKE")]
    Unlike,
}

impl Verdict {
    /// `OK`, `NG` or `UNLIKE`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "OK",
            Verdict::Ng => "NG",
            Verdict::Unlike => "UNLIKE",
        }
    }
}

/// A good picture that an inspector remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoodPicture {
    /// Its file when it was learnt from.
    pub path: PathBuf,
    /// Width and height, in pixels.
    pub size: (u32, u32),
    /// How it lay, where it was aligned.
    pub(crate) alignment: Option<Alignment>,
    /// Description of the whole picture.
    pub(crate) whole: Vec<f32>,
}

/// All that is stored of an inspector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learnt {
    /// Hexadecimal digits of the encoder's fingerprint.
    pub(crate) fingerprint: String,
    pub(crate) model: String,
    pub(crate) detectors: Vec<Detector>,
    pub(crate) view: View,
    /// What counts of every picture.
    pub(crate) area: Option<Mask>,
    pub(crate) memory: Memory,
    pub(crate) fusion: Fusion,
    pub(crate) calibration: Calibration,
    pub(crate) promise: Promise,
    /// A place of a heat map is part of a region from here on.
    pub(crate) region_threshold: f32,
    pub(crate) good: Vec<GoodPicture>,
    /// How good pictures differ from each other by what is seen; `None` when that is not known.
    pub(crate) differences: Option<Differences>,
    /// What pictures are aligned with; `None`: they are taken as they lie.
    pub(crate) reference: Option<Reference>,
    /// Known bad pictures; `None` where too few were shown.
    pub(crate) known_bad: Option<KnownBad>,
    /// What [`Learnt::differences`] are of.
    pub(crate) told_of: Cells,
    /// How what lies before a plain background is spread; `None` where the good pictures have none.
    pub(crate) object: Option<ObjectSpread>,
    /// Of each good picture; none of inspectors of format 4 and older.
    pub(crate) good_pixels: Vec<PixelHash>,
}

impl Learnt {
    /// Whether a picture shows another thing than the good ones.
    fn is_unlike(&self, measured: &Measured) -> bool {
        let object = self.object.as_ref();
        self.fusion.is_unlike(&self.detectors, measured)
            || object.is_some_and(|object| object.is_unlike(&self.detectors, measured))
    }
}

/// The good picture that is most like an inspected one.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct NearestGood {
    /// Its file.
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// Cosine similarity of the whole pictures, −1…1.
    pub similarity: f32,
    /// Of what the file showed when it was learnt from; `None` of inspectors of format 4 and older.
    #[serde(skip)]
    pub pixels: Option<PixelHash>,
}

/// What an inspector found.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// What it says.
    pub verdict: Verdict,
    /// In robust standard deviations of good pictures; finite. Above the threshold is NG.
    pub score: f64,
    /// What the score is made of.
    pub parts: ScoreParts,
    /// The inspector's.
    pub threshold: f64,
    /// Share of good pictures that score as high or higher, above 0…1 (split conformal).
    pub p_value: f64,
    /// Places that differ, the worst first; none of a picture that is OK, unless it has some.
    pub regions: Vec<Region>,
    /// `None` only of an inspector without good pictures, which training does not make.
    pub nearest_good: Option<NearestGood>,
    /// How far each place is from the good pictures, in robust standard deviations of patches.
    pub heat: HeatMap,
    /// Unit vector of how the worst region differs, without regions of how the hottest place does; `None` where
    /// nothing differs.
    pub defect: Option<Vec<f32>>,
    /// How the picture lies relative to the good one that all are aligned with; `None` of an inspector that does not
    /// align. Regions and heat are of the picture as it lies. Where it is not certain, the picture was
    /// compared as it lies.
    pub alignment: Option<Alignment>,
}

impl Inspection {
    /// Brings regions and heat of an aligned picture back to the picture as it lay.
    fn lay_back(&mut self, aligned: (u32, u32), picture: &Picture) -> Result<(), HeatError> {
        let Some(alignment) = self.alignment.filter(|alignment| alignment.certain) else {
            return Ok(());
        };
        let size = (picture.width(), picture.height());
        for region in &mut self.regions {
            let rect = as_it_lay(&alignment, region.rect(), aligned, size);
            region.lie(rect);
        }
        self.heat = laid_back(&self.heat, &alignment, aligned, size)?;
        Ok(())
    }
}

/// A trained inspector with the encoder that it was trained with.
pub struct Inspector<'e> {
    pub(crate) encoder: &'e Encoder,
    pub(crate) learnt: Learnt,
    packed: PackedMemory,
    area: Option<Arc<Mask>>,
    /// The picture of [`Learnt::reference`].
    reference: Option<Picture>,
}

/// An inspector cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InspectorError {
    /// It was trained with another model, or the model in another precision or framing.
    #[error(
        "the inspector was trained with {trained}, not with {given} as it is now; \
         use the same model and precision, or train it again"
    )]
    OtherModel {
        /// Model and start of the fingerprint that it was trained with.
        trained: String,
        /// What was given.
        given: String,
    },
    /// The stored form is damaged, or of a newer version.
    #[error("the stored inspector cannot be read: {0}; restore a backup, or train it again")]
    Stored(String),
}

impl<'e> Inspector<'e> {
    /// Makes what was learnt ready for an encoder.
    pub(crate) fn ready(
        encoder: &'e Encoder,
        learnt: Learnt,
    ) -> Result<Inspector<'e>, InspectorError> {
        let given = encoder.fingerprint().to_string();
        if given != learnt.fingerprint {
            let named = |model: &str, fingerprint: &str| {
                format!("{model} ({})", fingerprint.get(..12).unwrap_or(fingerprint))
            };
            return Err(InspectorError::OtherModel {
                trained: named(&learnt.model, &learnt.fingerprint),
                given: named(encoder.model(), &given),
            });
        }
        Ok(Inspector {
            packed: learnt.memory.pack(encoder.kernels()),
            area: learnt.area.clone().map(Arc::new),
            reference: learnt.reference.as_ref().and_then(Reference::picture),
            encoder,
            learnt,
        })
    }

    /// Judges one picture, on the calling thread.
    ///
    /// # Errors
    /// When a distance is not a finite number, which no picture makes.
    pub fn inspect(&self, picture: &Picture) -> Result<Inspection, HeatError> {
        self.judge(picture, true)
    }

    /// The same as if the picture had never been shown as a bad one, to tell how others like it would be judged.
    ///
    /// # Errors
    /// As [`Inspector::inspect`].
    pub fn inspect_unseen(&self, picture: &Picture) -> Result<Inspection, HeatError> {
        self.judge(picture, false)
    }

    fn judge(&self, picture: &Picture, itself: bool) -> Result<Inspection, HeatError> {
        let learnt = &self.learnt;
        let reference = self.reference.as_ref().zip(learnt.reference.as_ref());
        let size = reference.map(|(picture, reference)| (picture, reference.size));
        let as_it_lay = picture;
        let framed = framed(size, as_it_lay, self.area.as_ref());
        let picture = framed.picture.as_ref();
        let mut features = Features::of(
            self.encoder,
            &learnt.view,
            &learnt.detectors,
            picture,
            framed.area.as_ref(),
        );
        if learnt.object.is_some() {
            features.find_object(picture);
        }
        let measured = self.packed.measure(&learnt.detectors, &features);
        let mut parts = learnt.fusion.parts(&learnt.detectors, &measured);
        if let Some(object) = &learnt.object {
            parts.object_patch = object.unlikeness(&learnt.detectors, &measured);
        }
        if let Some(known) = &learnt.known_bad {
            let traits = Traits::of(&learnt.detectors, &features, &measured);
            parts.known_bad = traits.map_or(0.0, |traits| known.adds(&traits, itself));
        }
        let score = parts.score();
        let verdict = match score > learnt.promise.threshold {
            _ if learnt.is_unlike(&measured) => Verdict::Unlike,
            true => Verdict::Ng,
            false => Verdict::Ok,
        };
        let size = heat_size(&learnt.view, features.size);
        let heat = learnt.fusion.heat(&learnt.detectors, &measured, size)?;
        let squeezed = matches!(self.encoder.input_size(), InputSize::Square(_));
        let mut regions = regions(learnt, squeezed, &heat, &measured, picture, verdict);
        if let Some(differences) = learnt.differences.as_ref().filter(|_| !regions.is_empty()) {
            features.look(&learnt.view, &learnt.detectors, picture);
            for region in &mut regions {
                region.difference = self.difference(differences, &features, &measured, region);
            }
        }
        // Of what is OK, too: a person may say that it is not, and its cause is looked for then.
        let worst = match regions.first() {
            Some(worst) => Some(worst.rect()),
            None => hottest(&heat).map(|place| place.on(&heat, picture)),
        };
        let mut inspection = Inspection {
            verdict,
            score,
            parts,
            threshold: learnt.promise.threshold,
            p_value: self.p_value(score),
            defect: worst.and_then(|worst| self.defect(&features, &measured, worst)),
            nearest_good: self.nearest_good(&features.whole),
            regions,
            heat,
            alignment: framed.alignment,
        };
        inspection.lay_back(features.size, as_it_lay)?;
        Ok(inspection)
    }

    /// The threshold that there would be without so many suspicious good pictures, for a share of good parts that may
    /// be stopped, where it is the score of one of them: then what is less unusual than that one passes. `None` where
    /// they do not decide.
    pub fn threshold_without(&self, suspicious: usize, false_alarm: f64) -> Option<f64> {
        let scores = self.learnt.calibration.scores();
        let threshold = self.learnt.promise.threshold;
        let above = scores.len() - scores.partition_point(|&score| score <= threshold);
        // They have the largest scores.
        let others = scores.len().checked_sub(suspicious)?;
        if above >= suspicious {
            return None;
        }
        let others = Calibration::new(scores[..others].to_vec()).ok()?;
        Some(others.promise(false_alarm, 0.5).threshold)
    }

    /// Variants of the only good picture count as one, the largest, as in the promise.
    fn p_value(&self, score: f64) -> f64 {
        let calibration = &self.learnt.calibration;
        match (&self.learnt.good[..], calibration.scores()) {
            ([_], [.., largest]) => {
                if score > *largest {
                    0.5
                } else {
                    1.0
                }
            }
            _ => calibration.p_value(score),
        }
    }

    /// How the patches of a place differ from the nearest good ones, as a unit vector: of the locating
    /// detector with the most cells.
    fn defect(&self, features: &Features, measured: &Measured, place: Rect) -> Option<Vec<f32>> {
        let locating =
            (0..self.learnt.detectors.len()).filter(|&at| self.learnt.detectors[at].locates);
        let finest = locating.max_by_key(|&at| measured.cells[at].len())?;
        let (map, bank) = (&features.maps[finest], &self.learnt.memory.banks[finest]);
        let mut sum = vec![0.0f32; map.dimensions];
        for (at, cell) in measured.cells[finest].iter().enumerate() {
            let Some(nearest) = cell else { continue };
            if !meets(place, at, (map.rows, map.columns), features.size) {
                continue;
            }
            let own = &map.data[at * map.dimensions..][..map.dimensions];
            let pairs = own.iter().zip(bank.row(nearest.patch));
            sum.iter_mut()
                .zip(pairs)
                .for_each(|(sum, (own, good))| *sum += own - good);
        }
        self.kernels().normalize(&mut sum).map(|_| sum)
    }

    fn difference(
        &self,
        differences: &Differences,
        features: &Features,
        measured: &Measured,
        region: &Region,
    ) -> Option<Difference> {
        let (memory, detectors) = (&self.learnt.memory, &self.learnt.detectors);
        let grid = measured.grids[placing(detectors)?];
        let inside = |cell: usize| meets(region.rect(), cell, grid, features.size);
        let both = (features, measured);
        let cells = self.packed.beside(memory, detectors, both, inside);
        let cells = cells
            .into_iter()
            .map(|(_, distance, cell)| (distance, cell));
        differences.tell(cells.collect(), self.learnt.told_of)
    }

    fn nearest_good(&self, whole: &[f32]) -> Option<NearestGood> {
        let likeness = |good: &GoodPicture| Features::likeness(self.kernels(), whole, &good.whole);
        let scored = self.learnt.good.iter().enumerate();
        let scored = scored.map(|(at, good)| (likeness(good), at, good));
        let (similarity, at, good) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(NearestGood {
            path: good.path.clone(),
            similarity,
            pixels: self.learnt.good_pixels.get(at).copied(),
        })
    }

    fn kernels(&self) -> Kernels {
        self.encoder.kernels()
    }

    /// How many bad pictures it knows; 0 where too few were shown to learn from.
    pub fn known_bad(&self) -> usize {
        self.learnt.known_bad.as_ref().map_or(0, KnownBad::len)
    }

    /// The scale of all heat maps of this inspector.
    pub fn heat_scale(&self) -> Result<HeatScale, HeatError> {
        heat_scale(self.learnt.region_threshold)
    }

    /// What its threshold holds.
    pub fn promise(&self) -> &Promise {
        &self.learnt.promise
    }

    /// What the threshold for another share of false alarms would hold, with the confidence that training has.
    pub fn promise_for(&self, false_alarm: f64) -> Promise {
        let options = TrainOptions {
            false_alarm,
            ..TrainOptions::default()
        };
        let of_own = self.learnt.good.len() > 1;
        promise(&self.learnt.calibration, &options, of_own)
    }

    /// The same with the threshold for another share of false alarms. Where regions begin stays as it was
    /// trained: the scores of good places are not kept.
    ///
    /// # Errors
    /// As of any inspector that is made ready.
    pub fn with_false_alarm(&self, false_alarm: f64) -> Result<Inspector<'e>, InspectorError> {
        let learnt = Learnt {
            promise: self.promise_for(false_alarm),
            ..self.learnt.clone()
        };
        Inspector::ready(self.encoder, learnt)
    }

    /// The model that it was trained with.
    pub fn model(&self) -> &str {
        &self.learnt.model
    }

    /// The good pictures that it was trained with.
    pub fn good(&self) -> &[GoodPicture] {
        &self.learnt.good
    }

    /// Scores of the good pictures that were held out, in rising order.
    pub fn good_scores(&self) -> &[f64] {
        self.learnt.calibration.scores()
    }
}

impl GoodPicture {
    /// The file's name, for people.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        Path::new(name).to_string_lossy().into_owned()
    }
}

/// 0 is what patches of good pictures usually have; colours begin well below a region's threshold.
pub(crate) fn heat_scale(region_threshold: f32) -> Result<HeatScale, HeatError> {
    HeatScale::new(0.0, 2.0 * region_threshold)?.visible_from(0.4 * region_threshold)
}

/// The heat map of an aligned picture as one of the picture as it lay: of the same number of cells on the
/// shorter side. What the aligned picture does not show has no heat.
fn laid_back(
    heat: &HeatMap,
    alignment: &Alignment,
    aligned: (u32, u32),
    picture: (u32, u32),
) -> Result<HeatMap, HeatError> {
    let shorter = |(width, height): (u32, u32)| f64::from(width.min(height).max(1));
    let scale = shorter((heat.width(), heat.height())) / shorter(picture);
    let cells = |side: u32| {
        let cells = (f64::from(side) * scale).round();
        cells.clamp(1.0, MOST_HEAT_CELLS) as u32
    };
    let (width, height) = (cells(picture.0), cells(picture.1));
    let centre =
        |at: u32, cells: u32, side: u32| (f64::from(at) + 0.5) / f64::from(cells) * f64::from(side);
    let mut data = Vec::with_capacity(width as usize * height as usize);
    for row in 0..height {
        for column in 0..width {
            let point = (
                centre(column, width, picture.0),
                centre(row, height, picture.1),
            );
            let (x, y) = alignment.to_reference(point, aligned, picture);
            let cell = |at: f64, side: u32, cells: u32| {
                let cell = at / f64::from(side) * f64::from(cells);
                (cell >= 0.0 && cell < f64::from(cells)).then_some(cell as usize)
            };
            let at = cell(y, aligned.1, heat.height()).zip(cell(x, aligned.0, heat.width()));
            data.push(at.map_or(0.0, |(row, column)| {
                heat.data()[row * heat.width() as usize + column]
            }));
        }
    }
    HeatMap::new(width, height, data)
}

/// Width and height of the heat map of a picture.
pub(crate) fn heat_size(view: &View, (width, height): (u32, u32)) -> (u32, u32) {
    let scale = HEAT_CELLS * f64::from(view.tiles) / view.usual;
    let cells = |side: u32| {
        (f64::from(side) * scale)
            .round()
            .clamp(1.0, MOST_HEAT_CELLS) as u32
    };
    (cells(width), cells(height))
}
