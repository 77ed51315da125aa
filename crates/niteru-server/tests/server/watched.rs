//! Watched folders: who may watch which, and that each photo is judged once.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Client, PATIENCE, Place, options, plate};

const START: &str = "/api/inspectors/plates/watch";

#[tokio::test]
async fn only_folders_of_the_list_are_watched_and_names_lead_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let camera = folder.path().join("camera");
    std::fs::create_dir(&camera).unwrap();
    std::fs::create_dir(folder.path().join("secret")).unwrap();
    let mut options = options(false);
    options.folders = vec![camera.clone(), camera.join("."), folder.path().join("away")];
    let place = Place::over(folder, options);
    let here = place.here().await;
    let home = place.home();
    let own = home.watched();
    let list = place.get(&here, "/api/watched-folders").await.json();
    let shown = |path: &Path| path.to_str().unwrap().to_owned();
    assert_eq!(
        list["folders"],
        json!([
            { "name": "watched", "path": shown(&own) },
            { "name": "camera", "path": shown(&camera) },
            { "name": "away", "path": shown(&camera.with_file_name("away")) },
        ])
    );
    assert!(own.is_dir(), "it is made, so that it can be shared");
    std::fs::create_dir(own.join("line 1")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.folder.path(), own.join("link")).unwrap();

    let secret = shown(&place.folder.path().join("secret"));
    let refused = [
        "",
        ".",
        "..",
        "watched/..",
        "watched/../..",
        "watched/link",
        "watched/link/secret",
        "watched/line 1/..",
        "watched/nothing",
        "camera/..",
        "/etc",
        &secret,
        &shown(&camera),
    ];
    for name in refused {
        let answer = place.post(&here, START, json!({ "folder": name })).await;
        let kind = answer.json()["error"]["kind"].clone();
        assert_eq!(
            (answer.status.as_u16(), kind),
            (404, json!("no_folder")),
            "{name}"
        );
    }
    // One of the list needs an inspector, too; and one that is away cannot be begun with.
    let body = json!({ "folder": "watched/line 1" });
    let answer = place.post(&here, START, body).await;
    assert_eq!(answer.json()["error"]["kind"], "no_inspector");
    let new = niteru_store::NewInspector {
        model: "fake",
        fingerprint: "f00d",
        settings: &json!({}),
        summary: &json!({}),
        bytes: b"bytes",
    };
    home.save_inspector("plates", &new).unwrap();
    let answer = place.post(&here, START, json!({ "folder": "away" })).await;
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status.as_u16(), &error["kind"]),
        (409, &json!("folder_unreachable"))
    );
    assert_eq!(error["values"]["folder"], "away");
}

/// The state of the only watch.
async fn watch(place: &Place, client: &Client) -> Value {
    let watches = place.get(client, "/api/watches").await.json();
    watches["watches"][0].clone()
}

/// Waits until something holds of the only watch.
async fn until(
    place: &Place,
    client: &Client,
    what: &str,
    holds: impl Fn(&Value) -> bool,
) -> Value {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let watch = watch(place, client).await;
        if holds(&watch) {
            return watch;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what} did not come: {}", watch(place, client).await);
}

/// The last parts of the paths that were judged, the newest first.
async fn judged(place: &Place, client: &Client) -> Vec<String> {
    let history = place.get(client, "/api/history").await.json();
    let all = history["inspections"].as_array().unwrap().iter();
    all.map(|one| {
        let path = Path::new(one["path"].as_str().unwrap());
        path.file_name().unwrap().to_str().unwrap().to_owned()
    })
    .collect()
}

async fn train(place: &Place, client: &Client) {
    let photos = "/api/inspectors/plates/photos";
    let files: Vec<(String, Vec<u8>)> = (0..12)
        .map(|number| (format!("{number}.png"), plate(number, false)))
        .collect();
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(n, b)| (&**n, b.clone())).collect();
    let query = Some(json!({ "shows": "good" }));
    let added = place.upload(client, photos, &files, query).await.json();
    let hashes: Vec<&Value> = added["added"]
        .as_array()
        .unwrap()
        .iter()
        .map(|photo| &photo["sha256"])
        .collect();
    let body = json!({ "good": { "uploads": hashes }, "false_alarm": 0.1 });
    let job = place
        .post(client, "/api/inspectors/plates/train", body)
        .await;
    let id = job.json()["id"].as_u64().unwrap();
    let job = place.over_with(client, id).await;
    assert_eq!(job["state"], "done", "{job}");
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_that_come_are_judged_once_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    if !crate::whole::give_model(folder.path()) {
        return;
    }
    let place = Place::over(folder, options(true));
    let admin = place.administrator().await;
    train(&place, &admin).await;
    let operator = place.user(&admin, "operator").await;
    let viewer = place.user(&admin, "viewer").await;
    // The list makes the folder.
    place.get(&viewer, "/api/watched-folders").await;
    let line = place.home().watched().join("line1");
    std::fs::create_dir(&line).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(line.join(name), bytes).unwrap();
    write("before.png", &plate(1, false));

    let body = json!({ "folder": "watched/line1", "metadata": { "lot": "A12" } });
    assert_eq!(place.post(&viewer, START, body.clone()).await.status, 403);
    let job = place.post(&operator, START, body.clone()).await;
    assert_eq!(job.status, 202, "{}", job.text());
    let id = job.json()["id"].as_u64().unwrap();
    let again = place.post(&admin, START, body.clone()).await;
    assert_eq!(
        again.json()["error"]["kind"],
        "watch_runs",
        "{}",
        again.text()
    );

    until(&place, &viewer, "the watch", |watch| watch["job"] == id).await;
    write("good.png", &plate(2, false));
    until(&place, &viewer, "the first", |watch| watch["judged"] == 1).await;
    write("bad.png", &plate(3, true));
    write("notes.png", b"no picture");
    let state = until(&place, &viewer, "three", |watch| {
        watch["judged"] == 2 && watch["skipped"] == 1
    });
    let state = state.await;
    assert_eq!(state["found"]["verdict"], "NG", "{state}");
    assert_eq!(state["last"], state["found"]["id"]);
    assert_eq!(state["recent"].as_array().unwrap().len(), 2);
    let skipped = &state["last_skipped"][0];
    assert_eq!(
        (&skipped["name"], &skipped["kind"]),
        (&json!("notes.png"), &json!("not_an_image"))
    );
    assert_eq!(
        (&state["by"], &state["folder"]),
        (&json!("operator"), &json!("watched/line1"))
    );
    let inspection = place
        .get(&viewer, &format!("/api/history/{}", state["last"]))
        .await
        .json();
    assert_eq!(
        (&inspection["operator"], &inspection["metadata"]["lot"]),
        (&json!("operator"), &json!("A12"))
    );
    let counts = "/api/inspectors/plates/counts";
    let all = place.get(&viewer, counts).await.json();
    assert_eq!(all, json!({ "OK": 1, "NG": 1, "UNLIKE": 0 }));
    let none = place
        .get(&viewer, &format!("{counts}?since=2999-01-01"))
        .await;
    assert_eq!(none.json(), json!({ "OK": 0, "NG": 0, "UNLIKE": 0 }));
    // Other work goes on beside it.
    let map = place.post(&admin, "/api/check", json!({})).await.json();
    let checked = place.over_with(&admin, map["id"].as_u64().unwrap()).await;
    assert_eq!(checked["state"], "done", "{checked}");
    assert_eq!(watch(&place, &viewer).await["job"], id);

    // The server ends; meanwhile one more photo comes, and the folder goes.
    let Place { server, folder } = place;
    server.stopper().stop();
    tokio::task::spawn_blocking(move || server.run().unwrap())
        .await
        .unwrap();
    write("meanwhile.png", &plate(4, false));
    let away = line.with_file_name("was");
    std::fs::rename(&line, folder.path().join("was")).unwrap();
    let place = Place::over(folder, options(true));
    let gone = until(&place, &viewer, "the watch", |watch| {
        !watch["unreachable"].is_null()
    });
    assert_eq!(gone.await["job"], id);
    let job = place.get(&viewer, &format!("/api/jobs/{id}")).await.json();
    assert_eq!(
        (&job["state"], &job["message"]),
        (&json!("running"), &json!("unreachable"))
    );
    assert!(!away.exists());
    std::fs::rename(place.folder.path().join("was"), &line).unwrap();
    let back = until(&place, &viewer, "the photo", |watch| watch["judged"] == 1).await;
    assert_eq!(
        (&back["unreachable"], &back["skipped"]),
        (&Value::Null, &json!(0))
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        judged(&place, &viewer).await,
        ["meanwhile.png", "bad.png", "good.png"]
    );

    // It ends at once, and can be begun again with what was there.
    let cancel = format!("/api/jobs/{id}/cancel");
    assert_eq!(place.post(&viewer, &cancel, json!({})).await.status, 403);
    let cancelled = place.post(&operator, &cancel, json!({})).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    assert_eq!(place.over_with(&viewer, id).await["state"], "cancelled");
    assert_eq!(watch(&place, &viewer).await, Value::Null);
    write("unseen.png", &plate(5, false));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(judged(&place, &viewer).await.len(), 3);
    let body = json!({ "folder": "watched/line1", "existing": true });
    let job = place.post(&operator, START, body).await;
    assert_eq!(job.status, 202, "{}", job.text());
    until(&place, &viewer, "both", |watch| watch["judged"] == 2).await;
    let mut names = judged(&place, &viewer).await;
    names.sort();
    assert_eq!(
        names,
        [
            "bad.png",
            "before.png",
            "good.png",
            "meanwhile.png",
            "unseen.png"
        ]
    );

    // When the camera moves, or all is bad, the watch says so.
    assert_eq!(watch(&place, &viewer).await["drift"], Value::Null);
    for number in 100..130 {
        write(&format!("{number}.png"), &plate(number, true));
    }
    let shifted = until(&place, &viewer, "the drift", |watch| {
        !watch["drift"].is_null()
    });
    assert_eq!(shifted.await["drift"]["direction"], "up");

    // The audit log says who started and stopped what.
    let audit = place.get(&admin, "/api/audit").await.json();
    let entries = audit["entries"].as_array().unwrap().iter();
    let told: Vec<String> = entries
        .filter(|entry| ["watch.start", "job.cancel"].contains(&entry["action"].as_str().unwrap()))
        .map(|entry| format!("{} {} {}", entry["who"], entry["target"], entry["status"]))
        .map(|line| line.replace('"', ""))
        .collect();
    let start = "plates: watched/line1";
    assert_eq!(
        told,
        [
            format!("operator {start} 202"),
            format!("operator job {id}: watch plates 200"),
            format!("viewer jobs/{id}/cancel 403"),
            format!("admin {start} 409"),
            format!("operator {start} 202"),
            "viewer inspectors/plates/watch 403".to_owned(),
        ]
    );
    // Nothing is wrong with the home.
    let report = niteru_store::check(&place.folder.path().join("home"), Default::default());
    assert!(report.unwrap().problems.is_empty());
}
