//! The packed product on every instruction set, beside the crates `gemm` and `numkong`, one thread.
//!
//! Shapes are those of the networks: `m × k → n` with the rows of a batch, or the pixels of an
//! image, as m. Ours takes and gives f32 and adds a bias on the way. The others do less: `gemm`
//! adds no bias; `numkong` gets its left side already in bf16 or int8 and gives bare sums (f32 or
//! i32), without scales. Each needs a feature:
//! `cargo bench -p niteru-kernels --bench products --features compare-gemm,compare-numkong`.

#[cfg(feature = "compare-numkong")]
use criterion::{BenchmarkGroup, measurement::WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use niteru_kernels::{Epilogue, Kernels, Layout, PackedMatrix, Precision, Rows, RowsMut};
use std::hint::black_box;

/// CLIP ViT-B/32 at batch 8 and batch 1, one ViT-L/14 layer.
const TRANSFORMER: [(usize, usize, usize); 8] = [
    (400, 768, 2304),
    (400, 768, 768),
    (400, 768, 3072),
    (400, 3072, 768),
    (50, 768, 2304),
    (50, 3072, 768),
    (1, 768, 768),
    (257, 1024, 4096),
];

/// The pointwise convolutions of EfficientNet-Lite0 at 224 pixels.
const EFFICIENTNET: [(usize, usize, usize); 16] = [
    (12544, 27, 32),
    (12544, 32, 16),
    (12544, 16, 96),
    (3136, 96, 24),
    (3136, 24, 144),
    (784, 144, 40),
    (784, 40, 240),
    (196, 240, 80),
    (196, 80, 480),
    (196, 480, 112),
    (196, 112, 672),
    (49, 672, 192),
    (49, 192, 1152),
    (49, 1152, 192),
    (49, 1152, 320),
    (49, 320, 1280),
];

fn numbers(len: usize) -> Vec<f32> {
    (0..len)
        .map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.5)
        .collect()
}

/// Every precision on every set of kernels that this CPU has. Sets that differ only in narrow
/// products are not repeated in f32.
fn contenders() -> Vec<(Kernels, Precision)> {
    let of = |kernels: Kernels| {
        let repeated = kernels.name().contains('-') || kernels.name() == "amx";
        let precisions = Precision::ALL.into_iter();
        precisions
            .filter(move |precision| !(repeated && *precision == Precision::F32))
            .map(move |precision| (kernels, precision))
    };
    Kernels::available().into_iter().flat_map(of).collect()
}

fn products(c: &mut Criterion) {
    for (m, k, n) in TRANSFORMER.into_iter().chain(EFFICIENTNET) {
        let (a, b, bias) = (numbers(m * k), numbers(k * n), numbers(n));
        let mut out = vec![0.0; m * n];
        let mut group = c.benchmark_group(format!("{m}x{k}->{n}"));
        // Elements are floating-point operations, so the report's Gelem/s are GFLOP/s.
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        for (kernels, precision) in contenders() {
            let packed = PackedMatrix::pack(kernels, precision, &b, k, n, Layout::InputByOutput);
            let epilogue = Epilogue {
                bias: Some(&bias),
                ..Epilogue::default()
            };
            group.bench_function(format!("{} {precision}", kernels.name()), |bench| {
                bench.iter(|| {
                    let target = RowsMut::new(&mut out, m, n);
                    kernels.matmul(Rows::new(black_box(&a), m, k), &packed, epilogue, target);
                });
            });
        }
        #[cfg(feature = "compare-gemm")]
        group.bench_function("gemm", |bench| {
            bench.iter(|| gemm_product(black_box(&a), &b, (m, k, n), &mut out));
        });
        #[cfg(feature = "compare-numkong")]
        numkong_products(&mut group, &a, &b, (m, k, n));
        group.finish();
    }
}

/// `out = a · b`, all dense and row-major, by the gemm crate.
#[cfg(feature = "compare-gemm")]
#[rustfmt::skip] // the call reads best in two lines
fn gemm_product(a: &[f32], b: &[f32], (m, k, n): (usize, usize, usize), out: &mut [f32]) {
    assert_eq!((a.len(), b.len(), out.len()), (m * k, k * n, m * n));
    let (out, a, b) = (out.as_mut_ptr(), a.as_ptr(), b.as_ptr());
    let (k_step, n_step) = (k as isize, n as isize);
    let one_thread = gemm::Parallelism::None;
    // SAFETY: the lengths are checked above, and the strides are those of dense matrices.
    unsafe {
        gemm::gemm(
            m, n, k, out, 1, n_step, false, a, 1, k_step, b, 1, n_step,
            0.0, 1.0, false, false, false, one_thread,
        );
    }
}

/// numkong's packed products in bf16 and int8, on the best kernels that it finds here.
#[cfg(feature = "compare-numkong")]
fn numkong_products(
    group: &mut BenchmarkGroup<'_, WallTime>,
    a: &[f32],
    b: &[f32],
    shape: (usize, usize, usize),
) {
    assert!(numkong::capabilities::uses_dynamic_dispatch());
    numkong::capabilities::configure_thread(); // opens AMX where there is one
    let bf16 = |&x: &f32| numkong::bf16::from_f32(x);
    numkong_product(
        group,
        "numkong bf16",
        a,
        b,
        shape,
        bf16,
        |x| x.to_f32(),
        |sum| sum,
    );
    // One scale for all is enough to measure speed: the numbers lie within ±0.5.
    let int8 = |&x: &f32| (x * 254.0).round() as i8;
    numkong_product(group, "numkong int8", a, b, shape, int8, f32::from, |sum| {
        sum as f32
    });
}

/// Measures one type of numbers, after a look at whether the product is the one that is wanted.
#[cfg(feature = "compare-numkong")]
#[expect(
    clippy::too_many_arguments,
    reason = "a type's name and conversions beside the product's"
)]
fn numkong_product<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    a: &[f32],
    b: &[f32],
    (m, k, n): (usize, usize, usize),
    narrow: impl Fn(&f32) -> T,
    widen: impl Fn(T) -> f32,
    sum_to_f32: impl Fn(T::Accumulator) -> f32,
) where
    T: numkong::Dots + numkong::StorageElement + Copy,
    T::Accumulator: numkong::StorageElement + Copy + Default,
{
    let tensor = |values: &[f32], shape: &[usize; 2]| {
        let values: Vec<T> = values.iter().map(&narrow).collect();
        numkong::Tensor::<T>::from_slice(&values, shape)
    };
    let (a, b) = (tensor(a, &[m, k]), tensor(b, &[k, n]));
    let packed = numkong::PackedMatrix::pack_transposed(&b);
    let mut out = a.dots_packed(&packed);

    let (row, column) = (m - 1, n - 1);
    let (left, right) = (&a.as_slice()[row * k..], &b.as_slice()[column..]);
    let pairs = left.iter().zip(right.iter().step_by(n));
    let expected: f32 = pairs.map(|(&x, &y)| widen(x) * widen(y)).sum();
    let sum = sum_to_f32(out.as_slice()[row * n + column]);
    assert!(
        (sum - expected).abs() <= 1e-3 * expected.abs().max(1.0),
        "{name} {m}x{k}->{n}: {sum}, expected {expected}"
    );

    group.bench_function(name, |bench| {
        bench.iter(|| black_box(&a).try_dots_packed_into(&packed, &mut out));
    });
}

criterion_group!(benches, products);
criterion_main!(benches);
