//! Folders of the server into collections: which ones, once, and kept in step; images that have vanished.

use std::path::Path;
use std::time::{Duration, Instant};

use niteru_store::EncoderIdentity;
use serde_json::{Value, json};

use crate::support::{Answer, Client, PATIENCE, Place, options, plate};
use crate::whole::give_model;

const FOLDER: &str = "/api/collections/plates/folder";
const WATCHES: &str = "/api/collections/plates/watches";
const IMAGES: &str = "/api/collections/plates/images";

/// A collection without a model.
pub(crate) fn collection(place: &Place, name: &str) {
    let identity = EncoderIdentity {
        model: "none".into(),
        fingerprint: "f00d".into(),
        dimensions: 4,
        precision: "f32".into(),
        exact_decode: false,
        framing: "centre".into(),
    };
    place.home().add_collection(name, &identity).unwrap();
}

fn kind(answer: &Answer) -> (u16, Value) {
    (
        answer.status.as_u16(),
        answer.json()["error"]["kind"].clone(),
    )
}

#[tokio::test]
async fn only_folders_of_the_list_are_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let camera = folder.path().join("camera");
    std::fs::create_dir(&camera).unwrap();
    std::fs::create_dir(folder.path().join("secret")).unwrap();
    let mut options = options(false);
    options.folders = vec![camera.clone(), folder.path().join("away")];
    let place = Place::over(folder, options);
    let here = place.here().await;
    collection(&place, "plates");
    place.get(&here, "/api/watched-folders").await;
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.folder.path(), place.home().watched().join("link")).unwrap();
    let shown = |path: &Path| path.to_str().unwrap().to_owned();
    let secret = shown(&place.folder.path().join("secret"));
    let refused = [
        "",
        ".",
        "..",
        "watched/..",
        "watched/link",
        "watched/link/secret",
        "camera/..",
        "/etc",
        &secret,
        &shown(&camera),
    ];
    for name in refused {
        for watch in [false, true] {
            let body = json!({ "folder": name, "watch": watch });
            let answer = place.post(&here, FOLDER, body).await;
            assert_eq!(kind(&answer), (404, json!("no_folder")), "{name}");
        }
    }
    let table = [
        (json!({}), 400),
        (json!({ "folder": "camera", "settle": 5 }), 400),
        (json!({ "folder": "camera", "poll": 5 }), 400),
        (
            json!({ "folder": "camera", "watch": true, "settle": 1.9 }),
            400,
        ),
        (
            json!({ "folder": "camera", "watch": true, "settle": 1e300 }),
            400,
        ),
        (
            json!({ "folder": "camera", "watch": true, "poll": 0.5 }),
            400,
        ),
        (
            json!({ "folder": "camera", "watch": true, "poll": -5 }),
            400,
        ),
    ];
    for (body, status) in table {
        let answer = place.post(&here, FOLDER, body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
    let nothing = "/api/collections/nothing";
    let answer = place
        .post(
            &here,
            &format!("{nothing}/folder"),
            json!({ "folder": "camera" }),
        )
        .await;
    assert_eq!(kind(&answer), (404, json!("no_collection")));
    let answer = place.get(&here, &format!("{nothing}/watches")).await;
    assert_eq!(kind(&answer), (404, json!("no_collection")));

    // One that is away now, and a model that is: both end the job, which says why.
    for (folder, expected) in [("away", "folder_unreachable"), ("camera", "model_unknown")] {
        let job = place.post(&here, FOLDER, json!({ "folder": folder })).await;
        assert_eq!(job.status, 202, "{}", job.text());
        let job = place
            .over_with(&here, job.json()["id"].as_u64().unwrap())
            .await;
        assert_eq!(
            (&job["state"], &job["result"]["kind"]),
            (&json!("failed"), &json!(expected)),
            "{job}"
        );
    }
}

/// A folder that was on the list when a job was written down, and is not any more.
#[tokio::test]
async fn a_folder_that_is_no_more_offered_is_not_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let camera = folder.path().join("camera");
    std::fs::create_dir(&camera).unwrap();
    let home = niteru_store::Home::open(folder.path().join("home")).unwrap();
    let parameters = json!({
        "collection": "plates", "folder": "camera", "path": camera.to_str().unwrap(),
    });
    let jobs = ["add-folder", "add-watch"].map(|kind| {
        let job = home.add_job(kind, &parameters, "test").unwrap();
        home.start_next_job(&[kind]).unwrap().unwrap();
        job.id
    });
    drop(home);
    let place = Place::over(folder, options(false));
    let here = place.here().await;
    for id in jobs {
        // Both are begun again, and find that out.
        let job = place.over_with(&here, id).await;
        assert_eq!(
            (&job["state"], &job["result"]["kind"]),
            (&json!("failed"), &json!("no_folder")),
            "{job}"
        );
    }
}

/// A server with a model and a collection over a camera's folder.
async fn with_model(folders: &[&str]) -> Option<(Place, Client)> {
    let folder = tempfile::tempdir().unwrap();
    if !give_model(folder.path()) {
        return None;
    }
    let mut options = options(true);
    options.folders = folders
        .iter()
        .map(|name| folder.path().join(name))
        .collect();
    for folder in &options.folders {
        std::fs::create_dir(folder).unwrap();
    }
    let place = Place::over(folder, options);
    let admin = place.administrator().await;
    let made = place
        .post(&admin, "/api/collections", json!({ "name": "plates" }))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    Some((place, admin))
}

async fn done(place: &Place, client: &Client, body: Value) -> Value {
    let job = place.post(client, FOLDER, body).await;
    assert_eq!(job.status, 202, "{}", job.text());
    let job = place
        .over_with(client, job.json()["id"].as_u64().unwrap())
        .await;
    assert_eq!(job["state"], "done", "{job}");
    job["result"].clone()
}

/// The names of a collection's images.
async fn images(place: &Place, client: &Client, query: &str) -> Vec<String> {
    let list = place.get(client, &format!("{IMAGES}{query}")).await;
    let list = list.json();
    let images = list["images"]
        .as_array()
        .unwrap_or_else(|| panic!("{list}"))
        .iter();
    let name = |image: &Value| {
        let path = Path::new(image["path"].as_str().unwrap());
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    let mut names: Vec<String> = images.map(name).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_added_without_what_links_lead_to() {
    let Some((place, admin)) = with_model(&["camera"]).await else {
        return;
    };
    let engineer = place.user(&admin, "engineer").await;
    let operator = place.user(&admin, "operator").await;
    let camera = place.folder.path().join("camera");
    let outside = place.folder.path().join("outside");
    std::fs::create_dir_all(camera.join("day 1")).unwrap();
    std::fs::create_dir(&outside).unwrap();
    let write = |path: &Path, number: u32| std::fs::write(path, plate(number, false)).unwrap();
    write(&camera.join("a.png"), 1);
    write(&camera.join("day 1/b.png"), 40);
    std::fs::write(camera.join("broken.png"), b"no picture").unwrap();
    write(&outside.join("secret.png"), 80);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&outside, camera.join("way")).unwrap();
        std::os::unix::fs::symlink(outside.join("secret.png"), camera.join("c.png")).unwrap();
    }

    let body = json!({ "folder": "camera" });
    let refused = place.post(&operator, FOLDER, body.clone()).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let report = done(&place, &engineer, body.clone()).await;
    assert_eq!(
        (&report["added"], &report["collection"]),
        (&json!(2), &json!("plates")),
        "{report}"
    );
    let skipped = &report["skipped"];
    assert_eq!(skipped.as_array().unwrap().len(), 1, "{skipped}");
    assert_eq!(skipped[0]["kind"], "not_an_image", "{skipped}");
    assert_eq!(images(&place, &engineer, "").await, ["a.png", "b.png"]);

    // Again nothing is there twice; what is gone is missing, and can be listed.
    std::fs::remove_file(camera.join("a.png")).unwrap();
    write(&camera.join("same.png"), 40);
    let body = json!({ "folder": "camera", "skip_duplicates": true });
    let report = done(&place, &engineer, body).await;
    let counts = [&report["added"], &report["unchanged"]];
    assert_eq!(counts, [&json!(0), &json!(1)], "{report}");
    assert_eq!(
        report["duplicates"].as_array().unwrap().len(),
        1,
        "{report}"
    );
    assert_eq!(report["missing"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(images(&place, &operator, "?missing=true").await, ["a.png"]);
    assert_eq!(images(&place, &operator, "?missing=false").await.len(), 2);
    for wrong in ["?missing=maybe", "?missing=true&filter=lot%20exists"] {
        let answer = place.get(&operator, &format!("{IMAGES}{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }

    // A file that becomes another, or a link, is not shown as the image that it was.
    let list = place.get(&operator, IMAGES).await.json();
    let b = list["images"].as_array().unwrap().iter();
    let b = b
        .clone()
        .find(|image| image["path"].as_str().unwrap().ends_with("b.png"));
    let picture = format!("{IMAGES}/{}/picture", b.unwrap()["id"]);
    assert_eq!(place.get(&operator, &picture).await.status, 200);
    write(&camera.join("day 1/b.png"), 41);
    let changed = place.get(&operator, &picture).await;
    assert_eq!(kind(&changed), (410, json!("changed")));

    let log = place.get(&admin, "/api/audit").await.json();
    let entries = log["entries"].as_array().unwrap().iter();
    let told: Vec<String> = entries
        .filter(|entry| entry["action"] == "images.folder")
        .map(|entry| format!("{} {} {}", entry["who"], entry["target"], entry["status"]))
        .map(|line| line.replace('"', ""))
        .collect();
    assert_eq!(
        told,
        [
            "engineer plates: camera 202",
            "engineer plates: camera 202",
            "operator collections/plates/folder 403",
        ]
    );
}

/// Waits until something holds of what the collection's only watch tells.
async fn until(
    place: &Place,
    client: &Client,
    what: &str,
    holds: impl Fn(&Value) -> bool,
) -> Value {
    let mut last = Value::Null;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        last = place.get(client, WATCHES).await.json()["watches"][0].clone();
        if holds(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what} did not come: {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_is_kept_in_step_also_after_a_restart() {
    let Some((place, admin)) = with_model(&["camera"]).await else {
        return;
    };
    let camera = place.folder.path().join("camera");
    let write = |name: &str, number: u32| {
        std::fs::write(camera.join(name), plate(number, false)).unwrap();
    };
    write("before.png", 1);
    let body = json!({ "folder": "camera", "watch": true, "settle": 2 });
    let job = place.post(&admin, FOLDER, body.clone()).await;
    assert_eq!(job.status, 202, "{}", job.text());
    let id = job.json()["id"].as_u64().unwrap();
    let again = place.post(&admin, FOLDER, body.clone()).await;
    assert_eq!(kind(&again), (409, json!("folder_followed")));
    let state = until(&place, &admin, "the first look", |watch| {
        watch["watching"] == true
    })
    .await;
    assert_eq!(
        (&state["job"], &state["by"], &state["folder"]),
        (&json!(id), &json!("admin"), &json!("camera"))
    );
    until(&place, &admin, "the first", |watch| watch["added"] == 1).await;
    write("later.png", 40);
    std::fs::write(camera.join("notes.png"), b"no picture").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/", camera.join("way")).unwrap();
    let state = until(&place, &admin, "the second", |watch| {
        watch["added"] == 2 && watch["skipped"] == 1
    });
    assert_eq!(state.await["last_skipped"][0]["name"], "notes.png");
    let job = place.get(&admin, &format!("/api/jobs/{id}")).await.json();
    assert_eq!(
        (&job["state"], &job["message"]),
        (&json!("running"), &json!("watching"))
    );

    // The server ends; meanwhile one comes and one goes.
    let Place { server, folder } = place;
    server.stopper().stop();
    tokio::task::spawn_blocking(move || server.run().unwrap())
        .await
        .unwrap();
    write("meanwhile.png", 80);
    std::fs::remove_file(camera.join("before.png")).unwrap();
    let mut options = options(true);
    options.folders = vec![camera.clone()];
    let place = Place::over(folder, options);
    let state = until(&place, &admin, "the third", |watch| {
        watch["added"] == 1 && watch["missing"] == 1
    });
    assert_eq!(state.await["job"], id, "it goes on by itself");
    assert_eq!(
        images(&place, &admin, "").await,
        ["before.png", "later.png", "meanwhile.png"]
    );
    assert_eq!(
        images(&place, &admin, "?missing=true").await,
        ["before.png"]
    );

    let cancel = format!("/api/jobs/{id}/cancel");
    assert_eq!(place.post(&admin, &cancel, json!({})).await.status, 200);
    assert_eq!(place.over_with(&admin, id).await["state"], "cancelled");
    assert_eq!(
        place.get(&admin, WATCHES).await.json()["watches"],
        json!([])
    );
    let report = niteru_store::check(&place.folder.path().join("home"), Default::default());
    assert!(report.unwrap().problems.is_empty());
}

/// One whose folder is away waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_away_is_waited_for() {
    let Some((place, admin)) = with_model(&["camera"]).await else {
        return;
    };
    let camera = place.folder.path().join("camera");
    std::fs::remove_dir(&camera).unwrap();
    let body = json!({ "folder": "camera", "watch": true, "poll": 1 });
    let job = place.post(&admin, FOLDER, body).await;
    assert_eq!(job.status, 202, "{}", job.text());
    until(&place, &admin, "the reason", |watch| {
        watch["unreachable"].is_string()
    })
    .await;
    std::fs::create_dir(&camera).unwrap();
    std::fs::write(camera.join("a.png"), plate(1, false)).unwrap();
    let state = until(&place, &admin, "the photo", |watch| watch["added"] == 1).await;
    assert_eq!(state["unreachable"], Value::Null, "{state}");
    let cancel = format!("/api/jobs/{}/cancel", job.json()["id"]);
    assert_eq!(place.post(&admin, &cancel, json!({})).await.status, 200);
}
