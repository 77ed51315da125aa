//! Saving a graph while the index is used.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use niteru_index::synthetic::Clusters;
use niteru_index::{BuildOptions, Changes, HnswIndex, Search, VectorIndex, f16, to_f16};
use niteru_kernels::Kernels;

const ROWS: u64 = 5000;
const DIMENSIONS: usize = 16;

/// A change that inserts the vectors of these numbers under them.
fn insert(index: &HnswIndex, clusters: &Clusters, version: u64, ids: &[u64]) {
    let rows = ids.iter().map(|&id| to_f16(&clusters.vector(id)));
    let vectors: Vec<f16> = rows.flatten().collect();
    let changes = Changes {
        version,
        ids,
        vectors: &vectors,
        removed: &[],
    };
    index.apply(&changes).unwrap();
}

fn built(clusters: &Clusters) -> HnswIndex {
    let index = HnswIndex::new(DIMENSIONS, Kernels::detect());
    insert(&index, clusters, 1, &(0..ROWS).collect::<Vec<_>>());
    assert!(index.build(BuildOptions::default()).unwrap());
    index
}

/// A file holds what the graph has, at the change that the graph is at.
#[test]
fn what_came_after_the_graph_is_caught_up() {
    let clusters = Clusters::new(ROWS as usize, DIMENSIONS, 1);
    let index = built(&clusters);
    // One is new, one replaced, one removed.
    insert(&index, &clusters, 2, &[ROWS, 7]);
    let removed = Changes {
        version: 3,
        removed: &[8],
        ..Changes::default()
    };
    index.apply(&removed).unwrap();
    assert_eq!((index.version(), index.built_version()), (3, 1));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("an.index");
    index.save(&path, &[1; 32]).unwrap().unwrap();
    let opened = HnswIndex::open(&path, DIMENSIONS, Kernels::detect(), &[1; 32]).unwrap();
    assert_eq!((opened.version(), opened.built_version()), (1, 1));
    insert(&opened, &clusters, 2, &[ROWS, 7]);
    opened.apply(&removed).unwrap();
    assert_eq!(opened.len(), index.len());
    for id in [7, 8, 9, ROWS] {
        let query = clusters.vector(id);
        let found = |index: &HnswIndex| index.search(&query, &Search::top(10)).unwrap();
        assert_eq!(found(&opened), found(&index), "image {id}");
    }
}

/// A file that does not go on, as on a disk that is busy, keeps nobody waiting.
#[test]
fn searches_and_changes_go_on_while_a_file_is_written() {
    let clusters = Clusters::new(ROWS as usize, DIMENSIONS, 1);
    let index = built(&clusters);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("an.index");
    // Whoever writes to this waits until someone reads.
    let pipe = folder.path().join("an.index.new");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );

    std::thread::scope(|scope| {
        let saving = scope.spawn(|| index.save(&path, &[1; 32]));
        // Long enough to get to the pipe; if not, nothing is found out, and nothing fails.
        std::thread::sleep(Duration::from_millis(300));
        let (done, changed) = mpsc::channel();
        let (index, clusters) = (&index, &clusters);
        scope.spawn(move || {
            insert(index, clusters, 2, &[ROWS]);
            let found = index.search(&clusters.vector(ROWS), &Search::top(1));
            done.send(found).unwrap();
        });
        let found = changed.recv_timeout(Duration::from_secs(30));
        let was_saving = !saving.is_finished();
        // Lets the save end before anything fails. A pipe is no file, so it fails.
        std::fs::read(&pipe).unwrap();
        assert!(saving.join().unwrap().is_err());
        assert!(was_saving);
        assert_eq!(found.unwrap().unwrap()[0].id, ROWS);
    });
}
