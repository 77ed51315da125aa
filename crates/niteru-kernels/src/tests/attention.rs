use super::*;
use crate::{ATTENTION_TOLERANCE, AttentionScratch, Rows, RowsMut};

#[test]
fn attention_equals_its_twin() {
    let mut failures = Failures::default();
    for kernels in Kernels::available() {
        let mut scratch = AttentionScratch::new(kernels);
        for (tokens, heads, size) in [
            (0, 2, 4),
            (1, 1, 1),
            (2, 3, 5),
            (50, 2, 64),
            (77, 1, 32),
            (197, 2, 24),
            (16, 2, 0),
        ] {
            let hidden = heads * size;
            let qkv = Noise::new(tokens as u64).take(tokens * 3 * hidden);
            let qkv: Vec<f32> = qkv.iter().map(|x| 2.5 * x).collect();
            for causal in [false, true] {
                let want = crate::twin::attention(&qkv, tokens, hidden, heads, causal);
                let stride = hidden + 3;
                let mut out = vec![0.0; tokens * stride];
                let target = RowsMut::with_stride(&mut out, tokens, hidden, stride);
                let rows = Rows::new(&qkv, tokens, 3 * hidden);
                kernels.attention(rows, heads, causal, &mut scratch, target);
                let got: Vec<f32> = out
                    .chunks_exact(stride)
                    .flat_map(|row| &row[..hidden])
                    .copied()
                    .collect();
                let what = || format!("{kernels:?} {tokens} tokens {heads}×{size} {causal}");
                let want = want.iter().map(|x| (*x, 2.5));
                failures.close(what, &got, want, ATTENTION_TOLERANCE);
                for threads in [1, 2, 5] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                    let mut again = vec![0.0; tokens * stride];
                    let target = RowsMut::with_stride(&mut again, tokens, hidden, stride);
                    pool.build().unwrap().install(|| {
                        kernels.attention_parallel(rows, heads, causal, &mut scratch, target);
                    });
                    failures.check(bits(&again) == bits(&out), || {
                        format!("{}: {threads} threads differ", what())
                    });
                }
            }
        }
    }
    failures.report();
}

#[test]
fn a_causal_prefix_does_not_depend_on_what_follows() {
    for kernels in Kernels::available() {
        let (tokens, heads, size) = (40, 2, 16);
        let hidden = heads * size;
        let qkv = Noise::new(9).take(tokens * 3 * hidden);
        let run = |tokens: usize| {
            let mut out = vec![0.0; tokens * hidden];
            let rows = Rows::new(&qkv[..tokens * 3 * hidden], tokens, 3 * hidden);
            let mut scratch = AttentionScratch::new(kernels);
            let target = RowsMut::new(&mut out, tokens, hidden);
            kernels.attention(rows, heads, true, &mut scratch, target);
            out
        };
        let (long, short) = (run(tokens), run(23));
        assert_eq!(bits(&long[..23 * hidden]), bits(&short), "{kernels:?}");
    }
}

#[test]
#[should_panic(expected = "5 heads do not divide 32 columns")]
fn heads_that_do_not_divide_panic() {
    let kernels = Kernels::detect();
    let mut scratch = AttentionScratch::new(kernels);
    let mut out = [0.0; 32];
    let out = RowsMut::new(&mut out, 1, 32);
    kernels.attention(Rows::new(&[0.0; 96], 1, 96), 5, false, &mut scratch, out);
}
