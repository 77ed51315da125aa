//! The page's files.

use axum::body::Body;
use axum::http::header;

use crate::support::{Answer, Client, Place};

async fn get(place: &Place, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Client::default().request(&place.host(), "GET", path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    place.send(request.body(Body::empty()).unwrap()).await
}

/// The addresses that a page names.
fn addresses(page: &str) -> Vec<String> {
    let parts = page.split('"').filter(|part| part.starts_with("/assets/"));
    parts.map(str::to_owned).collect()
}

#[tokio::test]
async fn pages_are_asked_for_and_files_are_kept() {
    let place = Place::local();
    for path in ["/", "/api/docs"] {
        let page = get(&place, path, &[]).await;
        assert_eq!(
            (page.status.as_u16(), page.header("cache-control")),
            (200, "no-cache"),
            "{path}"
        );
        let etag = page.header("etag").to_owned();
        let again = get(&place, path, &[("if-none-match", &etag)]).await;
        assert_eq!(
            (again.status.as_u16(), again.body.len()),
            (304, 0),
            "{path}"
        );
        assert_eq!(again.header("cache-control"), "no-cache", "{path}");

        let files = addresses(&page.text());
        assert_eq!(files.len(), 3, "{files:?}");
        for file in files {
            let plain = get(&place, &file, &[]).await;
            assert_eq!(plain.status, 200, "{file}");
            assert!(
                plain.header("cache-control").contains("immutable"),
                "{file}"
            );
            assert_eq!(plain.header("x-content-type-options"), "nosniff");
            let packed = get(&place, &file, &[("accept-encoding", "gzip")]).await;
            if plain.body.len() > 300 {
                assert_eq!(packed.header("content-encoding"), "gzip", "{file}");
                assert!(packed.body.len() < plain.body.len(), "{file}");
                assert_eq!(packed.header("vary"), "accept-encoding");
            }
        }
    }
}

#[tokio::test]
async fn files_of_other_versions_and_other_places_are_not_there() {
    let place = Place::local();
    let page = get(&place, "/", &[]).await.text();
    let script = addresses(&page)
        .into_iter()
        .find(|path| path.ends_with("main.js"))
        .unwrap();
    let version = script.split('/').nth(2).unwrap();
    let table = [
        "/assets/0000000000000000/main.js".to_owned(),
        format!("/assets/{version}/index.htm"),
        format!("/assets/{version}/../../Cargo.toml"),
        format!("/assets/{version}/..%2f..%2fCargo.toml"),
        format!("/assets/{version}//etc/passwd"),
        format!("/assets/{version}/screens/%00start.js"),
    ];
    for path in table {
        let answer = get(&place, &path, &[]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn every_answer_keeps_browsers_careful() {
    let place = Place::local();
    for path in ["/", "/api/me", "/api/nothing", "/api/openapi.json"] {
        let answer = get(&place, path, &[]).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(
            answer
                .header("permissions-policy")
                .contains("camera=(self)")
        );
        assert_eq!(answer.headers.get(header::STRICT_TRANSPORT_SECURITY), None);
        if path.starts_with("/api/") {
            // What describes the API has a tag, and no secret.
            let cache = match path {
                "/api/openapi.json" => "private, no-cache",
                _ => "no-store",
            };
            assert_eq!(answer.header("cache-control"), cache, "{path}");
        }
    }
}

/// Keys of both languages, and those that scripts ask for.
#[test]
fn texts_are_in_both_languages() {
    let web = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let keys = |name: &str| -> Vec<String> {
        let text = std::fs::read_to_string(web.join("texts").join(name)).unwrap();
        let lines = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix('"'));
        lines
            .map(|line| line.split('"').next().unwrap().to_owned())
            .collect()
    };
    // Beside the texts of all screens, those of single ones: NAME.en.js, NAME.ja.js.
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(web.join("texts")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        names.extend(name.strip_suffix("en.js").map(str::to_owned));
    }
    let mut en = Vec::new();
    for name in names {
        let (here, there) = (keys(&format!("{name}en.js")), keys(&format!("{name}ja.js")));
        assert_eq!(here, there, "{name}");
        en.extend(here);
    }
    let mut missing = Vec::new();
    let mut folders = vec![web];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for (at, call) in text.match_indices("t(\"") {
                // Functions whose names end so, such as count("…"), are others.
                let before = text[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || "._".contains(c)) {
                    continue;
                }
                let key = text[at + call.len()..].split('"').next().unwrap();
                let key = key.to_owned();
                let is_key = key
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || "._".contains(c));
                if is_key && !en.contains(&key) && path.extension().is_some_and(|e| e == "js") {
                    missing.push(format!("{}: {key}", path.display()));
                }
            }
        }
    }
    missing.retain(|line| !line.contains("/ui/h.js"));
    assert!(missing.is_empty(), "{missing:#?}");
}
