//! Multi-head self-attention over one sequence.

use crate::kernels::Kernels;
use crate::matmul::Epilogue;
use crate::packed::{Layout, PackedMatrix};
use crate::views::{Rows, RowsMut};

/// Query rows that are worked on together: their scores stay in the L2 cache.
const QUERY_ROWS: usize = 96;

/// Memory that [`Kernels::attention`] uses; keep it from call to call and nothing is allocated.
#[derive(Clone, Debug)]
pub struct AttentionScratch {
    keys: PackedMatrix,
    values: PackedMatrix,
    scores: Vec<f32>,
}

impl AttentionScratch {
    /// Scratch for these kernels. It grows with the first sequence.
    pub fn new(kernels: Kernels) -> Self {
        Self {
            keys: PackedMatrix::empty(kernels),
            values: PackedMatrix::empty(kernels),
            scores: Vec::new(),
        }
    }
}

pub(crate) fn attention(
    kernels: Kernels,
    qkv: Rows,
    heads: usize,
    causal: bool,
    scratch: &mut AttentionScratch,
    mut out: RowsMut,
) {
    let tokens = qkv.rows();
    let hidden = out.cols();
    let size = hidden / heads;
    let scale = 1.0 / (size as f32).sqrt();
    let block = QUERY_ROWS.min(tokens);
    scratch
        .scores
        .resize(scratch.scores.len().max(block * tokens), 0.0);
    for head in 0..heads {
        let columns = |part: usize| {
            let start = part * hidden + head * size;
            qkv.columns(start..start + size)
        };
        let queries = columns(0);
        scratch
            .keys
            .repack(columns(1), Layout::OutputByInput, scale);
        scratch
            .values
            .repack(columns(2), Layout::InputByOutput, 1.0);
        let mut start = 0;
        while start < tokens {
            let end = (start + block).min(tokens);
            let rows = end - start;
            let scores = &mut scratch.scores[..rows * tokens];
            let mut weights = RowsMut::new(scores, rows, tokens);
            kernels.matmul(
                queries.slice(start..end),
                &scratch.keys,
                Epilogue::default(),
                weights.reborrow(),
            );
            if causal {
                for i in 0..rows {
                    let (seen, hidden) = weights.row(i).split_at_mut(start + i + 1);
                    let seen_len = seen.len();
                    kernels.softmax(RowsMut::new(seen, 1, seen_len));
                    hidden.fill(0.0);
                }
            } else {
                kernels.softmax(weights.reborrow());
            }
            let (_, rest) = out.reborrow().split_at(start);
            let (target, _) = rest.split_at(rows);
            kernels.matmul(
                weights.as_rows(),
                &scratch.values,
                Epilogue::default(),
                target.columns(head * size..(head + 1) * size),
            );
            start = end;
        }
    }
}
