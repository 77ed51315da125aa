//! Watched folders: each photo is judged once, whatever ends the watch meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use niteru_imaging::{HeatMap, Limits, Picture};
use niteru_inspect::Inspection;
use niteru_store::{
    HistoryQuery, Home, InspectedFile, JudgedPhoto, Metadata, NotJudged, PhotoEvent, PhotoReach,
    PhotoWatch, StoreError, Verdict,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use support::inspecting::train;
use tempfile::TempDir;

/// Longest wait for what is to happen: only a test that fails takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home with the inspector `bolt`, and a folder that photos come into.
struct Line {
    place: TempDir,
    home: Home,
}

/// A watch on a thread of its own.
struct Watching {
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<String>>>,
    thread: std::thread::JoinHandle<Result<(), StoreError>>,
}

impl Line {
    fn new() -> Line {
        let place = tempfile::tempdir().unwrap();
        let home = Home::open(place.path().join("home")).unwrap();
        train(&home, "bolt");
        std::fs::create_dir(place.path().join("line")).unwrap();
        Line { place, home }
    }

    fn folder(&self) -> PathBuf {
        self.place.path().join("line")
    }

    /// A photo of a grey, whose number is its name.
    fn photo(&self, grey: u8) {
        self.write(&format!("{grey}.png"), &png(grey));
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder().join(name), bytes).unwrap();
    }

    /// The names of the files that were judged, the first first.
    fn judged(&self) -> Vec<String> {
        let all = self.home.inspections(&HistoryQuery::default()).unwrap();
        let mut ids: Vec<_> = all.iter().map(|one| (one.id, name_of(&one.path))).collect();
        ids.sort();
        ids.into_iter().map(|(_, name)| name).collect()
    }

    fn begin(&self, existing: bool) {
        let folder = self.folder();
        let begun = self
            .home
            .begin_watching("bolt", &folder, PhotoReach::DEEP, existing);
        begun.unwrap();
    }

    fn watch(&self) -> Watching {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::new(Mutex::new(Vec::new()));
        let (folder, directory) = (self.folder(), self.home.directory().to_path_buf());
        let (asked, events) = (Arc::clone(&stop), Arc::clone(&told));
        let thread = std::thread::spawn(move || {
            let home = Home::open(directory).unwrap();
            let watch = PhotoWatch {
                inspector: "bolt",
                folder: &folder,
                reach: PhotoReach::DEEP,
                linked: false,
                limits: Limits::default(),
                stop: &|| asked.load(Ordering::Relaxed),
            };
            let newest = home.inspector_versions("bolt").unwrap()[0].id;
            home.watch_photos::<StoreError>(
                &watch,
                &mut |path, bytes| judge(newest, path, &bytes),
                &mut |event| events.lock().unwrap().push(told_of(&event)),
            )
        });
        Watching { stop, told, thread }
    }
}

impl Watching {
    /// Waits until something was told.
    fn until(&self, told: &str) {
        let begun = Instant::now();
        while !self.told.lock().unwrap().iter().any(|one| one == told) {
            assert!(begun.elapsed() < PATIENCE, "{told}: {:?}", self.told);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for a few looks.
    fn looks() {
        std::thread::sleep(Duration::from_millis(2500));
    }

    /// Ends it; gives what was told.
    fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        self.thread.join().unwrap().unwrap();
        assert!(begun.elapsed() < PATIENCE, "it does not end");
        self.told.lock().unwrap().clone()
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn told_of(event: &PhotoEvent) -> String {
    match event {
        PhotoEvent::Judged(told) => format!("judged {}", name_of(&told.path)),
        PhotoEvent::Skipped { path, .. } => format!("skipped {}", name_of(path)),
        PhotoEvent::Unreachable { .. } => "unreachable".into(),
        PhotoEvent::Reachable => "reachable".into(),
    }
}

fn png(grey: u8) -> Vec<u8> {
    let picture = Picture::from_rgb(20, 10, vec![grey; 600]).unwrap();
    picture.to_png().unwrap()
}

/// Judges every picture to be good.
fn judge(inspector: u64, path: &Path, bytes: &[u8]) -> Result<JudgedPhoto, NotJudged<StoreError>> {
    let picture = Picture::decode(bytes, &Limits::default()).map_err(NotJudged::Photo)?;
    let parts = json!({
        "patches": 0.0, "whole": 0.0, "texture": 0.0, "grain": 0.0, "usual_patch": 0.0,
    });
    let inspected = InspectedFile {
        sha256: Sha256::digest(bytes).into(),
        inspection: Inspection {
            verdict: Verdict::Ok,
            score: 0.5,
            parts: serde_json::from_value(parts).unwrap(),
            threshold: 1.0,
            p_value: 0.5,
            regions: Vec::new(),
            nearest_good: None,
            heat: HeatMap::new(1, 1, vec![0.0]).unwrap(),
            defect: None,
            alignment: None,
        },
        picture,
    };
    Ok(JudgedPhoto {
        inspector,
        record: inspected.record(path, Some("Sato"), "scalar", Metadata::default()),
        inspected,
    })
}

#[test]
fn each_photo_is_judged_once_also_when_the_watch_begins_again() {
    let line = Line::new();
    line.photo(1);
    line.begin(false);
    let watching = line.watch();
    line.photo(2);
    watching.until("judged 2.png");
    line.photo(3);
    watching.until("judged 3.png");
    Watching::looks();
    assert_eq!(watching.end(), ["judged 2.png", "judged 3.png"]);

    // Meanwhile one more has come, and one has another time and the same contents.
    line.photo(4);
    let file = File::options()
        .append(true)
        .open(line.folder().join("2.png"));
    file.unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let watching = line.watch();
    watching.until("judged 4.png");
    Watching::looks();
    // Other contents under a name that was there before are another photo.
    line.write("1.png", &png(9));
    line.write("3.png", &png(8));
    watching.until("judged 1.png");
    watching.until("judged 3.png");
    let mut told = watching.end();
    told.sort();
    assert_eq!(told, ["judged 1.png", "judged 3.png", "judged 4.png"]);
    let mut judged = line.judged();
    judged.sort();
    assert_eq!(judged, ["1.png", "2.png", "3.png", "3.png", "4.png"]);
    let newest = &line.home.inspections(&HistoryQuery::default()).unwrap()[0];
    assert_eq!(newest.operator.as_deref(), Some("Sato"));
}

#[test]
fn photos_that_were_there_are_judged_when_that_is_asked_for() {
    let line = Line::new();
    line.photo(1);
    line.begin(false);
    let watching = line.watch();
    line.photo(2);
    watching.until("judged 2.png");
    watching.end();
    line.photo(3);
    line.begin(true);
    let watching = line.watch();
    watching.until("judged 1.png");
    watching.until("judged 3.png");
    Watching::looks();
    assert_eq!(
        watching.end().len(),
        2,
        "what was judged is not judged again"
    );
    // What came while nobody watched is left alone when only new ones are asked for.
    line.photo(4);
    line.begin(false);
    let watching = line.watch();
    Watching::looks();
    assert_eq!(watching.end(), [""; 0]);
    // With the inspector, what it dealt with goes.
    line.home.remove_inspector("bolt", true).unwrap();
    let error = line
        .home
        .begin_watching("bolt", &line.folder(), PhotoReach::DEEP, true);
    assert!(
        matches!(error, Err(StoreError::NoInspector { .. })),
        "{error:?}"
    );
    train(&line.home, "bolt");
    line.begin(true);
    let watching = line.watch();
    watching.until("judged 4.png");
    watching.until("judged 1.png");
    watching.end();
}

#[test]
fn a_file_that_cannot_be_used_is_told_once_until_it_changes() {
    let line = Line::new();
    line.begin(false);
    let watching = line.watch();
    line.write("bad.png", b"no picture at all");
    line.photo(1);
    watching.until("judged 1.png");
    watching.until("skipped bad.png");
    Watching::looks();
    let told = watching.end();
    assert_eq!(told, ["judged 1.png", "skipped bad.png"]);
    let watching = line.watch();
    Watching::looks();
    line.write("bad.png", &png(7));
    watching.until("judged bad.png");
    assert_eq!(watching.end(), ["judged bad.png"]);
}

#[test]
fn a_file_that_is_written_slowly_is_judged_when_it_is_whole() {
    let line = Line::new();
    line.begin(false);
    let watching = line.watch();
    let bytes = png(5);
    for end in 1..=8 {
        line.write("slow.png", &bytes[..bytes.len() * end / 8]);
        std::thread::sleep(Duration::from_millis(300));
    }
    watching.until("judged slow.png");
    assert_eq!(watching.end(), ["judged slow.png"]);
}

#[test]
fn a_folder_that_goes_is_waited_for() {
    let line = Line::new();
    let gone = line.place.path().join("gone");
    line.begin(false);
    let watching = line.watch();
    line.photo(1);
    watching.until("judged 1.png");
    std::fs::rename(line.folder(), &gone).unwrap();
    watching.until("unreachable");
    std::fs::write(gone.join("2.png"), png(2)).unwrap();
    std::fs::rename(&gone, line.folder()).unwrap();
    watching.until("judged 2.png");
    let told = watching.end();
    let expected = ["judged 1.png", "unreachable", "reachable", "judged 2.png"];
    assert_eq!(told, expected);

    std::fs::rename(line.folder(), &gone).unwrap();
    let error = line
        .home
        .begin_watching("bolt", &line.folder(), PhotoReach::DEEP, false);
    assert!(matches!(error, Err(StoreError::Read { .. })), "{error:?}");
    let watching = line.watch();
    watching.until("unreachable");
    watching.end();
}

/// Cameras make a folder for each day.
#[test]
fn photos_in_the_folders_of_days_are_judged_too() {
    let line = Line::new();
    let write = |name: &str, grey: u8| {
        let path = line.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, png(grey)).unwrap();
    };
    write("2026-11-29/before.png", 1);
    write("2026/11/29/lot7/before.png", 2);
    line.begin(false);
    let watching = line.watch();
    write("2026-11-30/0001.png", 3);
    watching.until("judged 0001.png");
    write("2026/11/30/lot7/0002.png", 4);
    watching.until("judged 0002.png");
    write("2026-11-29/0003.png", 5);
    watching.until("judged 0003.png");
    // Too deep, and hidden.
    write("2026/11/30/lot7/small/0004.png", 6);
    write(".trash/0005.png", 7);
    std::fs::write(line.folder().join("2026-11-30/bad.png"), b"no picture").unwrap();
    watching.until("skipped bad.png");
    Watching::looks();
    let told = watching.end();
    let expected = [
        "judged 0001.png",
        "judged 0002.png",
        "judged 0003.png",
        "skipped bad.png",
    ];
    assert_eq!(told, expected);

    // The memory is of all of them, also when it begins again, and with what was there.
    write("2026-12-01/meanwhile.png", 8);
    let watching = line.watch();
    watching.until("judged meanwhile.png");
    Watching::looks();
    assert_eq!(watching.end(), ["judged meanwhile.png"]);
    line.begin(true);
    let watching = line.watch();
    watching.until("skipped bad.png");
    Watching::looks();
    let mut told = watching.end();
    told.sort();
    assert_eq!(
        told,
        ["judged before.png", "judged before.png", "skipped bad.png"]
    );

    // One that is watched by itself is left to that.
    let apart = [line.folder().join("2026-11-30")];
    let reach = PhotoReach {
        depth: 1,
        apart: &apart,
    };
    write("2026-11-30/0006.png", 9);
    write("2026-12-01/0007.png", 10);
    let stop = AtomicBool::new(false);
    let (folder, begun) = (line.folder(), Instant::now());
    let watch = PhotoWatch {
        inspector: "bolt",
        folder: &folder,
        reach,
        linked: false,
        limits: Limits::default(),
        stop: &|| stop.load(Ordering::Relaxed) || begun.elapsed() > PATIENCE,
    };
    let newest = line.home.inspector_versions("bolt").unwrap()[0].id;
    let mut told = Vec::new();
    let ended = line.home.watch_photos::<StoreError>(
        &watch,
        &mut |path, bytes| judge(newest, path, &bytes),
        &mut |event| {
            told.push(told_of(&event));
            stop.store(true, Ordering::Relaxed);
        },
    );
    ended.unwrap();
    assert_eq!(told, ["judged 0007.png"]);
}

#[test]
fn two_watches_of_one_folder_judge_no_photo_twice() {
    let line = Line::new();
    line.begin(false);
    let both = [line.watch(), line.watch()];
    for grey in 1..20 {
        line.photo(grey);
    }
    let begun = Instant::now();
    while line.judged().len() < 19 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    }
    Watching::looks();
    let told: usize = both.into_iter().map(|watching| watching.end().len()).sum();
    let mut judged = line.judged();
    judged.sort();
    judged.dedup();
    assert_eq!((told, judged.len(), line.judged().len()), (19, 19, 19));
}

#[test]
fn verdicts_are_counted_as_people_see_them() {
    use niteru_store::{ReviewVerdict, VerdictCounts};
    use support::inspecting::{MONDAY, inspection};
    let line = support::inspecting::Line::new();
    let verdicts = [Verdict::Ok, Verdict::Ng, Verdict::Ng, Verdict::Unlike];
    let all: Vec<_> = verdicts
        .iter()
        .enumerate()
        .map(|(at, &verdict)| inspection(&format!("{at}.png"), verdict))
        .collect();
    let ids = line.record(&all);
    line.review(ids[1], ReviewVerdict::Ok);
    train(&line.home, "bolt");
    let count = |since| line.home.verdict_counts("bolt", since).unwrap();
    let (ok, ng, unlike) = (2, 1, 1);
    assert_eq!(count(MONDAY), VerdictCounts { ok, ng, unlike });
    assert_eq!(count(MONDAY + 1), VerdictCounts::default());
    assert!(line.home.verdict_counts("nut", 0).is_err());
}
