//! Cause tracing: a cause that is there is found, one that is not there is not, whatever the data are.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use niteru_learn::{Counts, enrichment};
use niteru_store::{
    Metadata, NewInspection, ReviewVerdict, StoreError, TimeUnit, TraceQuery, Verdict,
};
use serde_json::json;
use support::Random;
use support::inspecting::{HOUR, Line, MONDAY, bad, defect, inspection, trace};

/// 600 images of five days with 40 defects of each of two kinds. Of the first kind, `from_machine_3` in a
/// hundred come from machine 3 of 4; nothing else has a cause.
fn production(seed: u64, from_machine_3: usize) -> Vec<NewInspection> {
    let mut random = Random::new(seed);
    (0..600)
        .map(|i| {
            let kind = if i % 15 < 2 { Some(i % 15) } else { None };
            let mut new = match kind {
                Some(axis) => bad(&format!("{i}.jpg"), defect(&mut random, axis, 0.1)),
                None => inspection(&format!("{i}.jpg"), Verdict::Ok),
            };
            let caused = kind == Some(0) && random.below(100) < from_machine_3;
            let machine = if caused {
                &"3"
            } else {
                random.of(&["1", "2", "3", "4"])
            };
            new.time = Some(MONDAY + i as i64 * HOUR / 5);
            new.operator = Some((*random.of(&["佐藤", "鈴木", "田中"])).into());
            let lot = format!("L{}", random.below(30));
            let values = [
                ("machine", *machine),
                ("mould", *random.of(&["a", "b", "c"])),
                ("lot", &lot),
                ("serial", &new.path.to_string_lossy()),
            ];
            new.metadata = values.into_iter().collect();
            new
        })
        .collect()
}

#[test]
fn the_machine_that_causes_a_kind_of_defect_is_found() {
    let line = Line::new();
    let all = production(1, 85);
    line.record(&all);
    let trace = trace(&line, |_| {});
    assert_eq!((trace.images, trace.bad, trace.repeated), (600, 80, 0));
    let fields = ["machine", "mould", "lot", "serial"];
    let built_in = ["hour", "weekday", "operator", "inspector_version"];
    assert_eq!(trace.fields, [&fields[..], &built_in[..]].concat());
    let counts: Vec<u64> = trace.groups.iter().map(|group| group.count).collect();
    assert_eq!(
        (&*counts, trace.other_groups),
        (&[40, 40][..], 0),
        "{trace:#?}"
    );

    let (with, without): (Vec<_>, Vec<_>) = trace
        .groups
        .iter()
        .partition(|group| !group.causes.is_empty());
    assert_eq!((with.len(), without.len()), (1, 1), "{trace:#?}");
    let group = with[0];
    let causes: Vec<_> = group
        .causes
        .iter()
        .map(|c| (&*c.field, &*c.value))
        .collect();
    assert_eq!(causes, [("machine", "3")]);
    // The group is the first kind, and the numbers are those of the data.
    let place = |id: &u64| usize::try_from(*id).unwrap() - 1;
    assert!(
        group.inspections.iter().all(|id| place(id) % 15 == 0),
        "{group:?}"
    );
    let on_3 = |new: &&NewInspection| new.metadata.get("machine") == Some("3");
    let counts = Counts {
        in_group_with_value: group
            .inspections
            .iter()
            .map(|id| &all[place(id)])
            .filter(on_3)
            .count() as u64,
        in_group: 40,
        with_value: all.iter().filter(on_3).count() as u64,
        all: 600,
    };
    let expected = enrichment(counts).unwrap();
    let cause = &group.causes[0];
    assert_eq!((cause.counts, cause.enrichment.p), (counts, expected.p));
    assert_eq!(cause.enrichment.interval, expected.interval);
    let corrected = expected.p * trace.tests as f64;
    assert!((cause.enrichment.adjusted - corrected).abs() <= 1e-9 * corrected);
    // Two groups; 4 machines, 3 moulds, 30 lots, 24 hours, 5 days, 3 operators. Serials are no causes.
    assert_eq!(trace.tests, 2 * (4 + 3 + 30 + 24 + 5 + 3));

    assert!(group.similarity > 0.9, "{group:?}");
    assert_eq!(group.first, all[0].time.unwrap());
    assert_eq!(group.last, all[585].time.unwrap());
    let course = &group.time_course;
    assert_eq!((course.unit, course.counts.len()), (TimeUnit::Day, 5));
    let spans: Vec<_> = course.counts.iter().map(|c| (c.in_group, c.all)).collect();
    assert_eq!(spans, [(8, 120); 5]);
    assert!(group.inspections.contains(&group.typical.inspection));
    let typical = &all[place(&group.typical.inspection)];
    assert_eq!(group.typical.path, typical.path);
    // The most alike to the others by definition.
    let vector = |id: &u64| all[place(id)].defect.as_deref().unwrap();
    let to_all = |id: &u64| -> f32 {
        let dot = |other: &u64| {
            vector(id)
                .iter()
                .zip(vector(other))
                .map(|(a, b)| a * b)
                .sum::<f32>()
        };
        group.inspections.iter().map(dot).sum()
    };
    let best = group
        .inspections
        .iter()
        .map(to_all)
        .fold(f32::MIN, f32::max);
    assert!(to_all(&group.typical.inspection) > best - 1e-4);
    assert_eq!(
        support::inspecting::trace(&line, |_| {}),
        trace,
        "the same again"
    );
}

#[test]
fn what_has_no_cause_has_none_reported() {
    let mut wrong = Vec::new();
    for seed in 0..10 {
        let line = Line::new();
        line.record(&production(seed, 0));
        let trace = trace(&line, |_| {});
        assert_eq!(trace.groups.len(), 2);
        let causes: Vec<_> = trace
            .groups
            .iter()
            .flat_map(|group| &group.causes)
            .collect();
        wrong.extend((!causes.is_empty()).then(|| format!("{seed}: {causes:#?}")));
    }
    // One in twenty may.
    assert!(wrong.len() <= 1, "{wrong:#?}");
}

#[test]
fn only_fields_asked_for_are_tested() {
    let line = Line::new();
    line.record(&production(2, 90));
    let trace = trace(&line, |query| {
        query.fields = vec!["hour".into(), "machine".into()]
    });
    assert_eq!(
        (&*trace.fields, trace.tests),
        (&["machine".to_owned(), "hour".into()][..], 56)
    );
    let mut query = TraceQuery::new("bolt");
    query.fields = vec!["machine".into(), "mold".into()];
    let error = line.home.trace(&query).unwrap_err();
    assert!(matches!(error, StoreError::NoInspectionField { .. }));
    let text = error.to_string();
    for part in [
        "\"bolt\"",
        "\"mold\"",
        "machine, mould, lot, serial, hour, weekday",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn people_decide_what_is_bad() {
    let line = Line::new();
    let mut random = Random::new(4);
    let mut all: Vec<_> = (0..6)
        .map(|i| bad(&format!("{i}.jpg"), defect(&mut random, 0, 0.1)))
        .collect();
    all.push(inspection("missed.jpg", Verdict::Ok));
    line.record(&all);
    line.review(2, ReviewVerdict::Ok);
    line.review(7, ReviewVerdict::Ng);
    let first = trace(&line, |_| {});
    assert_eq!(
        (first.images, first.bad, first.bad_without_defect),
        (7, 6, 1)
    );
    assert_eq!(first.groups[0].inspections, [6, 5, 4, 3, 1]);

    // The same images again: each counts once, and what a person said of one counts.
    line.record(&all);
    let again = trace(&line, |_| {});
    assert_eq!((again.images, again.repeated, again.bad), (7, 7, 6));
    assert_eq!(again.groups[0].inspections, [13, 12, 11, 10, 8]);
}

#[test]
fn what_is_known_from_before_is_told() {
    let line = Line::new();
    let random = &mut Random::new(5);
    let mut at = |name: &str, axis: usize, hours: i64| NewInspection {
        time: Some(MONDAY + hours * HOUR),
        ..bad(name, defect(random, axis, 0.05))
    };
    let before = line.record(&[
        at("noted.jpg", 0, 0),
        at("alike.jpg", 0, 1),
        at("other-kind.jpg", 1, 2),
        at("false-alarm.jpg", 0, 3),
    ]);
    let now = line.record(&[
        at("a.jpg", 0, 10),
        at("b.jpg", 0, 11),
        // Inspected before, too: it is one of the group.
        at("alike.jpg", 0, 12),
        at("c.jpg", 0, 13),
    ]);
    let later = line.record(&[at("later.jpg", 0, 20)]);
    let note = |id: u64, verdict, note: &str| {
        line.home.review(id, verdict, note, Some("佐藤")).unwrap();
    };
    note(before[0], ReviewVerdict::Ng, "die 3 was worn");
    line.review(before[3], ReviewVerdict::Ok);
    note(now[1], ReviewVerdict::Ng, "again");
    note(later[0], ReviewVerdict::Ng, "not yet known");

    let traced = trace(&line, |query| {
        query.since = Some(MONDAY + 5 * HOUR);
        query.until = Some(MONDAY + 15 * HOUR);
    });
    let [group] = &traced.groups[..] else {
        panic!("{traced:#?}");
    };
    assert_eq!(group.count, 4);
    let past = &group.past;
    let mut noted: Vec<_> = past
        .iter()
        .map(|past| (past.inspection, &*past.note))
        .collect();
    noted.sort_unstable();
    // Neither another kind, nor a false alarm without a note, nor what came later.
    assert_eq!(noted, [(before[0], "die 3 was worn"), (now[1], "again")]);
    assert!(past[0].similarity >= past[1].similarity && past[1].similarity > 0.9);
    assert_eq!(
        (&*past[0].inspector, past[0].verdict),
        ("bolt", Verdict::Ng)
    );
    assert_eq!(past[0].reviewer.as_deref(), Some("佐藤"));

    // Others that look like them follow those with a note.
    let alone = trace(&line, |query| {
        query.since = Some(MONDAY + 13 * HOUR);
        query.until = Some(MONDAY + 15 * HOUR);
    });
    let ids: Vec<u64> = alone.groups[0]
        .past
        .iter()
        .map(|past| past.inspection)
        .collect();
    assert_eq!(ids.len(), 4, "{alone:#?}");
    assert!([before[0], now[1]].iter().all(|id| ids[..2].contains(id)));
    // Of the two inspections of one image one is told.
    let alike = [before[1], now[2]];
    assert_eq!(ids[2..].iter().filter(|id| alike.contains(id)).count(), 1);
    assert!(ids[2..].contains(&now[0]));
}

#[test]
fn a_later_review_without_a_note_does_not_hide_what_was_written() {
    let line = Line::new();
    let random = &mut Random::new(6);
    let mut at = |name: &str, hours: i64| NewInspection {
        time: Some(MONDAY + hours * HOUR),
        ..bad(name, defect(random, 0, 0.05))
    };
    let before = line.record(&[
        at("worn.jpg", 0),
        at("shadow.jpg", 1),
        at("wordless.jpg", 2),
    ]);
    line.record(&[at("a.jpg", 10), at("b.jpg", 11), at("c.jpg", 12)]);
    let say = |id: u64, verdict, note: &str, who: &str| {
        line.home.review(id, verdict, note, Some(who)).unwrap();
    };
    say(before[0], ReviewVerdict::Ng, "die 3", "佐藤");
    say(before[0], ReviewVerdict::Ng, "die 3 was worn", "佐藤");
    say(before[0], ReviewVerdict::Ng, "", "鈴木");
    say(before[1], ReviewVerdict::Ng, "a shadow", "佐藤");
    say(before[1], ReviewVerdict::Ok, "", "鈴木");
    say(before[2], ReviewVerdict::Ng, "", "鈴木");
    let traced = trace(&line, |query| query.since = Some(MONDAY + 5 * HOUR));
    let past = traced.groups[0].past.iter();
    let mut told: Vec<_> = past
        .filter(|past| before.contains(&past.inspection))
        .map(|past| {
            let who = past.reviewer.as_deref();
            (past.inspection, past.verdict, &*past.note, who)
        })
        .collect();
    told.sort_unstable_by_key(|one| one.0);
    // The newest verdict, and the newest note with who wrote it.
    let expected = [
        (before[0], Verdict::Ng, "die 3 was worn", Some("佐藤")),
        (before[1], Verdict::Ok, "a shadow", Some("佐藤")),
        (before[2], Verdict::Ng, "", Some("鈴木")),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        traced.groups[0].past[0].sha256,
        line.home
            .inspection(traced.groups[0].past[0].inspection)
            .unwrap()
            .sha256
    );
}

#[test]
fn nothing_to_trace_is_no_error() {
    let line = Line::new();
    let empty = trace(&line, |query| query.fields = vec!["machine".into()]);
    assert_eq!((empty.images, empty.groups.len(), empty.tests), (0, 0, 0));
    line.record(&[
        inspection("a.jpg", Verdict::Ok),
        inspection("b.jpg", Verdict::Unlike),
    ]);
    let good = trace(&line, |_| {});
    assert_eq!((good.images, good.bad, good.groups.len()), (2, 0, 0));
    line.record(&[inspection("c.jpg", Verdict::Ng)]);
    let bare = trace(&line, |_| {});
    assert_eq!(
        (bare.bad, bare.bad_without_defect, bare.groups.len()),
        (1, 1, 0)
    );
    line.record(&[bad("d.jpg", vec![1.0, 0.0])]);
    let one = trace(&line, |_| {});
    assert_eq!(
        (one.groups.len(), one.groups[0].similarity, one.tests),
        (1, 1.0, 0)
    );
    assert_eq!(trace(&line, |query| query.until = Some(MONDAY)).images, 0);
    assert_eq!(trace(&line, |query| query.since = Some(MONDAY)).images, 4);
    assert_eq!(trace(&line, |query| query.most_groups = 0).other_groups, 1);

    for similarity in [f32::NAN, 1.5, f32::NEG_INFINITY] {
        let mut query = TraceQuery::new("bolt");
        query.similarity = similarity;
        let error = line.home.trace(&query).unwrap_err();
        assert!(
            matches!(error, StoreError::TraceSimilarity { .. }),
            "{error}"
        );
    }
    let error = line.home.trace(&TraceQuery::new("nut")).unwrap_err();
    assert!(matches!(error, StoreError::NoInspector { .. }), "{error}");
}

#[test]
fn hours_are_local_and_texts_stay_texts() {
    let line = Line::new();
    let hostile = "'; DROP TABLE inspections; --";
    let long = "長".repeat(10_000);
    let mut random = Random::new(5);
    let mut all = Vec::new();
    for i in 0..40_i64 {
        let mut new = match i % 4 {
            0 => bad(&format!("{i}.jpg"), defect(&mut random, 0, 0.1)),
            _ => inspection(&format!("{i}.jpg"), Verdict::Ok),
        };
        // Good ones in the morning, bad ones at 23:30 of Monday in Japan.
        let hour = if i % 4 == 0 { 14 } else { i % 3 };
        new.time = Some(MONDAY + hour * HOUR + HOUR / 2);
        let value = if i % 4 == 0 { &*long } else { "short" };
        new.metadata = [(hostile, value), ("weekday", "given")]
            .into_iter()
            .collect::<Metadata>();
        all.push(new);
    }
    line.record(&all);
    let trace = trace(&line, |query| query.utc_offset_minutes = 9 * 60);
    let causes: Vec<_> = trace.groups[0]
        .causes
        .iter()
        .map(|c| (&*c.field, &*c.value))
        .collect();
    assert_eq!(causes, [(hostile, &*long), ("hour", "23")]);
    let weekdays = trace
        .fields
        .iter()
        .filter(|field| *field == "weekday")
        .count();
    assert_eq!(weekdays, 1, "what people gave comes first");

    let json = serde_json::to_value(&trace).unwrap();
    let group = &json["groups"][0];
    assert_eq!(group["first"], "2026-01-05T14:30:00.000Z");
    assert_eq!(group["time_course"]["unit"], "hour");
    let expected = json!({ "start": "2026-01-05T14:00:00.000Z", "in_group": 10, "all": 10 });
    assert_eq!(group["time_course"]["counts"][3], expected);
    let cause = &group["causes"][1];
    for (name, expected) in [("in_group_with_value", 10), ("with_value", 10), ("all", 40)] {
        assert_eq!(cause[name], expected, "{cause}");
    }
    for name in ["p", "adjusted", "odds_ratio"] {
        assert!(cause[name].is_f64(), "{cause}");
    }
    assert!(cause["interval"]["low"].as_f64() < cause["interval"]["high"].as_f64());
}
