//! Hostile and broken uploads. None needs a model: what is wrong is found before.

use axum::http::StatusCode;
use niteru_server::ServerOptions;
use niteru_store::EncoderIdentity;
use serde_json::json;

use crate::support::{Client, Place, form, options, plate};

/// A collection whose model is not there: what is uploaded is kept, and the job fails.
async fn place_with(options: ServerOptions) -> (Place, Client) {
    let place = Place::over(tempfile::tempdir().unwrap(), options);
    place.home().add_collection("parts", &identity()).unwrap();
    let here = place.here().await;
    (place, here)
}

pub(crate) fn identity() -> EncoderIdentity {
    EncoderIdentity {
        model: "no-such-model".into(),
        fingerprint: "0".repeat(64),
        dimensions: 8,
        precision: "f32".into(),
        exact_decode: true,
        framing: "centre".into(),
    }
}

const IMAGES: &str = "/api/collections/parts/images";

/// The header of a PNG of that size, with nothing in it.
fn huge_png(width: u32, height: u32) -> Vec<u8> {
    let mut png = plate(1, false);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

#[tokio::test]
async fn what_is_no_usable_image_is_refused_by_itself() {
    let (place, here) = place_with(options(false)).await;
    let good = plate(1, false);
    let mut truncated = good.clone();
    truncated.truncate(good.len() / 2);
    let table: [(&str, Vec<u8>, &str); 10] = [
        (
            "page.png",
            b"<html><script>alert(1)</script></html>".to_vec(),
            "not a JPEG",
        ),
        ("program.jpg", b"MZ\x90\0\x03".to_vec(), "not a JPEG"),
        (
            "archive.png",
            b"PK\x03\x04and more of an archive".to_vec(),
            "not a JPEG",
        ),
        (
            "vector.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
            "not a JPEG",
        ),
        ("empty.jpg", Vec::new(), "not a JPEG"),
        ("short.jpg", b"\xFF\xD8\xFF".to_vec(), ""),
        ("cut.png", truncated, ""),
        ("wide.png", huge_png(60_000, 2), "30000"),
        ("bomb.png", huge_png(20_000, 20_000), "20000"),
        ("none.png", huge_png(0, 10), ""),
    ];
    let mut files: Vec<(&str, Vec<u8>)> = table.iter().map(|(n, b, _)| (*n, b.clone())).collect();
    files.push(("good.png", good.clone()));
    files.push(("../../../etc/again.png", good));
    let answer = place.upload(&here, IMAGES, &files, None).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let told = answer.json();
    let refused = told["refused"].as_array().unwrap();
    assert_eq!(refused.len(), table.len(), "{told}");
    for ((name, _, reason), refused) in table.iter().zip(refused) {
        assert_eq!(refused["name"], *name);
        let said = refused["reason"].as_str().unwrap();
        assert!(said.contains(reason) && !said.is_empty(), "{name}: {said}");
    }
    // The same contents are one upload, under a name of ours.
    let uploads = told["uploads"].as_array().unwrap();
    assert_eq!(uploads.len(), 1);
    let kept = place
        .home()
        .upload(uploads[0]["sha256"].as_str().unwrap())
        .unwrap()
        .unwrap();
    assert!(
        kept.starts_with(place.folder.path().join("home/uploads")),
        "{kept:?}"
    );
    assert!(kept.is_file());
    let mut found = 0;
    let mut folders = vec![place.folder.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found += usize::from(path.extension().is_some_and(|e| e == "png")),
            }
        }
    }
    assert_eq!(found, 1, "nothing else was written");
}

#[tokio::test]
async fn names_are_only_shown() {
    let (place, here) = place_with(options(false)).await;
    let table = [
        ("../../../etc/passwd.png", "passwd.png"),
        ("C:\\\\fakepath\\\\a.png", "a.png"),
        ("部品.png", "部品.png"),
    ];
    for (number, (name, shown)) in table.into_iter().enumerate() {
        let files = [(name, plate(number as u32, false))];
        let told = place.upload(&here, IMAGES, &files, None).await.json();
        assert_eq!(told["uploads"][0]["name"], shown);
    }
}

#[tokio::test]
async fn too_much_is_refused() {
    let (place, here) = place_with(options(false)).await;
    let many: Vec<(&str, Vec<u8>)> = (0..501).map(|_| ("x.png", b"x".to_vec())).collect();
    let answer = place.upload(&here, IMAGES, &many, None).await;
    assert_eq!(
        answer.status,
        StatusCode::PAYLOAD_TOO_LARGE,
        "{}",
        answer.text()
    );

    let large = vec![0; 67 << 20];
    let answer = place
        .upload(&here, IMAGES, &[("large.png", large)], None)
        .await;
    assert_eq!(
        answer.status,
        StatusCode::PAYLOAD_TOO_LARGE,
        "{}",
        answer.text()
    );
    assert!(answer.text().contains("large.png"), "{}", answer.text());

    let body = json!({ "name": "x".repeat(2 << 20) });
    let answer = place.post(&here, "/api/collections", body).await;
    assert_eq!(
        answer.status,
        StatusCode::PAYLOAD_TOO_LARGE,
        "{}",
        answer.text()
    );

    let mut small = options(false);
    small.quota = 50_000;
    let (place, here) = place_with(small).await;
    let mut last = None;
    for number in 0..10 {
        let files = [("x.png", plate(number, false))];
        last = Some(place.upload(&here, IMAGES, &files, None).await);
    }
    let last = last.unwrap();
    assert_eq!(
        (last.status.as_u16(), &*last.code()),
        (507, "no_space"),
        "{}",
        last.text()
    );
    assert!(place.home().uploaded_bytes().unwrap() <= 50_000);
}

#[tokio::test]
async fn broken_forms_are_bad_requests() {
    let (place, here) = place_with(options(false)).await;
    let (kind, body) = form(&[("x.png", plate(1, false))], None);
    let cut = body[..body.len() - 30].to_vec();
    let (_, unknown) = form(&[], Some(json!({})));
    let unknown = String::from_utf8(unknown).unwrap().replace("query", "path");
    let (_, wrong_json) = form(&[], Some(json!("x")));
    let table = [
        ("cut off", kind.as_str(), cut),
        ("no edge", "multipart/form-data", body.clone()),
        ("another edge", "multipart/form-data; boundary=other", body),
        ("an unknown part", &kind, unknown.into_bytes()),
        ("wrong JSON", &kind, wrong_json),
        ("no file", &kind, form(&[], None).1),
        ("nothing", &kind, Vec::new()),
    ];
    for (name, kind, body) in table {
        let request = here
            .request(&place.host(), "POST", IMAGES)
            .header("content-type", kind);
        let answer = place.send(request.body(body.into()).unwrap()).await;
        assert!(
            answer.status.is_client_error(),
            "{name}: {} {}",
            answer.status,
            answer.text()
        );
    }
}

#[tokio::test]
async fn files_are_taken_for_collections_that_are_there() {
    let (place, here) = place_with(options(false)).await;
    let path = "/api/collections/nothing/images";
    let answer = place
        .upload(&here, path, &[("x.png", plate(1, false))], None)
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(place.home().uploaded_bytes().unwrap(), 0);
}
