//! `search --explain`: which places of the query and of each result are most alike.

use std::path::PathBuf;

use niteru_encoder::{AlikePlaces, Encoder};
use niteru_imaging::{Limits, Picture};
use niteru_store::SearchResult;
use serde::Serialize;

use crate::report::Why;

/// Most places shown for a result.
const PLACES: usize = 3;

/// A result with what was asked for beside it.
#[derive(Serialize)]
pub(super) struct Explained {
    #[serde(flatten)]
    pub(super) result: SearchResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Reasons>,
    /// The same for a report.
    #[serde(skip)]
    pub(super) shown: Option<Why>,
}

/// The contract of `--json`.
#[derive(Serialize)]
struct Reasons {
    /// Which of the images looked for this is about.
    image: String,
    places: Vec<AlikePlaces>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// An image that was looked for.
pub(super) struct Looked {
    pub(super) path: PathBuf,
    pub(super) picture: Picture,
}

impl Explained {
    pub(super) fn without(result: SearchResult) -> Explained {
        Explained {
            result,
            why: None,
            shown: None,
        }
    }

    /// Of several images looked for, the one that has the most similar place counts.
    fn new(encoder: &Encoder, looked: &[Looked], result: SearchResult, draw: bool) -> Explained {
        let found = match Picture::open(&result.path, &Limits::default()) {
            Ok(found) => found,
            Err(error) => return Explained::unread(looked, result, error.to_string()),
        };
        let places = |looked: &Looked| encoder.alike_places(&looked.picture, &found, PLACES);
        let first = |places: &[AlikePlaces]| places.first().map_or(-1.0, |place| place.similarity);
        let best = looked
            .iter()
            .map(|looked| (looked, places(looked)))
            .max_by(|a, b| first(&a.1).total_cmp(&first(&b.1)));
        let Some((looked, places)) = best else {
            return Explained::without(result);
        };
        let shown = draw.then(|| Why::new(&looked.picture, &found, places.clone()));
        Explained {
            result,
            why: Some(Reasons {
                image: looked.path.to_string_lossy().into_owned(),
                places,
                problem: None,
            }),
            shown,
        }
    }

    fn unread(looked: &[Looked], result: SearchResult, problem: String) -> Explained {
        let image = looked.first().map(|looked| looked.path.to_string_lossy());
        Explained {
            result,
            why: Some(Reasons {
                image: image.unwrap_or_default().into_owned(),
                places: Vec::new(),
                problem: Some(problem),
            }),
            shown: None,
        }
    }

    /// The line under a result on the terminal.
    pub(super) fn line(&self) -> Option<String> {
        let Reasons {
            places, problem, ..
        } = self.why.as_ref()?;
        if let Some(problem) = problem {
            return Some(format!("     why: {problem}"));
        }
        let place = |alike: &AlikePlaces| {
            let [query, result] = [alike.query, alike.result].map(|place| {
                let numbers = [place.x, place.y, place.w, place.h];
                numbers.map(|number| format!("{number:.2}")).join(",")
            });
            format!("{query} and {result} ({:.3})", alike.similarity)
        };
        let places: Vec<String> = places.iter().map(place).collect();
        Some(match places.is_empty() {
            true => "     why: no part stands out".to_string(),
            false => format!("     why: {}", places.join("; ")),
        })
    }
}

/// Each result with the places that make it alike; `draw` prepares them for a report, too.
pub(super) fn explain(
    encoder: &Encoder,
    looked: &[Looked],
    results: Vec<SearchResult>,
    draw: bool,
) -> Vec<Explained> {
    results
        .into_iter()
        .map(|result| Explained::new(encoder, looked, result, draw))
        .collect()
}
