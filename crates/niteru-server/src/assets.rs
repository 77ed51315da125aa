//! The web page's files: in the binary, compressed once at the start, and cached by browsers for good.
//!
//! All files but the pages themselves stand below an address with the hash of them all. A page refers to
//! that address, and modules import each other relative to it; so a browser never mixes files of two
//! versions, and never asks again for one that it has.

use std::collections::HashMap;
use std::io::Write;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::error::ApiError;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../web/", $path)))),*]
    };
}

/// The files; a test compares the list with the folder `web`.
const FILES: &[(&str, &[u8])] = files![
    "docs.html",
    "docs.js",
    "icon.svg",
    "index.html",
    "main.js",
    "screens/causes.js",
    "screens/causes/causes.css",
    "screens/causes/choices.js",
    "screens/causes/course.js",
    "screens/causes/group.js",
    "screens/causes/words.js",
    "screens/collections.js",
    "screens/collections/adding.js",
    "screens/collections/chosen.js",
    "screens/collections/csv.js",
    "screens/collections/duplicates.js",
    "screens/collections/list.js",
    "screens/collections/pages.js",
    "screens/collections/photo.js",
    "screens/collections/photos.js",
    "screens/collections/set.js",
    "screens/collections/table.js",
    "screens/find.css",
    "screens/find.js",
    "screens/find/crop.js",
    "screens/find/filters.js",
    "screens/find/matrix.js",
    "screens/find/pair.js",
    "screens/find/query.js",
    "screens/find/results.js",
    "screens/find/search.js",
    "screens/find/shared.js",
    "screens/inspect.js",
    "screens/inspect/area.js",
    "screens/inspect/chart.js",
    "screens/inspect/check.js",
    "screens/inspect/compare.js",
    "screens/inspect/data.js",
    "screens/inspect/drift.js",
    "screens/inspect/enlarge.js",
    "screens/inspect/frame.js",
    "screens/inspect/frames.js",
    "screens/inspect/history.js",
    "screens/inspect/inspect.css",
    "screens/inspect/list.js",
    "screens/inspect/live.js",
    "screens/inspect/live/camera.js",
    "screens/inspect/live/folder.js",
    "screens/inspect/live/queue.js",
    "screens/inspect/live/starting.js",
    "screens/inspect/live/tone.js",
    "screens/inspect/origin.js",
    "screens/inspect/photos.js",
    "screens/inspect/result.js",
    "screens/inspect/train.js",
    "screens/inspect/use.js",
    "screens/inspect/verdict.js",
    "screens/map.js",
    "screens/map/card.js",
    "screens/map/chart.js",
    "screens/map/colours.js",
    "screens/map/map.css",
    "screens/map/paint.js",
    "screens/map/pictures.js",
    "screens/map/points.js",
    "screens/map/selection.js",
    "screens/map/view.js",
    "screens/settings.js",
    "screens/settings/act.js",
    "screens/settings/audit.js",
    "screens/settings/backup.js",
    "screens/settings/jobs.js",
    "screens/settings/models.js",
    "screens/settings/password.js",
    "screens/settings/results.js",
    "screens/settings/settings.css",
    "screens/settings/storage.js",
    "screens/settings/tokens.js",
    "screens/settings/users.js",
    "screens/start.js",
    "screens/start/samples.js",
    "style.css",
    "texts/causes.en.js",
    "texts/causes.ja.js",
    "texts/en.js",
    "texts/errors.en.js",
    "texts/errors.ja.js",
    "texts/find.en.js",
    "texts/find.ja.js",
    "texts/inspect.en.js",
    "texts/inspect.ja.js",
    "texts/ja.js",
    "texts/settings.en.js",
    "texts/settings.ja.js",
    "texts/map.en.js",
    "texts/map.ja.js",
    "ui/api.js",
    "ui/camera.js",
    "ui/dialog.js",
    "ui/errors.js",
    "ui/feed-worker.js",
    "ui/feed.js",
    "ui/files.js",
    "ui/h.js",
    "ui/held.js",
    "ui/jobs.js",
    "ui/patient.js",
    "ui/progress.js",
    "ui/router.js",
    "ui/save.js",
    "ui/shared-feed.js",
    "ui/sheet.js",
    "ui/svg.js",
    "ui/texts.js",
    "ui/theme.js",
    "ui/underway.js",
    "ui/unsaved.js",
];

/// What a page calls the address that its files stand below.
const BASE: &str = "%BASE%";

/// Files below this are too small for compression to help.
const WORTH_COMPRESSING: usize = 300;

struct Asset {
    bytes: Bytes,
    /// `None` where it would be no shorter.
    gzip: Option<Bytes>,
    media_type: &'static str,
    /// In quotes, as headers have it.
    etag: String,
}

/// The files, ready to be sent.
pub(crate) struct Assets {
    /// The hash of all files.
    version: String,
    files: HashMap<&'static str, Asset>,
}

impl Assets {
    pub(crate) fn new() -> Assets {
        let mut hash = Sha256::new();
        for (path, bytes) in FILES {
            hash.update(path.as_bytes());
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        let version = hex(&hash.finalize()[..8]);
        let base = format!("/assets/{version}");
        let files = FILES.iter().map(|(path, bytes)| {
            let bytes = match path.ends_with(".html") {
                true => String::from_utf8_lossy(bytes).replace(BASE, &base).into(),
                false => Bytes::from_static(bytes),
            };
            (*path, Asset::new(path, bytes))
        });
        Assets {
            files: files.collect(),
            version,
        }
    }

    /// A page: asked for each time, and sent only when it has changed.
    pub(crate) fn page(&self, path: &str, headers: &HeaderMap) -> Response {
        match self.files.get(path) {
            Some(asset) => asset.respond(headers, "no-cache"),
            None => missing(),
        }
    }

    /// A file of a version. Of another version than this one there is none.
    pub(crate) fn file(&self, version: &str, path: &str, headers: &HeaderMap) -> Response {
        match self.files.get(path).filter(|_| version == self.version) {
            Some(asset) => asset.respond(headers, "public, max-age=31536000, immutable"),
            None => missing(),
        }
    }
}

fn missing() -> Response {
    ApiError::not_found("there is no such file")
        .help("the server may have been updated: reload the page")
        .into_response()
}

impl Asset {
    fn new(path: &str, bytes: Bytes) -> Asset {
        let ending = path.rsplit('.').next().unwrap_or_default();
        Asset {
            gzip: compressed(&bytes),
            etag: format!("\"{}\"", hex(&Sha256::digest(&bytes)[..8])),
            media_type: match ending {
                "html" => "text/html; charset=utf-8",
                "js" => "text/javascript; charset=utf-8",
                "css" => "text/css; charset=utf-8",
                "svg" => "image/svg+xml",
                _ => "application/octet-stream",
            },
            bytes,
        }
    }

    fn respond(&self, headers: &HeaderMap, cache: &'static str) -> Response {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let known = text(header::IF_NONE_MATCH).is_some_and(|known| known.contains(&self.etag));
        let gzip = text(header::ACCEPT_ENCODING).is_some_and(takes_gzip);
        let gzip = self.gzip.as_ref().filter(|_| gzip);
        let mut response = match (known, gzip) {
            (true, _) => StatusCode::NOT_MODIFIED.into_response(),
            (false, Some(gzip)) => gzip.clone().into_response(),
            (false, None) => self.bytes.clone().into_response(),
        };
        let headers = response.headers_mut();
        let mut set = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(header::CONTENT_TYPE, self.media_type);
        set(header::CACHE_CONTROL, cache);
        set(header::ETAG, &self.etag);
        set(header::VARY, "accept-encoding");
        if gzip.is_some() && !known {
            set(header::CONTENT_ENCODING, "gzip");
        }
        response
    }
}

/// Whether a client says that it takes gzip, and not that it does not.
fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn compressed(bytes: &[u8]) -> Option<Bytes> {
    if bytes.len() < WORTH_COMPRESSING {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    let shorter = encoder.finish().ok()?;
    (shorter.len() < bytes.len()).then(|| shorter.into())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn files_below(folder: &Path, prefix: &str, files: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true => files_below(&entry.path(), &format!("{name}/"), files),
                false => drop(files.insert(name)),
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_in_the_binary() {
        let mut there = BTreeSet::new();
        files_below(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("web"),
            "",
            &mut there,
        );
        let listed: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed, there, "FILES in assets.rs, files in web/");
    }

    /// The page tells what is unusual by the same number as the reports.
    #[test]
    fn what_is_unusual_is_one_number() {
        let (_, result) = FILES
            .iter()
            .find(|(path, _)| *path == "screens/inspect/result.js")
            .unwrap();
        let unusual = niteru_store::below::inspect::UNUSUAL;
        let line = format!("const UNUSUAL = {unusual};");
        assert!(
            std::str::from_utf8(result).unwrap().contains(&line),
            "{line}"
        );
    }

    /// Whether a file is of the first page: what other screens need comes when they are shown.
    fn is_asked_for_first(path: &str) -> bool {
        let of_a_screen = path.starts_with("screens/") && path != "screens/start.js";
        let texts_of_a_screen = path.starts_with("texts/") && path.matches('.').count() > 1;
        !path.starts_with("docs") && !of_a_screen && !texts_of_a_screen
    }

    #[test]
    fn the_first_page_is_small() {
        let assets = Assets::new();
        let sent: usize = assets
            .files
            .iter()
            .filter(|(path, _)| is_asked_for_first(path))
            .map(|(_, asset)| asset.gzip.as_ref().unwrap_or(&asset.bytes).len())
            .sum();
        assert!(sent < 60_000, "{sent} bytes");
    }

    /// The policy forbids them, so they would do nothing.
    #[test]
    fn nothing_is_written_into_pages() {
        let mut wrong = Vec::new();
        for (path, bytes) in FILES {
            let text = std::str::from_utf8(bytes).unwrap();
            let banned = [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                " style=\"",
                " onclick=",
                "http://",
                "https://",
            ];
            for banned in banned {
                // A name space is no address that is asked for.
                let text = text.replace("http://www.w3.org/2000/svg", "");
                if text.contains(banned) {
                    wrong.push(format!("{path}: {banned}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let table = [
            ("gzip, deflate, br", true),
            ("br;q=1.0, gzip;q=0.8", true),
            ("GZIP", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("xgzip", false),
        ];
        for (accepted, expected) in table {
            assert_eq!(takes_gzip(accepted), expected, "{accepted}");
        }
    }
}
