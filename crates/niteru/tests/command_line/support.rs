//! Runs the real binary in a home of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use niteru_imaging::Picture;
use serde_json::Value;
use tempfile::TempDir;

/// A home, and a folder for inputs beside it; both are removed at the end.
pub(crate) struct Niteru {
    folder: TempDir,
}

/// What a run of the binary gave.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Niteru {
    /// An empty home.
    pub(crate) fn empty() -> Niteru {
        Niteru {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A home with the default model, from the downloaded files; `None` where there are none.
    pub(crate) fn with_model() -> Option<Niteru> {
        let models = niteru_testkit::test_home("models/efficientnet-lite0")?;
        let niteru = Niteru::empty();
        copy(&models, &niteru.home().join("models/efficientnet-lite0"));
        Some(niteru)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A path in the folder for inputs.
    pub(crate) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.folder.path().join("in").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// A photo-like picture that differs by its seed.
    pub(crate) fn picture(&self, name: &str, seed: u32) -> PathBuf {
        let path = self.file(name);
        let (width, height) = (96, 72);
        let pixels = (0..width * height)
            .flat_map(|i| {
                let (x, y) = ((i % width) as f32, (i / width) as f32);
                let wave = |a: f32, b: f32| {
                    let phase = seed as f32 * 0.7;
                    (128.0 + 120.0 * ((x * a + phase).sin() * (y * b - phase).cos())) as u8
                };
                [
                    wave(0.1, 0.2),
                    wave(0.05 * seed as f32, 0.1),
                    wave(0.3, 0.02),
                ]
            })
            .collect();
        let picture = Picture::from_rgb(width, height, pixels).unwrap();
        std::fs::write(&path, picture.to_png().unwrap()).unwrap();
        path
    }

    pub(crate) fn command<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_niteru"));
        command
            .arg("--home")
            .arg(self.home())
            .args(arguments)
            .env_remove("NITERU_HOME")
            .env_remove("NITERU_INDEX")
            .env_remove("NITERU_QDRANT_API_KEY")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs with `--json` and expects exit code 0.
    pub(crate) fn json<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Value {
        let json = std::iter::once("--json".into());
        let arguments = arguments.into_iter().map(|a| a.as_ref().to_os_string());
        let ran = self.run(json.chain(arguments));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.value()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The one JSON document on stdout.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {:?}; stderr: {}", self.stdout, self.stderr))
    }

    /// The JSON objects on stdout, one a line.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Expects a failure whose message holds all of these.
    pub(crate) fn fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "{part:?} is not in {:?}",
                self.stderr
            );
        }
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
