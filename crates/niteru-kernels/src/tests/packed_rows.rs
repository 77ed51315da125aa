//! Products of packed rows against the same products of plain rows: they must give the same bits.

use super::*;
use crate::{Activation, Epilogue, Layout, PackedMatrix, PackedRows, Precision, Rows, RowsMut};

/// Rows, inputs, width between two products, outputs: around the edges of strips, panels and groups,
/// and one of several blocks.
const SHAPES: [(usize, usize, usize, usize); 11] = [
    (0, 5, 7, 3),
    (3, 0, 4, 2),
    (2, 3, 0, 4),
    (1, 1, 1, 1),
    (5, 33, 17, 15),
    (17, 64, 31, 33),
    (33, 65, 32, 48),
    (49, 40, 97, 50),
    (65, 31, 130, 96),
    (200, 96, 768, 64),
    (410, 768, 2000, 40),
];

fn matrix(
    kernels: Kernels,
    precision: Precision,
    data: &[f32],
    k: usize,
    n: usize,
) -> PackedMatrix {
    PackedMatrix::pack(kernels, precision, data, k, n, Layout::InputByOutput)
}

fn all() -> impl Iterator<Item = (Kernels, Precision)> {
    let sets = Kernels::available().into_iter();
    sets.flat_map(|set| Precision::ALL.map(|precision| (set, precision)))
}

#[test]
fn chained_products_are_plain_products_bit_for_bit_on_any_number_of_threads() {
    let mut failures = Failures::default();
    for (kernels, precision) in all() {
        let (mut left, mut middle) = (PackedRows::new(kernels), PackedRows::new(kernels));
        for (m, k, width, n) in SHAPES {
            let mut noise = Noise::new((m * 3 + k * 5 + width * 7 + n) as u64);
            let a = noise.take(m * k);
            let (first, second) = (noise.take(k * width), noise.take(width * n));
            let (bias, held) = (noise.take(width), noise.take(m * n));
            let first = matrix(kernels, precision, &first, k, width);
            let second = matrix(kernels, precision, &second, width, n);
            let inner = Epilogue {
                bias: Some(&bias),
                activation: Activation::QuickGelu,
                accumulate: false,
            };
            let outer = Epilogue {
                accumulate: true,
                ..Epilogue::default()
            };
            let rows = Rows::new(&a, m, k);

            let (mut plain, mut want) = (vec![0.0; m * width], held.clone());
            kernels.matmul(rows, &first, inner, RowsMut::new(&mut plain, m, width));
            let plain = Rows::new(&plain, m, width);
            kernels.matmul(plain, &second, outer, RowsMut::new(&mut want, m, n));

            let mut chain = |parallel| {
                kernels.pack_rows(rows, precision, &mut left);
                kernels.matmul_chained(&left, &first, inner, parallel, &mut middle);
                let mut out = held.clone();
                let target = RowsMut::new(&mut out, m, n);
                kernels.matmul_packed(&middle, &second, outer, parallel, target);
                out
            };
            let what = |how: &str| format!("{kernels:?} {precision} {m}×{k}×{width}×{n} {how}");
            failures.check(bits(&chain(false)) == bits(&want), || what("on one thread"));
            for threads in [2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                let got = pool.build().unwrap().install(|| chain(true));
                failures.check(bits(&got) == bits(&want), || what("on several threads"));
            }
        }
    }
    failures.report();
}

#[test]
fn a_packed_norm_is_the_norm_packed() {
    let mut failures = Failures::default();
    for (kernels, precision) in all() {
        let (mut at_once, mut later) = (PackedRows::new(kernels), PackedRows::new(kernels));
        for (m, k, _, n) in SHAPES {
            let mut noise = Noise::new((m + k * 11 + n) as u64);
            let (x, gamma, beta) = (noise.take(m * k), noise.take(k), noise.take(k));
            let b = matrix(kernels, precision, &noise.take(k * n), k, n);
            let rows = Rows::new(&x, m, k);
            let mut normed = vec![0.0; m * k];
            let target = RowsMut::new(&mut normed, m, k);
            kernels.layer_norm(rows, &gamma, &beta, 1e-5, target);
            kernels.pack_rows(Rows::new(&normed, m, k), precision, &mut later);
            kernels.layer_norm_packed(rows, (&gamma, &beta, 1e-5), precision, &mut at_once);
            let product = |left: &PackedRows| {
                let mut out = vec![0.0; m * n];
                let target = RowsMut::new(&mut out, m, n);
                kernels.matmul_packed(left, &b, Epilogue::default(), false, target);
                bits(&out)
            };
            failures.check(product(&at_once) == product(&later), || {
                format!("{kernels:?} {precision} {m}×{k}×{n}")
            });
            failures.check((at_once.rows(), at_once.cols()) == (m, k), || {
                format!("{at_once:?} for {m}×{k}")
            });
        }
    }
    failures.report();
}

#[test]
fn a_row_that_holds_nan_stays_nan_and_spoils_no_other() {
    for (kernels, precision) in all() {
        let ones = vec![1.0; 40 * 40];
        let b = matrix(kernels, precision, &ones, 40, 40);
        let mut a = [0.5; 3 * 40];
        a[45] = f32::NAN;
        let (mut left, mut middle) = (PackedRows::new(kernels), PackedRows::new(kernels));
        kernels.pack_rows(Rows::new(&a, 3, 40), precision, &mut left);
        kernels.matmul_chained(&left, &b, Epilogue::default(), false, &mut middle);
        let mut out = [0.0; 3 * 40];
        let target = RowsMut::new(&mut out, 3, 40);
        kernels.matmul_packed(&middle, &b, Epilogue::default(), false, target);
        let (first, rest) = out.split_at(40);
        let (second, third) = rest.split_at(40);
        assert!(second.iter().all(|x| x.is_nan()), "{kernels:?} {precision}");
        let near = |x: &f32| (x - 800.0).abs() < 8.0;
        assert!(
            first.iter().chain(third).all(near),
            "{kernels:?} {precision}: {first:?}"
        );
    }
}

#[test]
#[should_panic(expected = "rows packed for")]
fn rows_of_another_precision_are_refused() {
    let kernels = Kernels::detect();
    let mut left = PackedRows::new(kernels);
    kernels.pack_rows(Rows::new(&[1.0; 4], 2, 2), Precision::Bf16, &mut left);
    let b = matrix(kernels, Precision::F32, &[1.0; 4], 2, 2);
    let mut out = [0.0; 4];
    let target = RowsMut::new(&mut out, 2, 2);
    kernels.matmul_packed(&left, &b, Epilogue::default(), false, target);
}

#[test]
#[should_panic(expected = "hold nothing to add to")]
fn a_chained_product_does_not_accumulate() {
    let kernels = Kernels::detect();
    let (mut left, mut out) = (PackedRows::new(kernels), PackedRows::new(kernels));
    kernels.pack_rows(Rows::new(&[1.0; 4], 2, 2), Precision::F32, &mut left);
    let b = matrix(kernels, Precision::F32, &[1.0; 4], 2, 2);
    let epilogue = Epilogue {
        accumulate: true,
        ..Epilogue::default()
    };
    kernels.matmul_chained(&left, &b, epilogue, false, &mut out);
}
