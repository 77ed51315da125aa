//! Mirror images.

use crate::Picture;

/// Which sides change places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirror {
    /// Left and right.
    LeftRight,
    /// Top and bottom.
    UpDown,
    /// All four: half a turn.
    Both,
}

impl Mirror {
    /// Each of them.
    pub const ALL: [Mirror; 3] = [Mirror::LeftRight, Mirror::UpDown, Mirror::Both];

    /// A grid of `columns` cells a row, each of `length` values, mirrored: `[row][column][length]`. What
    /// does not fill a row is left out.
    pub fn grid<T: Copy>(self, data: &[T], columns: usize, length: usize) -> Vec<T> {
        let rows = data.chunks_exact((columns * length).max(1));
        match self {
            Mirror::UpDown => rows.rev().flatten().copied().collect(),
            Mirror::Both => {
                let cells = data.chunks_exact(length.max(1)).take(rows.len() * columns);
                cells.rev().flatten().copied().collect()
            }
            Mirror::LeftRight => rows
                .flat_map(|row| row.chunks_exact(length.max(1)).rev())
                .flatten()
                .copied()
                .collect(),
        }
    }
}

impl Picture {
    /// The picture in a mirror.
    pub fn mirrored(&self, mirror: Mirror) -> Picture {
        let pixels = mirror.grid(self.pixels(), self.width() as usize, 3);
        Picture::new(self.width(), self.height(), pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_change_places_and_colours_do_not() {
        let picture = Picture::new(2, 2, (0..12).collect());
        let left_right = [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8];
        let up_down = [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5];
        assert_eq!(picture.mirrored(Mirror::LeftRight).pixels(), left_right);
        assert_eq!(picture.mirrored(Mirror::UpDown).pixels(), up_down);
        let turned = picture.mirrored(Mirror::LeftRight).mirrored(Mirror::UpDown);
        assert_eq!(picture.mirrored(Mirror::Both).pixels(), turned.pixels());
        for mirror in Mirror::ALL {
            let twice = picture.mirrored(mirror).mirrored(mirror);
            assert_eq!(twice.pixels(), picture.pixels());
        }
    }
}
