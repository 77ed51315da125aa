//! Models in a list.

use niteru_encoder::{Manifest, ModelCache, ModelState, ModelStatus, Role};
use serde::Serialize;
use utoipa::ToSchema;

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelSummary {
    /// Its name.
    pub name: String,
    /// `installed`, `not installed` or `damaged`.
    pub state: &'static str,
    /// The network's architecture.
    pub architecture: Option<&'static str>,
    /// Length of its embeddings.
    pub dimensions: Option<usize>,
    /// Side of the square that the model sees, in pixels.
    pub input: Option<usize>,
    /// Whether it embeds texts, too.
    pub reads_text: bool,
    /// What it may be used for.
    pub licence: Option<String>,
    /// Where it comes from.
    pub source: String,
    /// What it is good at.
    pub description: Option<&'static str>,
    /// Of the weights, in hexadecimal.
    pub sha256: Option<String>,
    /// Length of its files.
    pub bytes: Option<u64>,
    /// Where it is installed.
    pub folder: Option<String>,
    /// Why a damaged model cannot be used.
    pub problem: Option<String>,
}

impl ModelSummary {
    /// What a cache knows of one of its models.
    pub fn new(cache: &ModelCache, status: &ModelStatus) -> ModelSummary {
        let (state, manifest, problem) = match &status.state {
            ModelState::Installed(manifest) => ("installed", Some(manifest), None),
            ModelState::Damaged(problem) => ("damaged", None, Some(problem.clone())),
            _ => ("not installed", None, None),
        };
        let entry = status.entry;
        let recorded = manifest
            .and_then(|manifest| manifest.file(Role::Weights))
            .map(|file| file.sha256.clone());
        let folder = || cache.root().join(&status.name);
        ModelSummary {
            name: status.name.clone(),
            state,
            architecture: entry.map(|entry| entry.architecture),
            dimensions: entry.map(|entry| entry.dimensions),
            input: entry.map(|entry| entry.input),
            reads_text: match (entry, manifest) {
                (Some(entry), _) => entry.kind.has_text(),
                (None, Some(manifest)) => manifest.kind == "clip",
                (None, None) => false,
            },
            licence: manifest
                .and_then(|manifest| manifest.licence.clone())
                .or_else(|| entry.map(|entry| entry.licence.to_string())),
            source: match (manifest, entry) {
                (Some(manifest), _) => manifest.source.clone(),
                (None, Some(entry)) => entry.source_text(),
                (None, None) => "imported".to_string(),
            },
            description: entry.map(|entry| entry.description),
            sha256: recorded.or_else(|| entry.and_then(|entry| entry.sha256().map(String::from))),
            bytes: manifest
                .map(Manifest::bytes)
                .or(entry.map(|entry| entry.bytes)),
            folder: manifest.map(|_| folder().to_string_lossy().into_owned()),
            problem,
        }
    }
}
