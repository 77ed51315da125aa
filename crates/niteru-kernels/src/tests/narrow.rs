//! Narrow products: bfloat16 and integers.

use super::*;
use crate::{Activation, Epilogue, Layout, PackedMatrix, Precision, Rows, RowsMut};
use std::sync::Arc;

const NARROW: [Precision; 2] = [Precision::Bf16, Precision::Int8];

/// Around the edges of every strip, panel, step and group there is.
const SHAPES: [(usize, usize, usize); 30] = [
    (0, 5, 7),
    (4, 0, 5),
    (3, 4, 0),
    (1, 1, 1),
    (1, 2, 3),
    (2, 3, 4),
    (1, 2048, 3),
    (3, 17, 15),
    (4, 16, 16),
    (5, 33, 17),
    (6, 27, 31),
    (7, 31, 32),
    (8, 32, 33),
    (9, 63, 47),
    (10, 64, 48),
    (11, 65, 49),
    (15, 127, 63),
    (16, 128, 64),
    (17, 129, 65),
    (18, 96, 40),
    (30, 513, 24),
    (31, 12, 96),
    (32, 240, 97),
    (33, 257, 16),
    (49, 100, 112),
    (50, 768, 50),
    (65, 40, 1),
    (129, 37, 80),
    (250, 30, 144),
    (577, 300, 21),
];

fn product(kernels: Kernels, a: Rows, b: &PackedMatrix, epilogue: Epilogue) -> Vec<f32> {
    let mut out = vec![0.0; a.rows() * b.n()];
    kernels.matmul(a, b, epilogue, RowsMut::new(&mut out, a.rows(), b.n()));
    out
}

/// A product as the precision defines it: both sides rounded, then exact.
fn twin(precision: Precision, a: &[f32], b: &[f32], (m, k, n): (usize, usize, usize)) -> Vec<Sum> {
    match precision {
        Precision::F32 => crate::twin::matmul(a, b, m, k, n),
        Precision::Bf16 => {
            let round = |x: &[f32]| x.iter().map(|x| crate::twin::bf16(*x)).collect::<Vec<_>>();
            crate::twin::matmul(&round(a), &round(b), m, k, n)
        }
        Precision::Int8 => {
            let column = |j| (0..k).map(|p| b[p * n + j]).collect::<Vec<_>>();
            let columns: Vec<_> = (0..n).map(|j| crate::twin::int8(&column(j))).collect();
            let mut out = Vec::new();
            for i in 0..m {
                let (row, unit) = crate::twin::int8(&a[i * k..(i + 1) * k]);
                out.extend(columns.iter().map(|(column, scale)| {
                    let sum: i64 = row.iter().zip(column).map(|(a, b)| i64::from(a * b)).sum();
                    let value = sum as f64 * f64::from(unit) * f64::from(*scale);
                    Sum {
                        value,
                        magnitude: value.abs(),
                    }
                }));
            }
            out
        }
    }
}

fn transpose(b: &[f32], k: usize, n: usize) -> Vec<f32> {
    let places = (0..n).flat_map(|j| (0..k).map(move |p| p * n + j));
    places.map(|at| b[at]).collect()
}

#[test]
fn narrow_products_equal_their_twins_in_both_layouts() {
    let mut failures = Failures::default();
    for (m, k, n) in SHAPES {
        let mut noise = Noise::new((m * 31 + k * 7 + n) as u64);
        let (a, b) = (noise.take(m * k), noise.take(k * n));
        let transposed = transpose(&b, k, n);
        for precision in NARROW {
            let want = twin(precision, &a, &b, (m, k, n));
            for kernels in Kernels::available() {
                let pack =
                    |data, layout| PackedMatrix::pack(kernels, precision, data, k, n, layout);
                let one = pack(&b, Layout::InputByOutput);
                let other = pack(&transposed, Layout::OutputByInput);
                let got = product(kernels, Rows::new(&a, m, k), &one, Epilogue::default());
                let what = || format!("{kernels:?} {precision} {m}×{k}×{n}");
                failures.sums(what, &got, &want);
                let again = product(kernels, Rows::new(&a, m, k), &other, Epilogue::default());
                failures.check(bits(&got) == bits(&again), || {
                    format!("{}: layouts differ", what())
                });
            }
        }
    }
    failures.report();
}

#[test]
fn integers_are_the_same_bits_on_every_set() {
    for (m, k, n) in SHAPES {
        let mut noise = Noise::new((m + k * 3 + n) as u64);
        let (a, b) = (noise.take(m * k), noise.take(k * n));
        let result = |kernels| {
            let packed =
                PackedMatrix::pack(kernels, Precision::Int8, &b, k, n, Layout::InputByOutput);
            bits(&product(
                kernels,
                Rows::new(&a, m, k),
                &packed,
                Epilogue::default(),
            ))
        };
        let sets = Kernels::available();
        let want = result(sets[0]);
        for kernels in &sets[1..] {
            assert!(result(*kernels) == want, "{kernels:?} {m}×{k}×{n}");
        }
    }
}

#[test]
fn the_epilogue_adds_bias_activates_and_accumulates() {
    let mut failures = Failures::default();
    let activations = [Activation::None, Activation::Relu6, Activation::QuickGelu];
    for (m, k, n) in [(3, 17, 15), (33, 65, 49), (50, 64, 97)] {
        let mut noise = Noise::new((m * k + n) as u64);
        let (a, b) = (noise.take(1 + m * (k + 3)), noise.take(k * n));
        let view = Rows::with_stride(&a[1..], m, k, k + 3);
        let dense: Vec<f32> = (0..m).flat_map(|i| view.row(i).iter().copied()).collect();
        let (bias, held) = (noise.take(n), noise.take(1 + m * (n + 5)));
        for (precision, activation) in NARROW
            .into_iter()
            .flat_map(|p| activations.map(move |a| (p, a)))
        {
            let sums = twin(precision, &dense, &b, (m, k, n));
            for kernels in Kernels::available() {
                let packed =
                    PackedMatrix::pack(kernels, precision, &b, k, n, Layout::InputByOutput);
                for accumulate in [false, true] {
                    let epilogue = Epilogue {
                        bias: Some(&bias),
                        activation,
                        accumulate,
                    };
                    let mut out = held.clone();
                    let target = RowsMut::with_stride(&mut out[1..], m, n, n + 5);
                    kernels.matmul(view, &packed, epilogue, target);
                    for (i, row) in out[1..].chunks(n + 5).take(m).enumerate() {
                        let before = &held[1 + i * (n + 5)..][..n];
                        let want = (0..n).map(|j| {
                            let sum = sums[i * n + j];
                            let before = if accumulate {
                                f64::from(before[j])
                            } else {
                                0.0
                            };
                            let value = sum.value + f64::from(bias[j]);
                            let value = crate::twin::activate(activation, value) + before;
                            (value, sum.magnitude + 3.0)
                        });
                        let what = || format!("{kernels:?} {precision} {m}×{k}×{n} {epilogue:?}");
                        failures.close(what, &row[..n], want, crate::PRODUCT_TOLERANCE);
                        let gap = row[n..] == held[1 + i * (n + 5) + n..][..5];
                        failures.check(gap, || format!("{}: gap written", what()));
                    }
                }
            }
        }
    }
    failures.report();
}

#[test]
fn a_row_depends_on_itself_alone_on_any_number_of_threads() {
    for (kernels, precision) in Kernels::available()
        .into_iter()
        .flat_map(|set| NARROW.map(|p| (set, p)))
    {
        for (k, n) in [(27, 32), (768, 350), (1500, 70)] {
            let m = 461;
            let mut noise = Noise::new(k as u64);
            let (a, b, bias) = (noise.take(m * k), noise.take(k * n), noise.take(n));
            let packed = PackedMatrix::pack(kernels, precision, &b, k, n, Layout::InputByOutput);
            let epilogue = Epilogue {
                bias: Some(&bias),
                activation: Activation::Gelu,
                accumulate: false,
            };
            let all = Rows::new(&a, m, k);
            let want = product(kernels, all, &packed, epilogue);
            for (start, rows) in [(0, 1), (7, 1), (3, 8), (11, 33), (0, 100), (60, 401)] {
                let got = product(kernels, all.slice(start..start + rows), &packed, epilogue);
                let want = &want[start * n..(start + rows) * n];
                assert!(
                    bits(&got) == bits(want),
                    "{kernels:?} {precision} {rows} rows of {k}×{n}"
                );
            }
            for threads in [2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                let got = pool.build().unwrap().install(|| {
                    let mut out = vec![0.0; m * n];
                    let target = RowsMut::new(&mut out, m, n);
                    kernels.matmul_parallel(all, &packed, epilogue, target);
                    out
                });
                assert!(
                    bits(&got) == bits(&want),
                    "{kernels:?} {precision} {threads} threads"
                );
            }
        }
    }
}

#[test]
fn zeros_denormals_and_what_is_not_finite() {
    for kernels in Kernels::available() {
        for precision in NARROW {
            let ones = vec![1.0; 20 * 18];
            let packed =
                PackedMatrix::pack(kernels, precision, &ones, 20, 18, Layout::InputByOutput);
            let of =
                |a: &[f32]| product(kernels, Rows::new(a, 3, 20), &packed, Epilogue::default());
            let mut a = [0.5; 60];
            a[7] = f32::NAN;
            a[20..40].fill(0.0);
            let got = of(&a);
            assert!(
                got[..18].iter().all(|x| x.is_nan()),
                "{kernels:?} {precision}: {got:?}"
            );
            assert_eq!(got[18..36], [0.0; 18], "{kernels:?} {precision}");
            assert_eq!(got[36..], [10.0; 18], "{kernels:?} {precision}");
            a[7] = f32::INFINITY;
            let got = of(&a);
            assert!(
                got[..18].iter().all(|x| !x.is_finite()),
                "{kernels:?} {precision}: {got:?}"
            );
            assert_eq!(got[36..], [10.0; 18], "{kernels:?} {precision}");
            // Denormals may count as zeros; nothing else may come of them.
            let got = of(&[1e-40; 60]);
            assert!(
                got.iter().all(|x| (0.0..=2.1e-39).contains(x)),
                "{kernels:?} {precision}: {got:?}"
            );
        }
    }
}

#[test]
fn a_column_of_zeros_gives_the_bias() {
    for kernels in Kernels::available() {
        let packed = PackedMatrix::pack(
            kernels,
            Precision::Int8,
            &[0.0, 1.0, 0.0, -1.0],
            2,
            2,
            Layout::InputByOutput,
        );
        let epilogue = Epilogue {
            bias: Some(&[3.0, 4.0]),
            ..Epilogue::default()
        };
        let got = product(kernels, Rows::new(&[127.0, 100.0], 1, 2), &packed, epilogue);
        assert_eq!(got, [3.0, 31.0], "{kernels:?}");
    }
}

/// Bytes that begin on a multiple of 64.
struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.start..][..self.len]
    }
}

fn aligned(from: &[u8]) -> Aligned {
    let mut bytes = vec![0; from.len() + 64];
    let start = bytes.as_ptr().align_offset(64);
    bytes[start..][..from.len()].copy_from_slice(from);
    let len = from.len();
    Aligned { bytes, start, len }
}

#[test]
fn packed_bytes_can_be_kept_and_used_again() {
    for (kernels, precision) in Kernels::available()
        .into_iter()
        .flat_map(|set| Precision::ALL.map(|p| (set, p)))
    {
        for (m, k, n) in [(5, 33, 17), (0, 4, 3), (2, 0, 3), (33, 257, 97)] {
            let mut noise = Noise::new(9);
            let (a, b) = (noise.take(m * k), noise.take(k * n));
            let fresh = PackedMatrix::pack(kernels, precision, &b, k, n, Layout::InputByOutput);
            let bytes = Arc::new(aligned(fresh.as_bytes()));
            let len = bytes.len;
            let open = |sizes, range| {
                PackedMatrix::from_bytes(kernels, precision, sizes, bytes.clone(), range)
            };
            let kept = open((k, n), 0..len).unwrap();
            let rows = Rows::new(&a, m, k);
            let want = product(kernels, rows, &fresh, Epilogue::default());
            let got = product(kernels, rows, &kept, Epilogue::default());
            assert!(
                bits(&got) == bits(&want),
                "{kernels:?} {precision} {m}×{k}×{n}"
            );
            if len > 0 {
                assert!(open((k, n), 0..len - 64).is_none(), "too short");
                assert!(open((k, n), 64..len + 64).is_none(), "beyond the end");
                assert!(open((k + 200, n), 0..len).is_none(), "other sizes");
                assert!(open((usize::MAX, n), 0..len).is_none(), "absurd sizes");
            }
        }
    }
}

#[test]
fn precisions_have_names() {
    for precision in Precision::ALL {
        assert_eq!(precision.name().parse(), Ok(precision));
    }
    let error = "fp16".parse::<Precision>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"fp16\" is no precision; there are f32, bf16 and int8"
    );
}
