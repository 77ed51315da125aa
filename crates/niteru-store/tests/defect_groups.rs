//! Groups of defects that look alike: one answer, whatever the ties, and never across models.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use niteru_store::{NewInspector, Trace};
use serde_json::Value;
use support::Random;
use support::inspecting::{Line, bad, defect, trace, train};

#[test]
fn equal_vectors_and_ties_have_one_answer() {
    let line = Line::new();
    let axis = |at: usize| {
        let mut vector = vec![0.0; 4];
        vector[at] = 1.0;
        vector
    };
    let all: Vec<_> = (0..40)
        .map(|i| bad(&format!("{i}.jpg"), axis(i % 4)))
        .collect();
    line.record(&all);
    let four = trace(&line, |_| {});
    let typical: Vec<_> = four
        .groups
        .iter()
        .map(|group| group.typical.inspection)
        .collect();
    assert_eq!(typical, [40, 39, 38, 37], "the newest of equal ones");
    assert!(
        four.groups
            .iter()
            .all(|group| group.count == 10 && group.similarity == 1.0)
    );
    assert_eq!(trace(&line, |query| query.similarity = 0.0).groups.len(), 1);
    assert_eq!(trace(&line, |query| query.similarity = 1.0).groups.len(), 4);
    let largest = trace(&line, |query| query.most_groups = 1);
    assert_eq!(
        (
            largest.groups.len(),
            largest.other_groups,
            largest.in_other_groups
        ),
        (1, 3, 30)
    );
    assert_eq!(trace(&line, |_| {}), four);
}

#[test]
fn one_kind_of_defect_is_one_group() {
    let line = Line::new();
    let mut random = Random::new(9);
    let all: Vec<_> = (0..60)
        .map(|i| bad(&format!("{i}.jpg"), defect(&mut random, 0, 0.2)))
        .collect();
    line.record(&all);
    let trace = trace(&line, |_| {});
    assert_eq!((trace.groups.len(), trace.groups[0].count), (1, 60));
}

#[test]
fn vectors_of_other_models_are_never_compared() {
    let line = Line::new();
    let new = NewInspector {
        model: "other",
        fingerprint: "beef",
        settings: &Value::Null,
        summary: &Value::Null,
        bytes: b"",
    };
    let other = line.home.save_inspector("bolt", &new).unwrap();
    let same = train(&line.home, "bolt");
    for (inspector, name) in [(&line.inspector, "a"), (&other, "b"), (&same, "c")] {
        let all = [0, 1].map(|i| bad(&format!("{name}{i}.jpg"), vec![1.0, 0.0]));
        line.home.record_inspections(inspector.id, &all).unwrap();
    }
    line.record(&[bad("longer.jpg", vec![1.0, 0.0, 0.0])]);
    let counts = |trace: &Trace| -> Vec<u64> { trace.groups.iter().map(|g| g.count).collect() };
    assert_eq!(counts(&trace(&line, |_| {})), [4, 2, 1]);
    assert_eq!(counts(&trace(&line, |query| query.version = Some(2))), [2]);
}

#[test]
fn more_than_can_be_compared_pair_by_pair() {
    let line = Line::new();
    let mut random = Random::new(6);
    let all: Vec<_> = (0..6000)
        .map(|i| bad(&format!("{i}.jpg"), defect(&mut random, i % 3, 0.15)))
        .collect();
    line.record(&all);
    let trace = trace(&line, |query| query.fields = vec!["lot".into()]);
    let counts: Vec<u64> = trace.groups.iter().map(|group| group.count).collect();
    assert_eq!(counts, [2000; 3]);
    for group in &trace.groups {
        let kind = group.inspections[0] % 3;
        assert!(group.inspections.iter().all(|id| id % 3 == kind));
    }
}
