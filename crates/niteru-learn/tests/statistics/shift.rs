use crate::support::{Random, known, near};
use niteru_learn::{auroc, shift};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    earlier: Vec<f64>,
    recent: Vec<f64>,
    superiority: f64,
    p_value: f64,
}

#[test]
fn shifts_are_those_of_scipy() {
    let mut wrong = Vec::new();
    for case in known::<Vec<Case>>("shifts") {
        let got = shift(&case.earlier, &case.recent).unwrap();
        if !near(got.superiority, case.superiority, 1e-14) || !near(got.p_value, case.p_value, 1e-9)
        {
            let sides = (case.earlier.len(), case.recent.len());
            wrong.push(format!(
                "{sides:?}: {got:?}, not {} {}",
                case.superiority, case.p_value
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The two-sided p-value by going through every choice of `recent` of all scores.
fn by_hand(earlier: &[f64], recent: &[f64]) -> f64 {
    let all = [earlier, recent].concat();
    let seen = auroc(earlier, recent).unwrap();
    let (mut low, mut high, mut choices) = (0, 0, 0);
    for choice in 0u32..1 << all.len() {
        if choice.count_ones() as usize != recent.len() {
            continue;
        }
        let of = |wanted: bool| -> Vec<f64> {
            let pairs = all.iter().enumerate();
            pairs
                .filter(|(at, _)| (choice >> at & 1 == 1) == wanted)
                .map(|(_, score)| *score)
                .collect()
        };
        let drawn = auroc(&of(false), &of(true)).unwrap();
        choices += 1;
        low += u32::from(drawn <= seen + 1e-12);
        high += u32::from(drawn >= seen - 1e-12);
    }
    (2.0 * f64::from(low.min(high)) / f64::from(choices)).min(1.0)
}

#[test]
fn small_samples_are_counted_out() {
    let mut random = Random(9);
    for (earlier, recent) in [(1, 1), (1, 7), (5, 2), (4, 4), (3, 8), (7, 5)] {
        // Few different values, so that many are equal.
        for levels in [2.0, 4.0, 1e9] {
            let mut draw = |count: usize| -> Vec<f64> {
                let level = |_| (random.uniform() * levels).floor();
                (0..count).map(level).collect()
            };
            let (earlier, recent) = (draw(earlier), draw(recent));
            let got = shift(&earlier, &recent).unwrap().p_value;
            let expected = by_hand(&earlier, &recent);
            assert!(
                near(got, expected, 1e-12),
                "{earlier:?} {recent:?}: {got}, not {expected}"
            );
        }
    }
}

#[test]
fn the_two_ways_agree_where_they_meet() {
    let mut random = Random(11);
    // 20 · 102 is counted out, 20 · 103 is not.
    let recent: Vec<f64> = random.normals(20).iter().map(|x| x - 0.2).collect();
    let earlier = random.normals(83);
    let counted = shift(&earlier[..82], &recent).unwrap().p_value;
    let approximate = shift(&earlier, &recent).unwrap().p_value;
    assert!(near(counted, approximate, 0.15), "{counted} {approximate}");
}

#[test]
fn without_a_shift_small_p_values_are_as_rare_as_they_say() {
    const DRAWS: usize = 4000;
    let mut random = Random(13);
    for (earlier, recent) in [(8, 30), (60, 50)] {
        let mut small = 0;
        for _ in 0..DRAWS {
            let p = shift(&random.normals(earlier), &random.normals(recent));
            small += usize::from(p.unwrap().p_value <= 0.05);
        }
        let share = small as f64 / DRAWS as f64;
        assert!((0.035..=0.06).contains(&share), "{share}");
    }
}

#[test]
fn both_sides_are_told_alike() {
    let mut random = Random(17);
    for (earlier, recent) in [(6, 30), (200, 50)] {
        let (earlier, recent) = (random.normals(earlier), random.normals(recent));
        let (forth, back) = (
            shift(&earlier, &recent).unwrap(),
            shift(&recent, &earlier).unwrap(),
        );
        assert!(near(forth.superiority, 1.0 - back.superiority, 1e-12));
        assert!(near(forth.p_value, back.p_value, 1e-9));
    }
}

#[test]
fn what_cannot_be_compared() {
    assert_eq!(shift(&[], &[1.0]), None);
    assert_eq!(shift(&[1.0], &[]), None);
    for count in [10, 1000] {
        let same = shift(&vec![1.0; count], &vec![1.0; count]).unwrap();
        assert_eq!((same.superiority, same.p_value), (0.5, 1.0));
        let nan = shift(&vec![1.0; count], &vec![f64::NAN; count]).unwrap();
        assert_eq!(nan.superiority, 1.0);
        assert!(nan.p_value > 0.0 && nan.p_value < 1e-4, "{nan:?}");
    }
}
