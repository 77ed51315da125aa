//! How near two points of the layout count: 1 / (1 + a·d^(2b)), with a and b such that it comes close to
//! "1 up to the least distance, falling exponentially beyond".

/// Distances that are compared, and up to where.
const POINTS: usize = 300;
const FURTHEST: f64 = 3.0;

/// Steps of the fit; it stands still after about ten.
const STEPS: usize = 60;

/// The two numbers of the curve.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve {
    pub(super) a: f32,
    pub(super) b: f32,
}

impl Curve {
    /// Least squares by Levenberg and Marquardt, as UMAP fits it, for a least distance of 0 to 1.
    pub(super) fn fit(least_distance: f64) -> Self {
        let least = match least_distance.is_finite() {
            true => least_distance.clamp(0.0, 1.0),
            false => 0.1,
        };
        let (mut a, mut b, mut damping) = (1.0f64, 1.0f64, 1e-3);
        let mut error = squares(a, b, least);
        for _ in 0..STEPS {
            let ([aa, ab, bb], [ga, gb]) = normal_equations(a, b, least);
            let (aa, bb) = (aa * (1.0 + damping), bb * (1.0 + damping));
            let determinant = aa * bb - ab * ab;
            let next_a = a + (bb * ga - ab * gb) / determinant;
            let next_b = b + (aa * gb - ab * ga) / determinant;
            let next = squares(next_a, next_b, least);
            if next.is_finite() && next < error && next_a > 0.0 && next_b > 0.0 {
                (a, b, error, damping) = (next_a, next_b, next, damping * 0.3);
            } else {
                damping *= 10.0;
            }
        }
        Self {
            a: a as f32,
            b: b as f32,
        }
    }
}

/// The distances that are compared, with what the curve should be there.
fn wanted(least: f64) -> impl Iterator<Item = (f64, f64)> {
    (1..POINTS).map(move |point| {
        let d = FURTHEST * point as f64 / (POINTS - 1) as f64;
        let wanted = if d < least { 1.0 } else { (least - d).exp() };
        (d, wanted)
    })
}

fn squares(a: f64, b: f64, least: f64) -> f64 {
    wanted(least)
        .map(|(d, wanted)| (wanted - 1.0 / (1.0 + a * d.powf(2.0 * b))).powi(2))
        .sum()
}

/// Products of the derivatives with each other (aa, ab, bb), and with what is missing.
fn normal_equations(a: f64, b: f64, least: f64) -> ([f64; 3], [f64; 2]) {
    let (mut products, mut missing) = ([0.0; 3], [0.0; 2]);
    for (d, wanted) in wanted(least) {
        let power = d.powf(2.0 * b);
        let value = 1.0 / (1.0 + a * power);
        let by_a = -power * value * value;
        let by_b = by_a * a * 2.0 * d.ln();
        products[0] += by_a * by_a;
        products[1] += by_a * by_b;
        products[2] += by_b * by_b;
        missing[0] += by_a * (wanted - value);
        missing[1] += by_b * (wanted - value);
    }
    (products, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What umap-learn 0.5 gives (`find_ab_params(1.0, min_dist)`).
    #[test]
    fn as_umap_has_it() {
        for (least, a, b) in [
            (0.001, 1.929, 0.7915),
            (0.1, 1.577, 0.8951),
            (0.5, 0.583, 1.334),
        ] {
            let curve = Curve::fit(least);
            assert!(
                (curve.a - a).abs() < 0.01 && (curve.b - b).abs() < 0.01,
                "{least}: {curve:?}"
            );
        }
        for odd in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1.0, 7.0] {
            let Curve { a, b } = Curve::fit(odd);
            assert!(
                a.is_finite() && b.is_finite() && a > 0.0 && b > 0.0,
                "{odd}"
            );
        }
    }
}
