use super::*;
use crate::{LAYER_NORM_TOLERANCE, Rows, RowsMut, SOFTMAX_TOLERANCE};

#[test]
fn layer_norm_equals_its_twin() {
    let mut failures = Failures::default();
    for kernels in Kernels::available() {
        for cols in LENGTHS {
            for (mean, spread) in [(0.3, 1.0), (50.0, 0.5), (0.0, 1e-3)] {
                let (rows, stride) = (3, cols + 5);
                let mut noise = Noise::new(cols as u64);
                let x: Vec<f32> = noise.take(rows * stride);
                let x: Vec<f32> = x.iter().map(|x| mean + spread * x).collect();
                let (gamma, beta) = (noise.take(cols), noise.take(cols));
                let mut out = vec![7.5; rows * stride];
                let view = Rows::with_stride(&x, rows, cols, stride);
                let target = RowsMut::with_stride(&mut out, rows, cols, stride);
                kernels.layer_norm(view, &gamma, &beta, 1e-5, target);
                for i in 0..rows {
                    let want = crate::twin::layer_norm(view.row(i), &gamma, &beta, 1e-5);
                    let scale = want.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
                    let (got, gap) = out[i * stride..][..stride].split_at(cols);
                    let what = || format!("{kernels:?} {cols} columns, mean {mean}, row {i}");
                    let want = want.iter().map(|x| (*x, scale));
                    failures.close(what, got, want, LAYER_NORM_TOLERANCE);
                    failures.check(gap == [7.5; 5], || format!("{}: gap written", what()));
                }
            }
        }
    }
    failures.report();
}

#[test]
fn softmax_equals_its_twin() {
    let mut failures = Failures::default();
    for kernels in Kernels::available() {
        for cols in LENGTHS {
            for scale in [1.0, 30.0, 1000.0] {
                let (rows, stride) = (3, cols + 3);
                let mut x = Noise::new(cols as u64).take(rows * stride);
                x.iter_mut().for_each(|x| *x *= scale);
                if cols > 2 {
                    x[cols / 2] = f32::NEG_INFINITY;
                }
                let before = x.clone();
                kernels.softmax(RowsMut::with_stride(&mut x, rows, cols, stride));
                for i in 0..rows {
                    let row: Vec<f64> = before[i * stride..][..cols]
                        .iter()
                        .map(|x| f64::from(*x))
                        .collect();
                    let want = crate::twin::softmax(&row);
                    let got = &x[i * stride..][..cols];
                    let what = || format!("{kernels:?} {cols} columns, scale {scale}, row {i}");
                    let want = want.iter().map(|x| (*x, 1.0));
                    failures.close(what, got, want, SOFTMAX_TOLERANCE);
                    let gap = i * stride + cols..(i + 1) * stride;
                    failures.check(x[gap.clone()] == before[gap.clone()], || {
                        format!("{}: gap written", what())
                    });
                }
            }
        }
    }
    failures.report();
}

#[test]
fn softmax_of_rows_without_an_answer() {
    for kernels in Kernels::available() {
        for cols in [1, 4, 16, 21] {
            let mut row = vec![f32::NEG_INFINITY; cols];
            kernels.softmax(RowsMut::new(&mut row, 1, cols));
            assert_eq!(row, vec![0.0; cols], "{kernels:?} only −∞, {cols} columns");
            for bad in [f32::NAN, f32::INFINITY] {
                for at in [0, cols / 2, cols - 1] {
                    for others in [0.5, f32::NEG_INFINITY] {
                        let mut row = vec![others; cols];
                        row[at] = bad;
                        kernels.softmax(RowsMut::new(&mut row, 1, cols));
                        let all = row.iter().all(|x| x.is_nan());
                        assert!(
                            all,
                            "{kernels:?} {bad} at {at} of {cols} × {others}: {row:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn mean_rows_is_the_mean_of_each_column() {
    let mut failures = Failures::default();
    for kernels in Kernels::available() {
        for cols in LENGTHS {
            for rows in [1, 2, 49] {
                let stride = cols + 1;
                let x = Noise::new(cols as u64).take(rows * stride);
                let mut got = vec![f32::NAN; cols];
                kernels.mean_rows(Rows::with_stride(&x, rows, cols, stride), &mut got);
                let want = (0..cols).map(|j| {
                    let sum: f64 = (0..rows).map(|i| f64::from(x[i * stride + j])).sum();
                    (sum / rows as f64, 1.0)
                });
                let what = || format!("{kernels:?} {rows}×{cols}");
                failures.close(what, &got, want, crate::PRODUCT_TOLERANCE);
            }
        }
    }
    failures.report();
}

#[test]
#[should_panic(expected = "mean of no rows")]
fn mean_of_no_rows_panics() {
    Kernels::detect().mean_rows(Rows::new(&[], 0, 3), &mut [0.0; 3]);
}

#[test]
#[should_panic(expected = "layer norm of 2×3 into 2×4")]
fn layer_norm_into_another_shape_panics() {
    let mut out = [0.0; 8];
    let out = RowsMut::new(&mut out, 2, 4);
    Kernels::detect().layer_norm(Rows::new(&[0.0; 6], 2, 3), &[0.0; 3], &[0.0; 3], 1e-5, out);
}

#[test]
#[should_panic(expected = "2 rows of 3 with stride 4 do not fit in 6 floats")]
fn a_view_beyond_its_data_panics() {
    Rows::with_stride(&[0.0; 6], 2, 3, 4);
}

#[test]
#[should_panic(expected = "do not fit")]
fn a_view_beyond_the_address_space_panics() {
    Rows::with_stride(&[0.0; 6], usize::MAX, 3, 4);
}

#[test]
#[should_panic(expected = "need a stride of at least 3, got 2")]
fn overlapping_rows_panic() {
    Rows::with_stride(&[0.0; 6], 2, 3, 2);
}
