//! Changes of jobs as they come.

use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{Client, PATIENCE, Place};

/// A stream of events.
struct Events(Body);

impl Events {
    async fn open(place: &Place, client: &Client, path: &str) -> Events {
        let request = client
            .request(&place.host(), "GET", path)
            .body(Body::empty())
            .unwrap();
        let response = place.server.router().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events(response.into_body())
    }

    /// The next event; `None`: the stream has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        let frame = tokio::time::timeout(PATIENCE, self.0.frame());
        let frame = frame.await.expect("an event in time")?.unwrap();
        let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
        let field = |name: &str| {
            let mut lines = text.lines();
            lines
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        Some((
            field("event:"),
            serde_json::from_str(&field("data:")).unwrap(),
        ))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_told_how_all_stands_and_then_what_changes() {
    let place = Place::local();
    let here = place.here().await;
    let first = place
        .home()
        .add_job("unknown", &json!({}), "test")
        .unwrap()
        .id;
    let second = place
        .home()
        .add_job("unknown", &json!({}), "test")
        .unwrap()
        .id;
    let mut all = Events::open(&place, &here, "/api/jobs/events").await;
    let (name, data) = all.next().await.unwrap();
    assert_eq!(name, "snapshot");
    let ids: Vec<u64> = data["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|j| j["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [second, first]);

    let mut one = Events::open(&place, &here, &format!("/api/jobs/{second}/events")).await;
    let (_, data) = one.next().await.unwrap();
    assert_eq!(data["jobs"].as_array().unwrap().len(), 1);
    for id in [first, second] {
        place
            .post(&here, &format!("/api/jobs/{id}/cancel"), json!({}))
            .await;
    }
    for id in [first, second] {
        let (name, job) = all.next().await.unwrap();
        assert_eq!(
            (&*name, &job["id"], &job["state"]),
            ("job", &json!(id), &json!("cancelled"))
        );
    }
    let (_, job) = one.next().await.unwrap();
    assert_eq!(job["id"], second, "only its own");
    // Whoever comes again is told how all stands, whatever it says it knows.
    let mut again = Events::open(&place, &here, "/api/jobs/events").await;
    let (name, data) = again.next().await.unwrap();
    assert_eq!(
        (&*name, &data["jobs"][0]["state"]),
        ("snapshot", &json!("cancelled"))
    );
    // The server's end ends streams; else it would wait for them.
    place.server.stopper().stop();
    assert!(all.next().await.is_none());
    assert!(one.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_is_told_however_much_came_after_it() {
    let place = Place::local();
    let here = place.here().await;
    let home = place.home();
    let add = || home.add_job("unknown", &json!({}), "test").unwrap().id;
    let lasting = [add(), add()];
    let mut short = Vec::new();
    for _ in 0..60 {
        let id = add();
        home.end_job(id, niteru_store::JobState::Cancelled, None, None)
            .unwrap();
        short.push(id);
    }
    let waiting = add();
    let mut all = Events::open(&place, &here, "/api/jobs/events").await;
    let (_, data) = all.next().await.unwrap();
    let jobs = data["jobs"].as_array().unwrap().iter();
    let ids: Vec<u64> = jobs.map(|job| job["id"].as_u64().unwrap()).collect();
    let newest = short.iter().rev().take(49).copied();
    let expected: Vec<u64> = [waiting]
        .into_iter()
        .chain(newest)
        .chain([lasting[1], lasting[0]])
        .collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn who_may_not_see_jobs_hears_nothing() {
    let place = Place::strict();
    let path = "/api/jobs/events";
    assert_eq!(place.get(&Client::default(), path).await.status, 401);
    let admin = place.administrator().await;
    assert_eq!(place.get(&admin, "/api/jobs/999/events").await.status, 404);
}
