//! The index in a Qdrant cluster, against a real server: `NITERU_TEST_QDRANT=http://127.0.0.1:6334`.
#![cfg(feature = "qdrant")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use niteru_index::conformance::{self, Subject};
use niteru_index::qdrant::{Cluster, ClusterUrl, QdrantIndex, Remote, Spot, Tuning};
use niteru_index::{
    Changes, Condition, Filter, Hit, IdSet, IndexError, Search, VectorIndex, to_f16,
};
use niteru_kernels::Kernels;

/// The cluster to test with, or `None` after saying so.
fn cluster() -> Option<Cluster> {
    let address = niteru_testkit::qdrant()?;
    let url: ClusterUrl = format!("qdrant+{address}").parse().unwrap();
    Some(Cluster::new(url).unwrap())
}

fn name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("niteru-test-{}-{number}", std::process::id())
}

fn spot(dimensions: usize) -> Spot {
    Spot {
        name: name(),
        fingerprint: "0123456789abcdef0123".into(),
        dimensions,
        stamp: "test".into(),
    }
}

/// A collection that is gone with the value.
struct Gone(QdrantIndex);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.remove().unwrap();
    }
}

fn index(cluster: &Cluster, dimensions: usize) -> Gone {
    let index = QdrantIndex::new(cluster.clone(), spot(dimensions), Kernels::detect());
    index.reset("one").unwrap();
    Gone(index)
}

/// Makes collections, and removes them at the end.
struct Maker {
    cluster: Cluster,
    tuning: Tuning,
    made: Mutex<Vec<Spot>>,
}

impl Maker {
    fn new(cluster: Cluster, tuning: Tuning) -> Self {
        let made = Mutex::default();
        Self {
            cluster,
            tuning,
            made,
        }
    }

    fn open(&self, spot: Spot) -> QdrantIndex {
        QdrantIndex::new(self.cluster.clone(), spot, Kernels::detect()).with_tuning(self.tuning)
    }
}

impl Subject for Maker {
    fn make(&self, dimensions: usize) -> Box<dyn VectorIndex> {
        let spot = spot(dimensions);
        self.made.lock().unwrap().push(spot.clone());
        let index = self.open(spot);
        index.reset("one").unwrap();
        Box::new(index)
    }

    fn restart(&self, index: Box<dyn VectorIndex>) -> Box<dyn VectorIndex> {
        let spot = self.made.lock().unwrap().last().unwrap().clone();
        let version = index.version();
        drop(index);
        let index = self.open(spot);
        let token = "one".into();
        assert_eq!(index.refresh().unwrap(), Remote::At { version, token });
        Box::new(index)
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        for spot in self.made.lock().unwrap().drain(..) {
            self.open(spot).remove().unwrap();
        }
    }
}

#[test]
fn qdrant_conforms() {
    let Some(cluster) = cluster() else { return };
    conformance::subject(&Maker::new(cluster, Tuning::default()));
}

/// Graphs for all but the smallest segments, as in large collections.
struct Graphs(Maker);

/// Waits with each large change until the graphs are there.
struct Settled(QdrantIndex);

impl Subject for Graphs {
    fn make(&self, dimensions: usize) -> Box<dyn VectorIndex> {
        self.0.make(dimensions);
        let spot = self.0.made.lock().unwrap().last().unwrap().clone();
        let index = self.0.open(spot);
        index.refresh().unwrap();
        Box::new(Settled(index))
    }

    fn restart(&self, index: Box<dyn VectorIndex>) -> Box<dyn VectorIndex> {
        self.0.restart(index)
    }

    fn recall(&self) -> f64 {
        0.95
    }
}

impl VectorIndex for Settled {
    fn dimensions(&self) -> usize {
        self.0.dimensions()
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn version(&self) -> u64 {
        self.0.version()
    }
    fn apply(&self, changes: &Changes<'_>) -> Result<(), IndexError> {
        self.0.apply(changes)?;
        let give_up = Instant::now() + Duration::from_secs(60);
        loop {
            let info = self.0.describe()?.unwrap();
            if info.settled && info.indexed as usize > info.points / 2 {
                return Ok(());
            }
            assert!(Instant::now() < give_up, "no graph: {info:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Hit>, IndexError> {
        self.0.search(query, search)
    }
}

#[test]
fn qdrant_conforms_with_graphs() {
    let Some(cluster) = cluster() else { return };
    let mut tuning = Tuning::default();
    tuning.indexing_threshold = Some(50);
    tuning.full_scan_threshold = Some(10);
    let graphs = Graphs(Maker::new(cluster, tuning));
    conformance::filters_act_inside(&graphs);
    conformance::large_changes(&graphs);
    conformance::restarts(&graphs);
}

/// What an image has, as fields with values.
type Metadata = &'static [(&'static str, &'static str)];

const LONG: &str = "錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆錆";

const IMAGES: &[Metadata] = &[
    &[("kind", "bolt"), ("長さ", "20"), ("taken", "2026-01-01")],
    &[
        ("kind", "Bolt"),
        ("長さ", "20.0"),
        ("taken", "2026/1/1 9:00"),
    ],
    &[("kind", "nut"), ("長さ", "-0"), ("part.no[\"]", "007")],
    &[("kind", "true"), ("長さ", "２０"), ("taken", "0001-01-01")],
    &[("kind", "TRUE"), ("part.no[\"]", "7")],
    &[("kind", LONG), ("長さ", "1e300"), ("taken", "9999-12-31")],
    &[("kind", "a\0b"), ("長さ", "0.1")],
    &[
        ("taken", "1969-12-31T23:59:59.999Z"),
        ("kind", "' OR 1=1 --"),
    ],
    &[],
];

#[test]
fn conditions_let_the_same_images_through() {
    let Some(cluster) = cluster() else { return };
    let Gone(ref index) = index(&cluster, 2);
    let ids: Vec<u64> = (1..=IMAGES.len() as u64).collect();
    let vectors: Vec<_> = ids.iter().flat_map(|_| to_f16(&[0.6, 0.8])).collect();
    let changes = Changes {
        version: 1,
        ids: &ids,
        vectors: &vectors,
        removed: &[],
    };
    index
        .apply_with(&changes, &|row| IMAGES[row].to_vec())
        .unwrap();

    let tests = [
        "kind = bolt",
        "kind = \"a\0b\"",
        "kind != bolt",
        "kind in (bolt, nut)",
        "kind = true",
        "kind = false",
        "kind exists",
        "kind missing",
        "長さ = 20",
        "長さ < 20",
        "長さ <= 20",
        "長さ > 20",
        "長さ >= 20",
        "長さ = 0",
        "長さ = 0.1",
        "長さ >= 1e300",
        "長さ missing",
        "taken = 2026-01-01",
        "taken < 2026-01-01",
        "taken <= 2026-01-01",
        "taken > 2026-01-01",
        "taken >= 2026-01-01",
        "taken < 1970-01-01",
        "taken = 9999-12-31",
        "taken = 0001-01-01",
        "'part.no[\"]' = '007'",
        "'part.no[\"]' = 7",
        "kind = \"' OR 1=1 --\"",
        "nothing exists",
        "nothing missing",
        "nothing = 1",
        "kind = bolt or 長さ < 1",
        "kind = bolt and 長さ = 20",
        "not (kind = bolt or 長さ < 1)",
        "not kind exists and not taken exists",
        "(kind in (bolt, Bolt) or taken missing) and 長さ != 20",
    ];
    let mut wrong = Vec::new();
    for text in tests {
        let condition = Condition::parse(text).unwrap();
        let passes = |id: &u64| {
            let metadata = IMAGES[*id as usize - 1];
            condition.matches(&|field| Some(metadata.iter().find(|(name, _)| *name == field)?.1))
        };
        let expected: Vec<u64> = ids.iter().copied().filter(passes).collect();
        let found = index
            .search_where(&[1.0, 0.0], &Search::top(99), Some(&condition))
            .unwrap();
        let found: Vec<u64> = found.iter().map(|hit| hit.id).collect();
        if found != expected {
            wrong.push(format!("{text}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    // Beside ids, and none of these.
    let bolt = Condition::parse("kind = bolt or kind = nut").unwrap();
    let one: IdSet = [1].into_iter().collect();
    let found = |filter| {
        let search = Search::top(9).filter(filter);
        let hits = index
            .search_where(&[1.0, 0.0], &search, Some(&bolt))
            .unwrap();
        hits.iter().map(|hit| hit.id).collect::<Vec<_>>()
    };
    assert_eq!(found(Filter::Only(&one)), [1]);
    assert_eq!(found(Filter::Except(&one)), [3]);
    for text in [
        "kind contains 錆".to_owned(),
        format!("kind = {LONG:?}"),
        "kind contains x or kind = x".into(),
    ] {
        let condition = Condition::parse(&text).unwrap();
        let found = index.search_where(&[1.0, 0.0], &Search::top(9), Some(&condition));
        assert_eq!(found, Err(IndexError::Untranslatable), "{text}");
    }
}

#[test]
fn what_is_stored_can_be_compared() {
    let Some(cluster) = cluster() else { return };
    let Gone(ref index) = index(&cluster, 2);
    let vectors = to_f16(&[0.6, 0.8, 1.0, 0.0]);
    let changes = Changes {
        version: 3,
        ids: &[1, 2],
        vectors: &vectors,
        removed: &[],
    };
    index
        .apply_with(&changes, &|row| IMAGES[row].to_vec())
        .unwrap();
    assert_eq!(index.ids().unwrap(), [1, 2].into_iter().collect());
    let stored = index.stored(&[1, 2, 3]).unwrap();
    assert_eq!(stored.len(), 2);
    let metadata = |row: usize| IMAGES[row].iter().copied();
    assert!(index.is_sent_as(&stored[&1], &vectors[..2], metadata(0)));
    assert!(
        !index.is_sent_as(&stored[&1], &vectors[2..], metadata(0)),
        "another vector"
    );
    assert!(
        !index.is_sent_as(&stored[&1], &vectors[..2], metadata(1)),
        "other metadata"
    );
    let info = index.describe().unwrap().unwrap();
    assert_eq!((info.points, info.shards, info.replicas), (2, 1, 1));
}

#[test]
fn what_is_of_something_else_is_told_apart() {
    let Some(cluster) = cluster() else { return };
    let Gone(ref index) = index(&cluster, 2);
    let own = Spot {
        name: index.name().into(),
        ..spot(2)
    };
    let open = |spot: Spot| {
        QdrantIndex::new(cluster.clone(), spot, Kernels::detect())
            .refresh()
            .unwrap()
    };
    let token = "one".to_owned();
    assert_eq!(open(own.clone()), Remote::At { version: 0, token });
    assert_eq!(open(spot(2)), Remote::Missing);
    let others = [
        Spot {
            stamp: "other".into(),
            ..own.clone()
        },
        Spot {
            dimensions: 3,
            ..own.clone()
        },
        Spot {
            fingerprint: "ffff".into(),
            ..own
        },
    ];
    for other in others {
        assert!(matches!(open(other.clone()), Remote::Other(_)), "{other:?}");
    }
}

/// Runs always: nothing listens there.
#[test]
fn clusters_that_do_not_answer_are_unavailable() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url: ClusterUrl = format!("qdrant+http://{closed}").parse().unwrap();
    let index = QdrantIndex::new(
        Cluster::new(url.clone()).unwrap(),
        spot(2),
        Kernels::detect(),
    );
    let started = std::time::Instant::now();
    let error = index.refresh().unwrap_err();
    assert!(matches!(error, IndexError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains(&url.address()), "{error}");
    // Sooner than a request may take that is not answered.
    assert!(started.elapsed().as_secs() < 30);
}
