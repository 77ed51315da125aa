//! What the tests share: a home in a temporary folder, and an encoder that needs no weights.
#![allow(dead_code, unreachable_pub)]

pub mod cluster;
pub mod inspecting;
pub mod watching;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use niteru_store::{
    AddOptions, AddReport, Candidate, EmbeddedFile, EncoderIdentity, EncoderSeconds, Home,
    ImageEncoder, OnResult, Query, Source,
};
use sha2::{Digest, Sha256};

/// Takes files that start with `FAKE`. Numbers after it are the embedding's direction, padded
/// with zeros; without numbers, the direction comes from the contents' hash.
pub struct FakeEncoder {
    pub model: &'static str,
    pub dimensions: usize,
    pub delay: Duration,
    pub embedded: AtomicU64,
    /// Results that are held back before they are handed over, as a real encoder's batches do.
    pub batch: usize,
}

impl Default for FakeEncoder {
    fn default() -> Self {
        Self {
            model: "fake",
            dimensions: 8,
            delay: Duration::ZERO,
            embedded: AtomicU64::new(0),
            batch: 5,
        }
    }
}

impl FakeEncoder {
    pub fn embed(&self, path: &Path) -> Result<EmbeddedFile, Source> {
        let contents = std::fs::read(path)?;
        let text = String::from_utf8_lossy(&contents);
        let words = text
            .strip_prefix("FAKE")
            .ok_or("not an image")?
            .split_whitespace();
        let sha256: [u8; 32] = Sha256::digest(&contents).into();
        let mut embedding: Vec<f32> = words.map_while(|word| word.parse().ok()).collect();
        if embedding.is_empty() {
            embedding = sha256.iter().map(|&byte| f32::from(byte) - 127.5).collect();
        }
        embedding.resize(self.dimensions, 0.0);
        let length = embedding.iter().map(|x| x * x).sum::<f32>().sqrt();
        embedding.iter_mut().for_each(|x| *x /= length);
        let bytes = contents.len() as u64;
        Ok(EmbeddedFile {
            embedding,
            sha256,
            bytes,
            width: 4,
            height: 3,
            likeness: None,
        })
    }

    pub fn embedded(&self) -> u64 {
        self.embedded.swap(0, Ordering::Relaxed)
    }
}

impl ImageEncoder for FakeEncoder {
    fn identity(&self) -> EncoderIdentity {
        EncoderIdentity {
            model: self.model.into(),
            fingerprint: format!("{:x<64}", self.model),
            dimensions: self.dimensions,
            precision: "f32".into(),
            exact_decode: true,
            framing: "centre".into(),
        }
    }

    fn embed_files(
        &self,
        files: &mut (dyn Iterator<Item = Candidate> + Send),
        on_result: &mut OnResult<'_>,
    ) -> Result<EncoderSeconds, Source> {
        loop {
            let batch: Vec<Candidate> = files.take(self.batch).collect();
            if batch.is_empty() {
                return Ok(EncoderSeconds::default());
            }
            for file in batch {
                std::thread::sleep(self.delay);
                self.embedded.fetch_add(1, Ordering::Relaxed);
                let result = self.embed(file.as_ref());
                if on_result(file, result) == ControlFlow::Break(()) {
                    return Ok(EncoderSeconds::default());
                }
            }
        }
    }
}

/// A home and a folder of pictures, gone with the value.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub home: Home,
    pub encoder: FakeEncoder,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        std::fs::create_dir(folder.path().join("pictures")).unwrap();
        Self {
            folder,
            home,
            encoder: FakeEncoder::default(),
        }
    }

    pub fn pictures(&self) -> PathBuf {
        self.folder.path().join("pictures")
    }

    /// Writes a file that is old enough for its time to be relied on.
    pub fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.pictures().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let beside = self.beside(contents);
        age(&beside, 3600);
        std::fs::rename(beside, &path).unwrap();
        path
    }

    /// Writes or changes a file now.
    pub fn put(&self, path: &Path, contents: &str) {
        std::fs::rename(self.beside(contents), path).unwrap();
    }

    /// A file that no watch sees, to be moved to its place when it is complete: a busy computer may hold up who writes
    /// for longer than watches wait for more.
    fn beside(&self, contents: &str) -> PathBuf {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(format!(".beside-{number}"));
        std::fs::write(&path, contents).unwrap();
        path
    }

    /// Adds the folder of pictures.
    pub fn add(&self) -> AddReport {
        self.add_paths(&[self.pictures()])
    }

    pub fn add_paths(&self, paths: &[PathBuf]) -> AddReport {
        self.home
            .add("things", paths, &self.encoder, AddOptions::default())
            .unwrap()
    }

    /// Adds the folder of pictures with a metadata file of these bytes in it.
    pub fn add_metadata(&self, csv: &[u8]) -> AddReport {
        let path = self.pictures().join("list.csv");
        std::fs::write(&path, csv).unwrap();
        let mut options = AddOptions::default();
        options.metadata = Some(&path);
        self.home
            .add("things", &[self.pictures()], &self.encoder, options)
            .unwrap()
    }

    pub fn query(&self, direction: &[f32], k: usize) -> Query {
        let mut embedding = direction.to_vec();
        embedding.resize(self.encoder.dimensions, 0.0);
        let encoder = self.encoder.identity();
        Query {
            encoder,
            embedding,
            k,
            min_similarity: None,
            exclude: vec![],
            filter: None,
        }
    }

    /// File names of the images found, best first.
    pub fn search(&self, direction: &[f32]) -> Vec<String> {
        let collection = self.home.collection("things").unwrap();
        let results = collection.search(&self.query(direction, 100)).unwrap();
        results.iter().map(|result| name(&result.path)).collect()
    }
}

pub fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Sets a file's time to so many seconds ago.
pub fn age(path: &Path, seconds: u64) {
    let time = std::time::SystemTime::now() - Duration::from_secs(seconds);
    let file = std::fs::File::options().append(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

/// Added, updated, unchanged, missing, skipped.
pub fn counts(report: &AddReport) -> [u64; 5] {
    let (missing, skipped) = (report.missing.len() as u64, report.skipped.len() as u64);
    [
        report.added,
        report.updated,
        report.unchanged,
        missing,
        skipped,
    ]
}

/// A database of a home, opened beside it.
pub fn database(home: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(home.join("niteru.sqlite3")).unwrap()
}

/// Damages the pages that hold images and their embeddings, in a home that nobody has open. The schema stays
/// readable, so it opens.
pub fn damage(home: &Path) {
    let database = database(home);
    database
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE tbl_name IN ('images', 'embeddings')";
    let mut statement = database.prepare(sql).unwrap();
    let roots = statement.query_map([], |row| row.get::<_, u32>(0));
    let roots: Vec<usize> = roots.unwrap().map(|root| root.unwrap() as usize).collect();
    let file = home.join("niteru.sqlite3");
    let mut bytes = std::fs::read(&file).unwrap();
    for root in roots.into_iter().filter(|root| *root > 1) {
        bytes[(root - 1) * 8192..][..64].fill(0xFF);
    }
    std::fs::write(&file, bytes).unwrap();
}

/// Numbers that look random and are the same in every run (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    /// One of these.
    pub fn of<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        &values[self.below(values.len())]
    }
}
