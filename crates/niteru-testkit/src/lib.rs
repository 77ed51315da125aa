//! What the tests of all rooms share: where data lies, and how a test skips.
//!
//! Some tests need more than the repository holds: reference files (`../shared`) or downloaded
//! weights (a home that `models pull` has filled). Where these are missing a test says so in one
//! line and passes. With `NITERU_TEST_ALL=1`, as in `.ci/run`, a skip is a failure, but for tests that need
//! a Qdrant server.
//!
//! ```no_run
//! let Some(goldens) = niteru_testkit::shared("goldens/clip-tiny") else { return };
//! assert!(goldens.join("config.json").exists());
//! ```

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Numbers from 0 to 1, the same for a seed: xorshift64 (Marsaglia, 2003). For what is made up, never for secrets.
pub struct Random(u64);

impl Random {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Random {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // The first numbers of near seeds are alike.
        (0..16).for_each(|_| {
            random.number();
        });
        random
    }

    /// The next number, 0…1.
    pub fn number(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f64 / (1u64 << 24) as f64
    }
}

/// The repository's root.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A path under the reference data: `$NITERU_TEST_SHARED`, else `shared` beside the repository.
///
/// Returns `None`, after saying so, when it is not there.
///
/// # Panics
/// When it is not there and `NITERU_TEST_ALL=1`.
pub fn shared(relative: &str) -> Option<PathBuf> {
    let root = std::env::var_os("NITERU_TEST_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| repository().join("../shared"));
    found(root.join(relative), "reference data")
}

/// The home that tests may read models and samples from: `$NITERU_TEST_HOME`.
///
/// `relative` is a path under it, such as `models/efficientnet-lite0`. Returns `None`, after
/// saying so, when it is not there.
///
/// # Panics
/// When it is not there and `NITERU_TEST_ALL=1`.
pub fn test_home(relative: &str) -> Option<PathBuf> {
    match std::env::var_os("NITERU_TEST_HOME") {
        Some(home) => found(PathBuf::from(home).join(relative), "downloaded files"),
        None => {
            skip(&format!(
                "{relative}: set NITERU_TEST_HOME to a home that holds it"
            ));
            None
        }
    }
}

/// Says in one line that a test is skipped, and why.
///
/// # Panics
/// When `NITERU_TEST_ALL=1`: there nothing may skip.
pub fn skip(why: &str) {
    let all = std::env::var("NITERU_TEST_ALL").is_ok_and(|value| value == "1");
    assert!(!all, "NITERU_TEST_ALL=1 allows no skip: {why}");
    // Not `eprintln!`: the test harness would swallow that of a test that passes.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Where a Qdrant server listens for gRPC, such as `http://127.0.0.1:6334`: `NITERU_TEST_QDRANT`. Tests
/// that need one are the only ones that `NITERU_TEST_ALL` lets skip, with one line for a test file.
pub fn qdrant() -> Option<String> {
    static SAID: Once = Once::new();
    of_environment("NITERU_TEST_QDRANT", "http://host:6334", &SAID)
}

/// A Qdrant server's program, to be started and killed: `NITERU_TEST_QDRANT_BIN`. As [`qdrant`].
pub fn qdrant_program() -> Option<PathBuf> {
    static SAID: Once = Once::new();
    of_environment("NITERU_TEST_QDRANT_BIN", "/path/to/qdrant", &SAID).map(PathBuf::from)
}

fn of_environment(name: &str, example: &str, said: &Once) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        said.call_once(|| {
            let why = "tests against a Qdrant server";
            let _ = writeln!(std::io::stderr(), "skipped: {why}: set {name}={example}");
        });
    }
    value
}

fn found(path: PathBuf, what: &str) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    skip(&format!("{what} not found at {}", path.display()));
    None
}
