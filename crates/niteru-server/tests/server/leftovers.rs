//! What was sent and not finished does not stay.

use std::path::Path;

use niteru_store::Home;
use serde_json::json;

use crate::support::{Place, options};

const QUEUED: &str = "queued-queued-queued-queued";
const KILLED: &str = "killed-killed-killed-killed";

fn import(folder: &str) -> serde_json::Value {
    json!({ "name": "mine", "folder": folder, "source": "a test" })
}

fn put(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, b"some bytes").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_goes_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let job = Home::open(&home).unwrap();
    let job = job.add_job("import", &import(QUEUED), "test").unwrap();
    let at = |path: &str| home.join(path);
    let (gone, kept) = (
        [
            at("incoming").join(KILLED).join("weights.bin"),
            at("backups").join(format!(".incoming-{KILLED}")),
            at("backups/.niteru-backup-abc123"),
        ],
        [
            at("incoming/a person's folder/weights.bin"),
            at("backups/.incoming-short"),
            at("backups/niteru-20260105-101112.tar"),
        ],
    );
    let queued = at("incoming").join(QUEUED).join("config.json");
    let all = gone.iter().chain(&kept).chain([&queued]);
    all.for_each(|path| put(path));
    // What a link leads to is nobody's of ours.
    #[cfg(unix)]
    let linked = {
        let elsewhere = folder.path().join("elsewhere").join("file");
        put(&elsewhere);
        let link = at("incoming/linked-linked-linked");
        std::os::unix::fs::symlink(elsewhere.parent().unwrap(), link).unwrap();
        elsewhere
    };

    let place = Place::over(folder, options(false));
    let here = place.here().await;
    let job = place.over_with(&here, job.id).await;
    // It found what was sent for it, and that it is no model.
    assert_eq!(job["state"], "failed", "{job}");
    assert_eq!(job["result"]["kind"], "model_unusable", "{job}");
    assert!(!queued.exists(), "it is of no use any more");
    for path in gone {
        assert!(!path.exists(), "{}", path.display());
    }
    for path in kept {
        assert!(path.exists(), "{}", path.display());
    }
    #[cfg(unix)]
    assert!(linked.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_goes_with_an_import_that_is_cancelled_before_it_began() {
    let place = Place::local();
    let here = place.here().await;
    let home = place.home();
    let sent = home
        .directory()
        .join("incoming")
        .join(QUEUED)
        .join("config.json");
    // The threads that run jobs have looked for some and wait now, and nobody wakes them for this one.
    let checked = place.post(&here, "/api/check", json!({})).await;
    let checked = checked.json()["id"].as_u64().unwrap();
    assert_eq!(place.over_with(&here, checked).await["state"], "done");
    let mut tries = 0;
    loop {
        put(&sent);
        let job = home.add_job("import", &import(QUEUED), "test").unwrap();
        let path = format!("/api/jobs/{}/cancel", job.id);
        let cancelled = place.post(&here, &path, json!({})).await;
        let status = cancelled.status.as_u16();
        assert!([200, 409].contains(&status), "{}", cancelled.text());
        if cancelled.json()["state"] == "cancelled" {
            break;
        }
        // A thread whose job has just ended looked for another only now, and began this one: once more, then.
        place.over_with(&here, job.id).await;
        tries += 1;
        assert!(tries < 20, "{}", cancelled.text());
    }
    assert!(!sent.exists());
    assert!(home.directory().join("incoming").exists());
}
