//! A home with an inspector, and decisions of it.

use niteru_store::{
    HistoryQuery, Home, NewInspection, NewInspector, ReviewVerdict, StoredInspector, Trace,
    TraceQuery, Verdict,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::Random;

/// 2026-01-05 00:00 UTC, a Monday.
pub const MONDAY: i64 = 1_767_571_200_000;
pub const HOUR: i64 = 3_600_000;

pub struct Line {
    pub folder: TempDir,
    pub home: Home,
    pub inspector: StoredInspector,
}

impl Line {
    /// With version 1 of inspector `bolt`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        let inspector = train(&home, "bolt");
        Self {
            folder,
            home,
            inspector,
        }
    }

    pub fn record(&self, inspections: &[NewInspection]) -> Vec<u64> {
        self.home
            .record_inspections(self.inspector.id, inspections)
            .unwrap()
    }

    /// The numbers of what a query finds.
    pub fn find(&self, change: impl FnOnce(&mut HistoryQuery)) -> Vec<u64> {
        let mut query = HistoryQuery::default();
        change(&mut query);
        let found = self.home.inspections(&query).unwrap();
        found.iter().map(|inspection| inspection.id).collect()
    }

    pub fn review(&self, id: u64, verdict: ReviewVerdict) {
        self.home.review(id, verdict, "", None).unwrap();
    }
}

/// Stores another version of an inspector.
pub fn train(home: &Home, name: &str) -> StoredInspector {
    let new = NewInspector {
        model: "fake",
        fingerprint: "f00d",
        settings: &json!({}),
        summary: &json!({}),
        bytes: b"bytes",
    };
    home.save_inspector(name, &new).unwrap()
}

/// A decision about the image `/line/NAME`, of these contents.
pub fn inspection(name: &str, verdict: Verdict) -> NewInspection {
    let score = if verdict == Verdict::Ok { 0.25 } else { 0.75 };
    NewInspection {
        path: format!("/line/{name}").into(),
        sha256: Sha256::digest(name).into(),
        time: Some(MONDAY),
        operator: None,
        score,
        threshold: 0.5,
        p_value: 1.0 - score,
        verdict,
        regions: json!([]),
        defect: None,
        kernels: "scalar".into(),
        metadata: [("lot", "7")].into_iter().collect(),
    }
}

const DIMENSIONS: usize = 16;

/// A unit vector near an axis.
pub fn defect(random: &mut Random, axis: usize, noise: f32) -> Vec<f32> {
    let mut vector: Vec<f32> = (0..DIMENSIONS)
        .map(|_| noise * (random.below(2001) as f32 / 1000.0 - 1.0))
        .collect();
    vector[axis] += 1.0;
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / length).collect()
}

/// Bad, with a defect vector.
pub fn bad(name: &str, defect: Vec<f32>) -> NewInspection {
    NewInspection {
        defect: Some(defect),
        ..inspection(name, Verdict::Ng)
    }
}

/// Traces `bolt`.
pub fn trace(line: &Line, change: impl FnOnce(&mut TraceQuery)) -> Trace {
    let mut query = TraceQuery::new("bolt");
    change(&mut query);
    line.home.trace(&query).unwrap()
}
