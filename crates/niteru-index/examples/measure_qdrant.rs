//! Measures a Qdrant server: sending made-up clustered vectors, and searching among them.
//!
//!     cargo run --release -p niteru-index --features qdrant --example measure_qdrant -- \
//!         qdrant+http://127.0.0.1:6334 40000 512
//!
//! Makes the collection `niteru-measure` there and removes it at the end.

use std::error::Error;
use std::time::{Duration, Instant};

use niteru_index::qdrant::{Cluster, QdrantIndex, Spot};
use niteru_index::synthetic::Clusters;
use niteru_index::{Changes, Condition, ExactIndex, Search, VectorIndex, f16, to_f16};
use niteru_kernels::Kernels;

const BATCH: usize = 256;
const QUERIES: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, vectors, dimensions] = &arguments[..] else {
        return Err("expected URL VECTORS DIMENSIONS".into());
    };
    let (count, dimensions): (usize, usize) = (vectors.parse()?, dimensions.parse()?);
    let spot = Spot {
        name: "niteru-measure".into(),
        fingerprint: "measure".into(),
        dimensions,
        stamp: "measure".into(),
    };
    let index = QdrantIndex::new(Cluster::new(url.parse()?)?, spot, Kernels::detect());
    let measured = measure(&index, count, dimensions);
    index.remove()?;
    measured
}

fn measure(index: &QdrantIndex, count: usize, dimensions: usize) -> Result<(), Box<dyn Error>> {
    let clusters = Clusters::new(count, dimensions, 1);
    let vector = |number: usize| clusters.vector(number as u64);
    let rows: Vec<f16> = (0..count).flat_map(|i| to_f16(&vector(i))).collect();
    let queries: Vec<Vec<f32>> = (count..count + QUERIES).map(vector).collect();

    index.reset("measure")?;
    let exact = ExactIndex::new(dimensions, Kernels::detect());
    let ids: Vec<u64> = (1..=count as u64).collect();
    let started = Instant::now();
    for (i, ids) in ids.chunks(BATCH).enumerate() {
        let changes = Changes {
            version: i as u64 + 1,
            ids,
            vectors: &rows[i * BATCH * dimensions..][..ids.len() * dimensions],
            removed: &[],
        };
        index.apply_with(&changes, &|row| {
            let length = if ids[row].is_multiple_of(100) {
                "1"
            } else {
                "20"
            };
            vec![("kind", ["a", "b", "c", "d"][row % 4]), ("length", length)]
        })?;
        exact.apply(&changes)?;
    }
    let sent = started.elapsed().as_secs_f64();
    println!("sent: {sent:.1} s, {:.0} images/s", count as f64 / sent);
    while index.describe()?.is_none_or(|info| !info.settled) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let info = index.describe()?;
    println!(
        "settled after {:.1} s: {info:?}",
        started.elapsed().as_secs_f64()
    );
    for (name, condition) in [
        ("all", None),
        ("a quarter", Some("kind = a")),
        ("1 %", Some("length < 5")),
    ] {
        let condition = condition.map(Condition::parse).transpose()?;
        let (mut times, mut right) = (Vec::new(), 0);
        for query in &queries {
            let started = Instant::now();
            let hits = index.search_where(query, &Search::top(10), condition.as_ref())?;
            times.push(started.elapsed());
            let expected = exact.search(query, &Search::top(10))?;
            right += expected
                .iter()
                .filter(|a| hits.iter().any(|b| a.id == b.id))
                .count();
        }
        times.sort_unstable();
        let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e3;
        print!(
            "search, {name}: p50 {:.2} ms, p99 {:.2} ms",
            at(0.5),
            at(0.99)
        );
        match condition {
            None => println!(", recall@10 {:.4}", right as f64 / (10 * QUERIES) as f64),
            Some(_) => println!(),
        }
    }
    Ok(())
}
