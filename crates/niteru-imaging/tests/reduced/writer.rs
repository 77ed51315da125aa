//! A baseline JPEG writer for what no usual encoder makes: any sampling, restart interval and
//! quantisation table, and coefficients out of all bounds.

use std::f32::consts::PI;

/// The natural place (`8 * v + u`) of each zigzag number.
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Quantised coefficients of a block in zigzag order; the first is the mean itself, no difference.
pub(crate) type Block = [i32; 64];

/// What the headers say.
pub(crate) struct Layout<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Blocks of a minimum coded unit, across and down, of each component.
    pub(crate) sampling: &'a [(usize, usize)],
    /// Minimum coded units between restart markers; 0 for none.
    pub(crate) restart: usize,
    /// The one value of the quantisation table.
    pub(crate) step: u16,
    /// Whether that is written in 16 bits.
    pub(crate) wide_step: bool,
}

/// The file whose blocks are what `block` says for a component and its block's column and row.
pub(crate) fn write(layout: &Layout<'_>, block: impl Fn(usize, usize, usize) -> Block) -> Vec<u8> {
    let mut file = headers(layout);
    let (across, down) = layout.sampling[0];
    let columns = layout.width.div_ceil(8 * across);
    let units = columns * layout.height.div_ceil(8 * down);
    let mut bits = Bits::default();
    let mut means = [0; 3];
    for unit in 0..units {
        if layout.restart > 0 && unit > 0 && unit % layout.restart == 0 {
            bits.finish(&mut file);
            let marker = (unit / layout.restart - 1) % 8;
            file.extend([0xff, 0xd0 + marker as u8]);
            means = [0; 3];
        }
        for (component, &(across, down)) in layout.sampling.iter().enumerate() {
            for part in 0..across * down {
                let x = unit % columns * across + part % across;
                let y = unit / columns * down + part / across;
                bits.block(&block(component, x, y), &mut means[component]);
            }
        }
    }
    bits.finish(&mut file);
    file.extend([0xff, 0xd9]);
    file
}

/// A colour picture: `levels` gives the red, green and blue of a pixel.
pub(crate) fn picture(layout: &Layout<'_>, levels: impl Fn(usize, usize) -> [f32; 3]) -> Vec<u8> {
    let most = layout.sampling[0];
    write(layout, |component, column, row| {
        let (across, down) = layout.sampling[component];
        let (wide, high) = (most.0 / across, most.1 / down);
        let mut samples = [0.0; 64];
        for (at, sample) in samples.iter_mut().enumerate() {
            let (x, y) = ((column * 8 + at % 8) * wide, (row * 8 + at / 8) * high);
            let pixels = (0..wide * high).map(|pixel| levels(x + pixel % wide, y + pixel / wide));
            let sum: f32 = pixels.map(|pixel| converted(pixel, component)).sum();
            *sample = sum / (wide * high) as f32;
        }
        transformed(&samples, f32::from(layout.step))
    })
}

/// Luma less 128, the blue or the red difference.
fn converted([red, green, blue]: [f32; 3], component: usize) -> f32 {
    match component {
        0 => 0.299 * red + 0.587 * green + 0.114 * blue - 128.0,
        1 => -0.168_736 * red - 0.331_264 * green + 0.5 * blue,
        _ => 0.5 * red - 0.418_688 * green - 0.081_312 * blue,
    }
}

fn transformed(samples: &[f32; 64], step: f32) -> Block {
    let wave = |at: usize, frequency: usize| {
        let factor = if frequency == 0 { 0.125f32.sqrt() } else { 0.5 };
        factor * ((2 * at + 1) as f32 * frequency as f32 * PI / 16.0).cos()
    };
    let waves: [[f32; 8]; 8] = std::array::from_fn(|u| std::array::from_fn(|x| wave(x, u)));
    ZIGZAG.map(|place| {
        let (across, down) = (&waves[place % 8], &waves[place / 8]);
        let terms = samples.iter().enumerate();
        let sum: f32 = terms.map(|(at, s)| s * across[at % 8] * down[at / 8]).sum();
        (sum / step).round() as i32
    })
}

fn headers(layout: &Layout<'_>) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    let mut segment = |marker: u8, content: &[u8]| {
        file.extend([0xff, marker]);
        file.extend((content.len() as u16 + 2).to_be_bytes());
        file.extend(content);
    };
    let table = match layout.wide_step {
        true => [&[0x10][..], &layout.step.to_be_bytes().repeat(64)].concat(),
        false => [&[0][..], &[layout.step as u8; 64]].concat(),
    };
    segment(0xdb, &table);
    let ([h1, h0], [w1, w0]) = (
        (layout.height as u16).to_be_bytes(),
        (layout.width as u16).to_be_bytes(),
    );
    let count = layout.sampling.len() as u8;
    let mut frame = vec![8, h1, h0, w1, w0, count];
    let mut scan = vec![count];
    for (id, &(across, down)) in (1..).zip(layout.sampling) {
        frame.extend([id, (across << 4 | down) as u8, 0]);
        scan.extend([id, 0]);
    }
    segment(0xc0, &frame);
    // Every symbol has a code of the same length, which is its place: 4 bits for the means, 8 for
    // the others.
    let counts = |length: usize, count: u8| {
        let mut counts = [0; 16];
        counts[length - 1] = count;
        counts
    };
    segment(0xc4, &[&[0][..], &counts(4, 12), &SIZES].concat());
    segment(0xc4, &[&[0x10][..], &counts(8, 176), &symbols()].concat());
    if layout.restart > 0 {
        segment(0xdd, &(layout.restart as u16).to_be_bytes());
    }
    scan.extend([0, 63, 0]);
    segment(0xda, &scan);
    file
}

const SIZES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

/// All runs of zeros, each with all numbers of bits from 0 to 10.
fn symbols() -> Vec<u8> {
    (0..176)
        .map(|code| ((code / 11) << 4) | (code % 11))
        .collect()
}

/// Bits that are not yet in the file.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.0
            .extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    /// The bits of a value, of which there are `size`.
    fn value(&mut self, value: i32, size: u32) {
        let value = if value < 0 { value - 1 } else { value };
        self.put(value as u32 & ((1 << size) - 1), size);
    }

    fn block(&mut self, block: &Block, mean: &mut i32) {
        let size = |value: i32| 32 - value.unsigned_abs().leading_zeros();
        let difference = block[0] - *mean;
        *mean = block[0];
        self.put(size(difference), 4);
        self.value(difference, size(difference));
        let mut run = 0;
        for &value in &block[1..] {
            if value == 0 {
                run += 1;
                continue;
            }
            while run >= 16 {
                self.put(15 * 11, 8);
                run -= 16;
            }
            self.put(run * 11 + size(value), 8);
            self.value(value, size(value));
            run = 0;
        }
        if run > 0 {
            self.put(0, 8);
        }
    }

    /// Fills the last byte with ones and moves all to the file.
    fn finish(&mut self, file: &mut Vec<u8>) {
        for bits in self.0.chunks(8) {
            let byte = (0..8).fold(0, |byte, at| {
                byte << 1 | u8::from(bits.get(at).copied().unwrap_or(true))
            });
            file.push(byte);
            if byte == 0xff {
                file.push(0);
            }
        }
        self.0.clear();
    }
}
