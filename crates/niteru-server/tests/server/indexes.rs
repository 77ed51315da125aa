//! Moving indexes: to places of the list only.

use niteru_store::{Home, IndexPlace};
use serde_json::json;

use crate::folders::collection;
use crate::support::{Place, options};

const MOVE: &str = "/api/collections/plates/index/move";

/// A cluster that nobody answers at.
const NOBODY: &str = "qdrant+http://127.0.0.1:1?tries=1&patience=1";

#[tokio::test]
async fn an_index_is_moved_to_places_of_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(false);
    options.clusters = vec![NOBODY.parse().unwrap()];
    let place = Place::over(folder, options);
    let here = place.here().await;
    collection(&place, "plates");
    let places = place.get(&here, "/api/index-places").await.json();
    assert_eq!(places, json!({ "places": ["local", NOBODY] }));
    let refused = [
        "",
        "LOCAL",
        "qdrant+http://127.0.0.1:2",
        "qdrant+http://127.0.0.1:1",
        "qdrant+http://user:secret@127.0.0.1:1",
        "http://127.0.0.1:1",
    ];
    for name in refused {
        let answer = place.post(&here, MOVE, json!({ "place": name })).await;
        let kind = answer.json()["error"]["kind"].clone();
        assert_eq!(
            (answer.status.as_u16(), kind),
            (404, json!("no_index_place")),
            "{name}"
        );
        assert!(!answer.text().contains("secret"), "{}", answer.text());
    }
    let log = place.get(&here, "/api/audit").await.text();
    assert!(
        !log.contains("secret"),
        "what was refused is not written down: {log}"
    );

    // Nobody answers there: the index stays where it is.
    let asked = place.post(&here, MOVE, json!({ "place": NOBODY })).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    let job = place
        .over_with(&here, asked.json()["id"].as_u64().unwrap())
        .await;
    assert_eq!(
        (&job["state"], &job["result"]["kind"]),
        (&json!("failed"), &json!("index_unavailable")),
        "{job}"
    );
    let status = place
        .get(&here, "/api/collections/plates/index")
        .await
        .json();
    assert_eq!(status["state"], "exact", "{status}");

    let asked = place.post(&here, MOVE, json!({ "place": "local" })).await;
    let job = place
        .over_with(&here, asked.json()["id"].as_u64().unwrap())
        .await;
    let report = &job["result"];
    assert_eq!(
        (
            &report["collection"],
            &report["from"],
            &report["to"],
            &report["images"]
        ),
        (
            &json!("plates"),
            &json!("local"),
            &json!("local"),
            &json!(0)
        ),
        "{job}"
    );
    let nothing = place
        .post(
            &here,
            "/api/collections/nothing/index/move",
            json!({ "place": "local" }),
        )
        .await;
    assert_eq!(nothing.status, 404, "{}", nothing.text());
    // The connection to a cluster has threads of its own, which end here.
    tokio::task::spawn_blocking(move || drop(place))
        .await
        .unwrap();
}

/// A place that was on the list when a job was written down, and is not any more.
#[tokio::test]
async fn a_place_that_is_no_more_offered_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path().join("home")).unwrap();
    assert!(NOBODY.parse::<IndexPlace>().is_ok());
    let parameters = json!({ "collection": "plates", "place": NOBODY });
    let id = home.add_job("move-index", &parameters, "test").unwrap().id;
    drop(home);
    let place = Place::over(folder, options(false));
    let here = place.here().await;
    let job = place.over_with(&here, id).await;
    assert_eq!(
        (&job["state"], &job["result"]["kind"]),
        (&json!("failed"), &json!("no_index_place")),
        "{job}"
    );
}
