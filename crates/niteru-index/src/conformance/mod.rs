//! The tests that every index passes, as functions: call [`all`] from an index's own tests.
//!
//! ```
//! use niteru_kernels::Kernels;
//!
//! niteru_index::conformance::all(&|dimensions| {
//!     Box::new(niteru_index::ExactIndex::new(dimensions, Kernels::detect()))
//! });
//! ```
//!
//! An approximate index runs [`subject`] with a [`Subject`] that says how many of the right hits it
//! promises. What it finds must be as exact as anyone's: similarities, order, filters, numbers of hits.

// A test that cannot go on panics.
#![allow(clippy::expect_used)]

use std::collections::BTreeMap;

use half::f16;

use self::truth::{Checked, Random, expected, fill, same};
use crate::{Changes, Filter, IdSet, IndexError, Search, VectorIndex, to_f16};

mod truth;

/// Makes an empty index for vectors of the given length.
pub type Make<'a> = &'a dyn Fn(usize) -> Box<dyn VectorIndex>;

/// Largest difference allowed between an index's similarity and the one computed in f64.
pub const TOLERANCE: f32 = 2e-6;

/// An index under test.
pub trait Subject {
    /// Makes an empty index for vectors of the given length.
    fn make(&self, dimensions: usize) -> Box<dyn VectorIndex>;

    /// What a new process finds after this one ended: the index as it was saved, with the version it
    /// was saved at, or an empty one where nothing is saved. The suite catches it up.
    fn restart(&self, index: Box<dyn VectorIndex>) -> Box<dyn VectorIndex> {
        self.make(index.dimensions())
    }

    /// The least share of the right hits among those found, over all searches of a check, where a
    /// search covers more than [`SMALL`] vectors; 1 for an exact index. Among fewer, every index is
    /// exact.
    fn recall(&self) -> f64 {
        1.0
    }
}

impl<F: Fn(usize) -> Box<dyn VectorIndex>> Subject for F {
    fn make(&self, dimensions: usize) -> Box<dyn VectorIndex> {
        self(dimensions)
    }
}

/// Searches that cover at most so many vectors, or let at most so many through, must be exact.
pub const SMALL: usize = 4096;

/// Runs every check on an exact index.
///
/// # Panics
/// When the index does not conform; the message names the check.
pub fn all(make: Make<'_>) {
    subject(&make);
}

/// Runs every check.
///
/// # Panics
/// When the index does not conform; the message names the check.
pub fn subject(subject: &dyn Subject) {
    let make: Make<'_> = &|dimensions| subject.make(dimensions);
    empty_index(make);
    wrong_input_is_refused(make);
    ties_go_by_id(make);
    filters_act_inside(subject);
    changes_are_visible(make);
    random_operations(make);
    searches_while_changing(make);
    large_changes(subject);
    restarts(subject);
}

/// An index without vectors finds nothing.
///
/// # Panics
/// When the index does not conform.
pub fn empty_index(make: Make<'_>) {
    let index = make(3);
    assert_eq!(
        (index.len(), index.version(), index.dimensions()),
        (0, 0, 3)
    );
    assert_eq!(index.search(&[1.0, 0.0, 0.0], &Search::top(5)), Ok(vec![]));
}

/// Wrong lengths and vectors without direction are errors, never a best match, and a refused
/// change leaves the index as it was.
///
/// # Panics
/// When the index does not conform.
pub fn wrong_input_is_refused(make: Make<'_>) {
    let index = make(2);
    let good = to_f16(&[1.0, 0.0, 0.0, 1.0]);
    let changes = Changes {
        version: 5,
        ids: &[1, 2],
        vectors: &good,
        removed: &[],
    };
    index.apply(&changes).expect("good vectors");

    let mut wrong = Vec::new();
    let queries: &[(&[f32], IndexError)] = &[
        (
            &[1.0],
            IndexError::Dimensions {
                expected: 2,
                found: 1,
            },
        ),
        (
            &[1.0, 0.0, 0.0],
            IndexError::Dimensions {
                expected: 2,
                found: 3,
            },
        ),
        (
            &[],
            IndexError::Dimensions {
                expected: 2,
                found: 0,
            },
        ),
        (&[0.0, 0.0], IndexError::DegenerateQuery),
        (&[f32::NAN, 1.0], IndexError::DegenerateQuery),
        (&[1.0, f32::INFINITY], IndexError::DegenerateQuery),
    ];
    for (query, error) in queries {
        let found = index.search(query, &Search::top(1));
        if found.as_ref() != Err(error) {
            wrong.push(format!("query {query:?}: {found:?}"));
        }
    }
    let minimum = Search::top(1).min_similarity(Some(f32::NAN));
    let found = index.search(&[1.0, 0.0], &minimum);
    if found != Err(IndexError::DegenerateMinimum) {
        wrong.push(format!("NaN as smallest similarity: {found:?}"));
    }

    let changes: &[(u64, &[u64], &[f32], IndexError)] = &[
        (
            6,
            &[1],
            &[1.0],
            IndexError::Shape {
                ids: 1,
                expected: 2,
                found: 1,
            },
        ),
        (
            6,
            &[],
            &[1.0],
            IndexError::Shape {
                ids: 0,
                expected: 0,
                found: 1,
            },
        ),
        (
            6,
            &[3, 4],
            &[1.0, 0.0, 0.0, 0.0],
            IndexError::DegenerateVector { id: 4 },
        ),
        (
            6,
            &[3, 4],
            &[1.0, 0.0, f32::NAN, 0.0],
            IndexError::DegenerateVector { id: 4 },
        ),
        (
            6,
            &[3, 4],
            &[1.0, 0.0, 1e9, 0.0],
            IndexError::DegenerateVector { id: 4 },
        ),
        (
            4,
            &[3],
            &[1.0, 0.0],
            IndexError::OlderChange {
                current: 5,
                found: 4,
            },
        ),
    ];
    for (version, ids, vectors, error) in changes {
        let vectors = to_f16(vectors);
        let changes = Changes {
            version: *version,
            removed: &[1],
            ids,
            vectors: &vectors,
        };
        let found = index.apply(&changes);
        if found.as_ref() != Err(error) {
            wrong.push(format!("change {version} of {ids:?}: {found:?}"));
        }
        if (index.len(), index.version()) != (2, 5) {
            wrong.push(format!(
                "change {version} of {ids:?} was refused but left traces"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Equal similarities come by id ascending, whatever order they were added in, and across
/// every `k`.
///
/// # Panics
/// When the index does not conform.
pub fn ties_go_by_id(make: Make<'_>) {
    let index = make(4);
    let ids: Vec<u64> = (0..300).map(|i| (i * 7919) % 1009 + 1).collect();
    let one = to_f16(&[0.5, -0.5, 0.5, 0.5]);
    let vectors: Vec<f16> = ids.iter().flat_map(|_| one.clone()).collect();
    let changes = Changes {
        version: 1,
        ids: &ids,
        vectors: &vectors,
        removed: &[],
    };
    index.apply(&changes).expect("good vectors");
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    for k in [0, 1, 2, 7, 299, 300, 1000] {
        let hits = index
            .search(&[1.0, 0.2, 0.0, 0.0], &Search::top(k))
            .expect("a good query");
        let found: Vec<u64> = hits.iter().map(|hit| hit.id).collect();
        assert_eq!(found, sorted[..k.min(sorted.len())], "k {k}");
    }
}

/// Filters and the smallest similarity act inside the search.
///
/// # Panics
/// When the index does not conform.
pub fn filters_act_inside(subject: &dyn Subject) {
    let mut random = Random::new(7);
    // More than one parallel block of the exact scan.
    let (dimensions, count) = (24, 10_000);
    let index = subject.make(dimensions);
    let truth = fill(&*index, &mut random, dimensions, count);
    let sets: Vec<(&str, IdSet)> = vec![
        ("none", IdSet::new()),
        ("one", [77].into_iter().collect()),
        ("one unknown", [1 << 40].into_iter().collect()),
        (
            "1 %",
            (0..count as u64).filter(|id| id % 100 == 3).collect(),
        ),
        ("half", (0..count as u64).filter(|id| id % 2 == 0).collect()),
        ("all", (0..count as u64 * 2).collect()),
    ];
    let mut checked = Checked::new(subject);
    for _ in 0..4 {
        let query = random.vector(dimensions);
        for (name, set) in &sets {
            for filter in [Filter::Only(set), Filter::Except(set)] {
                for min in [None, Some(0.0), Some(0.3)] {
                    let search = Search::top(15).filter(filter).min_similarity(min);
                    let what = format!("set {name}, min {min:?}");
                    checked.search(&*index, &truth, &query, &search, &what);
                }
            }
        }
    }
    checked.finish("filters");
}

/// Half of a large index is removed and replaced, and the next searches see it.
///
/// # Panics
/// When the index does not conform.
pub fn large_changes(subject: &dyn Subject) {
    let mut random = Random::new(23);
    let (dimensions, count) = (24, 10_000);
    let index = subject.make(dimensions);
    let mut truth = fill(&*index, &mut random, dimensions, count);
    let mut checked = Checked::new(subject);
    for version in 2..5 {
        change(&*index, &mut truth, &mut random, version);
        for _ in 0..10 {
            let query = random.vector(dimensions);
            let what = format!("change {version}");
            checked.search(&*index, &truth, &query, &Search::top(20), &what);
        }
    }
    checked.finish("large changes");
}

/// Replaces a sixth of the vectors, removes a sixth, and adds a few.
fn change(
    index: &dyn VectorIndex,
    truth: &mut BTreeMap<u64, Vec<f16>>,
    random: &mut Random,
    version: u64,
) {
    let known: Vec<u64> = truth.keys().copied().collect();
    let of = |rest: u64| known.iter().copied().filter(move |id| id % 6 == rest);
    let removed: Vec<u64> = of(version).collect();
    let ids: Vec<u64> = of(version - 1)
        .chain(version << 32..(version << 32) + 100)
        .collect();
    let dimensions = index.dimensions();
    let rows: Vec<_> = ids
        .iter()
        .map(|_| to_f16(&random.vector(dimensions)))
        .collect();
    let vectors = rows.concat();
    let changes = Changes {
        version,
        removed: &removed,
        ids: &ids,
        vectors: &vectors,
    };
    index.apply(&changes).expect("good vectors");
    removed.iter().for_each(|id| drop(truth.remove(id)));
    truth.extend(ids.into_iter().zip(rows));
    assert_eq!(index.len(), truth.len(), "change {version}");
}

/// What was saved is found again, and catches up with what happened since.
///
/// # Panics
/// When the index does not conform.
pub fn restarts(subject: &dyn Subject) {
    let mut random = Random::new(31);
    let (dimensions, count) = (24, 10_000);
    let index = subject.make(dimensions);
    let mut truth = fill(&*index, &mut random, dimensions, count);
    change(&*index, &mut truth, &mut random, 2);
    let index = subject.restart(index);
    if index.version() < 2 {
        assert!(
            index.is_empty(),
            "an older version has to say what it holds"
        );
        let ids: Vec<u64> = truth.keys().copied().collect();
        let vectors = truth.values().flatten().copied().collect::<Vec<_>>();
        let changes = Changes {
            version: 2,
            ids: &ids,
            vectors: &vectors,
            removed: &[],
        };
        index.apply(&changes).expect("good vectors");
    }
    let mut checked = Checked::new(subject);
    let mut look = |truth: &BTreeMap<u64, Vec<f16>>, index: &dyn VectorIndex, what: &str| {
        assert_eq!((index.len(), index.dimensions()), (truth.len(), dimensions));
        for _ in 0..10 {
            let query = random.vector(dimensions);
            checked.search(index, truth, &query, &Search::top(20), what);
        }
    };
    look(&truth, &*index, "after a restart");
    change(&*index, &mut truth, &mut Random::new(37), 3);
    look(&truth, &*index, "changed after a restart");
    let index = subject.restart(index);
    if index.version() == 3 {
        look(&truth, &*index, "after another restart");
    }
    checked.finish("restarts");
}

/// Inserted, replaced and removed vectors are seen by the next search.
///
/// # Panics
/// When the index does not conform.
pub fn changes_are_visible(make: Make<'_>) {
    let index = make(2);
    let (x, y) = (to_f16(&[1.0, 0.0]), to_f16(&[0.0, 1.0]));
    let best = |version| {
        assert_eq!(index.version(), version);
        let hits = index
            .search(&[1.0, 0.1], &Search::top(9))
            .expect("a good query");
        hits.iter().map(|hit| hit.id).collect::<Vec<_>>()
    };
    let apply = |version, removed: &[u64], ids: &[u64], vectors: &[f16]| {
        index
            .apply(&Changes {
                version,
                removed,
                ids,
                vectors,
            })
            .expect("good vectors");
    };
    apply(1, &[], &[1], &x);
    apply(2, &[], &[2], &y);
    assert_eq!(best(2), [1, 2], "inserted");
    apply(3, &[], &[1], &y);
    apply(4, &[], &[2], &x);
    assert_eq!(best(4), [2, 1], "replaced");
    apply(5, &[2, 99], &[], &[]);
    assert_eq!(best(5), [1], "removed");
    apply(6, &[1], &[1], &x);
    assert_eq!(best(6), [1], "removed and inserted in one change");
    apply(7, &[1], &[], &[]);
    assert_eq!(best(7), [0_u64; 0], "the last one removed");
    apply(8, &[], &[3, 3], &[x, y].concat());
    assert_eq!(best(8), [3], "given twice");
    let hits = index
        .search(&[0.0, 2.0], &Search::top(1))
        .expect("a good query");
    assert!(
        (hits[0].similarity - 1.0).abs() < TOLERANCE,
        "the last vector given counts"
    );
}

/// A long random sequence of changes, compared with a plain map after each.
///
/// # Panics
/// When the index does not conform.
pub fn random_operations(make: Make<'_>) {
    for (seed, dimensions) in [(1, 1), (2, 3), (3, 17), (4, 64), (5, 131)] {
        let mut random = Random::new(seed);
        let index = make(dimensions);
        let mut truth = BTreeMap::new();
        for version in 1..60 {
            let removed: Vec<u64> = (0..random.below(8)).map(|_| random.below(200)).collect();
            let ids: Vec<u64> = (0..random.below(40)).map(|_| random.below(200)).collect();
            let rows: Vec<Vec<f16>> = ids
                .iter()
                .map(|_| to_f16(&random.vector(dimensions)))
                .collect();
            let vectors = rows.concat();
            let changes = Changes {
                version,
                removed: &removed,
                ids: &ids,
                vectors: &vectors,
            };
            index.apply(&changes).expect("good vectors");
            removed.iter().for_each(|id| drop(truth.remove(id)));
            truth.extend(ids.iter().copied().zip(rows));

            assert_eq!(index.len(), truth.len(), "seed {seed}, change {version}");
            let search = Search::top(1 + random.below(30) as usize);
            let query = random.vector(dimensions);
            let hits = index.search(&query, &search).expect("a good query");
            let what = format!("seed {seed}, change {version}");
            same(&hits, &expected(&truth, &query, &search), &what);
        }
    }
}

/// Readers and a writer at once: every search sees a whole change or none of it.
///
/// # Panics
/// When the index does not conform.
pub fn searches_while_changing(make: Make<'_>) {
    const PAIRS: u64 = 50;
    let index = make(2);
    let pair = to_f16(&[1.0, 0.0, 1.0, 0.0]);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while index.version() < 2 * PAIRS {
                    let hits = index
                        .search(&[1.0, 0.0], &Search::top(1000))
                        .expect("a good query");
                    assert_eq!(hits.len() % 2, 0, "half a change was seen");
                }
            });
        }
        for i in 0..PAIRS {
            let ids = [2 * i, 2 * i + 1];
            let changes = Changes {
                version: i + 1,
                ids: &ids,
                vectors: &pair,
                removed: &[],
            };
            index.apply(&changes).expect("good vectors");
        }
        for i in 0..PAIRS {
            let removed = [2 * i, 2 * i + 1];
            let version = PAIRS + i + 1;
            let changes = Changes {
                version,
                removed: &removed,
                ..Changes::default()
            };
            index.apply(&changes).expect("good vectors");
        }
    });
    assert!(index.is_empty());
}
