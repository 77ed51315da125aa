use super::*;
use crate::{Activation, DepthwiseConv, Image, Padding};

const CHANNELS: [usize; 10] = [1, 3, 8, 16, 17, 32, 40, 96, 100, 144];

fn cases() -> Vec<(usize, usize, usize, usize, Padding)> {
    let mut cases = Vec::new();
    for (height, width) in [(1, 1), (2, 5), (7, 7), (9, 14), (12, 31)] {
        for (kernel, stride) in [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2), (7, 3)] {
            cases.push((height, width, kernel, stride, Padding::all(kernel / 2)));
            cases.push((
                height,
                width,
                kernel,
                stride,
                Padding::same(height, width, kernel, stride),
            ));
            if height >= kernel && width >= kernel {
                cases.push((height, width, kernel, stride, Padding::default()));
            }
            let odd = Padding {
                top: kernel,
                left: kernel + 1,
                bottom: 1,
                right: kernel,
            };
            cases.push((height, width, kernel, stride, odd));
        }
    }
    cases
}

#[test]
fn depthwise_equals_its_twin() {
    let mut failures = Failures::default();
    for (i, (height, width, kernel, stride, padding)) in cases().into_iter().enumerate() {
        for channels in [
            CHANNELS[i % CHANNELS.len()],
            CHANNELS[(i * 3 + 7) % CHANNELS.len()],
        ] {
            let mut noise = Noise::new(i as u64);
            let input = noise.take(height * width * channels);
            let weights = noise.take(channels * kernel * kernel);
            let bias = noise.take(channels);
            let shape = (kernel, stride, padding);
            let want = crate::twin::depthwise(&input, (height, width), &weights, &bias, shape);
            let conv =
                DepthwiseConv::new(&weights, &bias, kernel, stride, padding, Activation::None);
            let image = Image::new(&input, height, width, channels);
            for kernels in Kernels::available() {
                let mut got = vec![f32::NAN; want.len()];
                kernels.depthwise(image, &conv, &mut got);
                let what = || format!("{kernels:?} {height}×{width}×{channels} {shape:?}");
                failures.sums(what, &got, &want);
            }
        }
    }
    failures.report();
}

#[test]
fn relu6_and_ranges_of_rows() {
    for kernels in Kernels::available() {
        let (height, width, channels) = (11, 13, 40);
        let mut noise = Noise::new(4);
        let input: Vec<f32> = noise
            .take(height * width * channels)
            .iter()
            .map(|x| x * 8.0)
            .collect();
        let (weights, bias) = (noise.take(channels * 25), noise.take(channels));
        let image = Image::new(&input, height, width, channels);
        let padding = Padding::all(2);
        let make = |activation| DepthwiseConv::new(&weights, &bias, 5, 2, padding, activation);
        let (plain, relu) = (make(Activation::None), make(Activation::Relu6));
        let (out_height, out_width) = relu.output_size(height, width);
        let row = out_width * channels;
        let (mut all, mut sums) = (
            vec![f32::NAN; out_height * row],
            vec![0.0; out_height * row],
        );
        kernels.depthwise(image, &relu, &mut all);
        kernels.depthwise(image, &plain, &mut sums);
        let want: Vec<f32> = sums.iter().map(|x| x.clamp(0.0, 6.0)).collect();
        assert_eq!(bits(&all), bits(&want), "{kernels:?}");
        assert!(
            all.contains(&6.0) && all.contains(&0.0),
            "the data reach both ends"
        );
        for (start, end) in [(0, 0), (0, 1), (1, 4), (out_height - 1, out_height)] {
            let mut part = vec![f32::NAN; (end - start) * row];
            kernels.depthwise_rows(image, &relu, start..end, &mut part);
            assert_eq!(
                bits(&part),
                bits(&all[start * row..end * row]),
                "{kernels:?}"
            );
        }
    }
}

#[test]
fn other_activations_are_those_of_the_product() {
    let (height, width, channels) = (6, 9, 19);
    let mut noise = Noise::new(5);
    let input = noise.take(height * width * channels);
    let (weights, bias) = (noise.take(channels * 9), noise.take(channels));
    let image = Image::new(&input, height, width, channels);
    let mut failures = Failures::default();
    for kernels in Kernels::available() {
        for activation in [Activation::Gelu, Activation::QuickGelu] {
            for stride in [1, 3] {
                let padding = Padding::all(1);
                let run = |activation| {
                    let conv = DepthwiseConv::new(&weights, &bias, 3, stride, padding, activation);
                    let (height, width) = conv.output_size(height, width);
                    let mut out = vec![f32::NAN; height * width * channels];
                    kernels.depthwise(image, &conv, &mut out);
                    out
                };
                let sums = run(Activation::None);
                let want = sums.iter().map(|x| {
                    let x = f64::from(*x);
                    (crate::twin::activate(activation, x), x.abs().max(1.0))
                });
                let what = || format!("{kernels:?} {activation:?} stride {stride}");
                failures.close(what, &run(activation), want, crate::ACTIVATION_TOLERANCE);
            }
        }
    }
    failures.report();
}

#[test]
fn an_image_smaller_than_the_kernel_gives_nothing() {
    let conv = DepthwiseConv::new(
        &[1.0; 25],
        &[0.0],
        5,
        1,
        Padding::default(),
        Activation::None,
    );
    assert_eq!(conv.output_size(4, 9), (0, 5));
    Kernels::detect().depthwise(Image::new(&[0.0; 36], 4, 9, 1), &conv, &mut []);
}

#[test]
fn same_padding_is_tensorflows() {
    let same = |size, kernel, stride| {
        let padding = Padding::same(size, size, kernel, stride);
        (padding.top, padding.bottom)
    };
    assert_eq!(same(224, 3, 2), (0, 1));
    assert_eq!(same(112, 3, 1), (1, 1));
    assert_eq!(same(56, 5, 2), (1, 2));
    assert_eq!(same(7, 5, 1), (2, 2));
}

#[test]
#[should_panic(expected = "image of 2 channels, convolution of 1")]
fn other_channels_panic() {
    let conv = DepthwiseConv::new(&[1.0], &[0.0], 1, 1, Padding::default(), Activation::None);
    Kernels::detect().depthwise(Image::new(&[0.0; 2], 1, 1, 2), &conv, &mut [0.0; 2]);
}

#[test]
#[should_panic(expected = "2 channels × 3 × 3 weights expected, got 9")]
fn missing_weights_panic() {
    DepthwiseConv::new(
        &[1.0; 9],
        &[0.0; 2],
        3,
        1,
        Padding::default(),
        Activation::None,
    );
}

#[test]
fn a_band_gives_the_rows_of_the_whole() {
    let (height, width, channels) = (12, 9, 33);
    let mut noise = Noise::new(9);
    let input = noise.take(height * width * channels);
    let (weights, bias) = (noise.take(channels * 25), noise.take(channels));
    for (stride, kernels) in [1, 2]
        .into_iter()
        .flat_map(|s| Kernels::available().into_iter().map(move |k| (s, k)))
    {
        let padding = Padding::same(height, width, 5, stride);
        let conv = DepthwiseConv::new(&weights, &bias, 5, stride, padding, Activation::None);
        let (rows, columns) = conv.output_size(height, width);
        let line = columns * channels;
        let mut whole = vec![0.0; rows * line];
        let image = Image::new(&input, height, width, channels);
        kernels.depthwise(image, &conv, &mut whole);
        for row in 0..rows {
            let first = (row * stride).saturating_sub(padding.top);
            let end = (row * stride + 5 - padding.top).min(height);
            let data = &input[first * width * channels..end * width * channels];
            let band = Image::band(data, first..end, height, width, channels);
            let mut got = vec![f32::NAN; line];
            kernels.depthwise_rows(band, &conv, row..row + 1, &mut got);
            assert_eq!(got, whole[row * line..][..line], "{kernels:?} row {row}");
        }
    }
}

#[test]
#[should_panic(expected = "of a band of")]
fn a_band_without_the_needed_rows_is_refused() {
    let conv = DepthwiseConv::new(&[1.0; 9], &[0.0], 3, 1, Padding::all(1), Activation::None);
    let band = Image::band(&[1.0; 4], 2..3, 6, 4, 1);
    Kernels::detect().depthwise_rows(band, &conv, 2..3, &mut [0.0; 4]);
}

#[test]
fn same_padding_follows_the_input() {
    let (channels, kernel) = (5, 5);
    let mut noise = Noise::new(11);
    let (weights, bias) = (noise.take(channels * kernel * kernel), noise.take(channels));
    for (height, width, stride) in [(8, 12, 2), (9, 7, 2), (1, 6, 1), (6, 1, 2)] {
        let input = noise.take(height * width * channels);
        let image = Image::new(&input, height, width, channels);
        let same = DepthwiseConv::same(&weights, &bias, kernel, stride, Activation::Relu6);
        let padding = Padding::same(height, width, kernel, stride);
        let fixed = DepthwiseConv::new(&weights, &bias, kernel, stride, padding, Activation::Relu6);
        let (rows, columns) = same.output_size(height, width);
        assert_eq!(
            (rows, columns),
            (height.div_ceil(stride), width.div_ceil(stride))
        );
        for kernels in Kernels::available() {
            let mut got = [
                vec![0.0; rows * columns * channels],
                vec![1.0; rows * columns * channels],
            ];
            kernels.depthwise(image, &same, &mut got[0]);
            kernels.depthwise(image, &fixed, &mut got[1]);
            assert_eq!(
                got[0], got[1],
                "{height}×{width} stride {stride} {kernels:?}"
            );
        }
    }
}
