//! Backups: complete while others write, restored whole or not at all; hostile archives.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use niteru_store::{
    AddOptions, AddProgress, BackupError, BackupOptions, CheckOptions, Home, RestoreOptions,
    StoreError, check, restore,
};
use sha2::{Digest, Sha256};
use support::{FakeEncoder, Place, damage};

fn filled(images: usize) -> Place {
    let place = Place::new();
    for i in 0..images {
        place.write(&format!("{i:04}.jpg"), &format!("FAKE number {i}"));
    }
    place.add();
    place
}

fn rows(home: &Path) -> u64 {
    let home = Home::open(home).unwrap();
    let collections = home.collections().unwrap();
    collections.iter().map(|collection| collection.images).sum()
}

fn force() -> BackupOptions<'static> {
    let mut options = BackupOptions::default();
    options.force = true;
    options
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|e| support::name(&e.unwrap().path())).collect();
    names.sort();
    names
}

#[test]
fn a_home_comes_back() {
    let place = filled(30);
    let models = place.home.models().join("fake");
    std::fs::create_dir_all(&models).unwrap();
    std::fs::write(models.join("model.json"), "{}").unwrap();
    let folder = place.folder.path();
    let file = folder.join("backup.tar");
    let report = place.home.backup(&file, BackupOptions::default()).unwrap();
    assert_eq!((report.files, report.with_models), (1, false));
    assert_eq!(report.bytes, std::fs::metadata(&file).unwrap().len());
    let again = place
        .home
        .backup(&file, BackupOptions::default())
        .unwrap_err();
    assert!(matches!(again, BackupError::Exists { .. }), "{again}");
    assert!(again.to_string().contains("--force"), "{again}");
    let mut options = force();
    options.with_models = true;
    assert_eq!(place.home.backup(&file, options).unwrap().files, 2);
    assert_eq!(
        files(folder),
        ["backup.tar", "home", "pictures"],
        "nothing is left behind"
    );

    let other = folder.join("other/home");
    let restored = restore(&file, &other, RestoreOptions::default()).unwrap();
    assert_eq!((restored.files, restored.replaced), (2, None));
    assert_eq!(rows(&other), 30);
    assert_eq!(
        std::fs::read(other.join("models/fake/model.json")).unwrap(),
        b"{}"
    );
    assert!(
        check(&other, CheckOptions::default())
            .unwrap()
            .problems
            .is_empty()
    );

    let refused = restore(&file, &other, RestoreOptions::default()).unwrap_err();
    assert!(matches!(refused, BackupError::NotEmpty { .. }), "{refused}");
    std::fs::create_dir(other.join("samples")).unwrap();
    let mut options = RestoreOptions::default();
    options.force = true;
    place.home.backup(&file, force()).unwrap();
    let replaced = restore(&file, &other, options).unwrap();
    assert_eq!(replaced.kept, ["models", "samples"]);
    assert_eq!(files(&folder.join("other")), ["home", "home.replaced-1"]);
    assert_eq!(rows(&other), 30);
    assert!(other.join("models/fake/model.json").exists());
}

#[test]
fn old_backups_restore() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.sqlite3");
    rusqlite::Connection::open(&old)
        .unwrap()
        .execute_batch(include_str!("fixtures/home-4.sql"))
        .unwrap();
    let bytes = std::fs::read(&old).unwrap();
    let file = folder.path().join("old.tar");
    write_archive(&file, 1, &[("niteru.sqlite3", "niteru.sqlite3", &bytes)]);
    let home = folder.path().join("home");
    restore(&file, &home, RestoreOptions::default()).unwrap();
    assert_eq!(rows(&home), 2);
}

/// Name in the list, name in the archive, contents.
type Entry<'a> = (&'a str, &'a str, &'a [u8]);

fn write_archive(path: &Path, version: u32, entries: &[Entry<'_>]) {
    let list: Vec<serde_json::Value> = entries
        .iter()
        .map(|(name, _, bytes)| {
            let digest = Sha256::digest(bytes);
            let sha256: String = digest.iter().map(|b| format!("{b:02x}")).collect();
            serde_json::json!({ "name": name, "bytes": bytes.len(), "sha256": sha256 })
        })
        .collect();
    let manifest =
        serde_json::json!({ "version": version, "created": 0, "files": list }).to_string();
    let mut tar = tar::Builder::new(std::fs::File::create(path).unwrap());
    let entries = entries.iter().map(|&(_, name, bytes)| (name, bytes));
    for (name, bytes) in [("niteru-backup.json", manifest.as_bytes())]
        .into_iter()
        .chain(entries)
    {
        let mut header = tar::Header::new_gnu();
        // Written by hand: the library refuses to make hostile names.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        tar.append(&header, bytes).unwrap();
    }
    tar.finish().unwrap();
}

#[test]
fn hostile_and_damaged_archives_change_nothing() {
    let place = filled(20);
    let folder = place.folder.path();
    let good = folder.join("good.tar");
    place.home.backup(&good, BackupOptions::default()).unwrap();
    let good = std::fs::read(good).unwrap();
    let target = folder.join("target");
    std::fs::create_dir(&target).unwrap();
    std::fs::write(target.join("precious"), "here").unwrap();
    let before = files(folder);
    let file = folder.join("bad.tar");
    let mut table: Vec<(String, Vec<u8>)> = Vec::new();
    for cut in [0, 100, 600, 1500, good.len() / 2, good.len() - 2048] {
        table.push((format!("cut at {cut}"), good[..cut].to_vec()));
    }
    // Member data starts after the list (header, one block) and a header.
    for at in [10, 520, 1700, good.len() / 2, good.len() - 3000] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        table.push((format!("a bit at {at}"), bytes));
    }
    let made: &[(&str, u32, &[Entry<'_>])] = &[
        (
            "path upwards",
            1,
            &[
                ("niteru.sqlite3", "niteru.sqlite3", b"x"),
                ("../evil", "../evil", b"x"),
            ],
        ),
        (
            "models upwards",
            1,
            &[("models/../../evil", "models/../../evil", b"x")],
        ),
        ("absolute", 1, &[("/tmp/evil", "/tmp/evil", b"x")]),
        ("drive", 1, &[("models/C:/evil", "models/C:/evil", b"x")]),
        (
            "backslash",
            1,
            &[("models\\..\\evil", "models\\..\\evil", b"x")],
        ),
        (
            "other than listed",
            1,
            &[("niteru.sqlite3", "../evil", b"x")],
        ),
        ("no database", 1, &[]),
        (
            "not a database",
            1,
            &[("niteru.sqlite3", "niteru.sqlite3", b"hello hello")],
        ),
        ("newer", 2, &[]),
        (
            "twice",
            1,
            &[
                ("niteru.sqlite3", "niteru.sqlite3", b"x"),
                ("niteru.sqlite3", "niteru.sqlite3", b"x"),
            ],
        ),
    ];
    for (name, version, entries) in made {
        write_archive(&file, *version, entries);
        table.push(((*name).to_owned(), std::fs::read(&file).unwrap()));
    }
    table.push(("a bomb".into(), bomb(&file)));
    table.push(("a link".into(), link(&file)));
    let mut options = RestoreOptions::default();
    options.force = true;
    let mut wrong = Vec::new();
    for (name, bytes) in table {
        std::fs::write(&file, bytes).unwrap();
        match restore(&file, &target, options) {
            Ok(report) => wrong.push(format!("{name}: {report:?}")),
            Err(error)
                if !error.to_string().contains(".tar")
                    && !error.to_string().contains("sqlite3") =>
            {
                wrong.push(format!("{name}: {error}"));
            }
            Err(_) => {}
        }
        std::fs::remove_file(&file).unwrap();
        if files(folder) != before || files(&target) != ["precious"] {
            wrong.push(format!("{name}: changed {:?}", files(folder)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Claims a file of many gigabytes.
fn bomb(file: &Path) -> Vec<u8> {
    let manifest = serde_json::json!({ "version": 1, "created": 0, "files": [
        { "name": "niteru.sqlite3", "bytes": 1u64 << 40, "sha256": "0" }
    ] });
    let mut tar = tar::Builder::new(std::fs::File::create(file).unwrap());
    let text = manifest.to_string();
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_cksum();
    tar.append_data(&mut header, "niteru-backup.json", text.as_bytes())
        .unwrap();
    tar.finish().unwrap();
    std::fs::read(file).unwrap()
}

/// A link where the database should be.
fn link(file: &Path) -> Vec<u8> {
    write_archive(file, 1, &[("niteru.sqlite3", "niteru.sqlite3", b"")]);
    let mut bytes = std::fs::read(file).unwrap();
    let header = &mut bytes[1024..1536];
    let mut changed = tar::Header::from_byte_slice(header).clone();
    changed.set_entry_type(tar::EntryType::Symlink);
    changed.set_link_name("/etc/passwd").unwrap();
    changed.set_cksum();
    header.copy_from_slice(changed.as_bytes());
    bytes
}

/// Two writers go on; what was acknowledged before the backup began is in it, and it is sound.
#[test]
fn a_backup_while_others_write() {
    let place = filled(200);
    for writer in 0..2 {
        for i in 0..400 {
            place.write(
                &format!("{writer}/{i:04}.jpg"),
                &format!("FAKE of {writer} number {i}"),
            );
        }
    }
    let home = place.home.directory().to_path_buf();
    let stored = [AtomicU64::new(0), AtomicU64::new(0)];
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (writer, stored) in stored.iter().enumerate() {
            let folder = place.pictures().join(writer.to_string());
            let (home, stop) = (&home, &stop);
            scope.spawn(move || {
                let home = Home::open(home).unwrap();
                let encoder = FakeEncoder {
                    delay: Duration::from_millis(5),
                    ..Default::default()
                };
                let progress = |now: &AddProgress| stored.store(now.stored, Ordering::SeqCst);
                let mut options = AddOptions::default();
                options.progress = Some(&progress);
                options.cancel = Some(stop);
                home.add("things", &[folder], &encoder, options).unwrap();
            });
        }
        for round in 0..8 {
            let acknowledged: u64 =
                200 + stored.iter().map(|s| s.load(Ordering::SeqCst)).sum::<u64>();
            let file = place.folder.path().join(format!("{round}.tar"));
            place.home.backup(&file, BackupOptions::default()).unwrap();
            let to = place.folder.path().join(format!("restored-{round}"));
            restore(&file, &to, RestoreOptions::default()).unwrap();
            let rows = rows(&to);
            assert!(
                rows >= acknowledged,
                "round {round}: {acknowledged} of {rows}"
            );
            assert!(
                check(&to, CheckOptions::default())
                    .unwrap()
                    .problems
                    .is_empty()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        stop.store(true, Ordering::SeqCst);
    });
}

/// Other processes: they can neither begin nor write while a home is replaced, and not write to the old one after.
#[test]
fn nobody_writes_to_a_home_that_is_being_replaced() {
    let place = filled(3);
    let (home, folder) = (place.home.directory(), place.folder.path());
    let file = folder.join("backup.tar");
    place.home.backup(&file, BackupOptions::default()).unwrap();
    let told = std::sync::Mutex::new(Vec::new());
    let progress = |_, _| {
        let opened = Home::open(home).map(drop);
        let added = place.home.audit(&niteru_store::NewAuditEntry {
            who: "test",
            address: "",
            action: "meanwhile",
            target: "",
            status: 200,
        });
        let mut force = RestoreOptions::default();
        force.force = true;
        let again = match restore(&file, home, force) {
            Err(BackupError::Store(error)) => Err(error),
            Err(other) => panic!("{other}"),
            Ok(_) => Ok(()),
        };
        told.lock().unwrap().extend([opened, added, again]);
    };
    let mut options = RestoreOptions::default();
    options.force = true;
    options.progress = Some(&progress);
    restore(&file, home, options).unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.len() >= 2);
    for result in told {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Restoring { .. }), "{error}");
        assert!(error.to_string().contains("is being restored"), "{error}");
    }
    // What has the old home open cannot write to it unnoticed.
    let removed = place.home.remove_unused_uploads().unwrap_err();
    assert!(matches!(removed, StoreError::Replaced { .. }), "{removed}");
    assert_eq!(rows(home), 3);
    assert_eq!(
        files(folder),
        ["backup.tar", "home", "home.replaced-1", "pictures"],
        "nothing is left behind"
    );
}

/// Run by [`a_killed_backup_leaves_no_half_file`] as a process of its own.
#[test]
fn child_backs_up() {
    let Some(folder) = std::env::var_os("NITERU_TEST_BACKUP") else {
        return;
    };
    let folder = Path::new(&folder);
    let home = Home::open(folder.join("home")).unwrap();
    println!("ready");
    std::io::stdout().flush().unwrap();
    home.backup(&folder.join("backup.tar"), BackupOptions::default())
        .unwrap();
}

#[test]
fn a_killed_backup_leaves_no_half_file() {
    let place = filled(3000);
    let folder = place.folder.path();
    let file = folder.join("backup.tar");
    let mut killed = 0;
    for round in 0..12u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child_backs_up",
                "--nocapture",
                "--test-threads=1",
            ])
            .env("NITERU_TEST_BACKUP", folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = std::io::BufReader::new(child.stdout.take().unwrap());
        let ready = std::io::BufRead::lines(out).any(|line| line.unwrap().contains("ready"));
        assert!(ready, "the child has started");
        std::thread::sleep(Duration::from_millis(round * 3));
        child.kill().unwrap();
        child.wait().unwrap();
        if !file.exists() {
            killed += 1;
            continue;
        }
        let to = folder.join(format!("restored-{round}"));
        restore(&file, &to, RestoreOptions::default()).unwrap();
        assert_eq!(rows(&to), 3000);
        std::fs::remove_file(&file).unwrap();
    }
    assert!(killed > 0, "no child was killed before its end");
}

#[test]
fn a_damaged_home_is_not_backed_up() {
    let place = filled(300);
    let Place { folder, home, .. } = place;
    let path = home.directory().to_path_buf();
    drop(home);
    damage(&path);
    let backup = folder.path().join("backup.tar");
    let error = Home::open(&path)
        .unwrap()
        .backup(&backup, BackupOptions::default())
        .unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(!backup.exists());
}
