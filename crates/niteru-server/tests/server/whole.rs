//! All of it with a real model: images in, found again; an inspector trained, a part judged.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Place, options, plate};

/// Gives a new home the default model; `false` where there is none to give.
pub(crate) fn give_model(folder: &Path) -> bool {
    const MODEL: &str = "models/efficientnet-lite0";
    let Some(model) = niteru_testkit::test_home(MODEL) else {
        return false;
    };
    copy(&model, &folder.join("home").join(MODEL));
    true
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => drop(std::fs::copy(from, to).unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_photos_to_a_verdict() {
    let folder = tempfile::tempdir().unwrap();
    if !give_model(folder.path()) {
        return;
    }
    let place = Place::over(folder, options(false));
    let here = place.here().await;

    let made = place
        .post(&here, "/api/collections", json!({ "name": "部品" }))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = "/api/collections/%E9%83%A8%E5%93%81";
    let files: Vec<(String, Vec<u8>)> = (0..12)
        .map(|n| (format!("{n}.png"), plate(n, false)))
        .collect();
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(n, b)| (&**n, b.clone())).collect();
    let added = place
        .upload(&here, &format!("{path}/images"), &files, None)
        .await;
    assert_eq!(added.status, 202, "{}", added.text());
    let job = place
        .over_with(&here, added.json()["job"]["id"].as_u64().unwrap())
        .await;
    assert_eq!(
        (&job["state"], &job["result"]["added"]),
        (&json!("done"), &json!(12)),
        "{job}"
    );
    // Again: nothing is there twice.
    let added = place
        .upload(&here, &format!("{path}/images"), &files, None)
        .await;
    let job = place
        .over_with(&here, added.json()["job"]["id"].as_u64().unwrap())
        .await;
    assert_eq!(job["result"]["unchanged"], 12, "{job}");

    let page = place
        .get(&here, &format!("{path}/images?limit=5"))
        .await
        .json();
    assert_eq!(page["images"].as_array().unwrap().len(), 5);
    let rest = place
        .get(&here, &format!("{path}/images?after={}", page["next"]))
        .await
        .json();
    assert_eq!(
        (rest["images"].as_array().unwrap().len(), &rest["next"]),
        (7, &Value::Null)
    );
    let id = page["images"][0]["id"].as_u64().unwrap();
    for _ in 0..2 {
        let thumbnail = place
            .get(&here, &format!("{path}/images/{id}/thumbnail"))
            .await;
        assert_eq!(
            thumbnail.header("content-type"),
            "image/jpeg",
            "{}",
            thumbnail.text()
        );
        assert!(thumbnail.body.len() <= niteru_store::THUMBNAIL_BYTES);
    }
    let sha256 = page["images"][0]["sha256"].as_str().unwrap();
    for (named, cache) in [(sha256, "immutable"), ("0", "no-store")] {
        let thumbnail = format!("{path}/images/{id}/thumbnail?sha256={named}");
        let thumbnail = place.get(&here, &thumbnail).await;
        assert!(thumbnail.header("cache-control").contains(cache), "{named}");
    }
    let picture = place
        .get(&here, &format!("{path}/images/{id}/picture"))
        .await;
    assert_eq!(picture.header("content-type"), "image/png");
    assert_eq!(
        picture.body,
        files.iter().find(|(_, b)| *b == picture.body).unwrap().1
    );
    let small = place
        .get(&here, &format!("{path}/images/{id}/picture?side=40"))
        .await;
    assert!(small.body.starts_with(b"\xFF\xD8\xFF") && small.body.len() < 4000);

    searches(&place, path, id).await;
    inspects(&place).await;
    checks(&place).await;
    another_of_the_same_name_and_version(&place).await;

    // What is looked at is what the command line says of the same home.
    let report =
        niteru_store::check(&place.folder.path().join("home"), Default::default()).unwrap();
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
    assert!(report.checked.uploads >= 12 && report.checked.jobs >= 3 && report.checked.audit >= 5);
    let removed = place.ask(&here, "DELETE", path, None).await;
    assert_eq!(removed.json()["removed"], "部品");
}

async fn searches(place: &Place, path: &str, id: u64) {
    let here = place.here().await;
    let search = format!("{path}/search");
    let found = place
        .post(&here, &search, json!({ "like": [id], "k": 3 }))
        .await
        .json();
    let results = found["results"].as_array().unwrap();
    assert_eq!(results.len(), 3, "{found}");
    assert!(
        results.iter().all(|result| result["id"] != id),
        "examples are no results"
    );
    let keys: Vec<&String> = found.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["collection", "model", "results"],
        "as the command line has it"
    );
    let upload = format!("{path}/search/upload");
    let files = [("query.png", plate(3, false))];
    let found = place
        .upload(&here, &upload, &files, Some(json!({ "k": 1 })))
        .await
        .json();
    assert!(
        found["results"][0]["similarity"].as_f64().unwrap() > 0.999,
        "{found}"
    );
    let bad = [
        json!({}),
        json!({ "like": [999] }),
        json!({ "like": [id], "filter": ["=="] }),
        json!({ "like": [id], "group_by": "nothing" }),
        json!({ "text": "a bolt" }),
        json!({ "like": [id], "crop": [0, 0, 1, 1] }),
    ];
    for body in bad {
        let answer = place.post(&here, &search, body.clone()).await;
        assert!(
            answer.status.is_client_error(),
            "{body}: {} {}",
            answer.status,
            answer.text()
        );
    }
}

async fn inspects(place: &Place) {
    let here = place.here().await;
    let training = json!({ "good": { "collection": "部品" }, "false_alarm": 0.1 });
    let job = place
        .post(&here, "/api/inspectors/plates/train", training)
        .await;
    assert_eq!(job.status, 202, "{}", job.text());
    let job = place
        .over_with(&here, job.json()["id"].as_u64().unwrap())
        .await;
    assert_eq!(
        (&job["state"], &job["result"]["good"]),
        (&json!("done"), &json!(12)),
        "{job}"
    );
    assert_eq!(job["result"]["version"], 1);
    let list = place.get(&here, "/api/inspectors").await.json();
    assert_eq!(list["inspectors"][0]["name"], "plates");

    let path = "/api/inspectors/plates/inspect";
    let query = json!({ "metadata": { "lot": "A12" } });
    let bad = place
        .upload(&here, path, &[("bad.png", plate(3, true))], Some(query))
        .await;
    assert_eq!(bad.status, 200, "{}", bad.text());
    let bad = bad.json();
    assert_eq!(bad["verdict"], "NG", "{bad}");
    let region = &bad["regions"][0];
    let middle = |at: &str, length: &str| {
        region[at].as_f64().unwrap() + region[length].as_f64().unwrap() / 2.0
    };
    assert!((50.0..100.0).contains(&middle("x", "w")), "{region}");
    let id = bad["id"].as_u64().unwrap();
    let stored = place.get(&here, &format!("/api/history/{id}")).await.json();
    assert_eq!(
        (&stored["operator"], &stored["metadata"]["lot"]),
        (&json!("local"), &json!("A12"))
    );
    assert_eq!(stored["score"], bad["score"]);
    let review = json!({ "verdict": "OK", "note": "dust" });
    let review = place
        .post(&here, &format!("/api/history/{id}/reviews"), review)
        .await;
    assert_eq!(review.status, 201, "{}", review.text());
    let ok = place.get(&here, "/api/history?verdict=OK").await.json();
    assert_eq!(ok["inspections"][0]["id"], id);
    let two = [("a.png", plate(1, false)), ("b.png", plate(2, false))];
    assert_eq!(place.upload(&here, path, &two, None).await.status, 400);
    let other = Some(json!({ "version": 7 }));
    let answer = place.upload(&here, path, &two[..1], other).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
    let kept = place
        .ask(&here, "DELETE", "/api/inspectors/plates", None)
        .await;
    assert_eq!(kept.status, 409, "{}", kept.text());
}

/// Another program removes an inspector and puts another in its place, of the same name and version.
async fn another_of_the_same_name_and_version(place: &Place) {
    let here = place.here().await;
    let path = "/api/inspectors/small%20plates/inspect";
    let part = [("part.png", plate(23, false))];
    let home = place.home();
    let file = home.inspector("small plates", None).unwrap();
    let before = file.inspector;
    home.remove_inspector("small plates", true).unwrap();
    let gone = place.upload(&here, path, &part, None).await;
    assert_eq!(gone.status, 404, "{}", gone.text());
    let new = niteru_store::NewInspector {
        model: &before.model,
        fingerprint: &before.fingerprint,
        settings: &before.settings,
        summary: &before.summary,
        bytes: &file.bytes,
    };
    let mut now = home.save_inspector("small plates", &new).unwrap();
    while now.version < before.version {
        now = home.save_inspector("small plates", &new).unwrap();
    }
    assert!(now.version == before.version && now.id != before.id);
    let found = place.upload(&here, path, &part, None).await;
    assert_eq!(found.status, 200, "{}", found.text());
    let id = found.json()["id"].as_u64().unwrap();
    let kept = place.get(&here, &format!("/api/history/{id}")).await;
    assert_eq!(kept.json()["version"], now.version, "{}", kept.text());
}

/// What is looked at before an inspector is used, and after it has decided.
async fn checks(place: &Place) {
    let here = place.here().await;
    let photos = "/api/inspectors/small%20plates/photos";
    for (shows, spot) in [("good", false), ("bad", true)] {
        let files: Vec<(String, Vec<u8>)> = (20..26)
            .map(|n| (format!("{n}.png"), plate(n, spot)))
            .collect();
        let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(n, b)| (&**n, b.clone())).collect();
        let query = Some(json!({ "shows": shows }));
        let added = place.upload(&here, photos, &files, query).await;
        assert_eq!(added.status, 201, "{}", added.text());
    }
    let collected = place.get(&here, photos).await.json();
    let hashes = |kind: &str| -> Vec<Value> {
        let photos = collected[kind].as_array().unwrap().iter();
        photos.map(|photo| photo["sha256"].clone()).collect()
    };
    let training = json!({
        "good": { "uploads": hashes("good") }, "bad": { "uploads": hashes("bad") },
        "false_alarm": 0.2,
    });
    let train = "/api/inspectors/small%20plates/train";
    let job = place.post(&here, train, training).await;
    let id = job.json()["id"].as_u64().unwrap();
    let job = place.over_with(&here, id).await;
    assert_eq!(job["state"], "done", "{job}");

    let path = "/api/inspectors/small%20plates/check";
    let check = place.get(&here, path).await.json();
    assert_eq!(check["good_scores"].as_array().unwrap().len(), 6, "{check}");
    assert_eq!(check["bad"].as_array().unwrap().len(), 6, "{check}");
    let choices = check["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 3, "{check}");
    let threshold = |at: usize| choices[at]["threshold"].as_f64().unwrap();
    assert!(threshold(0) > threshold(1) && threshold(1) > threshold(2));
    assert_eq!(choices[0]["threshold"], check["promise"]["threshold"]);
    let scores = check["bad"].as_array().unwrap().iter();
    let passed = scores.filter(|photo| {
        photo["verdict"] != "UNLIKE" && photo["score"].as_f64().unwrap() <= threshold(0)
    });
    assert_eq!(choices[0]["missed"], passed.count());
    // The good photos that a threshold stops, by their scores.
    let highest = check["highest"].as_array().unwrap().iter();
    let mut highest: Vec<Value> = highest.map(|photo| photo["score"].clone()).collect();
    highest.reverse();
    assert_eq!(json!(highest), check["good_scores"]);
    for (picture, status) in [
        ("bad/0", 200),
        ("highest/0", 200),
        ("bad/6", 404),
        ("highest/6", 404),
        ("good/0", 404),
    ] {
        let answer = place
            .get(&here, &format!("{path}/1/{picture}?side=50"))
            .await;
        assert_eq!(answer.status, status, "{picture}");
    }

    // Another threshold is another version, and nothing is learnt anew.
    let change = "/api/inspectors/small%20plates/threshold";
    let body = json!({ "false_alarm": choices[2]["false_alarm"] });
    let changed = place.post(&here, change, body).await;
    assert_eq!(changed.status, 201, "{}", changed.text());
    let changed = changed.json();
    assert_eq!(changed["version"], 2);
    assert_eq!(
        changed["summary"]["promise"]["threshold"],
        choices[2]["threshold"]
    );
    let now = place.get(&here, path).await.json();
    assert_eq!(now["good_scores"], check["good_scores"]);
    assert_eq!(now["highest"], check["highest"]);
    assert_eq!(now["promise"]["threshold"], choices[2]["threshold"]);
    for share in [0.0, 1.0, -1.0] {
        let body = json!({ "false_alarm": share });
        assert_eq!(place.post(&here, change, body).await.status, 400, "{share}");
    }

    let inspect = "/api/inspectors/small%20plates/inspect";
    let found = place
        .upload(&here, inspect, &[("bad.png", plate(22, true))], None)
        .await
        .json();
    assert_eq!(
        (&found["width"], &found["height"]),
        (&json!(160), &json!(120))
    );
    let of = format!("/api/history/{}", found["id"]);
    let mut pictures = Vec::new();
    for what in ["picture", "heat", "good"] {
        let picture = place.get(&here, &format!("{of}/{what}?side=100")).await;
        assert_eq!(
            picture.header("content-type"),
            "image/jpeg",
            "{what}: {}",
            picture.text()
        );
        pictures.push(picture.body);
    }
    assert!(pictures[0] != pictures[1] && pictures[0] != pictures[2]);
    let again = place
        .post(&here, &format!("{of}/replay"), json!({}))
        .await
        .json();
    assert_eq!(again, found);
}
