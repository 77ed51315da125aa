//! Models on this machine: a folder per model under `models` of the home, each with its files
//! and a manifest (`model.json`) of their sizes and sha256.
//!
//! A model's folder appears and disappears as a whole: files are brought together in a folder
//! beside it (`.tmp-…`), checked, flushed to the disk and then renamed. Writers take turns by a
//! lock on `.lock`; readers need none. What a killed writer leaves is removed by the next one.
//!
//! Where a sha256 comes from: for the models from Python packages the catalogue holds it. For
//! hub models it does not; the hash of what arrives is compared with the one that the hub
//! announces, recorded in the manifest at the first pull, and verified from then on: by
//! [`ModelCache::verify`], and when a damaged model is pulled again. Opening a model compares
//! sizes only, which is cheap; hashing 600 MB at every start is not.

mod check;
mod error;
mod folder;
mod import;
mod install;
mod manifest;
mod pull;

use std::path::{Path, PathBuf};

use crate::catalogue::{CatalogueEntry, ModelKind, catalogue, find_in_catalogue};
use crate::fetch::{self, FetchError, Watch};
use install::Writer;
use manifest::MANIFEST;

pub use error::ModelError;
pub use manifest::{Manifest, ManifestFile, Role};
pub use pull::{Network, Pulled};

/// The models under one folder, usually `models` in the home.
#[derive(Debug, Clone)]
pub struct ModelCache {
    root: PathBuf,
}

/// The files of an installed model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelFiles {
    /// The model's name.
    pub name: String,
    /// The folder that the files are in.
    pub directory: PathBuf,
    /// What kind of network they describe.
    pub kind: ModelKind,
    /// The tensors; for [`Weights::open`](crate::Weights::open).
    pub weights: PathBuf,
    /// sha256 of the weight file, in hexadecimal, as it was when it was installed.
    pub weights_sha256: String,
    /// `config.json`, for CLIP and DINOv2.
    pub config: Option<PathBuf>,
    /// `preprocessor_config.json`, for CLIP and DINOv2.
    pub preprocessor: Option<PathBuf>,
    /// `tokenizer.json`, for CLIP.
    pub tokenizer: Option<PathBuf>,
}

impl ModelFiles {
    /// The folder of packed weights: derived from the others, and made anew when it is gone.
    pub(crate) fn packed(&self) -> PathBuf {
        self.directory.join("packed")
    }

    /// The files that a manifest names, in this folder; `None` when it is of an unknown kind or
    /// names no weights.
    fn of(manifest: &Manifest, directory: &Path) -> Option<ModelFiles> {
        let place = |role| manifest.file(role).map(|file| directory.join(&file.name));
        let weights = manifest.file(Role::Weights)?;
        Some(ModelFiles {
            name: manifest.name.clone(),
            kind: ModelKind::parse(&manifest.kind)?,
            weights: directory.join(&weights.name),
            weights_sha256: weights.sha256.clone(),
            config: place(Role::Config),
            preprocessor: place(Role::Preprocessor),
            tokenizer: place(Role::Tokenizer),
            directory: directory.to_path_buf(),
        })
    }
}

/// What is known about a model: from the catalogue, from this machine, or both.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ModelStatus {
    /// The model's name.
    pub name: String,
    /// Its catalogue entry; `None` for an imported model of another name.
    pub entry: Option<&'static CatalogueEntry>,
    /// Whether it is on this machine.
    pub state: ModelState,
}

/// Whether a model is on this machine.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ModelState {
    /// It is in the catalogue only.
    NotInstalled,
    /// Its files are there and have the recorded sizes.
    Installed(Manifest),
    /// Its folder is there, but not as it was installed; what is wrong.
    Damaged(String),
}

impl ModelCache {
    /// The models under this folder, which is made when the first one is installed.
    pub fn new(root: impl Into<PathBuf>) -> ModelCache {
        ModelCache { root: root.into() }
    }

    /// The folder that holds the models.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All models of the catalogue, in its order, then imported ones by name.
    ///
    /// # Errors
    /// When the folder of the models cannot be read.
    pub fn list(&self) -> Result<Vec<ModelStatus>, ModelError> {
        let mut names: Vec<String> = catalogue()
            .iter()
            .map(|entry| entry.name.to_string())
            .collect();
        names.extend(self.imported()?);
        Ok(names.into_iter().map(|name| self.state_of(name)).collect())
    }

    /// Looks whether a model may have the name, before any of its files is brought.
    ///
    /// # Errors
    /// [`ModelError::BadName`], and [`ModelError::AlreadyInstalled`], of a damaged model, too.
    pub fn check_free(&self, name: &str) -> Result<(), ModelError> {
        check_name(name)?;
        match self.state_of(name.to_owned()).state {
            ModelState::NotInstalled => Ok(()),
            ModelState::Installed(_) | ModelState::Damaged(_) => {
                Err(ModelError::AlreadyInstalled { name: name.into() })
            }
        }
    }

    /// What is known about one model.
    ///
    /// # Errors
    /// When there is no model of this name.
    pub fn status(&self, name: &str) -> Result<ModelStatus, ModelError> {
        check_name(name)?;
        let status = self.state_of(name.to_string());
        match status {
            ModelStatus {
                entry: None,
                state: ModelState::NotInstalled,
                ..
            } => Err(self.absent(name)),
            status => Ok(status),
        }
    }

    /// The files of an installed model. Their sizes are compared with the manifest, their hashes
    /// are not: that is [`ModelCache::verify`].
    ///
    /// # Errors
    /// When the model is not installed or a file is missing or of another size; the error says
    /// what to run.
    pub fn open(&self, name: &str) -> Result<ModelFiles, ModelError> {
        check_name(name)?;
        self.read(name).map(|(files, _)| files)
    }

    /// Reads all files of an installed model and compares their sha256 with the manifest, and
    /// the weights' with the catalogue where it knows it.
    ///
    /// # Errors
    /// As [`ModelCache::open`], and when a hash differs.
    pub fn verify(&self, name: &str, watch: &Watch<'_>) -> Result<ModelFiles, ModelError> {
        check_name(name)?;
        let (files, manifest) = self.read(name)?;
        for file in &manifest.files {
            let path = files.directory.join(&file.name);
            let found = fetch::hash_file(&path, watch).map_err(|error| files_error(name, error))?;
            let catalogued = find_in_catalogue(name)
                .and_then(CatalogueEntry::sha256)
                .filter(|_| file.role == Role::Weights);
            for expected in [Some(file.sha256.as_str()), catalogued]
                .into_iter()
                .flatten()
            {
                if found.sha256 != expected {
                    let reason = format!("sha256 should be {expected}, but is {}", found.sha256);
                    return Err(damaged(name, &path, reason));
                }
            }
        }
        Ok(files)
    }

    /// Removes a model, also a damaged one. What was recorded of it is forgotten.
    ///
    /// # Errors
    /// When it is not installed or its files cannot be removed.
    pub fn remove(&self, name: &str, watch: &Watch<'_>) -> Result<(), ModelError> {
        check_name(name)?;
        if self.folder(name).symlink_metadata().is_err() {
            return Err(self.absent(name));
        }
        let writer = Writer::start(&self.root, watch).map_err(|error| files_error(name, error))?;
        writer
            .remove(name)
            .map_err(|error| files_error(name, error))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Names of installed models that are not in the catalogue, sorted.
    fn imported(&self) -> Result<Vec<String>, ModelError> {
        let unreadable = |source| files_error("list", fetch::io_error("read", &self.root, source));
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| check_name(name).is_ok()) else {
                continue;
            };
            if entry.path().is_dir() && find_in_catalogue(name).is_none() {
                names.push(name.to_string());
            }
        }
        names.sort();
        Ok(names)
    }

    fn state_of(&self, name: String) -> ModelStatus {
        let state = match self.read(&name) {
            Ok((_, manifest)) => ModelState::Installed(manifest),
            Err(ModelError::Damaged { file, reason, .. }) => {
                ModelState::Damaged(format!("{}: {reason}", file.display()))
            }
            Err(_) => ModelState::NotInstalled,
        };
        ModelStatus {
            entry: find_in_catalogue(&name),
            name,
            state,
        }
    }

    /// The manifest and the files it names, with their sizes compared.
    fn read(&self, name: &str) -> Result<(ModelFiles, Manifest), ModelError> {
        let directory = self.folder(name);
        if directory.symlink_metadata().is_err() {
            return Err(self.absent(name));
        }
        let path = directory.join(MANIFEST);
        let manifest =
            Manifest::read(&path, name).map_err(|reason| damaged(name, &path, reason))?;
        for file in &manifest.files {
            let path = directory.join(&file.name);
            let reason = match path.symlink_metadata() {
                Ok(found) if found.is_file() && found.len() == file.bytes => continue,
                Ok(found) if found.is_file() => {
                    format!("should have {} bytes, but has {}", file.bytes, found.len())
                }
                Ok(_) => "is not a regular file".to_string(),
                Err(error) => format!("cannot be read: {error}"),
            };
            return Err(damaged(name, &path, reason));
        }
        // `Manifest::read` has checked that it is complete.
        match ModelFiles::of(&manifest, &directory) {
            Some(files) => Ok((files, manifest)),
            None => Err(damaged(name, &path, "is incomplete".to_string())),
        }
    }

    /// The error for a model that is not there.
    fn absent(&self, name: &str) -> ModelError {
        if find_in_catalogue(name).is_some() {
            return ModelError::NotInstalled {
                name: name.to_string(),
            };
        }
        let mut known: Vec<String> = catalogue()
            .iter()
            .map(|entry| entry.name.to_string())
            .collect();
        known.extend(self.imported().unwrap_or_default());
        ModelError::Unknown {
            name: name.to_string(),
            known,
        }
    }
}

/// Names become folders: only harmless ones are let through.
fn check_name(name: &str) -> Result<(), ModelError> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = (1..=64).contains(&name.len())
        && name.bytes().next().is_some_and(letter)
        && name
            .bytes()
            .all(|byte| letter(byte) || b"._-".contains(&byte));
    if good {
        Ok(())
    } else {
        Err(ModelError::BadName {
            name: name.to_string(),
        })
    }
}

fn damaged(name: &str, file: &Path, reason: String) -> ModelError {
    let repair = match find_in_catalogue(name) {
        Some(_) => format!("pull {name}"),
        None => format!("remove {name}, then import {name} FOLDER"),
    };
    ModelError::Damaged {
        name: name.to_string(),
        file: file.to_path_buf(),
        reason,
        repair,
    }
}

fn files_error(name: &str, source: FetchError) -> ModelError {
    ModelError::Files {
        name: name.to_string(),
        source: Box::new(source),
        way_out: String::new(),
    }
}
