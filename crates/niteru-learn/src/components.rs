//! Connected regions of a mask.

/// Calls `each` with the pixels (indices, row by row) of every region of `mask`, in the order of
/// their first pixels. Pixels that touch at a side or a corner belong together.
///
/// `mask` is `width` × (`mask.len()` / `width`) pixels.
pub(crate) fn for_each_region(mask: &[bool], width: usize, mut each: impl FnMut(&[usize])) {
    let mut seen = vec![false; mask.len()];
    let mut region = Vec::new();
    for first in 0..mask.len() {
        if !mask[first] || seen[first] {
            continue;
        }
        seen[first] = true;
        region.clear();
        region.push(first);
        let mut next = 0;
        while let Some(&pixel) = region.get(next) {
            next += 1;
            for neighbour in neighbours(pixel, width, mask.len()) {
                if mask[neighbour] && !seen[neighbour] {
                    seen[neighbour] = true;
                    region.push(neighbour);
                }
            }
        }
        each(&region);
    }
}

/// A pixel and the up to eight around it.
fn neighbours(pixel: usize, width: usize, len: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (pixel % width, pixel / width);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    let rows = y.saturating_sub(1)..(y + 2).min(len / width);
    rows.flat_map(move |y| columns.clone().map(move |x| y * width + x))
}
