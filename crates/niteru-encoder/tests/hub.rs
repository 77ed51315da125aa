//! Fetching from a hub, against one on loopback: as it should be, and every way it breaks.

#![allow(clippy::unwrap_used)]

mod support;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use niteru_encoder::{FetchError, FetchEvent, Hub, HubFile, Watch};
use serde_json::{Value, json};
use support::{COMMIT, FakeHub, Reply, Request, sha256};

/// Fetches `file` of `owner/name` at `main` into a new folder; returns what came and the bytes.
fn fetch(hub: &Hub, limit: u64) -> (Result<HubFile, FetchError>, Option<Vec<u8>>) {
    fetch_and_tell(hub, limit, &Watch::silent())
}

/// The same, and tells what happens.
fn fetch_and_tell(
    hub: &Hub,
    limit: u64,
    watch: &Watch<'_>,
) -> (Result<HubFile, FetchError>, Option<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let fetched = hub
        .revision("owner/name", "main", folder.path(), watch)
        .and_then(|revision| revision.fetch("file", limit, watch));
    let bytes = std::fs::read(folder.path().join("file")).ok();
    assert_eq!(
        fetched.is_ok(),
        bytes.is_some(),
        "a file must be there exactly if it was fetched"
    );
    (fetched, bytes)
}

fn content() -> Vec<u8> {
    (0..100_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

#[test]
fn no_server_at_all_fails_at_once() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let hub = Hub::new(&format!("http://127.0.0.1:{port}"));
    let notes = RefCell::new(Vec::new());
    let note = |event: FetchEvent<'_>| notes.borrow_mut().push(format!("{event:?}"));
    let watch = Watch::new(&note, &|| false);
    let (fetched, _) = fetch_and_tell(&hub, 1000, &watch);
    let error = fetched.unwrap_err().to_string();
    assert!(
        error.contains(&port.to_string()) && error.contains("HF_ENDPOINT"),
        "{error}"
    );
    let again = notes.borrow().iter().any(|note| note.contains("again"));
    assert!(!again, "each time after a pause: {notes:?}");
    let (fetched, _) = fetch(&Hub::new("not an address"), 1000);
    assert!(
        matches!(fetched, Err(FetchError::Network { .. })),
        "{fetched:?}"
    );
}

/// Answers that end well: what is served, and how many requests that takes.
#[test]
fn survives_what_networks_do() {
    type Answer = fn(&Request) -> Option<Reply>;
    let full = |request: &Request| Some(Reply::file(request, &content()));
    let rows: Vec<(&str, Value, Answer, usize)> = vec![
        ("plain", Value::Null, full, 1),
        (
            "without a length",
            Value::Null,
            |_| {
                Some({
                    let mut reply = Reply::new(200);
                    reply.body = content();
                    reply
                })
            },
            1,
        ),
        (
            "cut off, then continued",
            Value::Null,
            |request| {
                let reply = Reply::file(request, &content());
                Some(if request.number == 0 {
                    reply.cut(30_000)
                } else {
                    reply
                })
            },
            2,
        ),
        (
            "cut off three times",
            Value::Null,
            |request| {
                let reply = Reply::file(request, &content());
                Some(if request.number < 3 {
                    reply.cut(20_000)
                } else {
                    reply
                })
            },
            4,
        ),
        (
            "cut off, and the range is ignored",
            Value::Null,
            |request| {
                let reply = Reply::new(200).body(&content());
                Some(if request.number == 0 {
                    reply.cut(30_000)
                } else {
                    reply
                })
            },
            2,
        ),
        (
            "hangs up first",
            Value::Null,
            |request| (request.number > 0).then(|| Reply::file(request, &content())),
            2,
        ),
        (
            "overloaded first",
            Value::Null,
            |request| {
                Some(match request.number {
                    0 => Reply::new(503).body(b"later"),
                    1 => Reply::new(429).body(b"later"),
                    _ => Reply::file(request, &content()),
                })
            },
            3,
        ),
        (
            "redirect to another path",
            Value::Null,
            |request| {
                Some(match request.path.as_str() {
                    "/owner/name/resolve/0123456789abcdef0123456789abcdef01234567/file" => {
                        Reply::new(307)
                            .header("location", "/store/1?key=a")
                            .body(b"")
                    }
                    "/store/1?key=a" => Reply::file(request, &content()),
                    _ => Reply::new(404),
                })
            },
            2,
        ),
        (
            "redirect and cut off",
            Value::Null,
            |request| {
                Some(match request.path.as_str() {
                    "/owner/name/resolve/0123456789abcdef0123456789abcdef01234567/file" => {
                        Reply::new(302).header("location", "/store").body(b"")
                    }
                    _ if request.number == 1 => Reply::file(request, &content()).cut(10),
                    _ => Reply::file(request, &content()),
                })
            },
            4,
        ),
        (
            "announced sha256",
            json!({"size": 100_000, "lfs": {"size": 100_000, "sha256": sha256(&content())}}),
            full,
            1,
        ),
    ];
    let mut failures = Vec::new();
    for (name, about, answer, requests) in rows {
        let hub = FakeHub::with_file(about, answer);
        let (fetched, bytes) = fetch(&hub.client(), 200_000);
        match fetched {
            Ok(file) if bytes.as_ref() == Some(&content()) && file.sha256 == sha256(&content()) => {
            }
            other => failures.push(format!(
                "{name}: {other:?}, {:?} bytes",
                bytes.map(|b| b.len())
            )),
        }
        if hub.requests().len() != requests {
            failures.push(format!(
                "{name}: {} requests, expected {requests}",
                hub.requests().len()
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A server that falls silent in the middle: what is missing is asked for anew.
#[test]
fn what_falls_silent_is_continued() {
    let hub = FakeHub::with_file(Value::Null, |request| {
        let mut reply = Reply::file(request, &content());
        reply.silent = request.number == 0;
        Some(reply)
    });
    // It waits so long for the rest.
    let hasty = Hub::new(&hub.endpoint).with_patience(Duration::from_secs(5), Duration::ZERO);
    let (fetched, bytes) = fetch(&hasty, 200_000);
    assert_eq!(fetched.unwrap().sha256, sha256(&content()));
    assert!(bytes == Some(content()));
    // On a busy computer it may take more than one more; none asks for what has come.
    let requests = hub.requests();
    let ranges = requests.iter().map(|own| own.headers.contains_key("range"));
    let ranges: Vec<bool> = ranges.collect();
    assert!(ranges.len() > 1 && !ranges[0], "{requests:?}");
    assert!(ranges[1..].iter().all(|range| *range), "{requests:?}");
}

/// Answers that must end in an error that says why; no file is left (see `fetch`).
#[test]
fn refuses_what_is_wrong() {
    type Answer = fn(&Request) -> Option<Reply>;
    let full = |request: &Request| Some(Reply::file(request, &content()));
    let rows: Vec<(&str, Value, Answer, &str)> = vec![
        (
            "not there",
            Value::Null,
            |_| Some(Reply::new(404).body(b"no")),
            "no file in owner/name at revision main",
        ),
        (
            "forbidden",
            Value::Null,
            |_| Some(Reply::new(403).body(b"no")),
            "HF_TOKEN",
        ),
        (
            "unauthorized",
            Value::Null,
            |_| Some(Reply::new(401).body(b"no")),
            "status 401",
        ),
        (
            "teapot",
            Value::Null,
            |_| Some(Reply::new(418).body(b"no")),
            "418",
        ),
        (
            "always overloaded",
            Value::Null,
            |_| Some(Reply::new(503).body(b"no")),
            "503",
        ),
        (
            "always hangs up",
            Value::Null,
            |_| None,
            "connection closed",
        ),
        (
            "never sends the end",
            Value::Null,
            |_| Some(Reply::new(200).body(&content()).cut(1000)),
            "cannot fetch",
        ),
        (
            "too large",
            Value::Null,
            |request| Some(Reply::file(request, &[0; 300_000])),
            "larger than the limit of 200000",
        ),
        (
            "too large, without a length",
            Value::Null,
            |_| {
                Some({
                    let mut reply = Reply::new(200);
                    reply.body = vec![0; 300_000];
                    reply
                })
            },
            "larger than the limit of 200000",
        ),
        (
            "announced as huge",
            json!({"size": 99_999_999_999_999_u64}),
            |_| None,
            "larger than",
        ),
        (
            "not the announced content",
            json!({"lfs": {"size": 100_000, "sha256": "0".repeat(64)}}),
            full,
            "tampered",
        ),
        (
            "shorter than announced",
            json!({"size": 100_001}),
            full,
            "of 100001 bytes",
        ),
        (
            "longer than announced",
            json!({"size": 99_999}),
            full,
            "instead of 99999",
        ),
        (
            "cut off, and there is no more",
            Value::Null,
            |request| {
                Some(match request.number {
                    0 => Reply::file(request, &content()).cut(1000),
                    _ => Reply::new(416).body(b"no"),
                })
            },
            "of 100000 bytes",
        ),
        (
            "no part at all",
            Value::Null,
            |_| Some(Reply::new(416).body(b"no")),
            "answered 416",
        ),
        (
            "redirect without an address",
            Value::Null,
            |_| Some(Reply::new(302).body(b"")),
            "answered 302",
        ),
        (
            "redirect to a file",
            Value::Null,
            |_| {
                Some(
                    Reply::new(302)
                        .header("location", "file:///etc/passwd")
                        .body(b""),
                )
            },
            "cannot fetch",
        ),
        (
            "redirect without a scheme",
            Value::Null,
            |_| {
                Some(
                    Reply::new(302)
                        .header("location", "//127.0.0.1/x")
                        .body(b""),
                )
            },
            "cannot fetch",
        ),
        (
            "redirect in a circle",
            Value::Null,
            |_| {
                Some(
                    Reply::new(302)
                        .header(
                            "location",
                            "/owner/name/resolve/0123456789abcdef0123456789abcdef01234567/file",
                        )
                        .body(b""),
                )
            },
            "too many redirects",
        ),
        (
            "continues elsewhere",
            Value::Null,
            |request| {
                Some(match request.number {
                    0 => Reply::file(request, &content()).cut(1000),
                    _ => Reply::new(206)
                        .header("content-range", "bytes 5-9/10")
                        .body(b"12345"),
                })
            },
            "another part",
        ),
    ];
    let mut failures = Vec::new();
    for (name, about, answer, message) in rows {
        let hub = FakeHub::with_file(about, answer);
        match fetch(&hub.client(), 200_000).0 {
            Err(error) if error.to_string().contains(message) => (),
            other => failures.push(format!("{name}: {other:?}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A hub's description of a revision is hostile until checked: no part of it becomes a path.
#[test]
fn odd_descriptions_are_refused() {
    let file = json!([{"rfilename": "file"}]);
    let lfs = json!([{"rfilename": "file", "lfs": {"size": 1, "sha256": "../../x"}}]);
    let rows = [
        ("no commit", json!({"siblings": file}), "sha"),
        (
            "a path",
            json!({"sha": "../../../etc", "siblings": file}),
            "not a commit",
        ),
        (
            "short",
            json!({"sha": "0123", "siblings": file}),
            "not a commit",
        ),
        ("no files", json!({"sha": COMMIT}), "siblings"),
        (
            "a sha256 that is a path",
            json!({"sha": COMMIT, "siblings": lfs}),
            "not a sha256",
        ),
        ("a list", json!([1, 2]), "not a description"),
        (
            "without the file",
            json!({"sha": COMMIT, "siblings": []}),
            "no file in owner/name",
        ),
        ("endless", json!(" ".repeat(9 << 20)), "limit of 8388608"),
    ];
    let mut failures = Vec::new();
    for (name, description, message) in rows {
        let hub = FakeHub::with_repositories(
            move |_| Some(description.clone()),
            |request| Some(Reply::file(request, b"content")),
        );
        match fetch(&hub.client(), 1000).0 {
            Err(error) if error.to_string().contains(message) => (),
            other => failures.push(format!("{name}: {other:?}")),
        }
        if !hub.requests().is_empty() {
            failures.push(format!("{name}: something was fetched"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Only plain names that the hub lists are fetched, whatever it lists.
#[test]
fn names_that_are_paths_are_not_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let names = ["../file", "/file", "a/file", "..", "."];
    let siblings: Vec<_> = names
        .iter()
        .map(|name| json!({"rfilename": name}))
        .collect();
    let description = json!({"sha": COMMIT, "siblings": siblings});
    let hub = FakeHub::with_repositories(
        move |_| Some(description.clone()),
        |request| Some(Reply::file(request, b"content")),
    );
    let quiet = Watch::silent();
    let revision = hub
        .client()
        .revision("owner/name", "main", &inside, &quiet)
        .unwrap();
    for name in names {
        let fetched = revision.fetch(name, 1000, &quiet);
        assert!(
            matches!(fetched, Err(FetchError::NotFound { .. })),
            "{name}: {fetched:?}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 0);
}

/// A server that accepts connections and never says a word.
#[test]
fn a_hanging_server_ends_in_an_error_or_with_the_callers_patience() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let short = (Duration::from_millis(100), Duration::from_millis(1));
    let hub = Hub::new(&address).with_patience(short.0, short.1);
    let error = fetch(&hub, 1000).0.unwrap_err().to_string();
    assert!(error.contains("no answer for 0.1 s"), "{error}");

    // Cancelled in the middle of a long wait.
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let over = || start.elapsed() > Duration::from_millis(200);
    let watch = Watch::new(&|_| (), &over);
    let patient = Hub::new(&address).with_patience(Duration::from_secs(60), Duration::ZERO);
    let error = patient
        .revision("owner/name", "main", folder.path(), &watch)
        .err()
        .unwrap();
    assert!(matches!(error, FetchError::Cancelled), "{error}");
    // Half of that patience.
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn the_token_goes_to_the_hub_only() {
    let store = FakeHub::start(|request| Some(Reply::file(request, b"content")));
    let target = format!("{}/store", store.endpoint);
    let hub = FakeHub::with_file(Value::Null, move |request| {
        Some(match request.path.as_str() {
            "/moved" => Reply::new(302).header("location", &target).body(b""),
            _ => Reply::new(307).header("location", "/moved").body(b""),
        })
    });
    let client = hub.client().with_token(Some("secret".to_string()));
    assert!(!format!("{client:?}").contains("secret"));
    assert!(fetch(&client, 1000).0.is_ok());
    let sent = |hub: &FakeHub| -> Vec<Option<String>> {
        hub.requests()
            .iter()
            .map(|request| request.headers.get("authorization").cloned())
            .collect()
    };
    assert_eq!(
        sent(&hub),
        [
            Some("Bearer secret".to_string()),
            Some("Bearer secret".to_string())
        ]
    );
    assert_eq!(sent(&store), [None]);
}
