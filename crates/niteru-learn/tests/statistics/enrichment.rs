use crate::support::{known, near};
use niteru_learn::{Counts, adjust, enrichment, holm};

fn counts(in_group_with_value: u64, in_group: u64, with_value: u64, all: u64) -> Counts {
    Counts {
        in_group_with_value,
        in_group,
        with_value,
        all,
    }
}

#[test]
fn tests_are_those_of_scipy() {
    let mut wrong = Vec::new();
    for case in known::<Vec<(u64, u64, u64, u64, f64, f64, f64, f64)>>("enrichments") {
        let (a, group, value, all, p, odds, low, high) = case;
        let got = enrichment(counts(a, group, value, all)).unwrap();
        let right = near(got.p, p, 1e-8)
            && near(got.odds_ratio, odds, 1e-12)
            && near(got.interval.low, low, 1e-12)
            && near(got.interval.high, high, 1e-12)
            && got.adjusted == got.p;
        if !right {
            wrong.push(format!("{case:?}: {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_tail_is_the_sum_of_the_table() {
    // Every table of up to 9 things, counted by hand with whole numbers.
    let choose = |n: u64, k: u64| (0..k).fold(1, |c, i| c * (n - i) / (i + 1));
    for all in 0..=9 {
        for (group, value) in (0..=all).flat_map(|g| (0..=all).map(move |v| (g, v))) {
            for a in 0..=group.min(value) {
                let tables = |x| match x <= value && group - x <= all - value {
                    true => choose(value, x) * choose(all - value, group - x),
                    false => 0,
                };
                let tail: u64 = (a..=group).map(tables).sum();
                let expected = tail as f64 / choose(all, group) as f64;
                match enrichment(counts(a, group, value, all)) {
                    Ok(got) => assert!(near(got.p, expected, 1e-12), "{a} {group} {value} {all}"),
                    Err(_) => assert!(group + value - a > all),
                }
            }
        }
    }
}

#[test]
fn lady_tasting_tea() {
    // Fisher 1935: 3 of 4 right by chance in 17 of 70 cases.
    assert!(near(
        enrichment(counts(3, 4, 4, 8)).unwrap().p,
        17.0 / 70.0,
        1e-12
    ));
}

#[test]
fn extreme_counts_stay_finite() {
    for case in [
        counts(50_000, 50_000, 50_000, 10_000_000),
        counts(0, 5_000_000, 5_000_000, 10_000_000),
        counts(0, 0, 0, 0),
        counts(1, 1, 10, 10),
    ] {
        let got = enrichment(case).unwrap();
        assert!(got.p > 0.0 && got.p <= 1.0, "{got:?}");
        assert!(
            got.interval.low > 0.0 && got.interval.high.is_finite(),
            "{got:?}"
        );
    }
}

#[test]
fn counts_that_contradict_are_refused() {
    for case in [
        counts(4, 3, 5, 10),
        counts(4, 5, 3, 10),
        counts(1, 11, 1, 10),
        counts(1, 1, 11, 10),
        counts(0, 6, 5, 10),
        counts(0, u64::MAX, u64::MAX, u64::MAX),
    ] {
        let error = enrichment(case).unwrap_err();
        assert!(error.to_string().contains("cannot be both"), "{error}");
    }
}

#[test]
fn holm_steps_down() {
    for (mut p, expected) in [
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
        (vec![0.01, 0.04, 0.03, 0.005], vec![0.03, 0.06, 0.06, 0.02]),
        (vec![0.5, 0.9], vec![1.0, 1.0]),
        (vec![0.02], vec![0.02]),
        (vec![f64::NAN, 0.01], vec![1.0, 0.02]),
        (vec![], vec![]),
    ] {
        holm(&mut p);
        let right = p
            .iter()
            .zip(&expected)
            .all(|(got, expected)| near(*got, *expected, 1e-12));
        assert!(right && p.len() == expected.len(), "{p:?} {expected:?}");
    }
    let mut together = [
        enrichment(counts(3, 5, 3, 20)).unwrap(),
        enrichment(counts(1, 5, 3, 20)).unwrap(),
    ];
    adjust(&mut together);
    assert_eq!(together[0].adjusted, 2.0 * together[0].p);
    assert_eq!(together[1].adjusted, together[1].p);
}
