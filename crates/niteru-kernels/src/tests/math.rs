use super::*;
use crate::math::exp;
use crate::simd::{Op, Simd, load_at, store_at};
use crate::{
    ACTIVATION_TOLERANCE, Activation, EXP_TOLERANCE, Epilogue, Layout, PackedMatrix, Precision,
    Rows, RowsMut,
};

struct Exp<'a>(&'a mut [f32]);

impl Op for Exp<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for i in (0..self.0.len()).step_by(S::LANES) {
            let v = exp(s, load_at(s, self.0, i));
            store_at(s, self.0, i, v);
        }
    }
}

#[test]
fn exp_is_as_exact_as_stated() {
    let mut failures = Failures::default();
    let x: Vec<f32> = (0..400_001)
        .map(|i| -87.3 + i as f32 * (176.0 / 400_000.0))
        .collect();
    for kernels in Kernels::available() {
        let mut got = x.clone();
        kernels.run(Exp(&mut got));
        let want = x.iter().map(|x| f64::from(*x).exp()).map(|e| (e, e));
        failures.close(|| format!("{kernels:?}"), &got, want, EXP_TOLERANCE);
    }
    failures.report();
}

#[test]
fn exp_at_the_ends_of_its_range() {
    for kernels in Kernels::available() {
        let mut x = [
            f32::NEG_INFINITY,
            -1e30,
            -105.0,
            -95.0,
            88.7,
            89.0,
            f32::INFINITY,
            f32::NAN,
        ];
        kernels.run(Exp(&mut x));
        assert_eq!(x[..3], [0.0; 3], "{kernels:?}");
        let denormal = f64::from(x[3]) / (-95.0f64).exp();
        assert!((denormal - 1.0).abs() < 1e-3, "{kernels:?}: {denormal}");
        assert!(x[4].is_finite() && x[4] > 3.3e38, "{kernels:?}: {}", x[4]);
        assert_eq!(x[5..7], [f32::INFINITY; 2], "{kernels:?}");
        assert!(x[7].is_nan(), "{kernels:?}");
    }
}

/// Applies an activation the way users do: as the epilogue of a product, here with 1.
fn activated(kernels: Kernels, activation: Activation, x: &[f32]) -> Vec<f32> {
    let one = PackedMatrix::pack(kernels, Precision::F32, &[1.0], 1, 1, Layout::InputByOutput);
    let mut out = vec![0.0; x.len()];
    let epilogue = Epilogue {
        activation,
        ..Epilogue::default()
    };
    let (a, c) = (Rows::new(x, x.len(), 1), RowsMut::new(&mut out, x.len(), 1));
    kernels.matmul(a, &one, epilogue, c);
    out
}

#[test]
fn activations_are_as_exact_as_stated() {
    let mut failures = Failures::default();
    let mut x: Vec<f32> = (0..100_001).map(|i| -20.0 + i as f32 * 4e-4).collect();
    x.extend([
        0.0,
        -0.0,
        1e-40,
        -1e-40,
        1e-20,
        300.0,
        -300.0,
        1e10,
        -1e10,
        f32::MAX,
        f32::MIN,
    ]);
    for kernels in Kernels::available() {
        for activation in [
            Activation::None,
            Activation::Relu6,
            Activation::Gelu,
            Activation::QuickGelu,
        ] {
            let got = activated(kernels, activation, &x);
            let want = x.iter().map(|x| {
                let x = f64::from(*x);
                (crate::twin::activate(activation, x), x.abs().max(1.0))
            });
            let what = || format!("{kernels:?} {activation:?}");
            failures.close(what, &got, want, ACTIVATION_TOLERANCE);
        }
    }
    failures.report();
}

#[test]
fn activations_pass_nan_on() {
    for kernels in Kernels::available() {
        for activation in [Activation::Relu6, Activation::Gelu, Activation::QuickGelu] {
            let got = activated(kernels, activation, &[f32::NAN; 3]);
            assert!(
                got.iter().all(|x| x.is_nan()),
                "{kernels:?} {activation:?}: {got:?}"
            );
        }
    }
}
