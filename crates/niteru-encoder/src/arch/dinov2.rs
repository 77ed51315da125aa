//! DINOv2: a vision transformer that was trained on images alone. Its embedding is the class token.
//!
//! Source: Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision" (2023); configuration and
//! tensor names as in Hugging Face transformers' `Dinov2Model`, as it is published.

mod config;

pub(crate) use self::config::Dinov2Config;
use super::transformer::{LayerNames, Norm, Transformer};
use super::vision::VisionTower;
use super::{PartError, Parts};

/// What the parts of a layer are called. Layer scale is multiplied into the products before it.
const NAMES: LayerNames = LayerNames {
    norms: ["norm1", "norm2"],
    attention: [
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
    ],
    qkv: "attention.qkv",
    out: "attention.output.dense",
    feed_forward: ["mlp.fc1", "mlp.fc2"],
    scales: Some(["layer_scale1.lambda1", "layer_scale2.lambda1"]),
};

/// Prefix of the layers' tensors.
const LAYERS: &str = "encoder.layer";

/// A tensor of a layer, by which it shows that there is one.
pub(crate) fn layer_tensor(layer: usize) -> String {
    format!("{LAYERS}.{layer}.{}.weight", NAMES.norms[0])
}

/// A tensor that only networks with registers have.
pub(crate) const REGISTERS: &str = "embeddings.register_tokens";

/// Loads the network.
pub(crate) fn vision_tower(
    parts: &mut Parts<'_>,
    config: &Dinov2Config,
) -> Result<VisionTower, PartError> {
    let (shape, side) = (config.vision, config.patch);
    let hidden = shape.hidden;
    let (stored, seen) = (config.image_side / side, config.seen_side / side);
    let name = |part: &str| format!("embeddings.{part}");
    let projection = name("patch_embeddings.projection");
    let patch = parts.patches(&format!("{projection}.weight"), side, hidden)?;
    let bias = parts.tensor(&format!("{projection}.bias"), &[hidden])?;
    let transformer = Transformer::load(parts, LAYERS, &NAMES, shape)?;
    // After the layers: what a configuration makes of few stored positions is no more than a weight file of that
    // width has shown to be worth.
    let (class, positions) = (name("cls_token"), name("position_embeddings"));
    let all = [1, stored * stored + 1, hidden];
    Ok(VisionTower {
        image_side: config.seen_side,
        side,
        patch: patch.with_bias(bias),
        class: parts.vector(&class, hidden, |source| {
            let mut token = source.tensor(&class, &[1, 1, hidden])?;
            let positions = source.tensor(&positions, &all)?;
            token.iter_mut().zip(&positions).for_each(|(t, p)| *t += p);
            Ok(token)
        })?,
        positions: parts.vector(&positions, seen * seen * hidden, |source| {
            let mut positions = source.tensor(&positions, &all)?;
            positions.drain(..hidden);
            Ok(resampled(positions, (stored, seen), hidden))
        })?,
        pre_norm: None,
        transformer,
        post_norm: Norm::load(parts, "layernorm", &shape)?,
        projection: None,
    })
}

/// The positions of a square grid, `[cells²][hidden]`, for one of another number of cells along a side: bicubic without
/// antialiasing, as PyTorch's `interpolate` has it with `align_corners=False`.
fn resampled(positions: Vec<f32>, (stored, seen): (usize, usize), hidden: usize) -> Vec<f32> {
    if stored == seen {
        return positions;
    }
    let taps: Vec<[(usize, f32); 4]> = (0..seen).map(|at| taps(at, stored, seen)).collect();
    // Along rows first: `[stored][seen][hidden]`.
    let mut rows = vec![0.0; stored * seen * hidden];
    for (at, to) in rows.chunks_exact_mut(hidden).enumerate() {
        let row = at / seen * stored;
        for &(column, weight) in &taps[at % seen] {
            add(to, &positions[(row + column) * hidden..], weight);
        }
    }
    let mut all = vec![0.0; seen * seen * hidden];
    for (at, to) in all.chunks_exact_mut(hidden).enumerate() {
        for &(row, weight) in &taps[at / seen] {
            add(to, &rows[(row * seen + at % seen) * hidden..], weight);
        }
    }
    all
}

fn add(to: &mut [f32], from: &[f32], weight: f32) {
    let pairs = to.iter_mut().zip(from);
    pairs.for_each(|(to, from)| *to += weight * from);
}

/// The four cells that a place lies between and their weights, by Keys' cubic convolution (1981) with a = −0.75; beyond
/// the edges the last cell is repeated.
fn taps(at: usize, stored: usize, seen: usize) -> [(usize, f32); 4] {
    const A: f64 = -0.75;
    let place = (at as f64 + 0.5) * stored as f64 / seen as f64 - 0.5;
    let (first, between) = (place.floor(), place - place.floor());
    let near = |x: f64| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let weights = [
        far(1.0 + between),
        near(between),
        near(1.0 - between),
        far(2.0 - between),
    ];
    std::array::from_fn(|tap| {
        let cell = (first + tap as f64 - 1.0).clamp(0.0, (stored - 1) as f64);
        (cell as usize, weights[tap] as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_and_straight_lines_stay_straight_inside() {
        for (stored, seen) in [(37, 16), (37, 7), (5, 7), (5, 3), (1, 4), (16, 37)] {
            for at in 0..seen {
                let taps = taps(at, stored, seen);
                let sum: f32 = taps.iter().map(|(_, weight)| weight).sum();
                assert!((sum - 1.0).abs() < 1e-6, "{stored} {seen} {at}");
                let inside = taps.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
                let line: f32 = taps.iter().map(|(cell, w)| *cell as f32 * w).sum();
                let place = (at as f32 + 0.5) * stored as f32 / seen as f32 - 0.5;
                // A cubic of this kind keeps lines only where a = −0.5; by how much it bends them is bounded.
                assert!(!inside || (line - place).abs() < 0.1, "{line} {place}");
            }
        }
    }

    #[test]
    fn a_grid_of_the_same_size_is_left_as_it_is_and_equal_ones_stay_equal() {
        let positions: Vec<f32> = (0..5 * 5 * 2).map(|at| at as f32).collect();
        assert_eq!(resampled(positions.clone(), (5, 5), 2), positions);
        let equal = [1.5f32, -2.0].repeat(25);
        for value in resampled(equal, (5, 8), 2).chunks(2) {
            assert!((value[0] - 1.5).abs() < 1e-5 && (value[1] + 2.0).abs() < 1e-5);
        }
    }
}
