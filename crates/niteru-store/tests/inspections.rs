//! Inspections and reviews: everything needed to repeat a decision, nothing that is no number, found again.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::PathBuf;

use niteru_store::{
    BackupOptions, CheckOptions, Home, Metadata, NewInspection, RestoreOptions, ReviewVerdict,
    StoreError, Verdict, check, restore,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use support::database;
use support::inspecting::{HOUR, Line, MONDAY, inspection, train};

fn metadata(values: &[(&str, &str)]) -> Metadata {
    values.iter().copied().collect()
}

#[test]
fn all_that_replay_needs_comes_back() {
    let line = Line::new();
    let new = NewInspection {
        operator: Some("田中".into()),
        score: f64::from(0.1_f32),
        threshold: 1.0 / 3.0,
        p_value: f64::MIN_POSITIVE,
        regions: json!([{ "x": 1, "y": 2, "score": 0.25 }]),
        defect: Some(vec![0.6, -0.8, 0.0]),
        kernels: "avx512".into(),
        metadata: metadata(&[("lot", "A7"), ("machine", "3"), ("empty", "")]),
        ..inspection("a.jpg", Verdict::Ng)
    };
    let ids = line.record(&[new.clone(), inspection("b.jpg", Verdict::Unlike)]);
    assert_eq!(ids, [1, 2]);
    let found = line.home.inspection(1).unwrap();
    assert_eq!((&*found.inspector, found.version), ("bolt", 1));
    assert_eq!((&*found.model, &*found.fingerprint), ("fake", "f00d"));
    assert_eq!((found.time, found.kernels.as_str()), (MONDAY, "avx512"));
    assert_eq!(found.path, new.path);
    assert_eq!(found.program.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    let digits: String = new
        .sha256
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(found.sha256, digits);
    let bits = |numbers: [f64; 3]| numbers.map(f64::to_bits);
    assert_eq!(
        bits([found.score, found.threshold, found.p_value]),
        bits([new.score, new.threshold, new.p_value])
    );
    assert_eq!(
        (found.verdict, found.final_verdict),
        (Verdict::Ng, Verdict::Ng)
    );
    assert_eq!(
        (&found.operator, &found.regions),
        (&new.operator, &new.regions)
    );
    assert_eq!(
        (&found.defect, &found.metadata),
        (&new.defect, &new.metadata)
    );
    assert_eq!(found.metadata.len(), 2);
    // And the version that made it is still there.
    train(&line.home, "bolt");
    let old = line
        .home
        .inspector(&found.inspector, Some(found.version))
        .unwrap();
    assert_eq!((&*old.bytes, old.inspector.inspections), (&b"bytes"[..], 2));

    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["time"], "2026-01-05T00:00:00.000Z");
    assert_eq!(
        (&json["verdict"], &json["path"]),
        (&json!("NG"), &json!("/line/a.jpg"))
    );
    assert_eq!(json["metadata"], json!({ "lot": "A7", "machine": "3" }));
    assert!(json.get("defect").is_none());
    let error = line.home.inspection(3).unwrap_err();
    assert!(
        matches!(error, StoreError::NoInspection { id: 3 }),
        "{error}"
    );
}

#[test]
fn without_a_time_it_is_now_and_paths_are_absolute() {
    let line = Line::new();
    let mut new = inspection("a.jpg", Verdict::Ok);
    (new.time, new.path) = (None, PathBuf::from("./some/../here.jpg"));
    let id = line.record(&[new])[0];
    let found = line.home.inspection(id).unwrap();
    assert!(found.time > MONDAY, "{}", found.time);
    assert!(found.path.is_absolute(), "{:?}", found.path);
}

#[test]
fn what_is_no_decision_is_refused_whole() {
    let line = Line::new();
    type Break = fn(&mut NewInspection);
    let table: &[(Break, &str)] = &[
        (|i| i.score = f64::NAN, "score is NaN"),
        (|i| i.score = f64::INFINITY, "score is inf"),
        (|i| i.threshold = f64::NEG_INFINITY, "threshold is -inf"),
        (|i| i.p_value = f64::NAN, "p-value is NaN"),
        (|i| i.p_value = 1.5, "p-value is 1.5"),
        (|i| i.time = Some(i64::MAX), "years 1 to 9999"),
        (|i| i.regions = json!({}), "not a list"),
        (|i| i.defect = Some(vec![]), "length 0.000"),
        (|i| i.defect = Some(vec![0.5, 0.5]), "length 0.707"),
        (|i| i.defect = Some(vec![f32::NAN, 1.0]), "length NaN"),
        (|i| i.metadata = metadata(&[(" ", "x")]), "has no name"),
    ];
    let mut wrong = Vec::new();
    for (break_it, expected) in table {
        let mut bad = inspection("bad.jpg", Verdict::Ng);
        break_it(&mut bad);
        let batch = [inspection("good.jpg", Verdict::Ok), bad];
        let result = line.home.record_inspections(line.inspector.id, &batch);
        let text = result.map_or_else(|error| error.to_string(), |_| "no error".into());
        if !(text.contains(expected) && text.contains("/line/bad.jpg")) {
            wrong.push(format!("{expected}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(line.find(|_| {}).is_empty());
    let error = line
        .home
        .record_inspections(99, &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("#99") && error.contains("there are bolt"),
        "{error}"
    );
}

#[test]
fn hostile_texts_come_back_as_they_were() {
    let line = Line::new();
    let long = "長".repeat(10_000);
    for text in [
        "'; DROP TABLE inspections; --",
        "\" OR 1=1",
        "a\0b\n",
        &long,
    ] {
        let mut new = inspection("a.jpg", Verdict::Ng);
        new.operator = Some(text.into());
        new.metadata = metadata(&[(text, text)]);
        new.regions = json!([{ "words": text }]);
        new.kernels = text.into();
        let id = line.record(std::slice::from_ref(&new))[0];
        let review = line
            .home
            .review(id, ReviewVerdict::Ok, text, Some(text))
            .unwrap();
        let found = line.home.inspection(id).unwrap();
        assert_eq!(
            (&found.operator, &found.regions),
            (&new.operator, &new.regions)
        );
        assert_eq!(
            (&found.metadata, &found.kernels),
            (&new.metadata, &new.kernels)
        );
        assert_eq!(
            (&review.note[..], review.reviewer.as_deref()),
            (text, Some(text))
        );
        assert_eq!(found.reviews, [review]);
        let named = line.home.inspections(&niteru_store::HistoryQuery {
            inspector: Some(text.into()),
            ..Default::default()
        });
        assert!(matches!(named, Err(StoreError::NoInspector { .. })));
        assert!(
            line.find(|query| query.path = Some(text.replace('\0', "").into()))
                .is_empty()
        );
    }
    assert_eq!(line.find(|_| {}).len(), 4);
    assert_eq!(
        check(line.home.directory(), CheckOptions::default())
            .unwrap()
            .problems,
        []
    );
}

#[test]
fn the_history_is_filtered() {
    let line = Line::new();
    let mut batch: Vec<NewInspection> = (0..6)
        .map(|i| {
            let verdict = [Verdict::Ok, Verdict::Ng, Verdict::Unlike][i % 3];
            let mut new = inspection(&format!("lot {}/{i}.jpg", i / 3), verdict);
            new.time = Some(MONDAY + i as i64 * HOUR);
            new
        })
        .collect();
    // Two of one time.
    batch[5].time = batch[4].time;
    line.record(&batch);
    let second = train(&line.home, "bolt");
    let nut = train(&line.home, "nut");
    let record = |id, name| {
        let mut new = inspection(name, Verdict::Ok);
        new.time = Some(MONDAY - HOUR);
        line.home.record_inspections(id, &[new]).unwrap();
    };
    record(second.id, "second.jpg");
    record(nut.id, "nut.jpg");
    line.review(1, ReviewVerdict::Ng);
    line.review(2, ReviewVerdict::Ok);

    let bolt = || Some("bolt".to_owned());
    assert_eq!(line.find(|_| {}), [6, 5, 4, 3, 2, 1, 8, 7]);
    assert_eq!(line.find(|q| q.inspector = bolt()), [6, 5, 4, 3, 2, 1, 7]);
    assert_eq!(
        line.find(|q| (q.inspector, q.version) = (bolt(), Some(2))),
        [7]
    );
    assert_eq!(line.find(|q| q.version = Some(2)), [7]);
    assert_eq!(
        line.find(|q| q.verdict = Some(Verdict::Ng)),
        [5, 1],
        "a person's verdict counts"
    );
    assert_eq!(line.find(|q| q.verdict = Some(Verdict::Ok)), [4, 2, 8, 7]);
    assert_eq!(line.find(|q| q.verdict = Some(Verdict::Unlike)), [6, 3]);
    assert_eq!(line.find(|q| q.reviewed = Some(true)), [2, 1]);
    assert_eq!(line.find(|q| q.reviewed = Some(false)), [6, 5, 4, 3, 8, 7]);
    assert_eq!(line.find(|q| q.since = Some(MONDAY + 3 * HOUR)), [6, 5, 4]);
    assert_eq!(line.find(|q| q.until = Some(MONDAY + HOUR)), [1, 8, 7]);
    assert_eq!(
        line.find(|q| q.path = Some("/line/lot 1".into())),
        [6, 5, 4]
    );
    assert_eq!(
        line.find(|q| q.path = Some("/line/lot 1/4.jpg".into())),
        [5]
    );
    assert!(line.find(|q| q.path = Some("/line/lot".into())).is_empty());
    assert_eq!(line.find(|q| q.limit = 2), [6, 5]);
    assert!(line.find(|q| q.limit = 0).is_empty());
    assert_eq!(line.find(|q| (q.after, q.limit) = (Some(6), 3)), [5, 4, 3]);
    assert_eq!(line.find(|q| q.after = Some(1)), [8, 7]);
    assert!(line.find(|q| q.after = Some(7)).is_empty());
    assert!(
        line.find(|q| (q.since, q.until) = (Some(MONDAY), Some(MONDAY)))
            .is_empty()
    );
    let unknown = niteru_store::HistoryQuery {
        after: Some(99),
        ..Default::default()
    };
    let error = line.home.inspections(&unknown).unwrap_err();
    assert!(
        matches!(error, StoreError::NoInspection { id: 99 }),
        "{error}"
    );
}

#[test]
fn the_newest_review_counts_and_the_decision_stays() {
    let line = Line::new();
    let id = line.record(&[inspection("a.jpg", Verdict::Ng)])[0];
    line.home
        .review(id, ReviewVerdict::Ok, "a shadow", Some("佐藤"))
        .unwrap();
    line.home
        .review(id, ReviewVerdict::Ng, "no, a scratch", None)
        .unwrap();
    line.home
        .review(id, ReviewVerdict::Ok, "", Some(" "))
        .unwrap();
    let found = line.home.inspection(id).unwrap();
    assert_eq!(
        (found.verdict, found.final_verdict),
        (Verdict::Ng, Verdict::Ok)
    );
    let said: Vec<_> = found
        .reviews
        .iter()
        .map(|review| (review.verdict, &*review.note, review.reviewer.as_deref()))
        .collect();
    let (ok, ng) = (ReviewVerdict::Ok, ReviewVerdict::Ng);
    let expected = [
        (ok, "a shadow", Some("佐藤")),
        (ng, "no, a scratch", None),
        (ok, "", None),
    ];
    assert_eq!(said, expected);
    let error = line.home.review(99, ok, "", None).unwrap_err();
    assert!(
        matches!(error, StoreError::NoInspection { id: 99 }),
        "{error}"
    );
}

#[test]
fn reviewed_images_are_for_the_next_training() {
    let line = Line::new();
    assert!(line.home.reviewed_images("bolt").unwrap().is_empty());
    assert!(line.home.reviewed_images("nut").is_err());
    let names = ["a.jpg", "b.jpg", "c.jpg"];
    line.record(&names.map(|name| inspection(name, Verdict::Ng)));
    // The same contents again, elsewhere, by a later version.
    let later = train(&line.home, "bolt");
    let mut again = inspection("a.jpg", Verdict::Ok);
    again.path = "/copy/a.jpg".into();
    let again = line.home.record_inspections(later.id, &[again]).unwrap()[0];
    let other = train(&line.home, "other");
    let theirs = line
        .home
        .record_inspections(other.id, &[inspection("x.jpg", Verdict::Ok)])
        .unwrap()[0];
    line.review(1, ReviewVerdict::Ok);
    line.review(2, ReviewVerdict::Ok);
    line.review(again, ReviewVerdict::Ng);
    line.review(theirs, ReviewVerdict::Ng);
    let images = line.home.reviewed_images("bolt").unwrap();
    let shown: Vec<_> = images
        .iter()
        .map(|image| (image.path.to_str().unwrap(), image.verdict))
        .collect();
    let expected = [
        ("/copy/a.jpg", ReviewVerdict::Ng),
        ("/line/b.jpg", ReviewVerdict::Ok),
    ];
    assert_eq!(shown, expected);
    assert_eq!(images[0].sha256, line.home.inspection(1).unwrap().sha256);
}

#[test]
fn history_is_not_lost_with_its_inspector() {
    let line = Line::new();
    line.record(&[
        inspection("a.jpg", Verdict::Ng),
        inspection("b.jpg", Verdict::Ok),
    ]);
    line.review(1, ReviewVerdict::Ok);
    train(&line.home, "bolt");
    let error = line.home.remove_inspector("bolt", false).unwrap_err();
    assert!(
        matches!(error, StoreError::InspectorInUse { inspections: 2, .. }),
        "{error}"
    );
    assert_eq!(line.find(|_| {}), [2, 1]);
    let summary = &line.home.inspectors().unwrap()[0];
    assert_eq!((summary.versions, summary.all_inspections), (2, 2));
    assert_eq!(line.home.remove_inspector("bolt", true).unwrap(), 2);
    assert!(line.find(|_| {}).is_empty());
    let left: i64 = database(line.home.directory())
        .query_row(
            "SELECT (SELECT count(*) FROM reviews) + (SELECT count(*) FROM inspection_metadata)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn a_backup_carries_the_history() {
    let line = Line::new();
    line.record(&[
        inspection("a.jpg", Verdict::Ng),
        inspection("b.jpg", Verdict::Ok),
    ]);
    line.home
        .review(1, ReviewVerdict::Ok, "fine", Some("me"))
        .unwrap();
    let file = line.folder.path().join("backup.tar");
    line.home.backup(&file, BackupOptions::default()).unwrap();
    let other = line.folder.path().join("other");
    restore(&file, &other, RestoreOptions::default()).unwrap();
    let restored = Home::open(&other).unwrap();
    let all = niteru_store::HistoryQuery::default();
    assert_eq!(
        restored.inspections(&all).unwrap(),
        line.home.inspections(&all).unwrap()
    );
}

#[test]
fn reviews_sort_files_by_their_contents_whatever_their_names() {
    let line = Line::new();
    let folder = line.folder.path().join("photos");
    std::fs::create_dir(&folder).unwrap();
    let write = |name: &str, contents: &str| {
        let path = folder.join(name);
        std::fs::write(&path, contents).unwrap();
        path
    };
    let judged = |name: &str, contents: &str, verdict| {
        let mut new = inspection(contents, Verdict::Ok);
        new.path = write(name, contents);
        let id = line.record(&[new])[0];
        line.review(id, verdict);
        folder.join(name)
    };
    let called_bad = judged("line-1.png", "scratched", ReviewVerdict::Ng);
    let called_good = judged("line-2.png", "clean", ReviewVerdict::Ok);
    let changed = judged("line-3.png", "first", ReviewVerdict::Ng);
    write("line-3.png", "second");
    // The camera's folder of good parts has a copy of the scratched one, that of bad parts a copy of the clean one.
    let good = [
        write("a.png", "fine"),
        write("b.png", "scratched"),
        changed.clone(),
    ];
    let bad = [write("c.png", "clean"), write("d.png", "broken")];
    let (mut now_good, mut now_bad) = (good.to_vec(), bad.to_vec());
    line.home
        .apply_reviews("bolt", &mut now_good, &mut now_bad)
        .unwrap();
    assert_eq!(now_good, [good[0].clone(), changed, called_good]);
    assert_eq!(now_bad, [bad[1].clone(), called_bad.clone()]);

    // What is there under another name is not added a second time.
    let (mut now_good, mut now_bad) = (Vec::new(), vec![good[1].clone()]);
    line.home
        .apply_reviews("bolt", &mut now_good, &mut now_bad)
        .unwrap();
    assert_eq!(now_bad, [good[1].clone()]);
}

#[test]
fn reviews_of_photos_that_are_gone_are_told_and_every_known_place_is_tried() {
    let line = Line::new();
    let folder = line.folder.path().join("photos");
    std::fs::create_dir(&folder).unwrap();
    let judged = |name: &str, contents: &str, verdict| {
        let mut new = inspection(contents, Verdict::Ok);
        new.path = folder.join(name);
        std::fs::write(&new.path, contents).unwrap();
        let id = line.record(&[new])[0];
        if let Some(verdict) = verdict {
            line.review(id, verdict);
        }
        folder.join(name)
    };
    let (ok, ng) = (ReviewVerdict::Ok, ReviewVerdict::Ng);
    // A camera writes every photo under one name, and three of them are nowhere else.
    for (contents, verdict) in [("one", ok), ("two", ng), ("three", ng)] {
        judged("part.jpg", contents, Some(verdict));
    }
    let part = judged("part.jpg", "now", None);
    let deleted = judged("deleted.jpg", "deleted", Some(ok));
    std::fs::remove_file(&deleted).unwrap();
    // Of this one there is a copy that was inspected, too.
    let copy = judged("archive.jpg", "moved", None);
    judged("part.jpg", "moved", Some(ng));
    // And of this one the upload.
    let picture = niteru_imaging::Picture::from_rgb(8, 8, vec![90; 192]).unwrap();
    let bytes = picture.to_png().unwrap();
    let kept = niteru_store::NewUpload {
        bytes: &bytes,
        name: "a.png",
        owner: "me",
    };
    let limits = niteru_store::UploadLimits {
        image: Default::default(),
        quota: 1 << 20,
    };
    let upload = line.home.keep_upload(&kept, &limits).unwrap();
    let mut new = inspection("sent.png", Verdict::Ok);
    new.sha256 = Sha256::digest(&bytes).into();
    new.path = folder.join("sent.png");
    let id = line.record(&[new])[0];
    line.review(id, ok);
    let path = line.home.upload(&upload.sha256).unwrap().unwrap();
    std::fs::write(&part, "now").unwrap();

    let (mut good, mut bad) = (vec![part.clone()], Vec::new());
    let applied = line
        .home
        .apply_reviews("bolt", &mut good, &mut bad)
        .unwrap();
    assert_eq!(good, [part.clone(), path]);
    assert_eq!(bad, [copy]);
    assert_eq!((applied.good, applied.bad), (1, 1));
    let lost = [deleted, part.clone(), part.clone(), part];
    assert_eq!(applied.missing, lost);
    let json = serde_json::to_value(&applied).unwrap();
    assert_eq!(json["missing"].as_array().unwrap().len(), 4, "{json}");

    // What is among the files already counts.
    let mut bad = vec![folder.join("archive.jpg")];
    let applied = line
        .home
        .apply_reviews("bolt", &mut Vec::new(), &mut bad)
        .unwrap();
    assert_eq!((applied.bad, bad.len()), (1, 1));
    let none = line
        .home
        .apply_reviews("nobody", &mut Vec::new(), &mut Vec::new());
    assert_eq!(none.unwrap(), niteru_store::AppliedReviews::default());
}
