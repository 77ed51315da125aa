use crate::support::{Random, known, near};
use niteru_learn::{
    Confusion, Interval, TRADE_OFF_POINTS, auroc, auroc_interval, average_precision, trade_off,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Detection {
    good: Vec<f64>,
    bad: Vec<f64>,
    auroc: f64,
    average_precision: f64,
    interval: (f64, f64),
}

#[test]
fn figures_are_those_of_scikit_learn() {
    for Detection {
        good,
        bad,
        auroc: area,
        average_precision: precision,
        interval,
    } in known::<Vec<Detection>>("detections")
    {
        assert!(near(auroc(&good, &bad).unwrap(), area, 1e-14), "{area}");
        let got = average_precision(&good, &bad).unwrap();
        assert!(near(got, precision, 1e-14), "{got} {precision}");
        let Interval { low, high } = auroc_interval(&good, &bad, 0.95).unwrap();
        assert!(
            (low - interval.0).abs() < 1e-9 && (high - interval.1).abs() < 1e-9,
            "{low} {high} {interval:?}"
        );
    }
}

#[test]
fn the_interval_is_wide_where_little_was_seen() {
    let few = auroc_interval(&[1.0, 2.0], &[3.0, 4.0], 0.95).unwrap();
    assert!(few.low < 0.6 && few.high == 1.0, "{few:?}");
    let good: Vec<f64> = (0..500).map(f64::from).collect();
    let bad: Vec<f64> = (500..1000).map(f64::from).collect();
    let many = auroc_interval(&good, &bad, 0.95).unwrap();
    assert!(many.low > 0.99 && many.high == 1.0, "{many:?}");
    let reversed = auroc_interval(&bad, &good, 0.95).unwrap();
    assert!(reversed.low == 0.0 && reversed.high < 0.01, "{reversed:?}");
    let sure = auroc_interval(&good, &bad, f64::NAN).unwrap();
    assert_eq!((sure.low, sure.high), (0.0, 1.0));
}

#[test]
fn the_interval_holds_the_true_value_as_often_as_it_says() {
    const DRAWS: usize = 1000;
    let mut random = Random(3);
    // P(bad above good) of two normal distributions that are 1.5 apart.
    let (truth, mut held) = (0.8556, 0);
    for _ in 0..DRAWS {
        let good = random.normals(30);
        let bad: Vec<f64> = random.normals(15).iter().map(|x| x + 1.5).collect();
        let interval = auroc_interval(&good, &bad, 0.9).unwrap();
        held += usize::from(interval.low <= truth && truth <= interval.high);
    }
    let share = held as f64 / DRAWS as f64;
    assert!((0.86..=0.95).contains(&share), "{share}");
}

#[test]
fn what_cannot_be_judged_is_unusual() {
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    assert_eq!(auroc(&[1.0], &[nan]), Some(1.0));
    assert_eq!(auroc(&[nan], &[1.0]), Some(0.0));
    assert_eq!(auroc(&[nan], &[infinite]), Some(0.5));
    assert_eq!(auroc(&[-infinite], &[0.0]), Some(1.0));
    assert_eq!(auroc(&[2.0; 9], &[2.0; 4]), Some(0.5));
    assert_eq!(average_precision(&[nan], &[1.0]), Some(0.5));
    for (good, bad) in [(&[][..], &[1.0][..]), (&[1.0], &[]), (&[], &[])] {
        assert_eq!(auroc(good, bad), None);
        assert_eq!(average_precision(good, bad), None);
        assert_eq!(auroc_interval(good, bad, 0.9), None);
        assert!(trade_off(good, bad).is_empty());
    }
    let confusion = Confusion::at(1.0, &[0.0, 1.0, nan], &[nan, 1.0, 2.0]);
    let expected = Confusion {
        true_alarm: 2,
        missed: 1,
        false_alarm: 1,
        passed: 2,
    };
    assert_eq!(confusion, expected);
}

#[test]
fn shares_of_a_confusion() {
    let one = Confusion {
        true_alarm: 6,
        missed: 2,
        false_alarm: 3,
        passed: 9,
    };
    assert_eq!(one.precision(), Some(6.0 / 9.0));
    assert_eq!(one.recall(), Some(0.75));
    assert_eq!(one.f1(), Some(12.0 / 17.0));
    let none = Confusion::default();
    assert_eq!(
        (none.precision(), none.recall(), none.f1()),
        (None, None, None)
    );
}

#[test]
fn the_curve_has_its_corners() {
    let curve = trade_off(&[1.0, 2.0, 3.0, 4.0], &[3.5, 5.0, 6.0, 7.0]);
    let points: Vec<_> = curve
        .iter()
        .map(|p| (p.threshold, p.false_alarm, p.miss))
        .collect();
    let expected = [
        (7.0, 0.0, 1.0),
        (4.0, 0.0, 0.25),
        (3.5, 0.25, 0.25),
        (3.0, 0.25, 0.0),
        (1.0_f64.next_down(), 1.0, 0.0),
    ];
    assert_eq!(points, expected);
    let constant = trade_off(&[2.0; 3], &[2.0; 5]);
    let points: Vec<_> = constant.iter().map(|p| (p.false_alarm, p.miss)).collect();
    assert_eq!(points, [(0.0, 1.0), (1.0, 0.0)]);
}

#[test]
fn points_of_the_curve_are_what_their_thresholds_do() {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        0.0,
        -0.0,
    ];
    let mut random = Random(5);
    let (mut good, mut bad) = (random.normals(40), random.normals(30));
    good.extend(odd);
    bad.extend(odd);
    let curve = trade_off(&good, &bad);
    for point in &curve {
        assert!(point.threshold.is_finite());
        let confusion = Confusion::at(point.threshold, &good, &bad);
        let rates = (
            confusion.false_alarm as f64 / good.len() as f64,
            confusion.missed as f64 / bad.len() as f64,
        );
        assert_eq!((point.false_alarm, point.miss), rates);
    }
    assert!(curve.is_sorted_by(|a, b| a.threshold > b.threshold));
}

#[test]
fn a_long_curve_is_thinned_and_stays_close() {
    let mut random = Random(7);
    let good = random.normals(30_000);
    for apart in [0.0, 1.0, 4.0] {
        let bad: Vec<f64> = random.normals(20_000).iter().map(|x| x + apart).collect();
        let curve = trade_off(&good, &bad);
        assert!(curve.len() <= TRADE_OFF_POINTS, "{}", curve.len());
        let (first, last) = (curve[0], curve[curve.len() - 1]);
        assert_eq!((first.false_alarm, last.miss), (0.0, 0.0));
        // The area under the thinned curve, with straight lines, is nearly that under all of it.
        let area: f64 = curve
            .windows(2)
            .map(|w| (w[1].false_alarm - w[0].false_alarm) * (2.0 - w[0].miss - w[1].miss) / 2.0)
            .sum();
        assert!(
            (area - auroc(&good, &bad).unwrap()).abs() < 2e-3,
            "{apart}: {area}"
        );
        for pair in curve.windows(2) {
            let rises = pair[1].false_alarm > pair[0].false_alarm * 1.06 + 5.1e-4;
            let falls = pair[0].miss > pair[1].miss * 1.06 + 5.1e-4;
            // Along one of the axes a step may be of any size.
            let straight =
                pair[0].false_alarm == pair[1].false_alarm || pair[0].miss == pair[1].miss;
            assert!(straight || !(rises || falls), "{pair:?}");
        }
    }
}
