use niteru_learn::{Spread, Z_LIMIT};

#[test]
fn middles_and_scales() {
    let nan = f64::NAN;
    for (values, median, scale) in [
        (&[1.0, 2.0, 3.0, 4.0, 100.0][..], 3.0, 1.4826),
        (&[4.0, 1.0, 3.0, 2.0], 2.5, 1.4826),
        (&[5.0, nan, 1.0, f64::INFINITY, 3.0], 3.0, 2.0 * 1.4826),
        // More than half equal: the mean absolute deviation, 8 / 4.
        (&[1.0, 1.0, 1.0, 9.0], 1.0, 2.0 * 1.253_314),
        (&[], 0.0, 1.0),
        (&[nan], 0.0, 1.0),
        (&[0.0], 0.0, 1e-12),
        (&[2000.0, 2000.0], 2000.0, 2e-6),
    ] {
        let spread = Spread::of(values);
        assert_eq!(spread.median(), median, "{values:?}");
        assert!(
            (spread.scale() / scale - 1.0).abs() < 1e-12,
            "{values:?} {spread:?}"
        );
    }
}

#[test]
fn a_z_is_always_a_number() {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        0.0,
        5.0,
    ];
    for values in [
        &[][..],
        &[0.0],
        &[f64::MAX, f64::MIN],
        &[f64::MAX; 3],
        &[f64::MIN_POSITIVE; 2],
    ] {
        let spread = Spread::of(values);
        assert!(spread.median().is_finite() && spread.scale() > 0.0 && spread.scale().is_finite());
        for value in odd {
            assert!(spread.z(value).abs() <= Z_LIMIT, "{values:?} {value}");
        }
        assert_eq!(spread.z(f64::NAN), Z_LIMIT);
        assert_eq!(spread.z(spread.median()), 0.0);
    }
    assert!((Spread::of(&[1.0, 2.0, 3.0]).z(3.4826) - 1.0).abs() < 1e-12);
}

#[test]
fn stored_spreads_are_checked_again() {
    let spread = Spread::of(&[1.0, 2.0, 4.0]);
    let json = serde_json::to_string(&spread).unwrap();
    assert_eq!(serde_json::from_str::<Spread>(&json).unwrap(), spread);
    for bad in [
        r#"{"median":0,"scale":0}"#,
        r#"{"median":0,"scale":-1}"#,
        r#"{"median":null,"scale":1}"#,
    ] {
        assert!(serde_json::from_str::<Spread>(bad).is_err(), "{bad}");
    }
}
