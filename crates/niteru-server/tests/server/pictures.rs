//! Pictures of decisions: of the photo that was judged, and of no other.

use std::path::Path;

use niteru_store::{NewInspection, NewInspector, NewUpload, UploadLimits, Verdict};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Place, plate};

/// Writes down a decision on these contents of a file.
fn decided(place: &Place, path: &Path, bytes: &[u8]) -> u64 {
    let home = place.home();
    let new = NewInspector {
        model: "fake",
        fingerprint: "f00d",
        settings: &json!({}),
        summary: &json!({}),
        bytes: b"bytes",
    };
    let inspector = home.save_inspector("plates", &new).unwrap();
    let record = NewInspection {
        path: path.to_path_buf(),
        sha256: Sha256::digest(bytes).into(),
        time: None,
        operator: None,
        score: 0.25,
        threshold: 0.5,
        p_value: 0.5,
        verdict: Verdict::Ok,
        regions: json!([]),
        defect: None,
        kernels: "scalar".into(),
        metadata: Default::default(),
    };
    home.record_inspections(inspector.id, &[record]).unwrap()[0]
}

/// A camera overwrites `part.png`: nobody reviews a decision seeing another part.
#[tokio::test]
async fn another_photo_is_not_shown_under_a_decision() {
    let place = Place::local();
    let here = place.here().await;
    let path = place.folder.path().join("part.png");
    let (was, next) = (plate(1, false), plate(2, true));
    std::fs::write(&path, &was).unwrap();
    let id = decided(&place, &path, &was);
    let picture = format!("/api/history/{id}/picture?side=40");
    let shown = place.get(&here, &picture).await;
    assert_eq!(
        shown.header("content-type"),
        "image/jpeg",
        "{}",
        shown.text()
    );

    std::fs::write(&path, &next).unwrap();
    let answer = place.get(&here, &picture).await;
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status.as_u16(), &error["code"], &error["kind"]),
        (410, &json!("photo_changed"), &json!("photo_changed")),
        "{error}"
    );
    assert!(
        error["message"].as_str().unwrap().contains("has changed"),
        "{error}"
    );
    // What is no picture at all is another file, too.
    std::fs::write(&path, "no picture").unwrap();
    let kind = |answer: Value| answer["error"]["kind"].clone();
    assert_eq!(
        kind(place.get(&here, &picture).await.json()),
        "photo_changed"
    );
    std::fs::remove_file(&path).unwrap();
    let gone = place.get(&here, &picture).await;
    assert_eq!(
        (gone.status.as_u16(), kind(gone.json())),
        (410, json!("unreadable"))
    );

    // Where it was uploaded as well, it is there all the same.
    std::fs::write(&path, &next).unwrap();
    let upload = NewUpload {
        bytes: &was,
        name: "a.png",
        owner: "me",
    };
    let limits = UploadLimits {
        image: Default::default(),
        quota: 1 << 24,
    };
    place.home().keep_upload(&upload, &limits).unwrap();
    let again = place.get(&here, &picture).await;
    assert_eq!(again.body, shown.body, "{}", again.text());
}

/// Nothing is queued that can only fail after minutes of training.
#[tokio::test]
async fn an_inspector_that_cannot_be_kept_is_refused_at_once() {
    let place = Place::local();
    let here = place.here().await;
    let bytes = plate(1, false);
    let upload = NewUpload {
        bytes: &bytes,
        name: "a.png",
        owner: "me",
    };
    let limits = UploadLimits {
        image: Default::default(),
        quota: 1 << 24,
    };
    let upload = place.home().keep_upload(&upload, &limits).unwrap();
    let body = json!({ "good": { "uploads": [upload.sha256] } });
    for name in ["a%01b", &"n".repeat(101)] {
        let path = format!("/api/inspectors/{name}/train");
        let answer = place.post(&here, &path, body.clone()).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.json()["error"]["kind"], "inspector_name");
    }
    let jobs = place.get(&here, "/api/jobs").await.json();
    assert_eq!(jobs["jobs"], json!([]), "{jobs}");
}
