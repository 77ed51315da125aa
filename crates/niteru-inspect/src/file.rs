//! The stored form of an inspector: a mark, a version, what was learnt (postcard), and a CRC-32 of all
//! that, little-endian, as damage of a number would go unseen.

use niteru_encoder::Encoder;
use niteru_imaging::{Alignment, Picture};

use crate::difference::Differences;
use crate::features::Features;
use crate::inspector::{GoodPicture, Inspector, InspectorError, Learnt};
use crate::known_bad::KnownBad;
use crate::old::Learnt1;
use crate::recipe::{Detector, telling};
use crate::reference::Reference;
use crate::view::View;

/// What a stored inspector begins with.
const MARK: &[u8; 8] = b"NITEINSP";

/// Counts changes of the form, and of the arithmetic that scores hang on.
const VERSION: u32 = 5;

/// More good pictures than any home has; what claims more is damaged.
const MOST_BYTES: usize = 1 << 30;

/// Detectors of an inspector at most; no recipe has half as many.
const MOST_DETECTORS: usize = 16;

/// Cells along a side that a detector averages at most; more are damage.
const MOST_POOLED: usize = 15;

impl<'e> Inspector<'e> {
    /// The inspector as bytes, to be stored.
    ///
    /// # Errors
    /// When it cannot be written, which no trained inspector can't.
    pub fn to_bytes(&self) -> Result<Vec<u8>, InspectorError> {
        if !self.learnt.is_sound() {
            let reason = "it is beyond what can be stored: use smaller photos or fewer tiles";
            return Err(InspectorError::Stored(reason.to_string()));
        }
        let mut bytes = MARK.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        let mut bytes = postcard::to_extend(&self.learnt, bytes)
            .map_err(|error| InspectorError::Stored(error.to_string()))?;
        let sum = crc32fast::hash(&bytes);
        bytes.extend(sum.to_le_bytes());
        Ok(bytes)
    }

    /// Reads what [`Inspector::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are damaged or of a newer version, or the encoder is not the one that the
    /// inspector was trained with.
    pub fn from_bytes(bytes: &[u8], encoder: &'e Encoder) -> Result<Inspector<'e>, InspectorError> {
        let stored = |reason: &str| InspectorError::Stored(reason.to_string());
        if bytes.len() > MOST_BYTES {
            return Err(stored("it is larger than an inspector can be"));
        }
        let rest = bytes
            .strip_prefix(MARK)
            .ok_or_else(|| stored("it is no inspector"))?;
        let (version, rest) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| stored("it is cut off"))?;
        let version = u32::from_le_bytes(*version);
        // Before the checksum: a newer form may have another one.
        if version > VERSION {
            let reason = format!("it has format {version}, this program reads up to {VERSION}");
            return Err(InspectorError::Stored(reason));
        }
        let (rest, sum) = rest
            .split_last_chunk::<4>()
            .ok_or_else(|| stored("it is cut off"))?;
        let summed = &bytes[..bytes.len() - sum.len()];
        if crc32fast::hash(summed) != u32::from_le_bytes(*sum) {
            return Err(stored("it is damaged or cut off"));
        }
        let learnt = match version {
            VERSION => postcard::from_bytes::<Learnt>(rest),
            // They end before the last fields: no bad pictures, what is told of all cells, no objects, and of no good
            // picture what it showed, are written as 0.
            4 => postcard::from_bytes::<Learnt>(&[rest, &[0; 2][..]].concat()),
            3 => postcard::from_bytes::<Learnt>(&[rest, &[0; 3]].concat()),
            2 => postcard::from_bytes::<Learnt>(&[rest, &[0; 4]].concat()),
            1 => postcard::from_bytes::<Learnt1>(rest).map(Learnt::from),
            other => return Err(InspectorError::Stored(format!("it has format {other}"))),
        };
        let learnt = learnt.map_err(|error| stored(&error.to_string()))?;
        if !learnt.is_sound() {
            return Err(stored("its parts do not fit together"));
        }
        let inspector = Inspector::ready(encoder, learnt)?;
        match inspector.fits()? {
            true => Ok(inspector),
            false => Err(stored("its parts do not fit the model")),
        }
    }

    /// Whether what the encoder gives has the sizes of what was learnt. A checksum does not tell: it can
    /// be made for anything.
    fn fits(&self) -> Result<bool, InspectorError> {
        let (learnt, memory) = (&self.learnt, &self.learnt.memory);
        let known = |detector: &Detector| {
            detector.depth < self.encoder.depths() && detector.pool <= MOST_POOLED
        };
        if !learnt.detectors.iter().all(known) {
            return Ok(false);
        }
        let pixel = Picture::from_rgb(1, 1, vec![128; 3])
            .map_err(|error| InspectorError::Stored(error.to_string()))?;
        let view = View {
            tiles: 1,
            ..learnt.view
        };
        let features = Features::of(self.encoder, &view, &learnt.detectors, &pixel, None);
        let telling = telling(&learnt.detectors).map_or(0, |at| features.maps[at].dimensions);
        let known = |bad: &KnownBad| bad.is_sound(telling, features.whole.len());
        if !learnt.known_bad.as_ref().is_none_or(known) {
            return Ok(false);
        }
        let banks = memory.banks.iter().map(|bank| bank.dimensions);
        let dimensions = features.maps.iter().map(|map| map.dimensions);
        Ok(banks.eq(dimensions)
            && memory.whole.dimensions() == features.whole.len()
            && memory.grain.dimensions() == features.grain.len())
    }
}

impl Learnt {
    /// Whether the parts fit together, as of what was stored must be asked.
    fn is_sound(&self) -> bool {
        let view = self.view;
        let usual = view.usual.is_finite() && view.usual >= 1.0;
        let whole = self.memory.whole.dimensions();
        usual
            && (1..=crate::MOST_TILES).contains(&view.tiles)
            && (1..=MOST_DETECTORS).contains(&self.detectors.len())
            && self.detectors.iter().any(|detector| detector.decides)
            && self.memory.is_sound(&self.detectors)
            && self.fusion.is_sound(&self.detectors)
            && self.region_threshold.is_finite()
            && self.region_threshold > 0.0
            && self.promise.threshold.is_finite()
            && self.reference.as_ref().is_none_or(Reference::is_sound)
            && self.differences.as_ref().is_none_or(Differences::is_sound)
            && self
                .object
                .as_ref()
                .is_none_or(|object| object.is_sound(&self.detectors))
            && self
                .good
                .iter()
                .all(|good| good.whole.len() == whole && lies_somewhere(good))
    }
}

/// Whether a good picture has a size, and lies in it as far as numbers tell.
fn lies_somewhere(good: &GoodPicture) -> bool {
    let finite = |alignment: &Alignment| {
        [alignment.dx, alignment.dy, alignment.rotation]
            .iter()
            .all(|number| number.is_finite())
    };
    good.size.0 > 0 && good.size.1 > 0 && good.alignment.as_ref().is_none_or(finite)
}
