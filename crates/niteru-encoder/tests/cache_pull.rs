//! Pulling models from a hub on loopback.

#![allow(clippy::unwrap_used)]

mod support;

use std::cell::RefCell;
use std::path::Path;

use niteru_encoder::{FetchEvent, ModelCache, ModelError, ModelState, Network, Pip, Pulled, Watch};
use support::{COMMIT, FakeHub, Reply, clip_files, sha256};

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
    let mut files = clip_files();
    files[3].0 = "pytorch_model.bin";
    let hub = FakeHub::with_files(CLIP, "main", files);
    let root = tempfile::tempdir().unwrap();
    let cache = ModelCache::new(root.path());
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

/// The next place is looked at only if the hub says that the first has nothing.
#[test]
fn a_hub_that_hangs_up_is_not_one_that_has_no_file() {
    let hub = FakeHub::start(|request| {
        let main = request.path.contains("/revision/main");
        main.then(|| Reply::new(404))
    });
    let root = tempfile::tempdir().unwrap();
    let cache = ModelCache::new(root.path());
    let error = cache
        .pull("clip-vit-b-32", &network(&hub), &Watch::silent())
        .unwrap_err();
    assert!(matches!(error, ModelError::Files { .. }), "{error}");
    assert!(
        hub.requests()
            .iter()
            .all(|r| r.path.contains("refs%2Fpr%2F15"))
    );
    assert_empty(root.path());
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
    let mut served = clip_files();
    served[3].1 = bytes.clone();
    let other = FakeHub::with_files(CLIP, "refs/pr/15", served);
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
    let mut files = clip_files();
    files[0].1 = br#"{"model_type":"bert"}"#.to_vec();
    let hub = FakeHub::with_files("openai/clip-vit-large-patch14", "main", files);
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
