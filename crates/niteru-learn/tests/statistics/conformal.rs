use crate::support::{Random, known, near};
use niteru_learn::{Calibration, CalibrationError, Promise};

fn numbered(n: usize) -> Calibration {
    Calibration::new((1..=n).map(|score| score as f64).collect()).unwrap()
}

#[test]
fn promises_are_those_of_the_beta_distribution() {
    type Case = (usize, f64, f64, usize, f64, usize);
    let mut wrong = Vec::new();
    for (n, false_alarm, confidence, above, at_most, sure) in known::<Vec<Case>>("promises") {
        let calibration = numbered(n);
        let promise = calibration.promise(false_alarm, confidence);
        let expected = above as f64 / (n + 1) as f64;
        let threshold = (n + 1 - above) as f64;
        // The j-th largest score is n + 1 − j.
        let sure = (sure > 0).then(|| (n + 1 - sure) as f64);
        let got = calibration.threshold_with_confidence(false_alarm, confidence);
        let right = promise.threshold == threshold
            && near(promise.expected, expected, 1e-12)
            && near(promise.at_most, at_most, 1e-9)
            && promise.images == n
            && got == sure
            && (promise.more_for_confidence == 0) == got.is_some();
        if !right {
            wrong.push(format!(
                "{n} {false_alarm} {confidence}: {promise:?} {got:?}; {sure:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn it_says_how_many_more_scores_it_takes() {
    // Known from tables of tolerance limits: 59 for 95 %/95 %, 299 for 99 %/95 %, 22 for 90 %/90 %.
    for (false_alarm, confidence, average, sure) in [
        (0.05, 0.95, 19, 59),
        (0.01, 0.95, 99, 299),
        (0.1, 0.9, 9, 22),
        (0.3, 0.95, 3, 9),
        (1.0, 0.95, 1, 1),
    ] {
        for n in 1..330 {
            let calibration = numbered(n);
            let promise = calibration.promise(false_alarm, confidence);
            let missing = |needed: usize| needed.saturating_sub(n);
            assert_eq!(
                promise.more_for_average,
                missing(average),
                "{n} {promise:?}"
            );
            assert_eq!(
                promise.more_for_confidence,
                missing(sure),
                "{n} {promise:?}"
            );
            assert_eq!(promise.kept, n >= average, "{n} {promise:?}");
            assert!(!promise.kept || promise.expected <= false_alarm + 1e-12);
            let threshold = calibration.threshold_with_confidence(false_alarm, confidence);
            assert_eq!(threshold.is_some(), n >= sure, "{n} {false_alarm}");
        }
    }
    let never = numbered(5).promise(0.0, 0.95);
    assert!(!never.kept && never.threshold == 5.0);
    assert_eq!(never.more_for_average, usize::MAX);
    assert_eq!(never.more_for_confidence, usize::MAX);
    assert_eq!(
        numbered(5).promise(0.5, 1.0).more_for_confidence,
        usize::MAX
    );
}

#[test]
fn good_parts_are_stopped_no_more_often_than_promised() {
    const DRAWS: usize = 2000;
    let mut random = Random(1);
    for (n, false_alarm, confidence) in [(20, 0.05, 0.9), (40, 0.1, 0.9), (99, 0.02, 0.8)] {
        let (mut stopped, mut above_at_most, mut sure_broken) = (0.0, 0, 0);
        for _ in 0..DRAWS {
            // Uniform scores: the share of good parts above a threshold is one minus it.
            let scores = (0..n).map(|_| random.uniform()).collect();
            let calibration = Calibration::new(scores).unwrap();
            let promise = calibration.promise(false_alarm, confidence);
            let rate = 1.0 - promise.threshold;
            stopped += rate / DRAWS as f64;
            above_at_most += usize::from(rate > promise.at_most);
            if let Some(threshold) = calibration.threshold_with_confidence(false_alarm, confidence)
            {
                sure_broken += usize::from(1.0 - threshold > false_alarm);
            }
        }
        // 4 standard errors of a mean of 2000, at most.
        let slack = 4.0 * (false_alarm / n as f64 / DRAWS as f64).sqrt();
        assert!(
            stopped <= false_alarm + slack,
            "{n}: {stopped} of {false_alarm}"
        );
        let allowed = (1.0 - confidence) + 4.0 * (0.25 / DRAWS as f64).sqrt();
        for broken in [above_at_most, sure_broken] {
            let share = broken as f64 / DRAWS as f64;
            assert!(share <= allowed, "{n}: {share} of {allowed}");
        }
    }
}

#[test]
fn p_values_count_ties_and_the_part_itself() {
    let calibration = Calibration::new(vec![2.0, 1.0, 2.0, 4.0]).unwrap();
    for (score, p) in [
        (0.0, 1.0),
        (1.0, 1.0),
        (1.5, 0.8),
        (2.0, 0.8),
        (3.0, 0.4),
        (4.0, 0.4),
        (5.0, 0.2),
        (f64::INFINITY, 0.2),
        (f64::NEG_INFINITY, 1.0),
        (f64::NAN, 0.2),
    ] {
        assert_eq!(calibration.p_value(score), p, "{score}");
    }
    let constant = Calibration::new(vec![3.0; 50]).unwrap();
    assert_eq!(constant.promise(0.1, 0.9).threshold, 3.0);
    assert_eq!(constant.p_value(3.0), 1.0);
}

#[test]
fn scores_that_are_no_numbers_are_refused() {
    assert_eq!(Calibration::new(vec![]), Err(CalibrationError::Empty));
    for score in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = Calibration::new(vec![1.0, score]).unwrap_err();
        assert!(error.to_string().contains("number 2"), "{error}");
    }
}

#[test]
fn arguments_that_make_no_sense_count_as_the_strictest() {
    let calibration = numbered(30);
    let same = |a: (f64, f64), b: (f64, f64)| {
        let promise = |(x, y)| -> Promise { calibration.promise(x, y) };
        assert_eq!(promise(a), promise(b));
    };
    same((f64::NAN, f64::NAN), (0.0, 1.0));
    same((-1.0, -1.0), (0.0, 0.0));
    same((7.0, 7.0), (1.0, 1.0));
    assert_eq!(calibration.promise(1.0, 0.5).threshold, 1.0);
    assert_eq!(calibration.threshold_with_confidence(f64::NAN, 0.9), None);
}

#[test]
fn stored_calibrations_are_checked_again() {
    let calibration = Calibration::new(vec![2.5, -1.0]).unwrap();
    let json = serde_json::to_string(&calibration).unwrap();
    assert_eq!(json, r#"{"scores":[-1.0,2.5]}"#);
    let read = |json: &str| serde_json::from_str::<Calibration>(json);
    assert_eq!(read(&json).unwrap(), calibration);
    assert_eq!(read(r#"{"scores":[2.5,-1.0]}"#).unwrap(), calibration);
    for bad in [r#"{"scores":[]}"#, r#"{"scores":[null]}"#, r#"{}"#] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
