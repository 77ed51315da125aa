//! Fetching from a hub, against one on loopback: as it should be, and every way it breaks.

#![allow(clippy::unwrap_used)]

mod support;

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use niteru_encoder::{
    FetchError, FetchEvent, Hub, HubFile, ModelCache, ModelError, ModelState, Network, Pip, Pulled,
    Watch,
};
use support::{COMMIT, FakeHub, Reply, Request, clip_files, sha256};

const CLIP: &str = "openai/clip-vit-base-patch32";

fn network(hub: &FakeHub) -> Network {
    Network {
        hub: hub.client(),
        pip: Pip {
            pythons: vec![],
            ..Pip::default()
        },
    }
}

/// Fetches `file` of `owner/name` at `main` into a new folder; returns what came and the bytes.
fn fetch(hub: &Hub, limit: u64) -> (Result<HubFile, FetchError>, Option<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file");
    let fetched = hub.fetch("owner/name", "main", "file", &to, limit, &Watch::silent());
    let bytes = std::fs::read(&to).ok();
    assert_eq!(
        fetched.is_ok(),
        bytes.is_some(),
        "a file must be there exactly if it was fetched"
    );
    (fetched, bytes)
}

/// Nothing but the lock file may be in the cache.
fn assert_empty(root: &Path) {
    let left: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter().all(|name| name == ".lock"),
        "left behind: {left:?}"
    );
}

fn content() -> Vec<u8> {
    (0..100_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

#[test]
fn pulls_a_clip_model() {
    let hub = FakeHub::with_clip(CLIP, "refs/pr/15");
    let root = tempfile::tempdir().unwrap();
    let cache = ModelCache::new(root.path().join("models"));
    let pulled = cache
        .pull("clip-vit-b-32", &network(&hub), &Watch::silent())
        .unwrap();
    assert!(matches!(pulled, Pulled::Installed(_)));
    let files = pulled.files();
    assert_eq!(files.weights.file_name().unwrap(), "model.safetensors");
    for (name, bytes) in clip_files() {
        assert_eq!(
            std::fs::read(files.directory.join(name)).unwrap(),
            bytes,
            "{name}"
        );
    }
    assert_eq!(files.weights_sha256, sha256(&clip_files()[3].1));
    let ModelState::Installed(manifest) = cache.status("clip-vit-b-32").unwrap().state else {
        panic!("not installed")
    };
    assert_eq!(manifest.revision.as_deref(), Some(COMMIT));
    assert_eq!(manifest.licence.as_deref(), Some("MIT"));
    cache.verify("clip-vit-b-32", &Watch::silent()).unwrap();

    // Pulled again, nothing is fetched.
    let before = hub.requests().len();
    let again = cache
        .pull("clip-vit-b-32", &network(&hub), &Watch::silent())
        .unwrap();
    assert!(matches!(again, Pulled::AlreadyThere(_)));
    assert_eq!(hub.requests().len(), before);
}

#[test]
fn takes_the_other_kind_of_weights_where_the_first_is_missing() {
    let hub = FakeHub::start(|request| {
        let file = request
            .path
            .strip_prefix("/openai/clip-vit-base-patch32/resolve/main/")?;
        let file = if file == "pytorch_model.bin" {
            "model.safetensors"
        } else {
            file
        };
        let found = clip_files().into_iter().find(|(name, _)| *name == file);
        Some(found.map_or(Reply::new(404), |(_, bytes)| Reply::file(request, &bytes)))
    });
    // The first place answers 404 only if the server says so; hanging up is not "not found".
    let root = tempfile::tempdir().unwrap();
    let cache = ModelCache::new(root.path());
    let error = cache
        .pull("clip-vit-b-32", &network(&hub), &Watch::silent())
        .unwrap_err();
    assert!(matches!(error, ModelError::Files { .. }), "{error}");
    assert_empty(root.path());

    let hub = FakeHub::start(|request| {
        let Some(file) = request
            .path
            .strip_prefix("/openai/clip-vit-base-patch32/resolve/main/")
        else {
            return Some(Reply::new(404));
        };
        let file = if file == "pytorch_model.bin" {
            "model.safetensors"
        } else {
            file
        };
        let found = clip_files().into_iter().find(|(name, _)| *name == file);
        Some(found.map_or(Reply::new(404), |(_, bytes)| Reply::file(request, &bytes)))
    });
    let notes = RefCell::new(Vec::new());
    let tell = |event: FetchEvent<'_>| {
        if let FetchEvent::Note(note) = event {
            notes.borrow_mut().push(note.to_string());
        }
    };
    let pulled = cache
        .pull(
            "clip-vit-b-32",
            &network(&hub),
            &Watch::new(&tell, &|| false),
        )
        .unwrap();
    assert_eq!(
        pulled.files().weights.file_name().unwrap(),
        "pytorch_model.bin"
    );
    let notes = notes.into_inner();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("pytorch_model.bin at main")),
        "{notes:?}"
    );
}

#[test]
fn a_repository_that_is_not_there_is_named_with_the_way_out() {
    let hub = FakeHub::with_clip("somebody/else", "main");
    let root = tempfile::tempdir().unwrap();
    let cache = ModelCache::new(root.path());
    let error = cache
        .pull("clip-vit-b-32", &network(&hub), &Watch::silent())
        .unwrap_err()
        .to_string();
    for part in [
        "clip-vit-b-32",
        CLIP,
        "config.json",
        "main",
        "niteru models import clip-vit-b-32 FOLDER",
    ] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    assert_empty(root.path());
    assert!(matches!(
        cache.open("clip-vit-b-32"),
        Err(ModelError::NotInstalled { .. })
    ));
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
    let start = Instant::now();
    let (fetched, _) = fetch(&hub, 1000);
    let error = fetched.unwrap_err().to_string();
    assert!(
        error.contains(&port.to_string()) && error.contains("HF_ENDPOINT"),
        "{error}"
    );
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
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
    let rows: Vec<(&str, Answer, usize)> = vec![
        ("plain", full, 1),
        (
            "without a length",
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
            |request| (request.number > 0).then(|| Reply::file(request, &content())),
            2,
        ),
        (
            "overloaded first",
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
            "stalls, then continued",
            |request| {
                let mut reply = Reply::file(request, &content());
                reply.stall = (request.number == 0).then_some(Duration::from_secs(3));
                Some(reply)
            },
            2,
        ),
        (
            "redirect to another path",
            |request| {
                Some(match request.path.as_str() {
                    "/owner/name/resolve/main/file" => Reply::new(307)
                        .header("location", "/store/1?key=a")
                        .body(b""),
                    "/store/1?key=a" => Reply::file(request, &content()),
                    _ => Reply::new(404),
                })
            },
            2,
        ),
        (
            "redirect and cut off",
            |request| {
                Some(match request.path.as_str() {
                    "/owner/name/resolve/main/file" => {
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
            |request| {
                let hash = sha256(&content());
                Some(
                    Reply::file(request, &content())
                        .header("x-linked-etag", &format!("\"{hash}\"")),
                )
            },
            1,
        ),
    ];
    let mut failures = Vec::new();
    for (name, answer, requests) in rows {
        let hub = FakeHub::start(answer);
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

/// Answers that must end in an error that says why; no file is left (see `fetch`).
#[test]
fn refuses_what_is_wrong() {
    type Answer = fn(&Request) -> Option<Reply>;
    let rows: Vec<(&str, Answer, &str)> = vec![
        (
            "not there",
            |_| Some(Reply::new(404).body(b"no")),
            "no file in owner/name at revision main",
        ),
        (
            "forbidden",
            |_| Some(Reply::new(403).body(b"no")),
            "HF_TOKEN",
        ),
        (
            "unauthorized",
            |_| Some(Reply::new(401).body(b"no")),
            "status 401",
        ),
        ("teapot", |_| Some(Reply::new(418).body(b"no")), "418"),
        (
            "always overloaded",
            |_| Some(Reply::new(503).body(b"no")),
            "503",
        ),
        ("always hangs up", |_| None, "owner/name/resolve/main/file"),
        (
            "never sends the end",
            |_| Some(Reply::new(200).body(&content()).cut(1000)),
            "cannot fetch",
        ),
        (
            "too large",
            |request| Some(Reply::file(request, &[0; 300_000])),
            "larger than the limit of 200000",
        ),
        (
            "too large, without a length",
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
            |request| Some(Reply::file(request, b"x").header("x-linked-size", "99999999999999")),
            "larger than",
        ),
        (
            "not the announced content",
            |request| {
                Some(Reply::file(request, &content()).header("x-linked-etag", &"0".repeat(64)))
            },
            "tampered",
        ),
        (
            "shorter than announced",
            |request| Some(Reply::file(request, &content()).header("x-linked-size", "100001")),
            "of 100001 bytes",
        ),
        (
            "longer than announced",
            |request| Some(Reply::file(request, &content()).header("x-linked-size", "99999")),
            "instead of 99999",
        ),
        (
            "redirect without an address",
            |_| Some(Reply::new(302).body(b"")),
            "nowhere",
        ),
        (
            "redirect to a file",
            |_| {
                Some(
                    Reply::new(302)
                        .header("location", "file:///etc/passwd")
                        .body(b""),
                )
            },
            "not allowed",
        ),
        (
            "redirect without a scheme",
            |_| {
                Some(
                    Reply::new(302)
                        .header("location", "//127.0.0.1/x")
                        .body(b""),
                )
            },
            "not allowed",
        ),
        (
            "redirect in a circle",
            |_| {
                Some(
                    Reply::new(302)
                        .header("location", "/owner/name/resolve/main/file")
                        .body(b""),
                )
            },
            "too often",
        ),
        (
            "continues elsewhere",
            |request| {
                Some(match request.number {
                    0 => Reply::file(request, &content()).cut(1000),
                    _ => Reply::new(206)
                        .header("content-range", "bytes 5-9/10")
                        .body(b"12345"),
                })
            },
            "206",
        ),
    ];
    let mut failures = Vec::new();
    for (name, answer, message) in rows {
        let hub = FakeHub::start(answer);
        match fetch(&hub.client(), 200_000).0 {
            Err(error) if error.to_string().contains(message) => (),
            other => failures.push(format!("{name}: {other:?}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_token_goes_to_the_hub_only() {
    let store = FakeHub::start(|request| Some(Reply::file(request, b"content")));
    let target = format!("{}/store", store.endpoint);
    let hub = FakeHub::start(move |request| {
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

#[test]
fn a_tampered_repair_is_refused_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let cache = ModelCache::new(root.path());
    let hub = FakeHub::with_clip(CLIP, "refs/pr/15");
    let files = cache
        .pull("clip-vit-b-32", &network(&hub), &Watch::silent())
        .unwrap()
        .files()
        .clone();

    // One byte of the weights changes on the disk: the size does not.
    let mut bytes = std::fs::read(&files.weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&files.weights, &bytes).unwrap();
    cache.open("clip-vit-b-32").unwrap();
    let error = cache
        .verify("clip-vit-b-32", &Watch::silent())
        .unwrap_err()
        .to_string();
    for part in [
        "clip-vit-b-32",
        "model.safetensors",
        "sha256",
        "niteru models pull clip-vit-b-32",
    ] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }

    // A hub that now has other weights is not believed.
    let served = bytes.clone();
    let other = FakeHub::start(move |request| {
        let file = request.path.rsplit('/').next()?;
        let (name, bytes) = clip_files().into_iter().find(|(name, _)| *name == file)?;
        Some(Reply::file(
            request,
            if name == "model.safetensors" {
                &served
            } else {
                &bytes
            },
        ))
    });
    let error = cache
        .pull("clip-vit-b-32", &network(&other), &Watch::silent())
        .unwrap_err();
    assert!(matches!(error, ModelError::Changed { .. }), "{error}");
    assert_eq!(std::fs::read(&files.weights).unwrap(), bytes);

    // The true one repairs it.
    let pulled = cache
        .pull("clip-vit-b-32", &network(&hub), &Watch::silent())
        .unwrap();
    assert!(matches!(pulled, Pulled::Installed(_)));
    cache.verify("clip-vit-b-32", &Watch::silent()).unwrap();
}

#[test]
fn a_hub_with_another_model_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let cache = ModelCache::new(root.path());
    let hub = FakeHub::start(|request| {
        let file = request.path.rsplit('/').next()?;
        let (name, bytes) = clip_files().into_iter().find(|(name, _)| *name == file)?;
        Some(Reply::file(
            request,
            if name == "config.json" {
                br#"{"model_type":"bert"}"#
            } else {
                &bytes
            },
        ))
    });
    let error = cache
        .pull("clip-vit-l-14", &network(&hub), &Watch::silent())
        .unwrap_err()
        .to_string();
    for part in ["clip-vit-l-14", "openai/clip-vit-large-patch14", "bert"] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    assert_empty(root.path());
}

#[test]
fn a_cancelled_pull_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let cache = ModelCache::new(root.path());
    let hub = FakeHub::with_clip(CLIP, "refs/pr/15");
    let seen = std::cell::Cell::new(0);
    let tell = |_: FetchEvent<'_>| seen.set(seen.get() + 1);
    let error = cache
        .pull(
            "clip-vit-b-32",
            &network(&hub),
            &Watch::new(&tell, &|| seen.get() > 3),
        )
        .unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
    assert_empty(root.path());
}
