//! Turns decoded pixels upright.

use image::metadata::Orientation;

use crate::resize::Window;

/// Side of the square blocks that a transposition works in: source and target lines of one block
/// stay in the first-level cache.
const BLOCK: usize = 32;

/// Whether the orientation needs a second buffer of the same size.
pub(crate) fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// Width and height once it is upright.
pub(crate) fn upright_size(width: u32, height: u32, orientation: Orientation) -> (u32, u32) {
    match swaps_sides(orientation) {
        true => (height, width),
        false => (width, height),
    }
}

/// Where a window of the upright picture lies in the picture as it is in the file. `size` is that of
/// the upright picture; the first of the results is that of the other.
pub(crate) fn lying(
    size: (u32, u32),
    window: Window,
    orientation: Orientation,
) -> ((u32, u32), Window) {
    let Window {
        x,
        y,
        width,
        height,
    } = window;
    let (right, below) = (size.0 - x - width, size.1 - y - height);
    let (x, y) = match orientation {
        Orientation::NoTransforms => (x, y),
        Orientation::FlipHorizontal => (right, y),
        Orientation::FlipVertical => (x, below),
        Orientation::Rotate180 => (right, below),
        Orientation::Rotate90 => (y, right),
        Orientation::Rotate270 => (below, x),
        Orientation::Rotate90FlipH => (y, x),
        Orientation::Rotate270FlipH => (below, right),
    };
    let turned = swaps_sides(orientation);
    let swap = |(a, b): (u32, u32)| if turned { (b, a) } else { (a, b) };
    let (width, height) = swap((width, height));
    let window = Window {
        x,
        y,
        width,
        height,
    };
    (swap(size), window)
}

/// Applies an EXIF orientation to 8-bit RGB. Returns width, height and pixels of the result.
pub(crate) fn upright(
    width: u32,
    height: u32,
    mut pixels: Vec<u8>,
    orientation: Orientation,
) -> (u32, u32, Vec<u8>) {
    let (w, h) = (width as usize, height as usize);
    match orientation {
        Orientation::NoTransforms => (width, height, pixels),
        Orientation::FlipHorizontal => {
            for row in pixels.chunks_exact_mut(w * 3) {
                reverse_pixels(row);
            }
            (width, height, pixels)
        }
        Orientation::FlipVertical => {
            reverse_rows(&mut pixels, w, h);
            (width, height, pixels)
        }
        Orientation::Rotate180 => {
            reverse_pixels(&mut pixels);
            (width, height, pixels)
        }
        // The four below put the source pixel (x, y) at column y or h-1-y, row x or w-1-x.
        Orientation::Rotate90 => (height, width, transposed(w, h, &pixels, true, false)),
        Orientation::Rotate270 => (height, width, transposed(w, h, &pixels, false, true)),
        Orientation::Rotate90FlipH => (height, width, transposed(w, h, &pixels, false, false)),
        Orientation::Rotate270FlipH => (height, width, transposed(w, h, &pixels, true, true)),
    }
}

fn reverse_pixels(pixels: &mut [u8]) {
    let (all, _) = pixels.as_chunks_mut::<3>();
    all.reverse();
}

fn reverse_rows(pixels: &mut [u8], w: usize, h: usize) {
    let (top, bottom) = pixels.split_at_mut(h / 2 * w * 3);
    for (a, b) in top
        .chunks_exact_mut(w * 3)
        .zip(bottom.rchunks_exact_mut(w * 3))
    {
        a.swap_with_slice(b);
    }
}

fn transposed(w: usize, h: usize, pixels: &[u8], flip_columns: bool, flip_rows: bool) -> Vec<u8> {
    let (source, _) = pixels.as_chunks::<3>();
    let mut out = vec![0u8; pixels.len()];
    let (target, _) = out.as_chunks_mut::<3>();
    for y0 in (0..h).step_by(BLOCK) {
        for x0 in (0..w).step_by(BLOCK) {
            for x in x0..(x0 + BLOCK).min(w) {
                let row = if flip_rows { w - 1 - x } else { x };
                for y in y0..(y0 + BLOCK).min(h) {
                    let column = if flip_columns { h - 1 - y } else { y };
                    target[row * h + column] = source[y * w + x];
                }
            }
        }
    }
    out
}
