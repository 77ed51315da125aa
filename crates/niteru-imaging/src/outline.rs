use crate::Picture;

/// A rectangle of whole pixels; it may reach beyond the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// First column.
    pub x: i64,
    /// First row.
    pub y: i64,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// From one pixel to the one behind the last.
type Span = (i64, i64);

impl Rect {
    fn columns(&self) -> Span {
        (self.x, self.x.saturating_add(i64::from(self.width)))
    }

    fn rows(&self) -> Span {
        (self.y, self.y.saturating_add(i64::from(self.height)))
    }

    fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }
}

/// The picture with a frame of `colour` around each rectangle: 2 pixels thick where the shorter side
/// has less than 800, else one pixel for each 400 and one more. The frame hides nothing of what is
/// inside, but where that touches the picture's edge. Of rectangles that reach beyond the picture, the
/// part inside is framed; what lies outside, or has no pixels, is left out.
pub fn outlined(picture: &Picture, rects: &[Rect], colour: [u8; 3]) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    let thickness = i64::from((width.min(height) / 400 + 1).max(2));
    let mut pixels = picture.pixels().to_vec();
    for rect in rects.iter().filter(|rect| !rect.is_empty()) {
        let Some(columns) = frame(rect.columns(), thickness, width) else {
            continue;
        };
        let Some(rows) = frame(rect.rows(), thickness, height) else {
            continue;
        };
        for y in rows.0..rows.1 {
            let whole = thick(rows, thickness, y);
            let row = &mut pixels[y as usize * width as usize * 3..][..width as usize * 3];
            let (row, _) = row.as_chunks_mut::<3>();
            for x in columns.0..columns.1 {
                if whole || thick(columns, thickness, x) {
                    row[x as usize] = colour;
                }
            }
        }
    }
    Picture::new(width, height, pixels)
}

/// The frame's outer edges along a side; none if nothing of the span is in the picture.
fn frame((from, to): Span, thickness: i64, side: u32) -> Option<Span> {
    let side = i64::from(side);
    let seen = from < side && to > 0;
    let (from, to) = (from.saturating_sub(thickness), to.saturating_add(thickness));
    seen.then_some((from.max(0), to.min(side)))
}

fn thick((from, to): Span, thickness: i64, at: i64) -> bool {
    at < from + thickness || at >= to - thickness
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 3] = [255, 0, 0];

    fn drawn(rect: Rect) -> Vec<String> {
        let picture = Picture::from_rgb(12, 8, vec![0; 12 * 8 * 3]).unwrap();
        let out = outlined(&picture, &[rect], RED);
        let (pixels, _) = out.pixels().as_chunks::<3>();
        let sign = |pixel: &[u8; 3]| if *pixel == RED { '#' } else { '.' };
        pixels
            .chunks(12)
            .map(|row| row.iter().map(sign).collect())
            .collect()
    }

    fn rect(x: i64, y: i64, width: u32, height: u32) -> Rect {
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn a_frame_lies_around_its_region() {
        let expected = [
            "............",
            "..#######...",
            "..#######...",
            "..##...##...",
            "..##...##...",
            "..#######...",
            "..#######...",
            "............",
        ];
        assert_eq!(drawn(rect(4, 3, 3, 2)), expected);
    }

    #[test]
    fn frames_are_clipped() {
        let whole = drawn(rect(i64::MIN, -1, u32::MAX, u32::MAX));
        assert!(whole.iter().all(|row| row == "............"), "{whole:?}");
        let whole = drawn(rect(-5, -5, 100, 100));
        assert_eq!((&*whole[0], &*whole[3]), ("############", "##........##"));
        for nothing in [
            rect(0, 0, 0, 5),
            rect(12, 0, 5, 5),
            rect(0, -9, 5, 9),
            rect(i64::MAX, 0, 9, 9),
        ] {
            let rows = drawn(nothing);
            assert!(
                rows.iter().all(|row| row == "............"),
                "{nothing:?}: {rows:?}"
            );
        }
    }
}
