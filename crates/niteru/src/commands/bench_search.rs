//! `niteru bench search`: how fast this computer searches, and how much of the exact answer it finds.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use niteru_index::synthetic::Clusters;
use niteru_index::{
    BuildOptions, Changes, ExactIndex, Filter, Hit, HnswIndex, IdSet, Search, VectorIndex, f16,
    to_f16,
};
use niteru_kernels::Kernels;
use rayon::prelude::*;
use serde::Serialize;

use super::{Context, kernels};
use crate::args::BenchSearchArgs;
use crate::output::Outcome;

/// Results of a search.
const K: usize = 10;

/// The filter keeps every so-manieth vector.
const KEPT: u64 = 100;

/// Vectors that are handed to an index at a time.
const BATCH: usize = 1024;

/// The contract of `--json`. Times of searches are of one thread.
#[derive(Serialize)]
struct Measured {
    vectors: usize,
    dimensions: usize,
    queries: usize,
    seed: u64,
    kernels: &'static str,
    exact: Times,
    exact_filtered: Times,
    hnsw: Option<Hnsw>,
}

#[derive(Serialize)]
struct Hnsw {
    search: Times,
    filtered: Times,
    threads: usize,
    build_seconds: f64,
    /// Links, beside the vectors.
    graph_bytes: usize,
    file_bytes: u64,
    save_seconds: f64,
    /// Opening the saved file with all checks, and one search in it.
    open_milliseconds: f64,
}

#[derive(Serialize)]
struct Times {
    p50_milliseconds: f64,
    p99_milliseconds: f64,
    recall_at_10: f64,
}

pub(super) fn search(context: &Context, args: &BenchSearchArgs) -> Result<Outcome> {
    let measured = measure(kernels()?, args)?;
    if context.output.is_json() {
        context.output.json(&measured)?;
    } else {
        context.output.text(describe(&measured))?;
    }
    Ok(Outcome::Done)
}

fn measure(kernels: Kernels, args: &BenchSearchArgs) -> Result<Measured> {
    let (count, dimensions) = (args.vectors.get(), args.dimensions.get());
    let clusters = Clusters::new(count, dimensions, args.seed);
    let exact = ExactIndex::new(dimensions, kernels);
    let hnsw = (!args.exact_only).then(|| HnswIndex::new(dimensions, kernels));
    exact.reserve(count);
    let dump = Dump::new(args.write.as_deref())?;
    for start in (0..count).step_by(BATCH) {
        let ids: Vec<u64> = (start..count.min(start + BATCH))
            .map(|i| i as u64)
            .collect();
        let rows: Vec<Vec<f32>> = ids.par_iter().map(|&id| clusters.vector(id)).collect();
        dump.write("vectors", &rows)?;
        let vectors: Vec<f16> = rows.iter().flat_map(|row| to_f16(row)).collect();
        let changes = Changes {
            version: start as u64 + 1,
            ids: &ids,
            vectors: &vectors,
            removed: &[],
        };
        exact.apply(&changes)?;
        hnsw.iter().try_for_each(|hnsw| hnsw.apply(&changes))?;
    }
    // Other members of the same clusters.
    let queries = (0..args.queries.get() as u64).map(|i| clusters.vector(count as u64 + i));
    let queries: Vec<Vec<f32>> = queries.collect();
    dump.write("queries", &queries)?;

    let kept: IdSet = (0..count as u64).filter(|id| id % KEPT == 0).collect();
    let all = Search::top(K);
    let few = all.filter(Filter::Only(&kept));
    let right = time(&exact, &queries, &all)?;
    let right_few = time(&exact, &queries, &few)?;
    drop(exact);
    let hnsw = match &hnsw {
        Some(index) => Some(measure_hnsw(
            index,
            kernels,
            args,
            &queries,
            [(&all, &right), (&few, &right_few)],
        )?),
        None => None,
    };
    Ok(Measured {
        vectors: count,
        dimensions,
        queries: queries.len(),
        seed: args.seed,
        kernels: kernels.name(),
        exact: right.against(&right),
        exact_filtered: right_few.against(&right_few),
        hnsw,
    })
}

fn measure_hnsw(
    index: &HnswIndex,
    kernels: Kernels,
    args: &BenchSearchArgs,
    queries: &[Vec<f32>],
    [(all, right), (few, right_few)]: [(&Search<'_>, &Run); 2],
) -> Result<Hnsw> {
    let mut options = BuildOptions::default();
    options.threads = args
        .threads
        .map_or_else(rayon::current_num_threads, |threads| threads.get());
    let started = Instant::now();
    index.build(options)?;
    let build = started.elapsed();
    let saved = save_and_open(index, kernels, &queries[0])?;
    Ok(Hnsw {
        search: time(index, queries, all)?.against(right),
        filtered: time(index, queries, few)?.against(right_few),
        threads: options.threads,
        build_seconds: build.as_secs_f64(),
        graph_bytes: index.graph_memory(),
        file_bytes: saved.bytes,
        save_seconds: saved.save.as_secs_f64(),
        open_milliseconds: saved.open.as_secs_f64() * 1e3,
    })
}

struct Saved {
    bytes: u64,
    save: Duration,
    open: Duration,
}

fn save_and_open(index: &HnswIndex, kernels: Kernels, query: &[f32]) -> Result<Saved> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (file, stamp) = (folder.path().join("bench.index"), [0; 32]);
    let started = Instant::now();
    let bytes = index.save(&file, &stamp)?.unwrap_or(0);
    let save = started.elapsed();
    let started = Instant::now();
    let opened = HnswIndex::open(&file, index.dimensions(), kernels, &stamp)?;
    opened.search(query, &Search::top(K))?;
    let open = started.elapsed();
    Ok(Saved { bytes, save, open })
}

/// What each query found, and how long it took.
struct Run {
    found: Vec<Vec<Hit>>,
    times: Vec<Duration>,
}

/// Searches on one thread; a few times before it counts.
fn time(index: &dyn VectorIndex, queries: &[Vec<f32>], search: &Search<'_>) -> Result<Run> {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    one.context("cannot start a thread")?.install(|| {
        for query in queries.iter().take(5) {
            index.search(query, search)?;
        }
        let (mut found, mut times) = (Vec::new(), Vec::new());
        for query in queries {
            let started = Instant::now();
            found.push(index.search(query, search)?);
            times.push(started.elapsed());
        }
        Ok(Run { found, times })
    })
}

impl Run {
    fn against(&self, right: &Run) -> Times {
        let mut times = self.times.clone();
        times.sort();
        let milliseconds = |share: usize| {
            let place = (times.len() * share / 100).min(times.len().saturating_sub(1));
            times
                .get(place)
                .map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        let (mut same, mut all) = (0, 0);
        for (found, right) in self.found.iter().zip(&right.found) {
            let right: HashSet<u64> = right.iter().map(|hit| hit.id).collect();
            same += found.iter().filter(|hit| right.contains(&hit.id)).count();
            all += right.len();
        }
        Times {
            p50_milliseconds: milliseconds(50),
            p99_milliseconds: milliseconds(99),
            recall_at_10: same as f64 / all.max(1) as f64,
        }
    }
}

/// The vectors as files of `f32` for other programs, where they are wanted.
struct Dump<'a> {
    folder: Option<&'a Path>,
}

impl<'a> Dump<'a> {
    fn new(folder: Option<&'a Path>) -> Result<Dump<'a>> {
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
            for name in ["vectors", "queries"] {
                let file = folder.join(name);
                std::fs::File::create(&file)
                    .with_context(|| format!("cannot write {}", file.display()))?;
            }
        }
        Ok(Dump { folder })
    }

    fn write(&self, name: &str, rows: &[Vec<f32>]) -> Result<()> {
        let Some(folder) = self.folder else {
            return Ok(());
        };
        let file = folder.join(name);
        let bytes: Vec<u8> = rows
            .iter()
            .flatten()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let open = std::fs::File::options().append(true).open(&file);
        open.and_then(|mut open| open.write_all(&bytes))
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

fn describe(m: &Measured) -> String {
    let line = |name: &str, times: &Times| {
        format!(
            "\n{name:<22}{:9.3} ms (p50){:9.3} ms (p99)   recall@10 {:.4}",
            times.p50_milliseconds, times.p99_milliseconds, times.recall_at_10
        )
    };
    let mut text = format!(
        "{} vectors of {} dimensions, {} queries on one thread ({} kernels)",
        m.vectors, m.dimensions, m.queries, m.kernels,
    );
    text += &line("exact", &m.exact);
    text += &line("exact, filter of 1 %", &m.exact_filtered);
    if let Some(hnsw) = &m.hnsw {
        text += &line("hnsw", &hnsw.search);
        text += &line("hnsw, filter of 1 %", &hnsw.filtered);
        text += &format!(
            "\nbuild                 {:9.1} s on {} threads, links {} MB\n\
             file                  {:9.1} MB, saved in {:.1} s, opened and searched in {:.0} ms",
            hnsw.build_seconds,
            hnsw.threads,
            hnsw.graph_bytes / 1_000_000,
            hnsw.file_bytes as f64 / 1e6,
            hnsw.save_seconds,
            hnsw.open_milliseconds,
        );
    }
    text
}
