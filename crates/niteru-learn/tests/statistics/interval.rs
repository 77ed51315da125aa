use crate::support::{known, near};
use niteru_learn::{Interval, clopper_pearson};

#[test]
fn intervals_are_those_of_scipy() {
    let mut wrong = Vec::new();
    for case in known::<Vec<(u64, u64, f64, f64, f64)>>("clopper_pearson") {
        let (successes, trials, confidence, low, high) = case;
        let got = clopper_pearson(successes, trials, confidence);
        // Logarithms of large factorials lose digits.
        let share = 1e-10 + trials as f64 * 1e-14;
        if !near(got.low, low, share) || !near(got.high, high, share) {
            wrong.push(format!("{case:?}: {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn input_that_makes_no_sense_has_an_answer() {
    let all = Interval {
        low: 0.0,
        high: 1.0,
    };
    assert_eq!(clopper_pearson(0, 0, 0.95), all);
    assert_eq!(clopper_pearson(9, 0, 0.95), all);
    assert_eq!(clopper_pearson(3, 10, 1.0), all);
    assert_eq!(clopper_pearson(3, 10, f64::NAN), all);
    assert_eq!(clopper_pearson(12, 10, 0.9), clopper_pearson(10, 10, 0.9));
    let middle = clopper_pearson(3, 10, -4.0);
    assert!(
        0.0 < middle.low && middle.low <= middle.high && middle.high < 1.0,
        "{middle:?}"
    );
    for (successes, low, high) in [
        (0, 0.0, 1e-8),
        (u64::MAX / 2, 0.499, 0.501),
        (u64::MAX, 1.0 - 1e-8, 1.0),
    ] {
        let got = clopper_pearson(successes, u64::MAX, 0.95);
        assert!(
            low <= got.low && got.low < got.high && got.high <= high,
            "{successes}: {got:?}"
        );
    }
}
