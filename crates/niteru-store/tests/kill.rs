//! A process that adds, removes and builds indexes is killed at a hundred moments: what it had
//! acknowledged is there once, what it had removed stays away, and the index is what the database says.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use niteru_store::{AddOptions, CheckOptions, Home, IndexBuild, IndexPolicy, check};
use support::{FakeEncoder, Random, age, name};

const ROUNDS: usize = 100;
const BATCH: usize = 12;

/// Longest wait for what a process says next: only a test that fails takes so long.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

fn open(folder: &Path) -> Home {
    let mut policy = IndexPolicy::default();
    policy.least_images = 100;
    Home::open(folder.join("home"))
        .unwrap()
        .with_index_policy(policy)
}

/// Run by the test below as a process of its own: says what it begins (`?`), and what is done.
#[test]
fn child_works() {
    let (Some(folder), Ok(round)) = (
        std::env::var_os("NITERU_TEST_KILL"),
        std::env::var("NITERU_TEST_ROUND"),
    ) else {
        return;
    };
    let folder = Path::new(&folder);
    let mut random = Random::new(round.parse().unwrap());
    let home = open(folder);
    let encoder = FakeEncoder::default();
    // The test's own name stands at the start of this line.
    println!();
    for step in 0.. {
        match random.below(4) {
            0 | 1 => {
                let names: Vec<String> = (0..BATCH)
                    .map(|i| format!("{round}-{step}-{i}.jpg"))
                    .collect();
                let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
                for (name, path) in names.iter().zip(&paths) {
                    println!("? {name}");
                    std::fs::write(path, format!("FAKE {name}")).unwrap();
                    age(path, 3600);
                }
                home.add("things", &paths, &encoder, AddOptions::default())
                    .unwrap();
                names.iter().for_each(|name| println!("+ {name}"));
            }
            2 => {
                let Ok(collection) = home.collection("things") else {
                    continue;
                };
                let images = collection.images(None, usize::MAX).unwrap();
                let some: Vec<_> = (0..BATCH / 2).map(|_| random.of(&images)).collect();
                some.iter()
                    .for_each(|image| println!("? {}", name(&image.path)));
                let ids: Vec<u64> = some.iter().map(|image| image.id).collect();
                collection.remove(&ids).unwrap();
                some.iter()
                    .for_each(|image| println!("- {}", name(&image.path)));
            }
            _ => {
                let Ok(collection) = home.collection("things") else {
                    continue;
                };
                println!("build");
                collection.build_index(IndexBuild::default()).unwrap();
            }
        }
    }
}

fn start(folder: &Path, round: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_works", "--nocapture", "--test-threads=1"])
        .env("NITERU_TEST_KILL", folder)
        .env("NITERU_TEST_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The lines of a process as they come, until it has ended.
fn lines(child: &mut Child) -> Receiver<String> {
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (said, lines) = mpsc::channel();
    std::thread::spawn(move || {
        // The last line may be cut.
        for line in stdout.lines().map_while(Result::ok) {
            let _ = said.send(line);
        }
    });
    lines
}

/// What the processes said so far.
#[derive(Default)]
struct Said {
    there: BTreeSet<String>,
    /// Being added or removed when its process ended: there or not.
    open: BTreeSet<String>,
    builds: usize,
}

impl Said {
    fn take(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("?", name)) => {
                self.there.remove(name);
                self.open.insert(name.into());
            }
            Some(("+", name)) => {
                self.open.remove(name);
                self.there.insert(name.into());
            }
            Some(("-", name)) => {
                self.open.remove(name);
            }
            _ => self.builds += usize::from(line == "build"),
        }
    }
}

#[test]
fn killed_at_a_hundred_moments_of_adding_removing_and_building() {
    let folder = tempfile::tempdir().unwrap();
    let mut said = Said::default();
    let mut random = Random::new(11);
    let mut killed_in_a_step = 0;
    for round in 0..ROUNDS {
        let mut child = start(folder.path(), round);
        let lines = lines(&mut child);
        // At least one step is begun; then anything may be going on.
        let (wanted, patience) = (
            1 + random.below(200),
            Duration::from_micros(random.below(20_000) as u64),
        );
        let mut seen = 0;
        while seen < wanted {
            let line = lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("round {round}: {seen} lines: {error}"));
            said.take(&line);
            seen += usize::from(line.starts_with(['?', '+', '-']) || line == "build");
        }
        std::thread::sleep(patience);
        child.kill().unwrap();
        child.wait().unwrap();
        lines.iter().for_each(|line| said.take(&line));
        killed_in_a_step += usize::from(!said.open.is_empty());
        settle(folder.path(), &mut said, round);
    }
    assert!(said.builds >= ROUNDS / 4, "{} builds", said.builds);
    assert!(
        killed_in_a_step >= ROUNDS / 4,
        "{killed_in_a_step} in a step"
    );
}

/// Opens the home as after a crash and holds it against what was said; what was open is settled.
fn settle(folder: &Path, said: &mut Said, round: usize) {
    let home = open(folder);
    let report = check(home.directory(), CheckOptions::default()).unwrap();
    assert_eq!(report.problems, [], "round {round}");
    let Ok(collection) = home.collection("things") else {
        assert!(said.there.is_empty(), "round {round}: nothing is there");
        return;
    };
    let images = collection.images(None, usize::MAX).unwrap();
    let names: BTreeSet<String> = images.iter().map(|image| name(&image.path)).collect();
    assert_eq!(names.len(), images.len(), "round {round}: one is twice");
    let lost: Vec<_> = said.there.difference(&names).collect();
    assert!(lost.is_empty(), "round {round}: lost {lost:?}");
    let extra: Vec<_> = names
        .iter()
        .filter(|name| !said.there.contains(*name) && !said.open.contains(*name))
        .collect();
    assert!(extra.is_empty(), "round {round}: came back {extra:?}");
    said.there = names;
    said.open.clear();
}
