//! API tokens.

use axum::http::StatusCode;
use serde_json::json;

use crate::login::rusqlite;
use crate::support::{Client, Place};

fn with_token(secret: &str) -> Client {
    Client {
        token: Some(secret.to_owned()),
        ..Client::default()
    }
}

#[tokio::test]
async fn tokens_do_what_their_role_and_their_owner_may() {
    let place = Place::strict();
    let admin = place.administrator().await;
    let engineer = place.user(&admin, "engineer").await;
    let body = json!({ "label": "line 1", "role": "operator", "days": 30 });
    let made = place.post(&engineer, "/api/tokens", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = made.json();
    let secret = made["secret"].as_str().unwrap();
    let robot = with_token(secret);
    let me = place.get(&robot, "/api/me").await.json();
    assert_eq!(
        (&me["role"], &me["csrf"]),
        (&json!("operator"), &json!(null))
    );

    // Only its hash is kept, and lists do not have it.
    let bytes = std::fs::read(place.folder.path().join("home/niteru.sqlite3")).unwrap();
    let log =
        std::fs::read(place.folder.path().join("home/niteru.sqlite3-wal")).unwrap_or_default();
    for file in [bytes, log] {
        assert!(
            !file
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
        );
    }
    assert!(
        !place
            .get(&engineer, "/api/tokens")
            .await
            .text()
            .contains(secret)
    );

    // More than oneself, for ever and a day, without a name, from a token: no.
    let table = [
        (
            &engineer,
            json!({ "label": "x", "role": "administrator" }),
            403,
        ),
        (
            &engineer,
            json!({ "label": "x", "role": "viewer", "days": 0 }),
            400,
        ),
        (&engineer, json!({ "label": " ", "role": "viewer" }), 400),
        (&robot, json!({ "label": "x", "role": "viewer" }), 403),
    ];
    for (client, body, status) in table {
        let answer = place.post(client, "/api/tokens", body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }

    // Its owner's role bounds it.
    let database = rusqlite(&place);
    let role = async || place.get(&robot, "/api/me").await.json()["role"].clone();
    database
        .execute(
            "UPDATE users SET role = 'viewer' WHERE name = 'engineer'",
            [],
        )
        .unwrap();
    assert_eq!(role().await, "viewer");
    // It ends: by time, with its owner, and when it is taken back. None of these is then local or anybody.
    let status = async || place.get(&robot, "/api/me").await.status;
    database
        .execute("UPDATE api_tokens SET expires = 1", [])
        .unwrap();
    assert_eq!(status().await, StatusCode::UNAUTHORIZED);
    database
        .execute("UPDATE api_tokens SET expires = NULL", [])
        .unwrap();
    assert_eq!(status().await, StatusCode::OK);
    database
        .execute("UPDATE users SET disabled = 1 WHERE name = 'engineer'", [])
        .unwrap();
    assert_eq!(status().await, StatusCode::UNAUTHORIZED);
    database
        .execute("UPDATE users SET disabled = 0", [])
        .unwrap();
    let path = format!("/api/tokens/{}", made["id"]);
    assert_eq!(
        place.ask(&admin, "DELETE", &path, None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(status().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_administrators_token_is_no_way_to_users() {
    let place = Place::strict();
    let admin = place.administrator().await;
    place.user(&admin, "viewer").await;
    let new = json!({ "label": "script", "role": "administrator", "days": 1 });
    let made = place.post(&admin, "/api/tokens", new).await.json();
    let script = with_token(made["secret"].as_str().unwrap());
    let users = place.get(&script, "/api/users").await;
    assert_eq!(users.status, StatusCode::OK, "{}", users.text());
    let before = users.json();
    let users = before["users"].as_array().unwrap();
    let viewer = users.iter().find(|user| user["name"] == "viewer").unwrap();
    let path = format!("/api/users/{}", viewer["id"]);
    let user = json!({ "name": "mine", "password": "correct horse", "role": "administrator" });
    let table = [
        ("POST", "/api/users", Some(user)),
        ("PATCH", &path, Some(json!({ "role": "administrator" }))),
        ("PATCH", &path, Some(json!({ "password": "correct horse" }))),
        ("DELETE", &path, None),
    ];
    for (method, path, body) in table {
        let answer = place.ask(&script, method, path, body).await;
        assert_eq!(answer.status, 403, "{method}: {}", answer.text());
        assert_eq!(answer.json()["error"]["kind"], "not_by_token");
    }
    assert_eq!(place.get(&admin, "/api/users").await.json(), before);
}

#[tokio::test]
async fn others_tokens_are_not_seen_or_taken() {
    let place = Place::strict();
    let admin = place.administrator().await;
    let (one, other) = (
        place.user(&admin, "viewer").await,
        place.user(&admin, "operator").await,
    );
    let body = json!({ "label": "mine", "role": "viewer" });
    let made = place.post(&one, "/api/tokens", body).await.json();
    assert_eq!(
        place.get(&other, "/api/tokens").await.json()["tokens"],
        json!([])
    );
    let path = format!("/api/tokens/{}", made["id"]);
    assert_eq!(
        place.ask(&other, "DELETE", &path, None).await.status,
        StatusCode::NOT_FOUND
    );
    let all = place.get(&admin, "/api/tokens").await.json();
    assert_eq!(all["tokens"][0]["owner"], "viewer");
}

#[tokio::test]
async fn a_wrong_token_is_not_local() {
    let place = Place::local();
    for header in ["Bearer wrong", "Bearer", "Basic YTpi", "wrong"] {
        let request = Client::default().request(&place.host(), "GET", "/api/collections");
        let request = request.header("authorization", header);
        let answer = place
            .send(request.body(axum::body::Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{header}");
    }
}
