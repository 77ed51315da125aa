//! Inspecting a file so that the decision can be written down and repeated.

use std::path::{Path, PathBuf};

use niteru_imaging::{DecodeError, HeatError, Limits, Picture};
use niteru_inspect::Inspector;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::history::Inspection;
use super::record::{NewInspection, PROGRAM};
use crate::Metadata;
use crate::collection::hex;

/// An inspected file.
#[derive(Debug, Clone)]
pub struct InspectedFile {
    /// Of the file's bytes.
    pub sha256: [u8; 32],
    /// What it shows.
    pub picture: Picture,
    /// What the inspector found.
    pub inspection: niteru_inspect::Inspection,
}

/// A file could not be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It is not a usable picture.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The heat map could not be made.
    #[error("the heat map could not be made")]
    Heat(#[from] HeatError),
    /// The file is another than the one that was judged.
    #[error(
        "{} has changed since inspection {id}: its sha256 was {was}, now it is {now}; \
         put the file back to replay",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The inspection.
        id: u64,
        /// Hash of what was judged.
        was: String,
        /// Hash of what is there.
        now: String,
    },
}

/// Inspects one file, on the calling thread. The bytes that are judged are those that are hashed.
///
/// # Errors
/// When the file is not a usable picture, or no heat map can be made of it.
pub fn inspect_file(
    inspector: &Inspector<'_>,
    path: &Path,
    limits: &Limits,
) -> Result<InspectedFile, InspectError> {
    let bytes = Picture::read(path, limits)?;
    inspect_bytes(inspector, path, &bytes, limits)
}

/// Judges a file again that was judged before, by the version of the inspector that did it.
///
/// # Errors
/// As [`inspect_file`], and [`InspectError::Changed`].
pub fn replay(
    inspector: &Inspector<'_>,
    was: &Inspection,
    limits: &Limits,
) -> Result<InspectedFile, InspectError> {
    // Before it is decoded: another file need not be a picture.
    match read_known(&was.path, &was.sha256, limits)? {
        KnownFile::Same(bytes) => inspect_bytes(inspector, &was.path, &bytes, limits),
        KnownFile::Changed { now } => Err(InspectError::Changed {
            path: was.path.clone(),
            id: was.id,
            was: was.sha256.clone(),
            now,
        }),
    }
}

/// What is at the path of a file that was seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownFile {
    /// The same contents.
    Same(Vec<u8>),
    /// Others: a camera may have written another photo under the name.
    Changed {
        /// sha256 of what is there now, in hexadecimal.
        now: String,
    },
}

/// Reads a file whose contents had this sha256 (in hexadecimal) when it was seen. What was hashed is what is given.
///
/// # Errors
/// When the file cannot be read.
pub fn read_known(path: &Path, sha256: &str, limits: &Limits) -> Result<KnownFile, DecodeError> {
    let bytes = Picture::read(path, limits)?;
    let now = hex(&Sha256::digest(&bytes));
    Ok(match now == sha256 {
        true => KnownFile::Same(bytes),
        false => KnownFile::Changed { now },
    })
}

/// As [`inspect_file`], of a file that was read already.
///
/// # Errors
/// As [`inspect_file`].
pub fn inspect_bytes(
    inspector: &Inspector<'_>,
    path: &Path,
    bytes: &[u8],
    limits: &Limits,
) -> Result<InspectedFile, InspectError> {
    let picture = Picture::decode(bytes, limits).map_err(|error| error.in_file(path))?;
    Ok(InspectedFile {
        sha256: Sha256::digest(bytes).into(),
        inspection: inspector.inspect(&picture)?,
        picture,
    })
}

/// Whether a decision came out again, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reproduced {
    /// Whether verdict, score and threshold are the same, numbers bit for bit.
    pub same: bool,
    /// Which of `verdict`, `score` and `threshold` are others now.
    pub differs: Vec<&'static str>,
    /// The instruction set that it was decided with: with another, scores agree to some digits only.
    pub kernels: String,
    /// The instruction set now.
    pub replayed_kernels: String,
    /// The version of the program that decided; `null` of decisions that are older than homes of format 12.
    pub program: Option<String>,
    /// The version now.
    pub replayed_program: &'static str,
}

impl InspectedFile {
    /// Whether a decision came out again, on these kernels.
    pub fn reproduced(&self, was: &Inspection, kernels: &str) -> Reproduced {
        let differs = self.differs_from(was);
        Reproduced {
            same: differs.is_empty(),
            differs,
            kernels: was.kernels.clone(),
            replayed_kernels: kernels.to_owned(),
            program: was.program.clone(),
            replayed_program: PROGRAM,
        }
    }

    /// What is not as it was decided before: of `verdict`, `score` and `threshold`, numbers bit for bit.
    pub fn differs_from(&self, was: &Inspection) -> Vec<&'static str> {
        let now = &self.inspection;
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        let all = [
            ("verdict", now.verdict == was.verdict),
            ("score", same(now.score, was.score)),
            ("threshold", same(now.threshold, was.threshold)),
        ];
        let other = all.iter().filter(|(_, same)| !same);
        other.map(|(what, _)| *what).collect()
    }

    /// What is written down of it.
    pub fn record(
        &self,
        path: &Path,
        operator: Option<&str>,
        kernels: &str,
        metadata: Metadata,
    ) -> NewInspection {
        let found = &self.inspection;
        NewInspection {
            path: path.to_path_buf(),
            sha256: self.sha256,
            time: None,
            operator: operator.map(Into::into),
            score: found.score,
            threshold: found.threshold,
            p_value: found.p_value,
            verdict: found.verdict,
            // Regions are numbers and paths: nothing of them can fail to be JSON.
            regions: serde_json::to_value(&found.regions).unwrap_or_else(|_| Value::Array(vec![])),
            defect: found.defect.clone(),
            kernels: kernels.to_string(),
            metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use niteru_imaging::HeatMap;
    use niteru_inspect::{ScoreParts, Verdict};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_replay_is_the_same_only_with_verdict_score_and_threshold() {
        let was = Inspection {
            id: 1,
            inspector: "bolt".into(),
            version: 1,
            model: "m".into(),
            fingerprint: "f".into(),
            path: "a.png".into(),
            sha256: String::new(),
            time: 0,
            operator: None,
            score: 2.5,
            threshold: 2.0,
            p_value: 0.1,
            verdict: Verdict::Ng,
            final_verdict: Verdict::Ok,
            regions: json!([]),
            kernels: "scalar".into(),
            program: None,
            defect: None,
            metadata: Metadata::default(),
            reviews: Vec::new(),
        };
        let again = |verdict, score, threshold| InspectedFile {
            sha256: [0; 32],
            picture: Picture::from_rgb(1, 1, vec![0; 3]).unwrap(),
            inspection: niteru_inspect::Inspection {
                verdict,
                score,
                parts: ScoreParts {
                    patches: score,
                    whole: 0.0,
                    texture: 0.0,
                    grain: 0.0,
                    place: 0.0,
                    usual_patch: 0.0,
                    object_patch: None,
                    known_bad: 0.0,
                },
                threshold,
                p_value: 0.1,
                regions: Vec::new(),
                nearest_good: None,
                heat: HeatMap::new(1, 1, vec![0.0]).unwrap(),
                defect: None,
                alignment: None,
            },
        };
        let differs =
            |verdict, score, threshold| again(verdict, score, threshold).differs_from(&was);
        assert!(differs(Verdict::Ng, 2.5, 2.0).is_empty());
        assert_eq!(differs(Verdict::Unlike, 2.5, 2.0), ["verdict"]);
        assert_eq!(differs(Verdict::Ng, 2.5 + 1e-15, 2.0), ["score"]);
        assert_eq!(differs(Verdict::Ok, 2.5, 3.0), ["verdict", "threshold"]);
        let told = again(Verdict::Ok, 2.5, 2.0).reproduced(&was, "avx2");
        let expected = json!({
            "same": false, "differs": ["verdict"], "kernels": "scalar", "replayed_kernels": "avx2",
            "program": null, "replayed_program": env!("CARGO_PKG_VERSION"),
        });
        assert_eq!(json!(told), expected);
        assert!(again(Verdict::Ng, 2.5, 2.0).reproduced(&was, "avx2").same);
    }
}
