//! Opening homes: new ones, and every kind of broken one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use niteru_index::Condition;
use niteru_store::{AddOptions, Home, StoreError};
use support::{FakeEncoder, Place, counts, damage, database};

#[test]
fn a_new_home_is_private_and_durable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some/where/home");
    let home = Home::open(&path).unwrap();
    assert!(home.collections().unwrap().is_empty());
    assert_eq!(home.database(), path.join("niteru.sqlite3"));
    assert_eq!(home.models(), path.join("models"));
    assert_eq!(home.samples(), path.join("samples"));
    assert!(!home.is_read_only());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    let database = database(&path);
    let pragma = |name: &str| {
        database
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("application_id"), 0x4E49_5445.into());
    assert_eq!(pragma("user_version"), 12.into());
    drop(home);
    Home::open(&path).unwrap();
}

#[test]
fn broken_homes_are_refused_in_words() {
    type Break = fn(&Path);
    let table: &[(&str, Break, &[&str])] = &[
        (
            "another program's database",
            |path| {
                std::fs::create_dir(path).unwrap();
                database(path)
                    .execute_batch("CREATE TABLE theirs (x)")
                    .unwrap();
            },
            &["niteru.sqlite3", "another program", "another home"],
        ),
        (
            "a newer format",
            |path| {
                Home::open(path).unwrap();
                database(path)
                    .execute_batch("PRAGMA user_version = 99")
                    .unwrap();
            },
            &["niteru.sqlite3", "format 99", "up to 12", "update niteru"],
        ),
        (
            "no database",
            |path| {
                std::fs::create_dir(path).unwrap();
                std::fs::write(path.join("niteru.sqlite3"), "hello ".repeat(1000)).unwrap();
            },
            &["niteru.sqlite3", "damaged", "restore a backup"],
        ),
        (
            "a torn first page",
            |path| {
                Home::open(path).unwrap();
                let file = path.join("niteru.sqlite3");
                let mut bytes = std::fs::read(&file).unwrap();
                bytes[100..8192].fill(0xAA);
                std::fs::write(&file, bytes).unwrap();
            },
            &["niteru.sqlite3", "damaged", "restore a backup"],
        ),
        (
            "a cut database",
            |path| {
                Home::open(path).unwrap();
                let file = std::fs::File::options()
                    .write(true)
                    .open(path.join("niteru.sqlite3"));
                file.unwrap().set_len(10_000).unwrap();
            },
            &["niteru.sqlite3", "damaged", "restore a backup"],
        ),
        (
            "a folder where the database should be",
            |path| std::fs::create_dir_all(path.join("niteru.sqlite3")).unwrap(),
            &["niteru.sqlite3", "cannot open"],
        ),
        (
            "a file",
            |path| std::fs::write(path, "x").unwrap(),
            &["cannot open the home"],
        ),
    ];
    let mut wrong = Vec::new();
    for (name, break_it, parts) in table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home");
        break_it(&path);
        let opened = Home::open(&path).and_then(|home| home.collections());
        let text = opened.map_or_else(|error| error.to_string(), |_| "no error".into());
        wrong.extend(
            parts
                .iter()
                .filter(|part| !text.contains(*part))
                .map(|p| format!("{name}: {p}: {text}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_damaged_page_is_named_when_it_is_met() {
    let place = Place::new();
    for i in 0..300 {
        place.write(&format!("{i}.jpg"), &format!("FAKE number {i}"));
    }
    place.add();
    let path = place.home.directory().to_path_buf();
    let Place {
        folder,
        home,
        encoder,
    } = place;
    drop(home);
    damage(&path);

    let home = Home::open(&path).unwrap();
    let pictures = [folder.path().join("pictures")];
    let error = home
        .add("things", &pictures, &encoder, AddOptions::default())
        .unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn many_may_open_a_new_home_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home");
    let picture = folder.path().join("a.jpg");
    std::fs::write(&picture, "FAKE 1").unwrap();
    std::thread::scope(|scope| {
        let open = || {
            let home = Home::open(&path).unwrap();
            let encoder = FakeEncoder::default();
            home.add("things", &[&picture], &encoder, AddOptions::default())
                .unwrap()
                .added
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        let added: u64 = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        assert_eq!(added, 1, "exactly one of them added it");
    });
}

/// Run by [`a_home_that_may_not_be_written`] as another user.
#[test]
fn child_reads_only() {
    let Some(path) = std::env::var_os("NITERU_TEST_READ_ONLY") else {
        return;
    };
    let home = Home::open(Path::new(&path)).unwrap();
    assert!(home.is_read_only());
    let collection = home.collection("things").unwrap();
    let place = Place::new();
    assert_eq!(collection.search(&place.query(&[1.0], 5)).unwrap().len(), 1);
    let error = collection.remove(&[1]).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    assert!(error.to_string().contains("cannot be written"), "{error}");
    // Told before minutes of training.
    let error = home.check_trainable("bolt").unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn a_home_that_may_not_be_written() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let place = Place::new();
    place.write("a.jpg", "FAKE 1");
    place.add();
    let Place { folder, home, .. } = place;
    let path = home.directory().to_path_buf();
    drop(home);
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    set(folder.path(), 0o755);
    set(&path.join("niteru.sqlite3"), 0o444);
    set(&path, 0o555);

    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "child_reads_only", "--nocapture"]);
    child.env("NITERU_TEST_READ_ONLY", &path);
    // The superuser may write everything: become nobody.
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } == 0 {
        child.uid(65534).gid(65534).current_dir("/");
    }
    let output = child.output();
    set(&path, 0o755);
    let output = match output {
        Ok(output) => output,
        // Another user may not even reach the test's program.
        Err(error) => return niteru_testkit::skip(&format!("cannot run as another user: {error}")),
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn old_homes_still_open() {
    for old in [
        include_str!("fixtures/home-1.sql"),
        include_str!("fixtures/home-2.sql"),
        include_str!("fixtures/home-3.sql"),
        include_str!("fixtures/home-4.sql"),
        include_str!("fixtures/home-5.sql"),
        include_str!("fixtures/home-6.sql"),
        include_str!("fixtures/home-7.sql"),
        include_str!("fixtures/home-8.sql"),
        include_str!("fixtures/home-10.sql"),
        include_str!("fixtures/home-11.sql"),
    ] {
        old_home_opens(old);
    }
}

/// What values are beside their text is found out when a home gets format 4.
#[test]
fn values_of_an_old_home_can_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home");
    std::fs::create_dir(&path).unwrap();
    database(&path)
        .execute_batch(include_str!("fixtures/home-3.sql"))
        .unwrap();
    let home = Home::open(&path).unwrap();
    let collection = home.collection("部品").unwrap();
    let table: &[(&str, &[u64])] = &[
        ("category = ねじ", &[1]),
        ("length > 20 and length = 20.5", &[1]),
        ("length <= 20", &[]),
        ("taken = 2026-01-05", &[1]),
        ("taken < 2026-01-05", &[]),
        ("length exists", &[1, 3]),
        ("not length > 20", &[3]),
    ];
    for (text, expected) in table {
        let condition = Condition::parse(text).unwrap();
        let selection = collection.select(&condition).unwrap();
        let images = collection.images_in(&selection, None, 9).unwrap();
        let ids: Vec<u64> = images.iter().map(|image| image.id).collect();
        assert_eq!(ids, *expected, "{text}");
    }
}

fn old_home_opens(old: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home");
    std::fs::create_dir(&path).unwrap();
    database(&path).execute_batch(old).unwrap();

    let home = Home::open(&path).unwrap();
    let collection = home.collection("部品").unwrap();
    let images = collection.images(None, 10).unwrap();
    let shown: Vec<_> = images
        .iter()
        .map(|image| (image.id, image.missing, image.width))
        .collect();
    assert_eq!(shown, [(1, false, 640), (3, true, 800)]);
    let identity = collection.identity();
    assert_eq!((&*identity.precision, identity.exact_decode), ("f32", true));
    assert_eq!(identity.framing, "centre");
    assert_eq!(images[0].metadata.get("category"), Some("ねじ"));
    assert_eq!(collection.embedding(1).unwrap(), [0.0, 1.0, 0.0, 0.0]);
    let mut query = Place::new().query(&[0.0, 1.0], 5);
    query.encoder = collection.identity().clone();
    query.embedding.truncate(4);
    let found = collection.search(&query).unwrap();
    assert_eq!(
        found.iter().map(|result| result.id).collect::<Vec<_>>(),
        [1]
    );

    let encoder = FakeEncoder {
        dimensions: 4,
        ..FakeEncoder::default()
    };
    std::fs::write(folder.path().join("new.jpg"), "FAKE 1").unwrap();
    let new = [folder.path().join("new.jpg")];
    let report = home
        .add("部品", &new, &encoder, AddOptions::default())
        .unwrap();
    assert_eq!(counts(&report), [1, 0, 0, 0, 0]);
}
