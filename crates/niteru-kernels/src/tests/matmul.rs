use super::*;
use crate::{Activation, Epilogue, Layout, PackedMatrix, Precision, Rows, RowsMut};

const SHAPES: [(usize, usize, usize); 26] = [
    (0, 5, 7),
    (4, 0, 5),
    (3, 4, 0),
    (1, 1, 1),
    (1, 2048, 3),
    (2, 3, 4),
    (3, 17, 15),
    (4, 16, 16),
    (5, 33, 17),
    (6, 27, 31),
    (7, 27, 32),
    (8, 31, 33),
    (9, 64, 47),
    (10, 12, 48),
    (11, 40, 49),
    (12, 240, 64),
    (13, 257, 63),
    (14, 513, 24),
    (15, 96, 40),
    (25, 1025, 18),
    (49, 100, 112),
    (50, 64, 50),
    (77, 77, 97),
    (129, 37, 80),
    (250, 30, 144),
    (577, 300, 21),
];

fn product(kernels: Kernels, a: Rows, b: &PackedMatrix, epilogue: Epilogue) -> Vec<f32> {
    let mut out = vec![0.0; a.rows() * b.n()];
    kernels.matmul(a, b, epilogue, RowsMut::new(&mut out, a.rows(), b.n()));
    out
}

#[test]
fn matmul_equals_its_twin_in_both_layouts() {
    let mut failures = Failures::default();
    for (m, k, n) in SHAPES {
        let mut noise = Noise::new((m * 31 + k * 7 + n) as u64);
        let (a, b) = (noise.take(m * k), noise.take(k * n));
        let transposed: Vec<f32> = (0..n)
            .flat_map(|j| (0..k).map(move |p| (p, j)))
            .map(|(p, j)| b[p * n + j])
            .collect();
        let want = crate::twin::matmul(&a, &b, m, k, n);
        for kernels in Kernels::available() {
            let one = PackedMatrix::pack(kernels, Precision::F32, &b, k, n, Layout::InputByOutput);
            let other = PackedMatrix::pack(
                kernels,
                Precision::F32,
                &transposed,
                k,
                n,
                Layout::OutputByInput,
            );
            let got = product(kernels, Rows::new(&a, m, k), &one, Epilogue::default());
            let what = || format!("{kernels:?} {m}×{k}×{n}");
            failures.sums(what, &got, &want);
            let again = product(kernels, Rows::new(&a, m, k), &other, Epilogue::default());
            failures.check(bits(&got) == bits(&again), || {
                format!("{}: layouts differ", what())
            });
        }
    }
    failures.report();
}

#[test]
fn strides_gaps_and_unaligned_slices() {
    let mut failures = Failures::default();
    for (m, k, n) in SHAPES {
        let mut noise = Noise::new((m + k + n) as u64);
        let (a, b) = (noise.take(1 + m * (k + 3)), noise.take(k * n));
        let view = Rows::with_stride(&a[1..], m, k, k + 3);
        let dense: Vec<f32> = (0..m).flat_map(|i| view.row(i).iter().copied()).collect();
        for kernels in Kernels::available() {
            let packed =
                PackedMatrix::pack(kernels, Precision::F32, &b, k, n, Layout::InputByOutput);
            let want = product(
                kernels,
                Rows::new(&dense, m, k),
                &packed,
                Epilogue::default(),
            );
            let mut out = vec![9.25; 1 + m * (n + 5)];
            let target = RowsMut::with_stride(&mut out[1..], m, n, n + 5);
            kernels.matmul(view, &packed, Epilogue::default(), target);
            for (i, row) in out[1..].chunks_exact(n + 5).enumerate() {
                let what = || format!("{kernels:?} {m}×{k}×{n} row {i}");
                failures.check(bits(&row[..n]) == bits(&want[i * n..][..n]), what);
                let gap = row[n..].iter().all(|x| *x == 9.25);
                failures.check(gap, || format!("{}: gap written", what()));
            }
        }
    }
    failures.report();
}

#[test]
fn the_epilogue_adds_bias_activates_and_accumulates() {
    let mut failures = Failures::default();
    let activations = [
        Activation::None,
        Activation::Relu6,
        Activation::Gelu,
        Activation::QuickGelu,
    ];
    for (m, k, n) in SHAPES {
        let mut noise = Noise::new((m * k + n) as u64);
        let (a, b) = (noise.take(m * k), noise.take(k * n));
        let (bias, held) = (noise.take(n), noise.take(m * n));
        let sums = crate::twin::matmul(&a, &b, m, k, n);
        for kernels in Kernels::available() {
            let packed =
                PackedMatrix::pack(kernels, Precision::F32, &b, k, n, Layout::InputByOutput);
            for case in 0..16 {
                let (with_bias, accumulate) = (case & 1 != 0, case & 2 != 0);
                let activation = activations[case >> 2];
                let bias = with_bias.then_some(bias.as_slice());
                let epilogue = Epilogue {
                    bias,
                    activation,
                    accumulate,
                };
                let mut out = held.clone();
                let target = RowsMut::new(&mut out, m, n);
                kernels.matmul(Rows::new(&a, m, k), &packed, epilogue, target);
                let want = sums.iter().enumerate().map(|(i, sum)| {
                    let bias = bias.map_or(0.0, |bias| f64::from(bias[i % n]));
                    let held = if accumulate { f64::from(held[i]) } else { 0.0 };
                    let value = crate::twin::activate(activation, sum.value + bias) + held;
                    (value, sum.magnitude + bias.abs() + held.abs() + 1.0)
                });
                let what = || format!("{kernels:?} {m}×{k}×{n} {epilogue:?}");
                failures.close(what, &out, want, crate::PRODUCT_TOLERANCE);
            }
        }
    }
    failures.report();
}

#[test]
fn a_row_does_not_depend_on_the_rows_around_it() {
    for kernels in Kernels::available() {
        for (k, n) in [(27, 32), (768, 50), (1500, 70)] {
            let m = 61;
            let mut noise = Noise::new(k as u64);
            let (a, b, bias) = (noise.take(m * k), noise.take(k * n), noise.take(n));
            let packed =
                PackedMatrix::pack(kernels, Precision::F32, &b, k, n, Layout::InputByOutput);
            let activation = Activation::Gelu;
            let epilogue = Epilogue {
                bias: Some(&bias),
                activation,
                accumulate: false,
            };
            let all = Rows::new(&a, m, k);
            let want = product(kernels, all, &packed, epilogue);
            for rows in 1..=20 {
                for start in [0, 7, m - rows] {
                    let part = all.slice(start..start + rows);
                    let got = product(kernels, part, &packed, epilogue);
                    let want = &want[start * n..(start + rows) * n];
                    assert_eq!(bits(&got), bits(want), "{kernels:?} {rows} rows of {k}×{n}");
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for threads in [1, 2, 3, 7] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        for kernels in Kernels::available() {
            for (m, k, n) in [
                (1, 768, 768),
                (50, 768, 257),
                (900, 33, 40),
                (3, 5, 7),
                (2, 0, 3),
            ] {
                let mut noise = Noise::new(k as u64);
                let (a, b, bias) = (noise.take(m * k), noise.take(k * n), noise.take(n));
                let packed =
                    PackedMatrix::pack(kernels, Precision::F32, &b, k, n, Layout::InputByOutput);
                let held = noise.take(m * n);
                let activation = Activation::None;
                let epilogue = Epilogue {
                    bias: Some(&bias),
                    activation,
                    accumulate: true,
                };
                let (mut one, mut many) = (held.clone(), held);
                let rows = Rows::new(&a, m, k);
                kernels.matmul(rows, &packed, epilogue, RowsMut::new(&mut one, m, n));
                pool.install(|| {
                    let out = RowsMut::new(&mut many, m, n);
                    kernels.matmul_parallel(rows, &packed, epilogue, out);
                });
                assert_eq!(
                    bits(&one),
                    bits(&many),
                    "{kernels:?} {m}×{k}×{n} {threads} threads"
                );
            }
        }
    }
}

#[test]
fn denormals_zeros_and_nan() {
    for kernels in Kernels::available() {
        let tiny = [1e-40f32; 20];
        let ones = PackedMatrix::pack(
            kernels,
            Precision::F32,
            &[1.0; 20 * 18],
            20,
            18,
            Layout::InputByOutput,
        );
        let got = product(kernels, Rows::new(&tiny, 1, 20), &ones, Epilogue::default());
        let close = |x: &f32| (f64::from(*x) - 20e-40).abs() < 1e-43;
        assert!(got.iter().all(close), "{kernels:?}: {got:?}");
        let zeros = product(
            kernels,
            Rows::new(&[0.0; 20], 1, 20),
            &ones,
            Epilogue::default(),
        );
        assert_eq!(zeros, [0.0; 18], "{kernels:?}");
        let mut a = [0.5; 40];
        a[7] = f32::NAN;
        let got = product(kernels, Rows::new(&a, 2, 20), &ones, Epilogue::default());
        assert!(
            got[..18].iter().all(|x| x.is_nan()),
            "{kernels:?}: row of NaN"
        );
        assert_eq!(got[18..], [10.0; 18], "{kernels:?}: row beside it");
    }
}

#[test]
fn repacking_reuses_and_scales() {
    for kernels in Kernels::available() {
        let mut noise = Noise::new(3);
        let mut packed = PackedMatrix::empty(kernels);
        for (k, n, scale) in [(64, 50, 0.125), (3, 2, 1.0), (64, 77, 2.0)] {
            let (a, b) = (noise.take(5 * k), noise.take(n * (k + 7)));
            let source = Rows::with_stride(&b, n, k, k + 7);
            packed.repack(source, Layout::OutputByInput, scale);
            let dense: Vec<f32> = (0..n)
                .flat_map(|i| source.row(i))
                .map(|x| x * scale)
                .collect();
            let fresh =
                PackedMatrix::pack(kernels, Precision::F32, &dense, k, n, Layout::OutputByInput);
            let rows = Rows::new(&a, 5, k);
            let got = product(kernels, rows, &packed, Epilogue::default());
            let want = product(kernels, rows, &fresh, Epilogue::default());
            assert_eq!(bits(&got), bits(&want), "{kernels:?} {k}×{n}");
        }
    }
}

#[test]
#[should_panic(expected = "product of 4 columns with 3 rows")]
fn shapes_that_do_not_fit_panic() {
    let kernels = Kernels::detect();
    let packed = PackedMatrix::pack(
        kernels,
        Precision::F32,
        &[0.0; 6],
        3,
        2,
        Layout::InputByOutput,
    );
    product(
        kernels,
        Rows::new(&[0.0; 4], 1, 4),
        &packed,
        Epilogue::default(),
    );
}

#[test]
#[should_panic(expected = "matrix packed for portable kernels used with")]
fn a_matrix_of_other_kernels_panics() {
    let sets = Kernels::available();
    let packed = PackedMatrix::pack(
        sets[0],
        Precision::F32,
        &[0.0; 6],
        3,
        2,
        Layout::InputByOutput,
    );
    let Some(other) = sets.get(1) else {
        panic!("matrix packed for portable kernels used with no others: there are none here");
    };
    product(
        *other,
        Rows::new(&[0.0; 3], 1, 3),
        &packed,
        Epilogue::default(),
    );
}
