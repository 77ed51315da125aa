//! Fitting a Gaussian to the patches of a few hundred images, and distances from it, on every
//! instruction set, one thread.

#![allow(clippy::unwrap_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use niteru_kernels::Kernels;
use niteru_learn::Gaussian;
use std::hint::black_box;

const ROWS: usize = 100_000;
const DIMENSIONS: usize = 192;

fn gaussian(c: &mut Criterion) {
    let rows: Vec<f32> = (0..ROWS * DIMENSIONS)
        .map(|i| (i * 7919 % 10_007) as f32 / 10_007.0 + (i % DIMENSIONS) as f32)
        .collect();
    let mut group = c.benchmark_group(format!("gaussian {ROWS}x{DIMENSIONS}"));
    group.sample_size(10);
    group.throughput(Throughput::Elements(ROWS as u64));
    for kernels in Kernels::available() {
        group.bench_function(format!("fit {}", kernels.name()), |bench| {
            bench.iter(|| Gaussian::fit(kernels, black_box(&rows), DIMENSIONS).unwrap());
        });
        let gaussian = Gaussian::fit(kernels, &rows, DIMENSIONS).unwrap();
        group.bench_function(format!("distances {}", kernels.name()), |bench| {
            bench.iter(|| gaussian.distances(kernels, black_box(&rows)));
        });
    }
    group.finish();
}

criterion_group!(benches, gaussian);
criterion_main!(benches);
