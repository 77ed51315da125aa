//! What the command line can, over the server: causes, drift, evaluations, comparisons, embeddings, indexes, models.

use serde_json::{Value, json};

use crate::support::{Client, Place, options, plate, tiff};
use crate::whole::give_model;

/// Plates with these numbers, as files.
fn plates(numbers: std::ops::Range<u32>, spot: bool) -> Vec<(String, Vec<u8>)> {
    numbers
        .map(|n| (format!("{n}.png"), plate(n, spot)))
        .collect()
}

fn borrowed(files: &[(String, Vec<u8>)]) -> Vec<(&str, Vec<u8>)> {
    files
        .iter()
        .map(|(name, bytes)| (&**name, bytes.clone()))
        .collect()
}

/// Waits for the job that an answer tells of, and gives its result.
async fn result(place: &Place, client: &Client, path: &str, body: Value) -> Value {
    let asked = place.post(client, path, body).await;
    assert_eq!(asked.status, 202, "{path}: {}", asked.text());
    let id = asked.json()["id"].as_u64().unwrap();
    let job = place.over_with(client, id).await;
    assert_eq!(job["state"], "done", "{path}: {job}");
    job["result"].clone()
}

async fn with_plates() -> Option<(Place, Client)> {
    let folder = tempfile::tempdir().unwrap();
    if !give_model(folder.path()) {
        return None;
    }
    let place = Place::over(folder, options(false));
    let here = place.here().await;
    place
        .post(&here, "/api/collections", json!({ "name": "plates" }))
        .await;
    let files = plates(0..12, false);
    let added = place
        .upload(
            &here,
            "/api/collections/plates/images",
            &borrowed(&files),
            None,
        )
        .await;
    let id = added.json()["job"]["id"].as_u64().unwrap();
    assert_eq!(place.over_with(&here, id).await["state"], "done");
    Some((place, here))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bad_parts_have_in_common() {
    let Some((place, here)) = with_plates().await else {
        return;
    };
    // All phases of the plates' waves; the parts lie between them.
    let more: Vec<_> = (6..56)
        .flat_map(|n| plates(2 * n..2 * n + 1, false))
        .collect();
    let added = place
        .upload(
            &here,
            "/api/collections/plates/images",
            &borrowed(&more),
            None,
        )
        .await;
    let id = added.json()["job"]["id"].as_u64().unwrap();
    assert_eq!(place.over_with(&here, id).await["state"], "done");
    let training = json!({ "good": { "collection": "plates" }, "false_alarm": 0.02 });
    result(&place, &here, "/api/inspectors/plates/train", training).await;
    let inspect = "/api/inspectors/plates/inspect";
    for n in 0..24 {
        let spot = n < 8;
        let query = json!({
            "metadata": { "lot": if spot { "0712" } else { "0713" } },
            "operator": "Sato",
            "time": format!("2026-11-{:02}T08:30", 1 + n),
        });
        let file = [("part.png", plate(2 * n + 1, spot))];
        let answer = place.upload(&here, inspect, &file, Some(query)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let trace = place
        .get(
            &here,
            "/api/inspectors/plates/trace?similarity=0.2&fields=lot,operator",
        )
        .await
        .json();
    assert_eq!(trace["fields"], json!(["lot", "operator"]), "{trace}");
    assert!(
        trace["known_fields"].as_array().unwrap().len() >= 5,
        "{trace}"
    );
    let group = &trace["groups"][0];
    assert!(group["count"].as_u64().unwrap() >= 6, "{trace}");
    let cause = &group["causes"][0];
    assert_eq!(
        (&cause["field"], &cause["value"]),
        (&json!("lot"), &json!("0712"))
    );
    assert!(cause["adjusted"].as_f64().unwrap() < 0.05, "{cause}");
    let narrow = "/api/inspectors/plates/trace?since=2026-11-20&until=2026-11-23";
    let narrow = place.get(&here, narrow).await.json();
    assert_eq!(
        narrow["images"], 3,
        "the days that were asked for: {narrow}"
    );
    for (query, status) in [
        ("since=yesterday", 400),
        ("fields=nothing", 400),
        ("similarity=2", 400),
        ("utc_offset=9999", 400),
        ("version=7", 404),
    ] {
        let path = format!("/api/inspectors/plates/trace?{query}");
        let answer = place.get(&here, &path).await;
        assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.text());
    }

    let drift = place
        .get(&here, "/api/inspectors/plates/drift")
        .await
        .json();
    assert_eq!(drift["decisions"], 24, "{drift}");
    assert!(drift["superiority"].is_number(), "{drift}");
    assert_eq!(
        place
            .get(&here, "/api/inspectors/plates/drift?last=3")
            .await
            .status,
        400
    );

    let csv = place
        .get(&here, "/api/history/export?inspector=plates")
        .await;
    let text = csv.text();
    let lines: Vec<&str> = text.trim_start_matches('\u{FEFF}').lines().collect();
    assert_eq!(lines.len(), 25, "{text}");
    assert!(
        lines[0].ends_with(",path,sha256,program,lot"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].contains(",Sato,") && lines[1].ends_with(",0713"),
        "{}",
        lines[1]
    );
    assert!(lines[1].contains("2026-11-24T08:30"), "{}", lines[1]);

    let photos = |kind: &str| json!({ "collection": kind });
    let bad = plates(200..206, true);
    place
        .post(&here, "/api/collections", json!({ "name": "bad" }))
        .await;
    let added = place
        .upload(&here, "/api/collections/bad/images", &borrowed(&bad), None)
        .await;
    place
        .over_with(&here, added.json()["job"]["id"].as_u64().unwrap())
        .await;
    let measured = result(
        &place,
        &here,
        "/api/inspectors/plates/evaluations",
        json!({ "good": photos("plates"), "bad": photos("bad") }),
    )
    .await;
    assert_eq!(
        (&measured["good"], &measured["bad"]),
        (&json!(62), &json!(6)),
        "{measured}"
    );
    assert!(measured["auroc"].as_f64().unwrap() > 0.9, "{measured}");
    let none = json!({ "good": photos("plates"), "bad": {} });
    let answer = place
        .post(&here, "/api/inspectors/plates/evaluations", none)
        .await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn photos_are_compared_and_embedded_without_being_kept() {
    let Some((place, here)) = with_plates().await else {
        return;
    };
    let before = place.get(&here, "/api/storage").await.json()["uploads"].clone();
    let two = [
        ("template.png", plate(50, false)),
        ("part.png", plate(50, true)),
    ];
    let found = place.upload(&here, "/api/compare-photos", &two, None).await;
    assert_eq!(found.status, 200, "{}", found.text());
    let found = found.json();
    assert_eq!(
        (&found["a"], &found["b"]),
        (&json!("template.png"), &json!("part.png"))
    );
    assert_eq!(found["size"], json!([160, 120]));
    let region = &found["regions"][0];
    let middle = region["x"].as_f64().unwrap() + region["w"].as_f64().unwrap() / 2.0;
    assert!((60.0..90.0).contains(&middle), "{region}");
    let heat = found["heatmap"].as_str().unwrap();
    assert!(
        heat.starts_with("data:image/png;base64,iVBOR"),
        "{}",
        &heat[..40]
    );
    let odd = [("template.tif", tiff(96, 64)), ("part.tif", tiff(96, 64))];
    let odd = place.upload(&here, "/api/compare-photos", &odd, None).await;
    assert_eq!(odd.status, 200, "{}", odd.text());
    for shown in odd.json()["shown"].as_array().unwrap() {
        assert_eq!(
            (&shown["width"], &shown["height"]),
            (&json!(96), &json!(64))
        );
        let picture = shown["picture"].as_str().unwrap();
        assert!(
            picture.starts_with("data:image/jpeg;base64,/9j/"),
            "{picture}"
        );
    }
    let same = [("a.png", plate(51, false)), ("b.png", plate(51, false))];
    let same = place
        .upload(&here, "/api/compare-photos", &same, None)
        .await
        .json();
    assert_eq!(
        (&same["regions"], &same["similarity"]),
        (&json!([]), &json!(1.0)),
        "{same}"
    );
    for files in [&two[..0], &two[..1]] {
        let few = place
            .upload(&here, "/api/compare-photos", files, None)
            .await;
        assert_eq!(few.status, 400, "{}", few.text());
    }
    let text = [
        ("a.png", plate(51, false)),
        ("b.txt", b"no picture".to_vec()),
    ];
    let text = place
        .upload(&here, "/api/compare-photos", &text, None)
        .await;
    assert_eq!(text.status, 422, "{}", text.text());

    let three = plates(60..63, false);
    let matrix = place
        .upload(&here, "/api/similarities", &borrowed(&three), None)
        .await
        .json();
    assert_eq!(
        matrix["images"],
        json!(["60.png", "61.png", "62.png"]),
        "{matrix}"
    );
    assert_eq!(
        (&matrix["matrix"][1][1], &matrix["matrix"][0][2]),
        (&json!(1.0), &matrix["matrix"][2][0])
    );
    let one = place
        .upload(&here, "/api/similarities", &borrowed(&three[..1]), None)
        .await;
    assert_eq!(one.status, 400, "{}", one.text());
    let embedded = place
        .upload(&here, "/api/embeddings", &borrowed(&three), None)
        .await
        .json();
    let vector: Vec<f64> =
        serde_json::from_value(embedded["embeddings"][2]["embedding"].clone()).unwrap();
    assert_eq!(
        (vector.len(), &embedded["embeddings"][2]["input"]),
        (1280, &json!("62.png"))
    );
    let length: f64 = vector.iter().map(|x| x * x).sum();
    assert!((length - 1.0).abs() < 1e-3, "{length}");
    let words = Some(json!({ "texts": ["a bolt"] }));
    let words = place.upload(&here, "/api/embeddings", &[], words).await;
    assert_eq!(
        words.status,
        400,
        "this model reads no texts: {}",
        words.text()
    );
    let asked = [("query.png", plate(70, false))];
    let search = "/api/collections/plates/search/upload";
    let found = place.upload(&here, search, &asked, None).await;
    assert_eq!(found.status, 200, "{}", found.text());
    let explain = "/api/collections/plates/explain/upload";
    let images = Some(json!({ "images": [found.json()["results"][0]["id"]] }));
    let explained = place.upload(&here, explain, &asked, images).await;
    assert_eq!(explained.status, 200, "{}", explained.text());
    let after = place.get(&here, "/api/storage").await.json()["uploads"].clone();
    assert_eq!(
        after, before,
        "what is only asked about counts for no quota"
    );
    let incoming = place.home().directory().join("incoming");
    let left = std::fs::read_dir(incoming).unwrap().count();
    assert_eq!(left, 0, "nothing of it stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_models_and_the_home_are_looked_after() {
    let Some((place, here)) = with_plates().await else {
        return;
    };
    let made = |how: Value| place.post(&here, "/api/collections", how);
    let framed = made(json!({ "name": "framed", "framing": "object", "precision": "f32" })).await;
    assert_eq!(framed.status, 201, "{}", framed.text());
    let told = framed.json();
    assert_eq!(
        [&told["framing"], &told["precision"]],
        [&json!("object"), &json!("f32")]
    );
    for wrong in [json!({ "framing": "round" }), json!({ "precision": "f8" })] {
        let mut wrong = wrong;
        wrong["name"] = json!("wrong");
        let refused = made(wrong).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
    }
    let index = "/api/collections/plates/index";
    let status = place.get(&here, index).await.json();
    assert_eq!(
        (&status["state"], &status["images"]),
        (&json!("exact"), &json!(12)),
        "{status}"
    );
    let built = result(&place, &here, index, json!({})).await;
    assert_eq!(built["built"], false, "12 images need none: {built}");
    let verified = result(&place, &here, &format!("{index}/verify"), json!({})).await;
    assert_eq!(verified["missing"], 0, "{verified}");

    let ids = place
        .get(&here, "/api/collections/plates/images")
        .await
        .json();
    let ids: Vec<Value> = ids["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["id"].clone())
        .collect();
    for (at, kind) in [(0..6, "a"), (6..12, "b")] {
        let body = json!({ "ids": ids[at], "metadata": { "kind": kind } });
        let changed = place
            .post(&here, "/api/collections/plates/metadata", body)
            .await;
        assert!(changed.status.is_success(), "{}", changed.text());
    }
    let evaluations = "/api/collections/plates/evaluations";
    let measured = result(&place, &here, evaluations, json!({ "label": "kind" })).await;
    assert_eq!(
        (&measured["images"], &measured["values"]),
        (&json!(12), &json!(2)),
        "{measured}"
    );
    let framings = json!({ "label": "kind", "framings": true });
    let framings = result(&place, &here, evaluations, framings).await;
    assert_eq!(
        framings["framings"].as_array().unwrap().len(),
        4,
        "{framings}"
    );

    let report = result(&place, &here, "/api/check", json!({ "files": true })).await;
    assert_eq!(
        (&report["problems"], &report["checked"]["files"]),
        (&json!([]), &json!(12)),
        "{report}"
    );

    let check = "/api/models/efficientnet-lite0/check";
    let checked = result(
        &place,
        &here,
        check,
        json!({ "photos": { "collection": "plates" } }),
    )
    .await;
    assert_eq!(
        (&checked["images"], &checked["precisions"][0]["precision"]),
        (&json!(12), &json!("f32")),
        "{checked}"
    );
    let few = json!({ "photos": { "collection": "plates" }, "limit": 2 });
    assert_eq!(result(&place, &here, check, few).await["images"], 2);
    let none = json!({ "photos": { "collection": "plates" }, "limit": 0 });
    for wrong in [json!({ "photos": {} }), none] {
        let answer = place.post(&here, check, wrong).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }

    models(&place, &here).await;
}

/// Flips a bit in the middle of the largest file of a folder.
fn flip(folder: &std::path::Path) {
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let largest = files
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(largest, bytes).unwrap();
}

/// A model comes as a file, stands in the list, and goes.
async fn models(place: &Place, here: &Client) {
    let folder = place.folder.path().join("home/models/efficientnet-lite0");
    let weights = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let weights = weights
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let bytes = std::fs::read(weights).unwrap();
    let path = "/api/models/my-model/files";
    let sent = place
        .upload(here, path, &[("../../net.pth", bytes)], None)
        .await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    let job = place
        .over_with(here, sent.json()["id"].as_u64().unwrap())
        .await;
    assert_eq!(
        (&job["state"], &job["result"]["state"]),
        (&json!("done"), &json!("installed")),
        "{job}"
    );
    assert_eq!(
        job["result"]["source"], "sent by local: ../../net.pth",
        "as it was called, only to be shown"
    );
    let incoming = place.folder.path().join("home/incoming");
    assert_eq!(
        std::fs::read_dir(&incoming).unwrap().count(),
        0,
        "nothing is left behind"
    );

    let verify = "/api/models/my-model/verify";
    let shown = place.get(here, "/api/models/my-model").await.json();
    assert_eq!(result(place, here, verify, json!({})).await, shown);
    flip(&place.folder.path().join("home/models/my-model"));
    let asked = place.post(here, verify, json!({})).await;
    let job = place
        .over_with(here, asked.json()["id"].as_u64().unwrap())
        .await;
    assert_eq!(
        (&job["state"], &job["result"]["kind"]),
        (&json!("failed"), &json!("model_damaged")),
        "{job}"
    );
    let unknown = place
        .post(here, "/api/models/nothing/verify", json!({}))
        .await;
    assert_eq!(unknown.json()["error"]["kind"], "model_unknown");

    let again = [("net.pth", b"x".to_vec())];
    let again = place.upload(here, path, &again, None).await;
    assert_eq!(again.status, 409, "{}", again.text());
    for name in ["My-Model", "-x", "a%20b", "%E9%83%A8", &"x".repeat(65)] {
        let files = [("net.pth", b"x".to_vec())];
        let path = format!("/api/models/{name}/files");
        let refused = place.upload(here, &path, &files, None).await;
        assert_eq!(refused.status, 400, "{name}: {}", refused.text());
        assert_eq!(refused.json()["error"]["kind"], "model_name", "{name}");
    }
    assert_eq!(
        std::fs::read_dir(&incoming).unwrap().count(),
        0,
        "nothing was kept before the name was looked at"
    );
    let path = "/api/models/other/files";

    let broken = [("net.pth", b"no weights at all".to_vec())];
    let sent = place
        .upload(here, "/api/models/other/files", &broken, None)
        .await;
    let job = place
        .over_with(here, sent.json()["id"].as_u64().unwrap())
        .await;
    assert_eq!(job["state"], "failed", "{job}");
    for (name, code) in [("evil.sh", "not_a_model"), ("vocab.json", "not_a_model")] {
        let sent = place
            .upload(here, path, &[(name, b"x".to_vec())], None)
            .await;
        assert_eq!((sent.status.as_u16(), &*sent.code()), (415, code), "{name}");
        assert_eq!(sent.json()["error"]["values"]["file"], name);
    }
    assert_eq!(place.upload(here, path, &[], None).await.status, 400);
    assert_eq!(
        std::fs::read_dir(&incoming).unwrap().count(),
        0,
        "nothing is left behind"
    );
    let removed = place
        .ask(here, "DELETE", "/api/models/my-model", None)
        .await;
    assert_eq!(removed.json()["removed"], "my-model");
    assert_eq!(
        place
            .ask(here, "DELETE", "/api/models/my-model", None)
            .await
            .status,
        404
    );
    let unknown = place
        .post(here, "/api/models/nothing/pull", json!({}))
        .await;
    assert_eq!(unknown.status, 404, "{}", unknown.text());
}
