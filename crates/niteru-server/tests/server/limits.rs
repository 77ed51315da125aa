//! What one may ask for does not take what others need: slow clients, long lists, other names.

use std::time::Duration;

use axum::body::Body;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::{Answer, Client, Place, form, plate, send};
use crate::uploads::identity;

const INSPECT: &str = "/api/inspectors/plates/inspect";

/// A server that asks for a login, with a collection and an inspector whose models are not there: what gets as far as
/// them is told so (409, `model`).
async fn place() -> (Place, Client) {
    let place = Place::strict();
    let admin = place.administrator().await;
    place.home().add_collection("parts", &identity()).unwrap();
    let new = niteru_store::NewInspector {
        model: "no-such-model",
        fingerprint: "f00d",
        settings: &json!({}),
        summary: &json!({}),
        bytes: b"bytes",
    };
    place.home().save_inspector("plates", &new).unwrap();
    (place, admin)
}

/// Sends the beginning of a file, and then nothing.
fn stall(place: &Place, client: &Client, path: &str) -> tokio::task::JoinHandle<Answer> {
    let (kind, body) = form(&[("slow.png", plate(1, false))], None);
    let begun = stream::iter([Ok::<_, std::io::Error>(body[..body.len() / 2].to_vec())]);
    let request = client
        .request(&place.host(), "POST", path)
        .header("content-type", kind)
        .body(Body::from_stream(begun.chain(stream::pending())))
        .unwrap();
    tokio::spawn(send(place.server.router(), request))
}

async fn statuses(all: Vec<tokio::task::JoinHandle<Answer>>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for one in all {
        statuses.push(one.await.unwrap().status.as_u16());
    }
    statuses.sort_unstable();
    statuses
}

/// Time goes on only while all wait for it, so that a busy computer is no slower than the limits allow.
#[tokio::test(start_paused = true)]
async fn slow_uploads_hold_up_their_own_kind_only_and_not_for_long() {
    let (place, admin) = place().await;
    let viewer = place.user(&admin, "viewer").await;
    let operator = place.user(&admin, "operator").await;
    let search = "/api/collections/parts/search/upload";
    let looks: Vec<_> = (0..7).map(|_| stall(&place, &viewer, search)).collect();
    let large: Vec<_> = (0..3)
        .map(|_| stall(&place, &admin, "/api/backups/upload"))
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let file = [("part.png", plate(2, false))];
    let inspected = place.upload(&operator, INSPECT, &file, None).await;
    assert_eq!(
        (inspected.status.as_u16(), &*inspected.code()),
        (409, "model"),
        "the line goes on: {}",
        inspected.text()
    );
    let images = "/api/collections/parts/images";
    let added = place.upload(&admin, images, &file, None).await;
    assert_eq!(added.status, 202, "{}", added.text());

    // The last of each was told to come again; the others are let go of when nothing comes for long.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let waited = place.upload(&viewer, search, &file, None).await;
    assert_eq!(waited.status, 409, "it waits: {}", waited.text());
    assert_eq!(statuses(looks).await, [408, 408, 408, 408, 408, 408, 503]);
    assert_eq!(statuses(large).await, [408, 408, 503]);
}

fn kind(answer: &Answer) -> (u16, Value) {
    let kind = answer.json()["error"]["kind"].clone();
    (answer.status.as_u16(), kind)
}

#[tokio::test]
async fn a_search_takes_so_many_examples_and_conditions() {
    let (place, admin) = place().await;
    let ids = |count: u64| (1..=count).collect::<Vec<_>>();
    let twice: Vec<u64> = ids(100).into_iter().chain(ids(100)).collect();
    let conditions = vec!["lot=1"; 30];
    let too_many = |what: &str| (400, json!(format!("too_many_{what}")));
    let no_image = (404, json!("no_image"));
    let table = [
        (json!({ "like": ids(200) }), no_image.clone()),
        (json!({ "like": twice, "unlike": ids(100) }), no_image),
        (json!({ "like": ids(201) }), too_many("examples")),
        (
            json!({ "like": ids(150), "unlike": ids(51) }),
            too_many("examples"),
        ),
        (
            json!({ "like": [], "filter": conditions, "not": conditions }),
            too_many("conditions"),
        ),
    ];
    let path = "/api/collections/parts/search";
    let upload = format!("{path}/upload");
    for (body, expected) in table {
        let answer = place.post(&admin, path, body.clone()).await;
        assert_eq!(kind(&answer), expected, "{}", answer.text());
        let file = [("query.png", plate(1, false))];
        let answer = place.upload(&admin, &upload, &file, Some(body)).await;
        assert_eq!(kind(&answer), expected, "{}", answer.text());
    }
    let wide = format!("path{}\n", ",x".repeat(1000));
    let preview = "/api/collections/parts/metadata/preview";
    let file = [("wide.csv", wide.into_bytes())];
    let answer = place.upload(&admin, preview, &file, None).await;
    assert_eq!(kind(&answer), (400, json!("metadata_file")));
    assert!(answer.text().contains("1001 columns"), "{}", answer.text());
}

#[tokio::test]
async fn operators_inspect_under_their_own_name_and_now() {
    let (place, admin) = place().await;
    let operator = place.user(&admin, "operator").await;
    let engineer = place.user(&admin, "engineer").await;
    let new = json!({ "label": "line", "role": "operator" });
    let made = place.post(&operator, "/api/tokens", new).await.json();
    let robot = Client {
        token: made["secret"].as_str().map(str::to_owned),
        ..Client::default()
    };
    let refused = (403, json!("not_as_another"));
    let passed = (409, json!("model_unknown"));
    let time = json!({ "time": "2026-01-05T08:00" });
    let table = [
        (&operator, json!({}), &passed),
        (&operator, json!({ "operator": "operator" }), &passed),
        (&operator, json!({ "operator": "Sato" }), &refused),
        (&operator, time.clone(), &refused),
        (&robot, json!({ "operator": "Sato" }), &refused),
        (&robot, time.clone(), &refused),
        (&engineer, json!({ "operator": "Sato" }), &passed),
        (&engineer, time, &passed),
    ];
    for (client, query, expected) in table {
        let file = [("part.png", plate(1, false))];
        let answer = place
            .upload(client, INSPECT, &file, Some(query.clone()))
            .await;
        assert_eq!(kind(&answer), *expected, "{query}: {}", answer.text());
    }
    // Watches note decisions, too.
    let watch = "/api/inspectors/parts/watch";
    let no_folder = (404, json!("no_folder"));
    for (client, who, expected) in [
        (&operator, "Sato", &refused),
        (&operator, "operator", &no_folder),
        (&engineer, "Sato", &no_folder),
    ] {
        let body = json!({ "folder": "nowhere", "operator": who });
        let answer = place.post(client, watch, body).await;
        assert_eq!(kind(&answer), *expected, "{who}: {}", answer.text());
    }
}
