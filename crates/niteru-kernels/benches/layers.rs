//! Everything but the product: depthwise convolution, norms, softmax, attention, activations and
//! the exact scan, on every instruction set, one thread.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use niteru_kernels::{
    Activation, AttentionScratch, DepthwiseConv, Epilogue, Image, Kernels, Layout, PackedMatrix,
    Padding, Precision, Rows, RowsMut,
};
use std::hint::black_box;

fn numbers(len: usize) -> Vec<f32> {
    (0..len)
        .map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.5)
        .collect()
}

/// Size, channels, kernel and stride of EfficientNet-Lite0's depthwise convolutions.
const DEPTHWISE: [(usize, usize, usize, usize); 12] = [
    (112, 32, 3, 1),
    (112, 96, 3, 2),
    (56, 144, 3, 1),
    (56, 144, 5, 2),
    (28, 240, 5, 1),
    (28, 240, 3, 2),
    (14, 480, 3, 1),
    (14, 480, 5, 1),
    (14, 672, 5, 1),
    (14, 672, 5, 2),
    (7, 1152, 5, 1),
    (7, 1152, 3, 1),
];

fn depthwise(c: &mut Criterion) {
    for (size, channels, kernel, stride) in DEPTHWISE {
        let name = format!("depthwise {size}x{size}x{channels} k{kernel} s{stride}");
        let mut group = c.benchmark_group(name);
        let input = numbers(size * size * channels);
        let weights = numbers(kernel * kernel * channels);
        let padding = Padding::same(size, size, kernel, stride);
        let bias = numbers(channels);
        let conv = DepthwiseConv::new(&weights, &bias, kernel, stride, padding, Activation::Relu6);
        let (height, width) = conv.output_size(size, size);
        let mut out = vec![0.0; height * width * channels];
        group.throughput(Throughput::Elements(
            2 * (out.len() * kernel * kernel) as u64,
        ));
        for kernels in Kernels::available() {
            group.bench_function(kernels.name(), |bench| {
                bench.iter(|| {
                    let image = Image::new(black_box(&input), size, size, channels);
                    kernels.depthwise(image, &conv, &mut out);
                });
            });
        }
        group.finish();
    }
}

fn rowwise(c: &mut Criterion) {
    let (rows, cols) = (400, 768);
    let (x, gamma) = (numbers(rows * cols), numbers(cols));
    for kernels in Kernels::available() {
        let mut group = c.benchmark_group(kernels.name());
        group.throughput(Throughput::Elements((rows * cols) as u64));
        let mut out = x.clone();
        group.bench_function("layer_norm 400x768", |bench| {
            bench.iter(|| {
                let x = Rows::new(black_box(&x), rows, cols);
                kernels.layer_norm(x, &gamma, &gamma, 1e-5, RowsMut::new(&mut out, rows, cols));
            });
        });
        group.bench_function("softmax 400x768", |bench| {
            bench.iter(|| kernels.softmax(RowsMut::new(black_box(&mut out), rows, cols)));
        });
        // A product with one input is the epilogue and little else.
        let one = PackedMatrix::pack(
            kernels,
            Precision::F32,
            &gamma,
            1,
            cols,
            Layout::InputByOutput,
        );
        for activation in [
            Activation::None,
            Activation::Relu6,
            Activation::Gelu,
            Activation::QuickGelu,
        ] {
            let epilogue = Epilogue {
                activation,
                ..Epilogue::default()
            };
            group.bench_function(format!("epilogue {activation:?} 400x768"), |bench| {
                bench.iter(|| {
                    let a = Rows::new(black_box(&x[..rows]), rows, 1);
                    kernels.matmul(a, &one, epilogue, RowsMut::new(&mut out, rows, cols));
                });
            });
        }
        group.finish();
    }
}

/// Tokens, heads and causality of ViT-B/32, ViT-L/14 and CLIP's text tower.
const ATTENTION: [(usize, usize, bool); 3] = [(50, 12, false), (257, 16, false), (77, 8, true)];

fn attention(c: &mut Criterion) {
    for (tokens, heads, causal) in ATTENTION {
        let hidden = heads * 64;
        let qkv = numbers(tokens * 3 * hidden);
        let mut out = vec![0.0; tokens * hidden];
        let mut group = c.benchmark_group(format!("attention {tokens}x{hidden}"));
        for kernels in Kernels::available() {
            let mut scratch = AttentionScratch::new(kernels);
            group.bench_function(kernels.name(), |bench| {
                bench.iter(|| {
                    let qkv = Rows::new(black_box(&qkv), tokens, 3 * hidden);
                    let target = RowsMut::new(&mut out, tokens, hidden);
                    kernels.attention(qkv, heads, causal, &mut scratch, target);
                });
            });
        }
        group.finish();
    }
}

fn scan(c: &mut Criterion) {
    let (rows, size) = (100_000, 512);
    let (query, data) = (numbers(size), numbers(rows * size));
    let mut out = vec![0.0; rows];
    let mut group = c.benchmark_group("dots 100000x512");
    group.throughput(Throughput::Bytes((4 * rows * size) as u64));
    for kernels in Kernels::available() {
        group.bench_function(kernels.name(), |bench| {
            bench.iter(|| kernels.dots(black_box(&query), &data, &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, depthwise, rowwise, attention, scan);
criterion_main!(benches);
