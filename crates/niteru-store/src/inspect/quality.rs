//! What is to be looked at before an inspector is used: how its good photos scored, what it says of bad ones,
//! and what another threshold would change.

use std::path::PathBuf;

use niteru_encoder::Encoder;
use niteru_inspect::{
    Inspector, InspectorError, Judged, Quality, Rate, Suspicious, Trained, Trust, Verdict,
};
use niteru_learn::{Promise, clopper_pearson};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::inspectors::{InspectorFile, NewInspector, StoredInspector};
use super::training::trust;
use crate::{Home, StoreError, paths};

/// Thresholds that are offered at most.
const MOST_CHOICES: usize = 200;

/// A photo with its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScoredPhoto {
    /// Its file when it was judged.
    #[serde(serialize_with = "paths::serialize")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// In robust standard deviations of good photos.
    pub score: f64,
    /// What was said of it; `null` where nothing was, as of a good photo that was held out.
    #[serde(default)]
    pub verdict: Option<Verdict>,
}

/// The photos that training tells of one by one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct NotedPhotos {
    bad: Vec<ScoredPhoto>,
    suspicious: Vec<ScoredPhoto>,
    left_out: Vec<ScoredPhoto>,
    /// Inspectors that were trained before this was noted have none.
    highest: Vec<ScoredPhoto>,
}

/// A threshold that could be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ThresholdChoice {
    /// Share of good parts that may be stopped by mistake.
    pub false_alarm: f64,
    /// What the threshold holds then.
    #[serde(flatten)]
    pub promise: Promise,
    /// Bad photos that would pass.
    pub missed: usize,
}

/// What is to be looked at before an inspector is used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InspectorCheck {
    /// The inspector.
    pub inspector: String,
    /// Its version.
    pub version: u32,
    /// Share of good parts that may be stopped by mistake, as it was asked for.
    pub false_alarm: f64,
    /// How far to trust it.
    pub trust: Trust,
    /// What its threshold holds.
    pub promise: Promise,
    /// Scores of the good photos that were held out, in rising order; of one photo alone, of its variants.
    pub good_scores: Vec<f64>,
    /// The bad photos that it was tried with, in the order in which they were given.
    pub bad: Vec<ScoredPhoto>,
    /// Good photos to look at before it is used, the worst first.
    pub suspicious: Vec<ScoredPhoto>,
    /// The threshold that training would have chosen without the suspicious ones, where one of them decided.
    pub threshold_without: Option<f64>,
    /// Good photos that it did not learn from, as they are like none of the others.
    pub left_out: Vec<ScoredPhoto>,
    /// The good photos that scored highest when they were held out, the worst first, up to 60: those that a
    /// threshold stops by mistake. None of an inspector that an older Niteru trained.
    pub highest: Vec<ScoredPhoto>,
    /// The thresholds that there are, from the one that stops fewest good parts on; none where one good
    /// photo promises nothing.
    pub choices: Vec<ThresholdChoice>,
}

/// Why there is no version with another threshold.
#[derive(Debug, thiserror::Error)]
pub enum ThresholdError {
    /// The stored inspector cannot be used.
    #[error(transparent)]
    Inspector(#[from] InspectorError),
    /// The home.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NotedPhotos {
    pub(super) fn of(trained: &Trained<'_>, quality: Option<&Quality>) -> NotedPhotos {
        let good = |photo: &Suspicious| ScoredPhoto {
            path: photo.path.clone(),
            score: photo.score,
            verdict: None,
        };
        let bad = |judged: &Judged| ScoredPhoto {
            path: judged.path.clone(),
            score: judged.score,
            verdict: Some(judged.verdict),
        };
        NotedPhotos {
            bad: quality.map_or_else(Vec::new, |quality| quality.judged.iter().map(bad).collect()),
            suspicious: trained.suspicious.iter().map(good).collect(),
            left_out: trained.left_out.iter().map(good).collect(),
            highest: trained.highest.iter().map(good).collect(),
        }
    }

    /// How many bad photos there were, and the share that would pass; null where there was none.
    pub(super) fn summary(&self) -> Value {
        let passed = self
            .bad
            .iter()
            .filter(|photo| photo.verdict == Some(Verdict::Ok));
        let (passed, bad) = (passed.count(), self.bad.len());
        if bad == 0 {
            return Value::Null;
        }
        let miss = Rate {
            value: Some(passed as f64 / bad as f64),
            interval: clopper_pearson(passed as u64, bad as u64, 0.95),
        };
        json!({ "images": bad, "miss": miss })
    }

    /// Of an inspector of an older version there is nothing.
    fn noted(stored: &StoredInspector) -> NotedPhotos {
        let noted = stored.summary.get("photos").cloned();
        let noted = noted.and_then(|noted| serde_json::from_value(noted).ok());
        noted.unwrap_or_default()
    }
}

impl InspectorCheck {
    /// Of an inspector and what was stored with it.
    pub fn of(stored: &StoredInspector, inspector: &Inspector<'_>) -> InspectorCheck {
        let photos = NotedPhotos::noted(stored);
        let promise = *inspector.promise();
        let asked = stored.settings.get("false_alarm").and_then(Value::as_f64);
        let asked = asked.unwrap_or(promise.expected);
        let threshold_without = inspector.threshold_without(photos.suspicious.len(), asked);
        InspectorCheck {
            inspector: stored.name.clone(),
            version: stored.version,
            false_alarm: asked,
            trust: trust(inspector, threshold_without),
            promise,
            good_scores: inspector.good_scores().to_vec(),
            choices: choices(inspector, &photos.bad),
            bad: photos.bad,
            suspicious: photos.suspicious,
            threshold_without,
            left_out: photos.left_out,
            highest: photos.highest,
        }
    }
}

/// One threshold for each number of good photos that it leaves above it, up to half of them.
fn choices(inspector: &Inspector<'_>, bad: &[ScoredPhoto]) -> Vec<ThresholdChoice> {
    if inspector.good().len() < 2 {
        return Vec::new();
    }
    let photos = inspector.good_scores().len();
    let most = (photos / 2).max(1);
    let step = most.div_ceil(MOST_CHOICES);
    let choice = |above: usize| {
        let false_alarm = above as f64 / (photos + 1) as f64;
        let promise = inspector.promise_for(false_alarm);
        let passes = |photo: &&ScoredPhoto| {
            photo.verdict != Some(Verdict::Unlike) && photo.score <= promise.threshold
        };
        ThresholdChoice {
            false_alarm,
            promise,
            missed: bad.iter().filter(passes).count(),
        }
    };
    (1..=most).step_by(step).map(choice).collect()
}

/// Sets a field of a JSON object.
fn put(object: &mut Value, field: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(field.into(), value);
    }
}

impl Home {
    /// Keeps a version of an inspector with the threshold for another share of false alarms, as the next
    /// version: what the old one decided can still be replayed. Nothing is learnt anew.
    ///
    /// # Errors
    /// [`ThresholdError`].
    pub fn change_threshold(
        &self,
        encoder: &Encoder,
        file: &InspectorFile,
        false_alarm: f64,
    ) -> Result<StoredInspector, ThresholdError> {
        let old = &file.inspector;
        let inspector =
            Inspector::from_bytes(&file.bytes, encoder)?.with_false_alarm(false_alarm)?;
        let promise = inspector.promise();
        let (mut settings, mut summary) = (old.settings.clone(), old.summary.clone());
        let mut photos = NotedPhotos::noted(old);
        for photo in &mut photos.bad {
            photo.verdict = match photo.verdict {
                Some(Verdict::Unlike) => Some(Verdict::Unlike),
                _ if photo.score > promise.threshold => Some(Verdict::Ng),
                _ => Some(Verdict::Ok),
            };
        }
        put(&mut settings, "false_alarm", json!(false_alarm));
        put(&mut settings, "threshold_of_version", json!(old.version));
        put(&mut summary, "promise", json!(promise));
        put(&mut summary, "bad", photos.summary());
        put(&mut summary, "photos", json!(photos));
        Ok(self.save_inspector(
            &old.name,
            &NewInspector {
                model: &old.model,
                fingerprint: &old.fingerprint,
                settings: &settings,
                summary: &summary,
                bytes: &inspector.to_bytes()?,
            },
        )?)
    }
}
