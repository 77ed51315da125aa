//! `model.json`: what is installed under a model's name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::catalogue::ModelKind;

/// Name of the manifest in a model's folder.
pub(super) const MANIFEST: &str = "model.json";
/// Version of the manifest that this program writes, and the only one so far.
const FORMAT: u32 = 1;
/// Longest manifest that is read.
const MAX_BYTES: u64 = 64 << 10;

/// What a file of a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// The tensors.
    Weights,
    /// `config.json`: sizes of the network.
    Config,
    /// `preprocessor_config.json`: how an image is prepared.
    Preprocessor,
    /// `tokenizer.json`: how a text is cut into tokens.
    Tokenizer,
}

/// A file of an installed model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// What it is for.
    pub role: Role,
    /// Its name in the model's folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its sha256, in hexadecimal, of what was installed.
    pub sha256: String,
}

impl ManifestFile {
    pub(super) fn new(role: Role, name: &str, bytes: u64, sha256: String) -> ManifestFile {
        ManifestFile {
            role,
            name: name.to_string(),
            bytes,
            sha256,
        }
    }
}

/// What is installed under a model's name, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The model's name.
    pub name: String,
    /// What kind of network it is, as [`ModelKind::as_str`] writes it.
    pub kind: String,
    /// Where the files came from, in words.
    pub source: String,
    /// The commit that they were pulled from; `None` for packages and imports.
    pub revision: Option<String>,
    /// Licence of the weights (SPDX), where the catalogue knows it.
    pub licence: Option<String>,
    /// When they were installed, in seconds since 1970 (UTC).
    pub installed: u64,
    /// The files.
    pub files: Vec<ManifestFile>,
}

impl Manifest {
    pub(super) fn new(name: &str, kind: ModelKind, source: String) -> Manifest {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Manifest {
            format: FORMAT,
            name: name.to_string(),
            kind: kind.as_str().to_string(),
            source,
            revision: None,
            licence: None,
            installed: now.map_or(0, |time| time.as_secs()),
            files: Vec::new(),
        }
    }

    /// The file of this role.
    pub fn file(&self, role: Role) -> Option<&ManifestFile> {
        self.files.iter().find(|file| file.role == role)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .map(|file| file.bytes)
            .fold(0, u64::saturating_add)
    }

    /// Reads the manifest of the model `name`; an error says what is wrong with it.
    pub(super) fn read(path: &Path, name: &str) -> Result<Manifest, String> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
            .map_err(|error| format!("cannot be read: {error}"))?;
        let format: Format =
            serde_json::from_str(&text).map_err(|error| format!("is not a manifest: {error}"))?;
        if format.format != FORMAT {
            return Err(format!(
                "has format {}, but this version of niteru reads format {FORMAT}",
                format.format
            ));
        }
        let manifest: Manifest =
            serde_json::from_str(&text).map_err(|error| format!("is not a manifest: {error}"))?;
        if manifest.name != name {
            return Err(format!("belongs to model {:?}", manifest.name));
        }
        if ModelKind::parse(&manifest.kind).is_none() {
            return Err(format!("names the unknown kind {:?}", manifest.kind));
        }
        for (index, file) in manifest.files.iter().enumerate() {
            // The names become paths: a manifest must not lead out of its folder.
            let plain = Path::new(&file.name)
                .file_name()
                .is_some_and(|plain| plain == &*file.name);
            let twice = manifest.files[..index]
                .iter()
                .any(|other| other.role == file.role);
            if !plain || twice || file.sha256.len() != 64 {
                return Err(format!(
                    "describes {:?} in a way that is not allowed",
                    file.name
                ));
            }
        }
        if manifest.file(Role::Weights).is_none() {
            return Err("names no weights".to_string());
        }
        Ok(manifest)
    }

    pub(super) fn to_json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| error.to_string())
    }
}

/// The part of a manifest that says how to read the rest.
#[derive(Deserialize)]
struct Format {
    format: u32,
}
