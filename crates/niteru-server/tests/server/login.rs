//! Logging in: the first administrator, lock-out, sessions that end.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{Client, PASSWORD, Place, options};

#[tokio::test]
async fn the_code_makes_one_administrator() {
    let place = Place::strict();
    let nobody = Client::default();
    assert_eq!(place.get(&nobody, "/api/me").await.json()["setup"], true);
    let code = place.server.setup_code().unwrap();
    let asked =
        |code: &str, password: &str| json!({ "code": code, "name": "佐藤", "password": password });
    let wrong = place
        .post(
            &nobody,
            "/api/setup",
            asked("AAAA-AAAA-AAAA-AAAA", PASSWORD),
        )
        .await;
    assert_eq!((wrong.status.as_u16(), &*wrong.code()), (403, "wrong_code"));
    let short = place
        .post(&nobody, "/api/setup", asked(&code, "short"))
        .await;
    assert_eq!(short.status, StatusCode::BAD_REQUEST);
    assert!(place.server.setup_code().is_some(), "still good");
    // As people type it.
    let made = place
        .post(
            &nobody,
            "/api/setup",
            asked(&format!(" {} ", code.to_lowercase()), PASSWORD),
        )
        .await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    let cookie = made.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    assert!(
        !cookie.contains("Secure"),
        "without TLS the browser would drop it: {cookie}"
    );
    let again = place
        .post(&nobody, "/api/setup", asked(&code, PASSWORD))
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(place.server.setup_code().is_none());
    assert!(place.login("佐藤", PASSWORD).await.is_ok());
    // The next start asks for none.
    let Place { server, folder } = place;
    drop(server);
    let place = Place::over(folder, options(true));
    assert!(place.server.setup_code().is_none());
}

#[tokio::test]
async fn wrong_passwords_lock_a_user_out() {
    let place = Place::strict();
    let admin = place.administrator().await;
    place.user(&admin, "operator").await;
    for attempt in 1..=5 {
        let answer = place
            .login("operator", "wrong password")
            .await
            .err()
            .unwrap();
        let expected = if attempt < 5 { 401 } else { 429 };
        assert_eq!(
            answer.status,
            expected,
            "attempt {attempt}: {}",
            answer.text()
        );
    }
    // The right one is not even looked at.
    let locked = place.login("operator", PASSWORD).await.err().unwrap();
    assert_eq!((locked.status.as_u16(), &*locked.code()), (429, "locked"));
    assert!(locked.header("retry-after").parse::<u32>().unwrap() > 800);
    // Nobody learns whether there is such a user.
    let answer = place.login("nobody", "wrong password").await.err().unwrap();
    assert_eq!(
        (answer.status.as_u16(), &*answer.code()),
        (401, "wrong_login")
    );
    // Somebody else is not locked out, and a new password lets the user in again.
    let admin = place.login("admin", PASSWORD).await.ok().unwrap();
    let users = place.get(&admin, "/api/users").await.json();
    let user = users["users"]
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["name"] == "operator");
    let path = format!("/api/users/{}", user.unwrap()["id"]);
    let body = Some(json!({ "password": "another password" }));
    let changed = place.ask(&admin, "PATCH", &path, body).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    assert!(place.login("OPERATOR", "another password").await.is_ok());
}

#[tokio::test]
async fn tries_beside_each_other_are_counted_too() {
    let place = Place::strict();
    let admin = place.administrator().await;
    place.user(&admin, "operator").await;
    let guesses = (0..12).map(|_| place.login("operator", "wrong password"));
    let answers = futures_util::future::join_all(guesses).await;
    let looked_at = answers.iter().filter(|answer| {
        let answer = answer.as_ref().err().unwrap();
        answer.code() == "wrong_login"
    });
    assert_eq!(
        looked_at.count(),
        4,
        "the fifth locks, the others are not looked at"
    );
    assert!(place.login("operator", PASSWORD).await.is_err());
}

#[tokio::test]
async fn sessions_end() {
    let place = Place::strict();
    let admin = place.administrator().await;
    let allowed =
        async |client: &Client| place.get(client, "/api/jobs").await.status == StatusCode::OK;

    // By logging out.
    let operator = place.user(&admin, "operator").await;
    assert!(allowed(&operator).await);
    let out = place.post(&operator, "/api/logout", json!({})).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert!(!allowed(&operator).await);

    // By time, by lying unused, and with the user.
    let database = rusqlite(&place);
    let table = [
        "UPDATE sessions SET expires = 1",
        "UPDATE sessions SET seen = 1",
        "UPDATE users SET disabled = 1 WHERE name = 'operator'",
    ];
    for sql in table {
        let operator = place.login("operator", PASSWORD).await.ok().unwrap();
        assert!(allowed(&operator).await, "{sql}");
        database.execute(sql, []).unwrap();
        assert!(!allowed(&operator).await, "{sql}");
    }
    let answer = place.login("operator", PASSWORD).await.err().unwrap();
    assert_eq!(
        answer.code(),
        "wrong_login",
        "who is kept out is not told so"
    );
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_before() {
    let place = Place::strict();
    let admin = place.administrator().await;
    let viewer = place.user(&admin, "viewer").await;
    let second = place.login("viewer", PASSWORD).await.ok().unwrap();
    let wrong = json!({ "old": "wrong password", "new": "another password" });
    let wrong = place.post(&viewer, "/api/me/password", wrong).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let body = json!({ "old": PASSWORD, "new": "another password" });
    let changed = place.post(&viewer, "/api/me/password", body).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    assert_eq!(
        place.get(&second, "/api/jobs").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert!(place.login("viewer", "another password").await.is_ok());
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let place = Place::strict();
    let admin = place.administrator().await;
    let users = place.get(&admin, "/api/users").await.json();
    let path = format!("/api/users/{}", users["users"][0]["id"]);
    for body in [json!({ "role": "viewer" }), json!({ "disabled": true })] {
        let answer = place.ask(&admin, "PATCH", &path, Some(body)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text());
    }
    let answer = place.ask(&admin, "DELETE", &path, None).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text());
}

/// The home's database, opened beside the server.
pub(crate) fn rusqlite(place: &Place) -> rusqlite::Connection {
    rusqlite::Connection::open(place.folder.path().join("home/niteru.sqlite3")).unwrap()
}
