//! Whether recent decisions have left the good scores: what warns, what does not, and what counts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use niteru_store::{
    Direction, Drift, DriftQuery, DriftWatch, LEAST_DECISIONS, NewInspection, NewInspector,
    StoreError, Verdict,
};
use serde_json::json;
use support::Random;
use support::inspecting::{HOUR, Line, MONDAY, inspection};

/// About normally distributed, with deviation 1.
fn normal(random: &mut Random) -> f64 {
    let even = |random: &mut Random| random.below(1_000_001) as f64 / 1e6;
    (0..12).map(|_| even(random)).sum::<f64>() - 6.0
}

fn normals(seed: u64, count: usize) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..count).map(|_| normal(&mut random)).collect()
}

/// Decisions with these scores, one an hour.
fn decisions(name: &str, verdict: Verdict, scores: &[f64]) -> Vec<NewInspection> {
    let one = |(at, &score): (usize, &f64)| NewInspection {
        score,
        time: Some(MONDAY + at as i64 * HOUR),
        ..inspection(&format!("{name}-{at}.jpg"), verdict)
    };
    scores.iter().enumerate().map(one).collect()
}

fn drift_of(line: &Line, good: &[f64], learnt: &[&Path], last: usize) -> Drift {
    let query = DriftQuery {
        inspector: line.inspector.id,
        good_scores: good,
        learnt: &learnt
            .iter()
            .map(|path| path.to_path_buf())
            .collect::<Vec<_>>(),
        last,
    };
    line.home.drift(&query).unwrap()
}

/// What is told of these scores beside 60 good ones.
fn told(scores: &[f64]) -> Drift {
    let line = Line::new();
    line.record(&decisions("a", Verdict::Ok, scores));
    drift_of(&line, &normals(1, 60), &[], 50)
}

#[test]
fn a_shift_of_the_whole_is_told_and_a_few_bad_ones_are_not() {
    let good = normals(2, 50);
    let moved = |by: f64| -> Vec<f64> { good.iter().map(|score| score + by).collect() };
    // The first `bad` of 50 are far above.
    let mixed = |bad: usize| -> Vec<f64> {
        let scores = good.iter().enumerate();
        scores
            .map(|(at, score)| if at < bad { score + 40.0 } else { *score })
            .collect()
    };
    let table = [
        ("as they were", good.clone(), Direction::None),
        ("a little up", moved(0.5), Direction::None),
        ("up", moved(2.0), Direction::Up),
        ("a little down", moved(-1.0), Direction::None),
        ("down", moved(-3.0), Direction::Down),
        ("20 % NG", mixed(10), Direction::None),
        ("40 % NG", mixed(20), Direction::None),
        ("80 % NG", mixed(40), Direction::Up),
    ];
    let mut wrong = Vec::new();
    for (what, scores, direction) in table {
        let drift = told(&scores);
        let any = direction != Direction::None;
        if drift.direction != direction || drift.drift != Some(any) || drift.decisions != 50 {
            wrong.push(format!("{what}: {drift:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn too_little_says_nothing() {
    for count in [0, 1, LEAST_DECISIONS - 1] {
        let drift = told(&vec![40.0; count]);
        assert_eq!(
            (drift.drift, drift.superiority, drift.p_value),
            (None, None, None)
        );
        assert_eq!(
            (drift.decisions, drift.needed),
            (count, LEAST_DECISIONS - count)
        );
    }
    let enough = told(&[40.0; LEAST_DECISIONS]);
    assert_eq!((enough.drift, enough.needed), (Some(true), 0));
    let line = Line::new();
    line.record(&decisions("a", Verdict::Ok, &[1.0; 30]));
    let baseless = drift_of(&line, &[], &[], 50);
    assert_eq!((baseless.drift, baseless.needed), (None, 0));
    // Two good scores cannot tell chance from drift, however far off the others are.
    let few = drift_of(&line, &[0.0; 2], &[], 50);
    assert_eq!(few.drift, Some(false), "{few:?}");
}

#[test]
fn lower_scores_are_usual_while_good_pictures_are_few() {
    let line = Line::new();
    line.record(&decisions("a", Verdict::Ok, &[-9.0; 50]));
    for (count, told) in [(9, Direction::None), (10, Direction::Down)] {
        let drift = drift_of(&line, &normals(1, count), &[], 50);
        assert_eq!((drift.superiority, drift.direction), (Some(0.0), told));
    }
}

#[test]
fn the_newest_of_each_image_count_whatever_the_verdict() {
    let line = Line::new();
    // 30 old ones that are far off, then 50 as usual: half of them judged twice.
    line.record(&decisions("old", Verdict::Ng, &[40.0; 30]));
    let later = |mut inspection: NewInspection| {
        inspection.time = inspection.time.map(|time| time + 1000 * HOUR);
        inspection
    };
    let usual: Vec<NewInspection> = decisions("new", Verdict::Ok, &normals(3, 50))
        .into_iter()
        .map(later)
        .collect();
    line.record(&usual[..25]);
    line.record(&usual);
    let good = normals(1, 60);
    let drift = drift_of(&line, &good, &[], 50);
    assert_eq!(
        (drift.decisions, drift.drift),
        (50, Some(false)),
        "{drift:?}"
    );
    let all = drift_of(&line, &good, &[], 1000);
    assert_eq!(all.decisions, 80);

    let unlike = decisions("other", Verdict::Unlike, &[90.0; 50]);
    line.record(&unlike.into_iter().map(later).map(later).collect::<Vec<_>>());
    let drift = drift_of(&line, &good, &[], 50);
    assert_eq!(drift.direction, Direction::Up, "{drift:?}");
}

#[test]
fn what_was_learnt_does_not_count() {
    let line = Line::new();
    let known = decisions("good", Verdict::Ok, &[-9.0; 40]);
    line.record(&known);
    let good = normals(1, 60);
    assert_eq!(
        drift_of(&line, &good, &[], 50).direction,
        Direction::Down,
        "scores of what was learnt are lower than those of anything else"
    );
    let learnt: Vec<&Path> = known.iter().map(|one| one.path.as_path()).collect();
    let drift = drift_of(&line, &good, &learnt, 50);
    assert_eq!((drift.decisions, drift.drift), (0, None), "{drift:?}");
}

#[test]
fn other_inspectors_do_not_count() {
    let line = Line::new();
    let second = support::inspecting::train(&line.home, "bolt");
    line.record(&decisions("a", Verdict::Ng, &[40.0; 30]));
    let query = DriftQuery {
        inspector: second.id,
        good_scores: &normals(1, 60),
        learnt: &[],
        last: 50,
    };
    let drift = line.home.drift(&query).unwrap();
    assert_eq!((drift.version, drift.decisions), (2, 0));
    let nobody = DriftQuery {
        inspector: 99,
        ..query
    };
    let error = line.home.drift(&nobody).unwrap_err();
    assert!(matches!(error, StoreError::NoInspector { .. }), "{error}");
}

/// Stores the next version, with the threshold of another one alone changed.
fn with_another_threshold(line: &Line, of: u32) -> u64 {
    let new = NewInspector {
        model: "fake",
        fingerprint: "f00d",
        settings: &json!({ "false_alarm": 0.02, "threshold_of_version": of }),
        summary: &json!({}),
        bytes: b"bytes",
    };
    line.home.save_inspector("bolt", &new).unwrap().id
}

#[test]
fn another_threshold_does_not_begin_anew() {
    let line = Line::new();
    let good = normals(1, 60);
    let of = |inspector: u64| {
        let query = DriftQuery {
            inspector,
            good_scores: &good,
            learnt: &[],
            last: 50,
        };
        line.home.drift(&query).unwrap()
    };
    line.record(&decisions("old", Verdict::Ng, &[40.0; 30]));
    let second = with_another_threshold(&line, 1);
    let third = with_another_threshold(&line, 2);
    let trained = support::inspecting::train(&line.home, "bolt").id;
    let of_trained = with_another_threshold(&line, 4);
    // Later ones, of which ten are judged by both.
    let later = |new: NewInspection| NewInspection {
        time: new.time.map(|time| time + 1000 * HOUR),
        ..new
    };
    let both: Vec<NewInspection> = decisions("old", Verdict::Ng, &[41.0; 10])
        .into_iter()
        .map(later)
        .collect();
    line.home.record_inspections(third, &both).unwrap();
    for (inspector, version, counted) in [
        (line.inspector.id, 1, 30),
        (second, 2, 30),
        (third, 3, 30),
        (trained, 4, 0),
        (of_trained, 5, 0),
    ] {
        let drift = of(inspector);
        assert_eq!((drift.version, drift.decisions), (version, counted));
    }
    let query = DriftQuery {
        inspector: second,
        good_scores: &[40.5; 60],
        learnt: &[],
        last: 20,
    };
    // The newest 20 are the ten of the third version, and ten of the others.
    let newest = line.home.drift(&query).unwrap();
    assert_eq!(newest.superiority, Some(0.5), "{newest:?}");
}

#[test]
fn on_a_running_line_a_drift_is_told_once() {
    let drift = |direction| Drift {
        direction,
        ..told(&[0.0; LEAST_DECISIONS])
    };
    let mut watch = DriftWatch::default();
    let due = (0..60).filter(|_| watch.is_due()).count();
    assert_eq!(due, 3);
    let table = [
        (Direction::None, false),
        (Direction::Up, true),
        (Direction::Up, false),
        (Direction::Down, true),
        (Direction::None, true),
        (Direction::None, false),
    ];
    for (direction, news) in table {
        assert_eq!(watch.is_news(&drift(direction)), news, "{direction:?}");
    }
}
