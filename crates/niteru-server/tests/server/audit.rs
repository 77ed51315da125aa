//! The audit log.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::login::rusqlite;
use crate::support::{Client, PASSWORD, PATIENCE, Place};

#[tokio::test]
async fn it_says_who_did_what_and_who_tried() {
    let place = Place::strict();
    let admin = place.administrator().await;
    let viewer = place.user(&admin, "viewer").await;
    let _ = place.login("viewer", "wrong password").await;
    place
        .post(&viewer, "/api/collections", json!({ "name": "x" }))
        .await;
    // Nobody's attempts fill it, and reading is none of its business.
    place
        .post(
            &Client::default(),
            "/api/collections",
            json!({ "name": "x" }),
        )
        .await;
    place.get(&viewer, "/api/collections").await;
    let entries = place.get(&admin, "/api/audit").await.json();
    let told: Vec<(&str, &str, &str, u64)> = entries["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap();
            (
                text("who"),
                text("action"),
                text("target"),
                entry["status"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("viewer", "collection.add", "collections", 403),
            ("-", "login", "viewer", 401),
            ("-", "login", "viewer", 200),
            ("admin", "user.add", "viewer as viewer", 201),
            ("-", "setup", "admin", 200),
        ]
    );
    let text = entries.to_string();
    assert!(
        !text.contains(PASSWORD) && !text.contains("wrong password"),
        "{text}"
    );
    let check = place.get(&admin, "/api/audit/check").await.json();
    assert_eq!(
        (&check["entries"], &check["problem"]),
        (&json!(5), &Value::Null)
    );
    assert_eq!(check["hash"], entries["entries"][0]["hash"]);
}

#[tokio::test]
async fn who_hangs_up_is_written_down_too() {
    let place = Place::strict();
    let admin = place.administrator().await;
    let user = json!({ "name": "hasty", "password": PASSWORD, "role": "viewer" });
    // The password is hashed by then, which takes a while; nobody waits for the answer any more.
    let asked = place.post(&admin, "/api/users", user);
    let answer = tokio::time::timeout(Duration::from_millis(1), asked).await;
    assert!(answer.is_err(), "answered at once");
    let mut last = Value::Null;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let entries = place.get(&admin, "/api/audit").await.json();
        last = entries["entries"][0].clone();
        if last["action"] == "user.add" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let told = [&last["action"], &last["target"], &last["status"]];
    assert_eq!(
        told,
        [&json!("user.add"), &json!("hasty as viewer"), &json!(201)]
    );
    assert!(place.login("hasty", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn tampering_is_noticed() {
    let table = [
        ("UPDATE audit SET who = 'somebody' WHERE id = 2", "entry 2"),
        ("UPDATE audit SET time = time + 1 WHERE id = 1", "entry 1"),
        ("UPDATE audit SET status = 200 WHERE id = 3", "entry 3"),
        ("DELETE FROM audit WHERE id = 2", "entry 2"),
        ("DELETE FROM audit WHERE id = 3", "entry 3"),
        ("DELETE FROM audit", "entry 3"),
        ("UPDATE audit SET id = 9 WHERE id = 3", "entry 3"),
        (
            "INSERT INTO audit SELECT 4, time, who, address, action, target, status, hash FROM audit WHERE id = 3",
            "entry 4",
        ),
    ];
    for (sql, expected) in table {
        let place = Place::local();
        let here = place.here().await;
        for name in ["a", "b", "c"] {
            place
                .ask(&here, "DELETE", &format!("/api/collections/{name}"), None)
                .await;
        }
        rusqlite(&place).execute(sql, []).unwrap();
        let check = place.get(&here, "/api/audit/check").await.json();
        let problem = check["problem"].as_str().unwrap_or("none");
        assert!(problem.contains(expected), "{sql}: {problem}");
        let report = niteru_store::check(&place.folder.path().join("home"), Default::default());
        assert_eq!(report.unwrap().problems.len(), 1, "{sql}");
    }
}

#[tokio::test]
async fn exports_are_whole() {
    let place = Place::local();
    let here = place.here().await;
    for name in ["=cmd", "部品", "c,\"d"] {
        let body = json!({ "name": name, "password": PASSWORD, "role": "viewer" });
        assert_eq!(place.post(&here, "/api/users", body).await.status, 201);
    }
    let csv = place.get(&here, "/api/audit/export?format=csv").await;
    assert!(
        csv.header("content-disposition")
            .contains("niteru-audit.csv")
    );
    let csv = csv.text();
    assert!(csv.starts_with("\u{FEFF}id,time,who"), "{csv}");
    assert_eq!(csv.lines().count(), 4);
    assert!(csv.contains("'=cmd"), "a spreadsheet would run it: {csv}");
    let lines = place
        .get(&here, "/api/audit/export?format=jsonl")
        .await
        .text();
    let entries: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[1]["target"], "部品 as viewer");
    let answer = place.get(&here, "/api/audit/export?format=pdf").await;
    assert_eq!(answer.status, 400);
}
