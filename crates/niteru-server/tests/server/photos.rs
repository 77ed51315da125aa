//! Photos that are collected for an inspector.

use serde_json::{Value, json};

use crate::support::{Place, plate};

const PHOTOS: &str = "/api/inspectors/%E3%81%AD%E3%81%98/photos";

fn names(photos: &Value) -> Vec<&str> {
    let photos = photos.as_array().unwrap().iter();
    photos
        .map(|photo| photo["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn photos_stay_until_they_are_taken_out() {
    let place = Place::local();
    let here = place.here().await;
    let send = async |shows: &str, files: &[(&str, Vec<u8>)]| {
        let query = Some(json!({ "shows": shows }));
        place.upload(&here, PHOTOS, files, query).await
    };
    let good = [
        ("b.png", plate(1, false)),
        ("a.png", plate(2, false)),
        ("no.png", b"no picture".to_vec()),
    ];
    let sent = send("good", &good).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let sent = sent.json();
    assert_eq!(
        (names(&sent["added"]), names(&sent["refused"])),
        (vec!["b.png", "a.png"], vec!["no.png"])
    );
    assert_eq!(sent["moved"], 0);
    send("bad", &[("c.png", plate(3, true))]).await;
    // What is sent as the other kind is of that kind from then on, which is told; and back again.
    for (shows, moved) in [("bad", 1), ("bad", 0), ("good", 1)] {
        let sent = send(shows, &[("b.png", plate(1, false))]).await.json();
        assert_eq!(sent["moved"], moved, "{shows}");
    }
    send("area", &[("old.png", plate(4, false))]).await;
    send("area", &[("area.png", plate(5, false))]).await;

    let photos = place.get(&here, PHOTOS).await.json();
    assert_eq!(names(&photos["good"]), ["b.png", "a.png"], "in their order");
    assert_eq!(names(&photos["bad"]), ["c.png"]);
    assert_eq!(photos["area"]["name"], "area.png", "the last one counts");
    let list = place.get(&here, "/api/inspectors").await.json();
    assert_eq!(
        list["collecting"],
        json!([{ "name": "ねじ", "good": 2, "bad": 1 }])
    );

    let first = photos["good"][0]["sha256"].as_str().unwrap();
    let picture = |sha256: &str| format!("{PHOTOS}/{sha256}/picture?side=40");
    let shown = place.get(&here, &picture(first)).await;
    assert_eq!(
        shown.header("content-type"),
        "image/jpeg",
        "{}",
        shown.text()
    );
    assert!(shown.header("cache-control").contains("immutable"));
    for other in ["0", "..%2F..%2Fniteru.db", &"0".repeat(64)] {
        assert_eq!(
            place.get(&here, &picture(other)).await.status,
            404,
            "{other}"
        );
    }

    // What was called good is called bad: it is there once.
    send("bad", &good[..1]).await;
    let photos = place.get(&here, PHOTOS).await.json();
    assert_eq!(names(&photos["good"]), ["a.png"]);
    assert_eq!(photos["bad"].as_array().unwrap().len(), 2);

    let remove = format!("{PHOTOS}/remove");
    let one = json!({ "sha256": [first] });
    for removed in [1, 0] {
        let answer = place.post(&here, &remove, one.clone()).await.json();
        assert_eq!(answer["removed"], removed);
    }
    let answer = place.post(&here, &remove, json!({})).await.json();
    assert_eq!(answer["removed"], 3, "all that are left");
    let list = place.get(&here, "/api/inspectors").await.json();
    assert_eq!(list["collecting"], json!([]));
}

#[tokio::test]
async fn photos_that_say_nothing_are_refused() {
    let place = Place::local();
    let here = place.here().await;
    let photo = [("a.png", plate(1, false))];
    let two = [("a.png", plate(1, false)), ("b.png", plate(2, false))];
    let table = [
        ("no word of what they show", PHOTOS, &photo[..], None),
        (
            "another word",
            PHOTOS,
            &photo,
            Some(json!({ "shows": "maybe" })),
        ),
        ("two areas", PHOTOS, &two, Some(json!({ "shows": "area" }))),
        (
            "a name that none has",
            "/api/inspectors/a%01b/photos",
            &photo,
            Some(json!({ "shows": "good" })),
        ),
    ];
    for (name, path, files, query) in table {
        let answer = place.upload(&here, path, files, query).await;
        assert!(
            answer.status.is_client_error(),
            "{name}: {} {}",
            answer.status,
            answer.text()
        );
    }
}
