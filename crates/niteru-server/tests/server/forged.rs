//! Requests that another site's page makes a browser send.

use axum::body::Body;
use axum::http::header;
use serde_json::json;

use crate::support::{Client, PASSWORD, Place};

#[tokio::test]
async fn names_that_lead_here_are_not_answered() {
    let place = Place::local();
    let port = place.server.address().port();
    let table = [
        (format!("127.0.0.1:{port}"), true),
        (format!("localhost:{port}"), true),
        (format!("LOCALHOST:{port}"), true),
        (format!("[::1]:{port}"), true),
        ("127.0.0.1".into(), false),
        (format!("evil.example:{port}"), false),
        (format!("127.0.0.1.evil.example:{port}"), false),
        (format!("localhost:{}", port.wrapping_add(1)), false),
        (String::new(), false),
    ];
    let mut wrong = Vec::new();
    for (host, right) in table {
        for path in ["/api/me", "/", "/api/collections"] {
            let request = Client::default().request(&host, "GET", path);
            let answer = place.send(request.body(Body::empty()).unwrap()).await;
            if (answer.status == 200) != right {
                wrong.push(format!("{host} {path}: {}", answer.status));
            }
        }
    }
    // Two of them: which one counts is for attackers to choose.
    let request = Client::default().request(&place.host(), "GET", "/api/me");
    let request = request.header(header::HOST, "evil.example");
    let answer = place.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 421);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn behind_a_proxy_nobody_is_local() {
    let place = Place::local();
    for name in [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "x-forwarded-host",
    ] {
        let request = Client::default().request(&place.host(), "GET", "/api/me");
        let request = request.header(name, "192.0.2.1");
        let answer = place.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 421, "{name}");
        assert!(answer.text().contains("--login"), "{}", answer.text());
    }
}

/// Headers of a request that changes something, and whether it is let in.
#[tokio::test]
async fn changes_come_from_our_page_or_from_programs() {
    let place = Place::strict();
    let admin = place.administrator().await;
    let made = json!({ "label": "robot", "role": "administrator" });
    let made = place.post(&admin, "/api/tokens", made).await.json();
    let robot = Client {
        token: made["secret"].as_str().map(str::to_owned),
        ..Client::default()
    };
    let own = format!("http://{}", place.host());
    let without = Client {
        csrf: None,
        ..admin.clone()
    };
    let other = Client {
        csrf: Some("guessed".into()),
        ..admin.clone()
    };
    let none: &[(&str, &str)] = &[];
    type Case<'a> = (&'a str, &'a Client, &'a [(&'a str, &'a str)], bool);
    let table: [Case<'_>; 11] = [
        (
            "our page",
            &admin,
            &[("origin", &own), ("sec-fetch-site", "same-origin")],
            true,
        ),
        ("an old browser", &admin, none, true),
        ("no header", &without, none, false),
        (
            "no header, own origin",
            &without,
            &[("origin", &own)],
            false,
        ),
        ("another header", &other, none, false),
        (
            "another origin",
            &admin,
            &[("origin", "http://evil.example")],
            false,
        ),
        (
            "no origin that is told",
            &admin,
            &[("origin", "null")],
            false,
        ),
        (
            "another port",
            &admin,
            &[("origin", "http://127.0.0.1:1")],
            false,
        ),
        (
            "another site",
            &admin,
            &[("sec-fetch-site", "cross-site")],
            false,
        ),
        ("a program", &robot, none, true),
        (
            "a program's token on another page",
            &robot,
            &[("origin", "http://evil.example")],
            false,
        ),
    ];
    let mut wrong = Vec::new();
    for (name, client, headers, right) in table {
        let mut request = client.request(&place.host(), "POST", "/api/check");
        request = request.header(header::CONTENT_TYPE, "application/json");
        for (header, value) in headers {
            request = request.header(*header, *value);
        }
        let answer = place.send(request.body("{}".into()).unwrap()).await;
        let expected = if right { 202 } else { 403 };
        if answer.status != expected {
            wrong.push(format!("{name}: {} {}", answer.status, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let jobs = place.get(&admin, "/api/jobs").await.json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 3, "{jobs}");
}

#[tokio::test]
async fn a_form_cannot_send_json() {
    let place = Place::local();
    let here = place.here().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let request = here.request(&place.host(), "POST", "/api/users");
        let request = request.header(header::CONTENT_TYPE, kind);
        let body = json!({ "name": "x", "password": PASSWORD, "role": "viewer" }).to_string();
        let answer = place.send(request.body(body.into()).unwrap()).await;
        assert_eq!(answer.status, 415, "{kind}");
    }
}
