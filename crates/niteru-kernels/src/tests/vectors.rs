use super::*;
use crate::NORMALIZE_TOLERANCE;

#[test]
fn dot_equals_its_twin_at_every_length_and_alignment() {
    let mut failures = Failures::default();
    for kernels in Kernels::available() {
        for len in LENGTHS {
            for offset in 0..4 {
                let mut noise = Noise::new(len as u64 * 5 + offset as u64);
                let (a, b) = (noise.take(len + offset), noise.take(len + 2 * offset));
                let (a, b) = (&a[offset..], &b[2 * offset..]);
                let want = crate::twin::dot(a, b);
                let what = || format!("{kernels:?} length {len} offset {offset}");
                failures.sums(what, &[kernels.dot(a, b)], &[want]);
            }
        }
    }
    failures.report();
}

#[test]
fn dot_of_denormals_and_zeros() {
    for kernels in Kernels::available() {
        let tiny = vec![1e-40f32; 37];
        let got = kernels.dot(&tiny, &[1.0; 37]);
        assert!(
            (f64::from(got) - 37e-40).abs() < 1e-43,
            "{kernels:?}: {got:e}"
        );
        assert_eq!(kernels.dot(&[0.0; 37], &[3.5; 37]), 0.0);
        assert!(kernels.dot(&[f32::NAN; 3], &[1.0; 3]).is_nan());
    }
}

#[test]
fn dots_gives_the_bits_of_dot() {
    for kernels in Kernels::available() {
        for (rows, len) in [
            (0, 7),
            (3, 0),
            (1, 1),
            (5, 17),
            (9, 64),
            (33, 100),
            (7, 513),
        ] {
            let mut noise = Noise::new(len as u64);
            let (query, data) = (noise.take(len), noise.take(rows * len));
            let mut out = vec![f32::NAN; rows];
            kernels.dots(&query, &data, &mut out);
            let want: Vec<f32> = (0..rows)
                .map(|i| kernels.dot(&query, &data[i * len..][..len]))
                .collect();
            assert_eq!(bits(&out), bits(&want), "{kernels:?} {rows}×{len}");
        }
    }
}

/// Finite ones of all exponents, denormals, zeros of both signs.
fn halves(count: usize) -> Vec<u16> {
    let numbers = (0..u16::MAX).map(|i| i.wrapping_mul(40_503));
    let finite = numbers.filter(|bits| bits & 0x7c00 != 0x7c00);
    finite.cycle().take(count).collect()
}

#[test]
fn halves_widen_as_they_should() {
    // Bits, and the value that IEEE 754 gives them.
    let table = [
        (0x0000, 0.0),
        (0x8000, -0.0),
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x3555, 0.333_251_95),
        (0x7bff, 65504.0),
        (0x0001, 2f32.powi(-24)),
        (0x83ff, -1023.0 * 2f32.powi(-24)),
        (0x0400, 2f32.powi(-14)),
        (0x7c00, f32::INFINITY),
        (0xfc00, f32::NEG_INFINITY),
    ];
    for (bits, value) in table {
        assert_eq!(
            crate::portable::widen_half(bits).to_bits(),
            f32::to_bits(value),
            "{bits:04x}"
        );
    }
    assert!(crate::portable::widen_half(0x7e00).is_nan());
    for kernels in Kernels::available() {
        for bits in 0..=u16::MAX {
            let (got, want) = (
                kernels.dot_half(&[1.0], &[bits]),
                crate::portable::widen_half(bits),
            );
            let same = got == want || (got.is_nan() && want.is_nan());
            assert!(same, "{kernels:?} {bits:04x}: {got}, expected {want}");
        }
    }
}

#[test]
fn dots_of_halves_give_the_bits_of_dot() {
    for kernels in Kernels::available() {
        for len in LENGTHS {
            for offset in 0..3 {
                let rows = halves(3 * len + offset);
                let rows = &rows[offset..];
                let wide: Vec<f32> = rows
                    .iter()
                    .map(|&bits| crate::portable::widen_half(bits))
                    .collect();
                let query = Noise::new(len as u64).take(len);
                let mut out = [f32::NAN; 3];
                kernels.dots_half(&query, rows, &mut out);
                for (i, &out) in out.iter().enumerate() {
                    let (row, wide) = (&rows[i * len..][..len], &wide[i * len..][..len]);
                    let what = format!("{kernels:?} length {len} offset {offset} row {i}");
                    let want = kernels.dot(&query, wide);
                    assert_eq!(out.to_bits(), want.to_bits(), "{what}");
                    assert_eq!(
                        kernels.dot_half(&query, row).to_bits(),
                        want.to_bits(),
                        "{what}"
                    );
                    let first = &rows[..len];
                    let want = kernels.dot(
                        wide,
                        &first
                            .iter()
                            .map(|&bits| crate::portable::widen_half(bits))
                            .collect::<Vec<_>>(),
                    );
                    assert_eq!(
                        kernels.dot_halves(row, first).to_bits(),
                        want.to_bits(),
                        "{what}"
                    );
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "2×3 numbers expected, got 5")]
fn dots_of_a_broken_matrix_of_halves_panics() {
    Kernels::detect().dots_half(&[0.0; 3], &[0; 5], &mut [0.0; 2]);
}

#[test]
fn normalize_gives_unit_length() {
    let mut failures = Failures::default();
    for kernels in Kernels::available() {
        for len in LENGTHS.into_iter().skip(1) {
            for scale in [1.0, 1e-42, 1e-30, 1e-12, 1e12, 1e36] {
                let x: Vec<f32> = Noise::new(len as u64).take(len);
                let x: Vec<f32> = x.iter().map(|x| x * scale).collect();
                let norm = crate::twin::dot(&x, &x).value.sqrt();
                let mut unit = x.clone();
                let got = kernels.normalize(&mut unit).unwrap_or(f32::NAN);
                let what = || format!("{kernels:?} length {len} scale {scale:e}");
                let tolerance = NORMALIZE_TOLERANCE;
                failures.close(what, &[got], [(norm, norm + 1e-38)], tolerance);
                let want = x.iter().map(|x| (f64::from(*x) / norm, 1.0));
                failures.close(what, &unit, want, tolerance);
            }
        }
    }
    failures.report();
}

#[test]
fn normalize_refuses_what_has_no_direction_and_leaves_it_alone() {
    let hopeless: [&[f32]; 7] = [
        &[],
        &[0.0],
        &[0.0, -0.0, 0.0],
        &[1.0, f32::NAN],
        &[f32::INFINITY, 2.0],
        &[f32::NEG_INFINITY; 20],
        &[f32::MAX; 9],
    ];
    for kernels in Kernels::available() {
        for x in hopeless {
            let mut y = x.to_vec();
            assert_eq!(kernels.normalize(&mut y), None, "{kernels:?} {x:?}");
            assert_eq!(bits(&y), bits(x), "{kernels:?} {x:?}");
        }
    }
}

#[test]
#[should_panic(expected = "dot of 3 and 4 floats")]
fn dot_of_unequal_lengths_panics() {
    Kernels::detect().dot(&[0.0; 3], &[0.0; 4]);
}

#[test]
#[should_panic(expected = "2×3 floats expected, got 5")]
fn dots_of_a_broken_matrix_panics() {
    Kernels::detect().dots(&[0.0; 3], &[0.0; 5], &mut [0.0; 2]);
}
