//! How a home bears many images, and many at once: `cargo run --release -p niteru-store --example scale`.
//!
//! - `fill FOLDER IMAGES` makes a home with so many made-up images of three metadata fields;
//! - `open FOLDER` opens it in this new process and times the first answer, and says what an image takes
//!   on the disk;
//! - `mixed FOLDER SECONDS` searches with 8 readers alone, then beside 2 processes that add, and checks
//!   that nothing is lost. Exit code 1 when a promise is broken.
//!
//! Files hold a number instead of a picture, and embeddings are made from it: this measures the store and
//! its index, not the encoder. All goes to FOLDER, which takes 8 KB an image.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use niteru_index::synthetic::Clusters;
use niteru_store::{
    AddOptions, Candidate, CheckOptions, EmbeddedFile, EncoderIdentity, EncoderSeconds, Home,
    ImageEncoder, IndexBuild, IndexPolicy, OnResult, Query, Source, check,
};
use sha2::{Digest, Sha256};

const DIMENSIONS: usize = 512;
const COLLECTION: &str = "parts";
/// Images of a part, and of a folder.
const PER_PART: u64 = 100;
const PER_FOLDER: u64 = 1000;
/// Numbers of vectors that are asked for are no images'.
const ASKED: u64 = 1 << 60;
const READERS: u64 = 8;
const WRITERS: u64 = 2;
/// A reader asks so often: a line with 8 screens does not search without pause.
const PAUSE: Duration = Duration::from_millis(50);
/// Images that a writer adds at a time, and how long each would take to embed.
const WRITTEN: u64 = 100;
const EMBEDDING: Duration = Duration::from_millis(5);
/// A reader's 99th percentile beside writers may be so many times that of readers alone.
const SLOWER: f64 = 5.0;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["fill", folder, images] => fill(Path::new(folder), images.parse()?),
        ["open", folder] => open(Path::new(folder)),
        ["mixed", folder, seconds] => mixed(Path::new(folder), seconds.parse()?),
        // A writer of `mixed`, as a process of its own.
        ["write", folder, writer, seconds] => {
            write(Path::new(folder), writer.parse()?, seconds.parse()?)
        }
        _ => Err("use: scale fill FOLDER IMAGES | open FOLDER | mixed FOLDER SECONDS".into()),
    }
}

fn home(folder: &Path) -> Result<Home, Box<dyn Error>> {
    let mut policy = IndexPolicy::default();
    policy.in_background = true;
    Ok(Home::open(folder.join("home"))?.with_index_policy(policy))
}

fn fill(folder: &Path, images: u64) -> Outcome {
    let pictures = folder.join("pictures");
    let mut list = String::from("path,part_number,category,length\n");
    for first in (0..images).step_by(PER_FOLDER as usize) {
        let place = format!("{:05}", first / PER_FOLDER);
        fs::create_dir_all(pictures.join(&place))?;
        for number in first..images.min(first + PER_FOLDER) {
            let path = format!("{place}/{number:08}.jpg");
            fs::write(pictures.join(&path), number.to_string())?;
            let (part, kind) = (number / PER_PART, number % 7);
            list.push_str(&format!(
                "{path},P-{part:06},kind {kind},{}\n",
                number % 500
            ));
        }
    }
    let csv = pictures.join("parts.csv");
    fs::write(&csv, list)?;
    let home = home(folder)?;
    let mut options = AddOptions::default();
    options.metadata = Some(&csv);
    let started = Instant::now();
    let report = home.add(COLLECTION, &[pictures], &Numbers::default(), options)?;
    println!(
        "{} images added in {:.1} s",
        report.added,
        started.elapsed().as_secs_f64()
    );
    let built = home
        .collection(COLLECTION)?
        .build_index(IndexBuild::default())?;
    println!("index built: {}, {:.1} s", built.built, built.seconds);
    Ok(())
}

fn open(folder: &Path) -> Outcome {
    let started = Instant::now();
    let home = Home::open(folder.join("home"))?;
    let collection = home.collection(COLLECTION)?;
    let opened = started.elapsed();
    let found = collection.search(&query(&collection.identity().clone(), 12_345))?;
    let first = started.elapsed();
    let again = Instant::now();
    collection.search(&query(&collection.identity().clone(), 54_321))?;
    let again = again.elapsed();
    let images = collection.index_status()?.images;
    let bytes = size_of_folder(&folder.join("home"))?;
    println!(
        "{images} images: open {:.0} ms, first answer after {:.0} ms ({} results), next one {:.2} ms",
        opened.as_secs_f64() * 1e3,
        first.as_secs_f64() * 1e3,
        found.len(),
        again.as_secs_f64() * 1e3
    );
    println!(
        "disk: {:.2} KB an image",
        bytes as f64 / images.max(1) as f64 / 1e3
    );
    Ok(())
}

fn size_of_folder(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => size_of_folder(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(bytes)
}

fn mixed(folder: &Path, seconds: u64) -> Outcome {
    let home = home(folder)?;
    let before = home.collection(COLLECTION)?.index_status()?.images;
    let idle = read(&home, Duration::from_secs(seconds.min(60)))?;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            Command::new(env::current_exe()?)
                .arg("write")
                .arg(folder)
                .args([writer_number(writer), seconds].map(|number| number.to_string()))
                .stdout(Stdio::piped())
                .spawn()
        })
        .collect::<Result<_, _>>()?;
    let busy = read(&home, Duration::from_secs(seconds))?;
    let mut added = 0;
    for writer in writers {
        let output = writer.wait_with_output()?;
        if !output.status.success() {
            return Err("a writer failed".into());
        }
        added += String::from_utf8(output.stdout)?.trim().parse::<u64>()?;
    }
    let images = home.collection(COLLECTION)?.index_status()?.images;
    let problems = check(home.directory(), CheckOptions::default())?.problems;
    let slower = busy.p99().as_secs_f64() / idle.p99().as_secs_f64();
    println!("readers alone:    {idle}");
    println!("beside writers:   {busy}");
    println!("p99 beside ÷ alone: {slower:.2} (must: {SLOWER})");
    println!("{before} images and {added} acknowledged: {images} are there");
    if images != before + added || !problems.is_empty() {
        return Err(format!("rows were lost, or check finds problems: {problems:?}").into());
    }
    if slower > SLOWER {
        return Err("readers wait too long beside writers".into());
    }
    Ok(())
}

fn writer_number(writer: u64) -> u64 {
    u64::from(process::id()) * WRITERS + writer
}

/// How long searches took.
struct Times(Vec<Duration>);

impl Times {
    fn at(&self, share: f64) -> Duration {
        let place = (self.0.len() as f64 * share) as usize;
        self.0
            .get(place)
            .or(self.0.last())
            .copied()
            .unwrap_or_default()
    }

    fn p99(&self) -> Duration {
        self.at(0.99)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let milliseconds = |share| self.at(share).as_secs_f64() * 1e3;
        write!(
            f,
            "{} searches, p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
            self.0.len(),
            milliseconds(0.5),
            milliseconds(0.99),
            milliseconds(1.0)
        )
    }
}

/// Searches from all readers' threads, which share the home as a server's do. An error ends it.
fn read(home: &Home, duration: Duration) -> Result<Times, Box<dyn Error>> {
    let collection = home.collection(COLLECTION)?;
    let encoder = collection.identity().clone();
    // The index is opened by the first search, which is not what is measured here.
    collection.search(&query(&encoder, 0))?;
    let (times, failed) = (Mutex::new(Vec::new()), Mutex::new(None));
    thread::scope(|scope| {
        for reader in 0..READERS {
            let (times, failed, encoder) = (&times, &failed, &encoder);
            scope.spawn(move || {
                let result = read_one(home, encoder, reader, duration);
                match result {
                    Ok(own) => lock(times).extend(own),
                    Err(error) => *lock(failed) = Some(error.to_string()),
                }
            });
        }
    });
    if let Some(error) = lock(&failed).take() {
        return Err(error.into());
    }
    let mut times = std::mem::take(&mut *lock(&times));
    times.sort();
    Ok(Times(times))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn read_one(
    home: &Home,
    encoder: &EncoderIdentity,
    reader: u64,
    duration: Duration,
) -> Result<Vec<Duration>, niteru_store::StoreError> {
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed() < duration {
        let query = query(encoder, reader << 32 | times.len() as u64);
        let asked = Instant::now();
        home.collection(COLLECTION)?.search(&query)?;
        times.push(asked.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(times)
}

/// Adds folder after folder; prints how many images were acknowledged.
fn write(folder: &Path, writer: u64, seconds: u64) -> Outcome {
    let home = home(folder)?;
    let started = Instant::now();
    let encoder = Numbers { delay: EMBEDDING };
    // No other writer, of this or an earlier run, has files of these numbers.
    let unique = writer << 24;
    let mut added = 0;
    for round in 0.. {
        if started.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
        let place: PathBuf = folder.join("written").join(format!("{writer}-{round}"));
        fs::create_dir_all(&place)?;
        for i in 0..WRITTEN {
            let number = unique + round * WRITTEN + i;
            fs::write(place.join(format!("{number}.jpg")), number.to_string())?;
        }
        added += home
            .add(COLLECTION, &[place], &encoder, AddOptions::default())?
            .added;
    }
    println!("{added}");
    Ok(())
}

fn query(encoder: &EncoderIdentity, number: u64) -> Query {
    Query {
        encoder: encoder.clone(),
        embedding: clusters().vector(ASKED | number),
        k: 10,
        min_similarity: None,
        exclude: vec![],
        filter: None,
    }
}

/// Vectors of as many clusters as a million images have.
fn clusters() -> &'static Clusters {
    static CLUSTERS: OnceLock<Clusters> = OnceLock::new();
    CLUSTERS.get_or_init(|| Clusters::new(1_000_000, DIMENSIONS, 1))
}

/// Takes files that hold a number.
#[derive(Default)]
struct Numbers {
    delay: Duration,
}

impl ImageEncoder for Numbers {
    fn identity(&self) -> EncoderIdentity {
        EncoderIdentity {
            model: "numbers".into(),
            fingerprint: "0".repeat(64),
            dimensions: DIMENSIONS,
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
        for file in files {
            thread::sleep(self.delay);
            let result = embed(file.as_ref());
            if on_result(file, result) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(EncoderSeconds::default())
    }
}

fn embed(path: &Path) -> Result<EmbeddedFile, Source> {
    let contents = fs::read(path)?;
    let number = std::str::from_utf8(&contents)?.parse()?;
    Ok(EmbeddedFile {
        embedding: clusters().vector(number),
        sha256: Sha256::digest(&contents).into(),
        bytes: contents.len() as u64,
        width: 640,
        height: 480,
        likeness: None,
    })
}
