//! Multi-head self-attention over one sequence.

use crate::kernels::Kernels;
use crate::matmul::{Epilogue, Target};
use crate::packed::{Layout, PackedMatrix};
use crate::views::{Rows, RowsMut};
use rayon::prelude::*;
use std::ops::Range;

/// Query rows that are worked on together: their scores stay in the L2 cache.
const QUERY_ROWS: usize = 96;
/// Rows of scores begin on multiples of this many floats, the widest register: one that holds the end
/// of a row and, masked out, the start of the next would make the next row wait for it.
const SCORES_APART: usize = 16;

/// Memory that [`Kernels::attention`] uses; keep it from call to call and nothing is allocated.
#[derive(Clone, Debug)]
pub struct AttentionScratch {
    kernels: Kernels,
    /// One for each thread that works on a sequence.
    threads: Vec<ThreadScratch>,
}

#[derive(Clone, Debug)]
struct ThreadScratch {
    keys: PackedMatrix,
    values: PackedMatrix,
    scores: Vec<f32>,
}

impl AttentionScratch {
    /// Scratch for these kernels. It grows with the first sequence.
    pub fn new(kernels: Kernels) -> Self {
        Self {
            kernels,
            threads: Vec::new(),
        }
    }

    fn for_threads(&mut self, count: usize) -> &mut [ThreadScratch] {
        if self.threads.len() < count {
            let fresh = || ThreadScratch {
                keys: PackedMatrix::empty(self.kernels),
                values: PackedMatrix::empty(self.kernels),
                scores: Vec::new(),
            };
            self.threads.resize_with(count, fresh);
        }
        &mut self.threads[..count]
    }
}

/// One sequence and where its result goes.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'a> {
    pub(crate) kernels: Kernels,
    pub(crate) qkv: Rows<'a>,
    pub(crate) heads: usize,
    /// Columns of a head.
    pub(crate) size: usize,
    pub(crate) causal: bool,
}

impl Attention<'_> {
    /// On the calling thread, or with the heads spread over the current rayon pool: the same bits.
    pub(crate) fn run(self, scratch: &mut AttentionScratch, mut out: RowsMut, parallel: bool) {
        let target = Target::of(&mut out);
        let heads = self.heads;
        let threads = match parallel {
            true => rayon::current_num_threads().min(heads),
            false => 1,
        };
        let share = |i: usize| heads * i / threads..heads * (i + 1) / threads;
        let scratch = scratch.for_threads(threads);
        match scratch {
            [scratch] => self.run_heads(0..heads, scratch, target),
            scratch => scratch
                .par_iter_mut()
                .enumerate()
                .for_each(|(i, scratch)| self.run_heads(share(i), scratch, target)),
        }
    }

    fn run_heads(self, heads: Range<usize>, scratch: &mut ThreadScratch, out: Target) {
        for head in heads {
            self.run_head(head, scratch, out);
        }
    }

    /// Writes the columns of one head and nothing else.
    fn run_head(self, head: usize, scratch: &mut ThreadScratch, out: Target) {
        let Self {
            kernels,
            qkv,
            heads,
            size,
            causal,
        } = self;
        let tokens = qkv.rows();
        let block = QUERY_ROWS.min(tokens);
        let stride = tokens.next_multiple_of(SCORES_APART);
        let needed = scratch.scores.len().max(block * stride);
        scratch.scores.resize(needed, 0.0);
        let columns = |part: usize| {
            let start = part * heads * size + head * size;
            qkv.columns(start..start + size)
        };
        let queries = columns(0);
        let scale = 1.0 / (size as f32).sqrt();
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
            let scores = &mut scratch.scores[..rows * stride];
            let mut weights = RowsMut::with_stride(scores, rows, tokens, stride);
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
            // SAFETY: these rows and columns of the result belong to this head and block alone, and
            // the result is borrowed by the caller for as long as this runs.
            let target = unsafe { out.block(start..end, head * size..(head + 1) * size) };
            kernels.matmul(
                weights.as_rows(),
                &scratch.values,
                Epilogue::default(),
                target,
            );
            start = end;
        }
    }
}
