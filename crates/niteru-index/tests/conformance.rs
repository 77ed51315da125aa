//! Every index runs the same suite.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use niteru_index::conformance::{self, Subject};
use niteru_index::{
    BuildOptions, Changes, ExactIndex, Hit, HnswIndex, IndexError, Search, VectorIndex,
};
use niteru_kernels::Kernels;

#[test]
fn exact_index_conforms_with_every_kernel_set() {
    for kernels in Kernels::available() {
        conformance::all(&|dimensions| Box::new(ExactIndex::new(dimensions, kernels)));
    }
}

#[test]
fn hnsw_index_without_a_graph_is_exact() {
    let kernels = Kernels::detect();
    conformance::all(&|dimensions| Box::new(HnswIndex::new(dimensions, kernels)));
}

#[test]
fn hnsw_index_conforms() {
    let folder = tempfile::tempdir().unwrap();
    // The graph holds everything, or some of it lies beyond or is buried in it.
    for every in [1, 2] {
        conformance::subject(&Built {
            kernels: Kernels::detect(),
            file: folder.path().join(format!("{every}.index")),
            every,
        });
    }
}

struct Built {
    kernels: Kernels,
    file: std::path::PathBuf,
    /// After how many changes the graph is brought up to date.
    every: u64,
}

/// Builds its graph after changes.
struct Eager {
    index: HnswIndex,
    file: std::path::PathBuf,
    every: u64,
}

const STAMP: [u8; 32] = [7; 32];

impl Subject for Built {
    fn make(&self, dimensions: usize) -> Box<dyn VectorIndex> {
        Box::new(Eager {
            index: HnswIndex::new(dimensions, self.kernels),
            file: self.file.clone(),
            every: self.every,
        })
    }

    fn restart(&self, index: Box<dyn VectorIndex>) -> Box<dyn VectorIndex> {
        let dimensions = index.dimensions();
        drop(index);
        let index = HnswIndex::open(&self.file, dimensions, self.kernels, &STAMP).unwrap();
        Box::new(Eager {
            index,
            file: self.file.clone(),
            every: self.every,
        })
    }

    fn recall(&self) -> f64 {
        0.98
    }
}

impl VectorIndex for Eager {
    fn dimensions(&self) -> usize {
        self.index.dimensions()
    }
    fn len(&self) -> usize {
        self.index.len()
    }
    fn version(&self) -> u64 {
        self.index.version()
    }
    fn apply(&self, changes: &Changes<'_>) -> Result<(), IndexError> {
        self.index.apply(changes)?;
        if changes.version.is_multiple_of(self.every) || !self.index.has_graph() {
            assert!(self.index.build(BuildOptions::default())?);
        }
        // The checks of restarts have large indexes; many small saves would only wait for the disk.
        if self.len() > conformance::SMALL {
            self.index
                .save(&self.file, &STAMP)
                .unwrap()
                .expect("a graph");
        }
        Ok(())
    }
    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Hit>, IndexError> {
        self.index.search(query, search)
    }
}
