//! What the home keeps for the server: users, the audit log, jobs, uploads.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use niteru_imaging::Picture;
use niteru_store::{
    BackupOptions, CheckOptions, Home, JobProgress, JobState, LoginTry, NewAuditEntry, NewUpload,
    RestoreOptions, Role, Shows, StoreError, Upload, UploadError, UploadLimits, UserChange, check,
    restore,
};
use serde_json::json;
use support::database;

const LIMITS: UploadLimits = UploadLimits {
    image: niteru_imaging::Limits {
        max_file_bytes: 1 << 20,
        max_side: 1000,
        max_pixels: 500_000,
        max_alloc: 1 << 24,
    },
    quota: 10_000,
};

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path().join("home")).unwrap();
    (folder, home)
}

fn picture(grey: u8) -> Vec<u8> {
    let picture = Picture::from_rgb(40, 30, vec![grey; 40 * 30 * 3]).unwrap();
    picture.to_png().unwrap()
}

fn keep(home: &Home, bytes: &[u8], name: &str) -> Result<String, UploadError> {
    let owner = "test";
    let new = NewUpload { bytes, name, owner };
    home.keep_upload(&new, &LIMITS).map(|upload| upload.sha256)
}

#[test]
fn users_have_names_of_their_own() {
    let (_folder, home) = home();
    assert!(!home.has_administrator().unwrap());
    let first = home
        .add_first_administrator(" Sato ", "hash")
        .unwrap()
        .unwrap();
    assert_eq!((&*first.name, first.role), ("Sato", Role::Administrator));
    assert!(
        home.add_first_administrator("other", "hash")
            .unwrap()
            .is_none()
    );
    for (name, part) in [
        ("sato", "already"),
        ("  ", "at least one"),
        ("a\nb", "control"),
    ] {
        let error = home
            .add_user(name, "hash", Role::Viewer)
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{name:?}: {error}");
    }
    let change = UserChange {
        disabled: Some(true),
        ..UserChange::default()
    };
    let error = home.change_user(first.id, &change).unwrap_err();
    assert!(matches!(error, StoreError::LastAdministrator), "{error:?}");
    assert!(!home.users().unwrap()[0].disabled, "nothing of it was kept");
    let second = home
        .add_user("second", "hash", Role::Administrator)
        .unwrap();
    home.remove_user(first.id).unwrap();
    assert!(matches!(
        home.remove_user(first.id),
        Err(StoreError::NoUser { .. })
    ));
    assert!(matches!(
        home.remove_user(second.id),
        Err(StoreError::LastAdministrator)
    ));
}

#[test]
fn a_lock_comes_after_so_many_wrong_passwords_and_goes() {
    let (_folder, home) = home();
    let user = home.add_user("user", "hash", Role::Viewer).unwrap().id;
    let attempt = || home.try_login(user, 3, 60_000).unwrap();
    let allowed = LoginTry::Allowed { locked_after: None };
    assert_eq!([attempt(), attempt()], [allowed; 2]);
    // The third may still be right; after it nobody is asked.
    let LoginTry::Allowed {
        locked_after: Some(until),
    } = attempt()
    else {
        panic!("locked after the third");
    };
    assert_eq!(attempt(), LoginTry::Locked { until });
    assert!(
        home.credentials("USER")
            .unwrap()
            .unwrap()
            .user
            .locked_until
            .is_some()
    );
    home.login_succeeded(user).unwrap();
    let user = home.credentials("user").unwrap().unwrap().user;
    assert_eq!((user.failed, user.locked_until), (0, None));
    assert!(user.last_login.is_some());
}

#[test]
fn jobs_go_their_way() {
    let (_folder, home) = home();
    let first = home.add_job("add", &json!({ "n": 1 }), "test").unwrap();
    let second = home.add_job("train", &json!({}), "test").unwrap();
    assert_eq!(first.state, JobState::Queued);
    assert!(home.start_next_job(&["other"]).unwrap().is_none());
    let begun = home.start_next_job(&["train", "add"]).unwrap().unwrap();
    assert_eq!((begun.id, begun.state), (first.id, JobState::Running));
    let progress = JobProgress {
        done: 3,
        total: Some(10),
        rate: Some(1.5),
        message: Some("reading".into()),
    };
    home.job_progress(first.id, &progress).unwrap();
    let done = home
        .end_job(first.id, JobState::Done, None, Some(&json!([1])))
        .unwrap();
    assert_eq!((done.done, done.result), (3, Some(json!([1]))));
    // What is over stays over.
    let again = home
        .end_job(first.id, JobState::Failed, Some("late"), None)
        .unwrap();
    assert_eq!((again.state, again.message), (JobState::Done, None));
    assert_eq!(home.open_jobs().unwrap().len(), 1);
    home.start_next_job(&["train"]).unwrap().unwrap();
    assert_eq!(
        home.recover_jobs(&["train"], "ended").unwrap()[0].state,
        JobState::Queued
    );
    home.start_next_job(&["train"]).unwrap().unwrap();
    assert_eq!(
        home.recover_jobs(&["add"], "ended").unwrap()[0].state,
        JobState::Interrupted
    );
    assert_eq!(
        home.job(second.id).unwrap().message.as_deref(),
        Some("ended")
    );
    assert_eq!(home.forget_jobs(1).unwrap(), 1);
    assert_eq!(home.jobs(None, 10).unwrap().len(), 1);
}

/// Told to stop, and the server was killed before it had: it does not come back.
#[test]
fn a_job_that_was_told_to_stop_is_not_taken_up_again() {
    let (_folder, home) = home();
    let [told, other] = [1, 2].map(|n| home.add_job("add", &json!({ "n": n }), "test").unwrap());
    // One that waits has nothing to stop.
    home.job_stops(told.id).unwrap();
    for job in [&told, &other] {
        assert_eq!(home.start_next_job(&["add"]).unwrap().unwrap().id, job.id);
    }
    home.job_stops(told.id).unwrap();
    let states = home.recover_jobs(&["add"], "ended").unwrap();
    let states: Vec<_> = states
        .into_iter()
        .map(|job| (job.id, job.state, job.message, job.ended.is_some()))
        .collect();
    let cancelled = (told.id, JobState::Cancelled, None, true);
    assert_eq!(
        states,
        [cancelled, (other.id, JobState::Queued, None, false)]
    );
    assert!(home.recover_jobs(&[], "ended").unwrap().is_empty());
}

#[test]
fn uploads_are_kept_once_and_whole() {
    let (folder, home) = home();
    let bytes = picture(7);
    let sha256 = keep(&home, &bytes, "../../a.png").unwrap();
    assert_eq!(keep(&home, &bytes, "b.png").unwrap(), sha256);
    let name = "SELECT name FROM uploads";
    let name: String = database(&folder.path().join("home"))
        .query_row(name, [], |row| row.get(0))
        .unwrap();
    assert_eq!(name, "b.png", "the newest counts");
    let path = home.upload(&sha256).unwrap().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(home.uploaded_bytes().unwrap(), bytes.len() as u64);
    // One that was lost comes back with the next upload of it.
    std::fs::remove_file(&path).unwrap();
    let report = check(&folder.path().join("home"), CheckOptions::default()).unwrap();
    assert!(report.problems[0].what.contains(&sha256), "{report:?}");
    keep(&home, &bytes, "a.png").unwrap();
    assert!(path.is_file());
    for name in ["..", "../../etc/passwd", "zz", &sha256.to_uppercase(), ""] {
        assert_eq!(home.upload(name).unwrap(), None, "{name}");
    }
    let large = Picture::from_rgb(800, 700, vec![9; 800 * 700 * 3])
        .unwrap()
        .to_png()
        .unwrap();
    assert!(matches!(
        keep(&home, &large, "x"),
        Err(UploadError::Picture(_))
    ));
    assert!(matches!(keep(&home, b"text", "x"), Err(UploadError::Kind)));
    let error = (0..=255)
        .find_map(|grey| keep(&home, &picture(grey), "x").err())
        .unwrap();
    assert!(
        matches!(error, UploadError::Store(StoreError::Quota { .. })),
        "{error:?}"
    );
}

#[test]
fn uploads_that_nothing_refers_to_go_after_an_hour() {
    let (folder, home) = home();
    let (unused, wanted) = (
        keep(&home, &picture(1), "x").unwrap(),
        keep(&home, &picture(2), "x").unwrap(),
    );
    assert_eq!(
        home.remove_unused_uploads().unwrap(),
        0,
        "what refers to it may be on its way"
    );
    home.add_job("add", &json!({ "uploads": [wanted] }), "test")
        .unwrap();
    let path = home.upload(&unused).unwrap().unwrap();
    database(&folder.path().join("home"))
        .execute_batch("UPDATE uploads SET created = 0")
        .unwrap();
    assert!(home.remove_unused_uploads().unwrap() > 0);
    assert!(!path.exists() && home.upload(&unused).unwrap().is_none());
    assert!(home.upload(&wanted).unwrap().unwrap().is_file());
}

#[test]
fn photos_of_good_parts_make_room_the_oldest_first() {
    let (folder, home) = home();
    let names: Vec<String> = (1..7)
        .map(|grey| keep(&home, &picture(grey), "x").unwrap())
        .collect();
    let path = folder.path().join("home");
    let database = database(&path);
    let blank = "x'00'";
    let inspected = |sha: &str, verdict: &str| {
        format!(
            "INSERT INTO inspections (inspector, path, sha256, time, score, threshold, p_value, verdict, regions,
                 kernels) VALUES (1, {blank}, x'{sha}', 0, 0, 0, 1, '{verdict}', '[]', 'x');"
        )
    };
    let verdicts = ["OK", "OK", "NG", "UNLIKE", "OK"];
    let mut sql = "PRAGMA foreign_keys = OFF;".to_owned();
    for (at, (sha, verdict)) in names.iter().zip(verdicts).enumerate() {
        sql += &inspected(sha, verdict);
        sql += &format!("UPDATE uploads SET created = {at} WHERE sha256 = x'{sha}';");
    }
    // The first is OK, but somebody looked at it; the last is new.
    sql += "INSERT INTO reviews (inspection, verdict, note, time) VALUES (1, 'NG', '', 0);";
    database.execute_batch(&sql).unwrap();

    // As others may have made room already, how much there is counts.
    let all = home.uploaded_bytes().unwrap();
    assert_eq!(home.make_room(1, all + 1).unwrap(), 0);
    assert!(home.make_room(1, all).unwrap() > 0);
    let there = |home: &Home| -> Vec<bool> {
        let there = |sha: &String| home.upload(sha).unwrap().is_some_and(|path| path.is_file());
        names.iter().map(there).collect()
    };
    assert_eq!(
        there(&home),
        [true, false, true, true, true, true],
        "no more than is asked for"
    );
    assert!(home.make_room(1, 0).unwrap() > 0);
    assert_eq!(there(&home), [true, false, true, true, false, true]);
    assert_eq!(home.make_room(1, 0).unwrap(), 0);
    let kept: i64 = database
        .query_row("SELECT count(*) FROM inspections", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 5, "decisions stay");
}

/// Another process removes what nothing refers to any more, while the backup is written.
#[test]
fn what_a_backup_reads_is_not_removed_meanwhile() {
    let (folder, home) = home();
    for grey in 1..6 {
        keep(&home, &picture(grey), "x").unwrap();
    }
    let path = folder.path().join("home");
    database(&path)
        .execute_batch("UPDATE uploads SET created = 0")
        .unwrap();
    let removed = std::sync::Mutex::new(Vec::new());
    let progress = |_, _| {
        let other = Home::open(&path).unwrap();
        let bytes = other.remove_unused_uploads().unwrap();
        removed.lock().unwrap().push(bytes);
    };
    let mut options = BackupOptions::default();
    options.progress = Some(&progress);
    let file = folder.path().join("backup.tar");
    let report = home.backup(&file, options).unwrap();
    assert_eq!(report.files, 6, "the database and the uploads");
    let removed = removed.into_inner().unwrap();
    assert!(removed.len() >= 6, "{removed:?}");
    assert!(removed.iter().all(|bytes| *bytes == 0), "{removed:?}");
    assert!(home.remove_unused_uploads().unwrap() > 0, "it has ended");

    let to = folder.path().join("restored");
    restore(&file, &to, RestoreOptions::default()).unwrap();
    let report = check(&to, CheckOptions::default()).unwrap();
    assert_eq!((report.checked.uploads, report.problems), (5, Vec::new()));
    // What was lost before keeps nobody from backing up the rest.
    let sha256 = keep(&home, &picture(9), "x").unwrap();
    std::fs::remove_file(home.upload(&sha256).unwrap().unwrap()).unwrap();
    let other = folder.path().join("other.tar");
    assert_eq!(
        home.backup(&other, BackupOptions::default()).unwrap().files,
        1
    );
}

/// Several come and are written in the same second.
#[test]
fn kept_backups_never_replace_each_other() {
    let (folder, home) = home();
    let file = folder.path().join("backup.tar");
    home.backup(&file, BackupOptions::default()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (home, file) = (&home, &file);
            scope.spawn(move || {
                let came = home
                    .make_backups()
                    .unwrap()
                    .join(format!(".incoming-{number}"));
                std::fs::copy(file, &came).unwrap();
                home.take_backup(&came).unwrap();
                assert!(!came.exists());
                home.store_backup(BackupOptions::default()).unwrap();
            });
        }
    });
    let kept = home.stored_backups().unwrap();
    assert_eq!(kept.len(), 8, "{kept:?}");
    assert_eq!(kept.iter().filter(|backup| backup.uploaded).count(), 4);
}

fn note(home: &Home, target: &str) {
    let entry = NewAuditEntry {
        who: "test",
        address: "",
        action: "noted",
        target,
        status: 200,
    };
    home.audit(&entry).unwrap();
}

/// The targets of a home's log, the oldest first; the log is as it was written.
fn noted(path: &std::path::Path) -> Vec<String> {
    let home = Home::open(path).unwrap();
    assert_eq!(home.check_audit().unwrap().problem, None);
    let entries = home.audit_entries(None, 100).unwrap();
    entries
        .into_iter()
        .rev()
        .map(|entry| entry.target)
        .collect()
}

#[test]
fn the_audit_log_goes_on_over_a_restore() {
    let (folder, home) = home();
    let path = folder.path().join("home");
    let at = |name: &str| folder.path().join(name);
    let backup = |home: &Home, name: &str| {
        home.backup(&at(name), BackupOptions::default()).unwrap();
    };
    backup(&home, "0.tar");
    note(&home, "1");
    note(&home, "2");
    backup(&home, "2.tar");
    note(&home, "3");
    let hash = home.check_audit().unwrap().hash;
    drop(home);
    let mut force = RestoreOptions::default();
    force.force = true;
    let carried = |name: &str| restore(&at(name), &path, force).unwrap().audit_entries;

    assert_eq!(carried("2.tar"), 1);
    assert_eq!(noted(&path), ["1", "2", "3"]);
    assert_eq!(Home::open(&path).unwrap().check_audit().unwrap().hash, hash);
    assert_eq!(carried("0.tar"), 3, "of a backup with an empty log");
    assert_eq!(noted(&path), ["1", "2", "3"]);
    backup(&Home::open(&path).unwrap(), "3.tar");

    // Another home's log does not go on from this one.
    let other = Home::open(at("other")).unwrap();
    note(&other, "elsewhere");
    backup(&other, "other.tar");
    assert_eq!(carried("other.tar"), 0);
    let log = noted(&path);
    assert_eq!((log.len(), &*log[0]), (2, "elsewhere"));
    let told =
        format!("the log of the home that was replaced: it has 3 entries and ends with {hash}");
    assert_eq!(log[1], told);

    // One that was changed does not, either.
    restore(&at("3.tar"), &at("changed"), RestoreOptions::default()).unwrap();
    let changed = Home::open(at("changed")).unwrap();
    note(&changed, "4");
    note(&changed, "5");
    drop(changed);
    database(&at("changed"))
        .execute_batch("UPDATE audit SET who = 'nobody' WHERE id = 4")
        .unwrap();
    let report = restore(&at("3.tar"), &at("changed"), force).unwrap();
    assert_eq!(report.audit_entries, 0);
    let log = noted(&at("changed"));
    assert!(log[3].contains("it has 5 entries"), "{log:?}");

    // Of a log that is the beginning of the backup's, nothing is newer.
    restore(&at("2.tar"), &at("earlier"), RestoreOptions::default()).unwrap();
    let report = restore(&at("3.tar"), &at("earlier"), force).unwrap();
    assert_eq!(report.audit_entries, 0);
    assert_eq!(noted(&at("earlier")), ["1", "2", "3"]);
}

#[test]
fn photos_that_are_collected_keep_their_uploads() {
    let (folder, home) = home();
    let sha256 = keep(&home, &picture(1), "x").unwrap();
    let photo = Upload {
        sha256: sha256.clone(),
        name: "x".into(),
        bytes: 1,
        width: 1,
        height: 1,
    };
    home.collect_photos("ねじ", Shows::Good, &[photo]).unwrap();
    let old = || {
        let sql = "UPDATE uploads SET created = 0";
        database(&folder.path().join("home"))
            .execute_batch(sql)
            .unwrap();
    };
    old();
    assert_eq!(home.remove_unused_uploads().unwrap(), 0);
    assert_eq!(
        home.collected_photos("ねじ").unwrap().good[0].sha256,
        sha256
    );
    assert_eq!(home.discard_photos("ねじ", None).unwrap(), 1);
    assert!(home.remove_unused_uploads().unwrap() > 0);
    assert!(home.upload(&sha256).unwrap().is_none());
}

/// An inspector goes on showing the good photos that it was trained with, whatever becomes of the collected ones.
#[test]
fn photos_that_an_inspector_was_trained_with_keep_their_uploads() {
    let (folder, home) = home();
    let names: Vec<String> = (1..5)
        .map(|grey| keep(&home, &picture(grey), "x").unwrap())
        .collect();
    let path_of = |sha256: &String| home.upload(sha256).unwrap().unwrap();
    let save = |name: &str, good: usize, bad: usize| {
        let good = path_of(&names[good]);
        let bad = path_of(&names[bad]);
        let bytes = format!("NITEINSP\0\x60{}\0\0", good.display());
        let new = niteru_store::NewInspector {
            model: "fake",
            fingerprint: "f00d",
            settings: &json!({}),
            summary: &json!({ "photos": { "bad": [{ "path": bad, "score": 1.0 }] } }),
            bytes: bytes.as_bytes(),
        };
        home.save_inspector(name, &new).unwrap();
    };
    save("bolt", 0, 1);
    for (at, sha) in names.iter().enumerate() {
        let sql = format!("UPDATE uploads SET created = {at} WHERE sha256 = x'{sha}'");
        database(&folder.path().join("home"))
            .execute_batch(&sql)
            .unwrap();
    }
    let there = || -> Vec<bool> {
        let there = |sha: &String| home.upload(sha).unwrap().is_some_and(|path| path.is_file());
        names.iter().map(there).collect()
    };
    // The last one is another inspector's that came since the first was looked at.
    assert!(home.make_room(1, home.uploaded_bytes().unwrap()).unwrap() > 0);
    assert_eq!(
        there(),
        [true, true, false, true],
        "no more than is asked for"
    );
    save("nut", 3, 3);
    assert_eq!(home.remove_unused_uploads().unwrap(), 0);
    assert_eq!(there(), [true, true, false, true]);
    assert_eq!(home.make_room(1, 0).unwrap(), 0);
    // They go with the last version that knows them.
    home.remove_inspector("bolt", false).unwrap();
    assert!(home.remove_unused_uploads().unwrap() > 0);
    assert_eq!(there(), [false, false, false, true]);
}

#[test]
fn thumbnails_are_of_the_image_that_was_added() {
    let (folder, home) = home();
    let sha256 = keep(&home, &picture(1), "x").unwrap();
    let path = home.upload(&sha256).unwrap().unwrap();
    let made = home.thumbnail(&sha256, &path).unwrap();
    assert!(made.starts_with(b"\xFF\xD8\xFF") && made.len() <= niteru_store::THUMBNAIL_BYTES);
    // Made once.
    let kept = home
        .thumbnails()
        .join(&sha256[..2])
        .join(format!("{sha256}.jpg"));
    assert_eq!(std::fs::read(&kept).unwrap(), made);
    let other = folder.path().join("other.png");
    std::fs::write(&other, picture(2)).unwrap();
    std::fs::remove_file(&kept).unwrap();
    let error = home.thumbnail(&sha256, &other).unwrap_err();
    assert!(error.to_string().contains("has changed"), "{error}");
    assert!(!kept.exists(), "nothing is kept under another image's name");
}

#[test]
fn all_of_it_is_in_a_backup() {
    let (folder, home) = home();
    home.add_user("user", "hash", Role::Viewer).unwrap();
    let sha256 = keep(&home, &picture(1), "x").unwrap();
    home.audit(&NewAuditEntry {
        who: "user",
        address: "",
        action: "test",
        target: "x",
        status: 200,
    })
    .unwrap();
    // An image of the upload, as adding it makes one.
    let path = home.upload(&sha256).unwrap().unwrap();
    database(&folder.path().join("home"))
        .execute_batch(&format!(
            "INSERT INTO encoders VALUES (1, 'f', 'm', 1, 'f32', 1, 'centre');
             INSERT INTO collections VALUES (1, 'c', 1, 0, NULL);
             INSERT INTO images VALUES
                 (1, 1, CAST('{}' AS BLOB), x'{sha256}', 1, NULL, 1, 1, 0, 0, 1, NULL);
             INSERT INTO embeddings VALUES (1, 1, x'003c', NULL);
             UPDATE home SET change = 1;",
            path.display()
        ))
        .unwrap();
    let file = folder.path().join("backup.tar");
    home.backup(&file, BackupOptions::default()).unwrap();
    let restored = folder.path().join("restored");
    restore(&file, &restored, RestoreOptions::default()).unwrap();
    let report = check(&restored, CheckOptions::default()).unwrap();
    assert!(report.problems.is_empty(), "{report:?}");
    assert_eq!((report.checked.audit, report.checked.uploads), (1, 1));
    let home = Home::open(&restored).unwrap();
    assert_eq!(home.users().unwrap().len(), 1);
    let path = home.upload(&sha256).unwrap().unwrap();
    assert!(path.starts_with(&restored));
    let image = home.collection("c").unwrap().image(1).unwrap();
    assert_eq!(image.path, path, "it is where the home is now");
}
