//! The segments between the entropy-coded data. Whatever is unusual in them is `None`: the full
//! decoder then says what it is.

use super::huffman::{Class, Table};
use crate::spectrum::Layout;

/// One colour component of the frame.
#[derive(Clone, Debug)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks of a minimum coded unit, across and down.
    pub(super) across: usize,
    pub(super) down: usize,
    quantisation: usize,
}

/// Start of frame.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width: usize,
    pub(super) height: usize,
    /// One (grey) or three (YCbCr) of them; the first has the most blocks.
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// How a component lies in the picture.
    pub(super) fn layout(&self, component: &Component) -> Layout {
        let first = &self.components[0];
        let stretch = (first.across / component.across, first.down / component.down);
        let units = self.units();
        Layout {
            blocks: (units.0 * component.across, units.1 * component.down),
            samples: (
                self.width.div_ceil(stretch.0),
                self.height.div_ceil(stretch.1),
            ),
            stretch,
        }
    }

    /// Minimum coded units of a scan of all components, across and down.
    pub(super) fn units(&self) -> (usize, usize) {
        let first = &self.components[0];
        (
            self.width.div_ceil(8 * first.across),
            self.height.div_ceil(8 * first.down),
        )
    }

    /// Blocks of a scan of this component alone, across and down: those that hold picture.
    pub(super) fn own_blocks(&self, component: usize) -> (usize, usize) {
        let (first, own) = (&self.components[0], &self.components[component]);
        (
            (self.width * own.across).div_ceil(8 * first.across),
            (self.height * own.down).div_ceil(8 * first.down),
        )
    }
}

/// Start of scan.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    /// For each: number of the component in the frame, of its DC and of its AC table.
    pub(super) components: Vec<(usize, usize, usize)>,
    /// First and last zigzag number.
    pub(super) first: usize,
    pub(super) last: usize,
    /// Bit position of the scan before, 0 where this one is the first.
    pub(super) high: u32,
    /// Bit position of this one.
    pub(super) low: u32,
}

/// What all segments so far have set.
#[derive(Default)]
pub(super) struct Header {
    pub(super) frame: Option<Frame>,
    /// In zigzag order.
    quantisation: [Option<[u8; 64]>; 4],
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
    /// Minimum coded units between restart markers, 0 where there are none.
    pub(super) restart: usize,
}

/// What stands before entropy-coded data or the end of the file.
pub(super) enum Next {
    Scan(Scan),
    End,
}

impl Header {
    /// Reads segments from `at` on until a scan or the end; `at` then stands behind it.
    pub(super) fn read(&mut self, bytes: &[u8], at: &mut usize, first: bool) -> Option<Next> {
        loop {
            let marker = marker(bytes, at)?;
            if marker == 0xd9 {
                return Some(Next::End);
            }
            let length = bytes.get(*at..)?.first_chunk::<2>()?;
            let end = *at + usize::from(u16::from_be_bytes(*length));
            let segment = bytes.get(*at + 2..end)?;
            *at = end;
            match marker {
                0xc4 => self.huffman(segment)?,
                0xda => return self.scan(segment).map(Next::Scan),
                // Between scans only Huffman tables are usual.
                _ if !first => return None,
                0xc0..=0xc2 if self.frame.is_none() => {
                    self.frame = Some(frame(segment, marker == 0xc2)?);
                }
                0xdb => self.quantisation(segment)?,
                0xdd => self.restart = usize::from(u16::from_be_bytes(*segment.as_array()?)),
                0xe0..=0xef | 0xfe => {}
                _ => return None,
            }
        }
    }

    /// The quantisation table of a component, in zigzag order.
    pub(super) fn quantisation_of(&self, component: &Component) -> Option<&[u8; 64]> {
        self.quantisation.get(component.quantisation)?.as_ref()
    }

    /// Tables of 8-bit steps. Those of 16 bits are unusual in the 8-bit frames that [`frame`] knows:
    /// with them coefficients may be so large that the full decoder's integers wrap around.
    fn quantisation(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (table, rest) = rest.split_first_chunk::<64>()?;
            if kind >> 4 > 0 || table.contains(&0) {
                return None;
            }
            *self.quantisation.get_mut(usize::from(kind))? = Some(*table);
            segment = rest;
        }
        Some(())
    }

    fn huffman(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let symbols = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols)?;
            let (class, tables) = match kind >> 4 {
                0 => (Class::Dc, &mut self.dc),
                1 => (Class::Ac, &mut self.ac),
                _ => return None,
            };
            let table = Table::new(class, counts, symbols)?;
            *tables.get_mut(usize::from(kind & 15))? = Some(table);
            segment = rest;
        }
        Some(())
    }

    fn scan(&self, segment: &[u8]) -> Option<Scan> {
        let frame = self.frame.as_ref()?;
        let (&count, rest) = segment.split_first()?;
        let (pairs, rest) = rest.split_at_checked(2 * usize::from(count))?;
        let &[first, last, bits] = rest.as_array()?;
        let mut components: Vec<(usize, usize, usize)> = vec![];
        for pair in pairs.chunks_exact(2) {
            let number = frame.components.iter().position(|c| c.id == pair[0])?;
            // In the frame's order, which also means: each once.
            if components.last().is_some_and(|last| last.0 >= number) {
                return None;
            }
            components.push((number, usize::from(pair[1] >> 4), usize::from(pair[1] & 15)));
        }
        (!components.is_empty()).then_some(Scan {
            components,
            first: first.into(),
            last: last.into(),
            high: u32::from(bits >> 4),
            low: u32::from(bits & 15),
        })
    }
}

/// The marker at `at`, which fill bytes may precede; `at` then stands behind it.
pub(super) fn marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    if *bytes.get(*at)? != 0xff {
        return None;
    }
    loop {
        *at += 1;
        match *bytes.get(*at)? {
            0xff => {}
            0 => return None,
            marker => {
                *at += 1;
                return Some(marker);
            }
        }
    }
}

fn frame(segment: &[u8], progressive: bool) -> Option<Frame> {
    let (&[8, h1, h0, w1, w0, count], rest) = segment.split_first_chunk()? else {
        return None;
    };
    if !matches!(count, 1 | 3) || rest.len() != 3 * usize::from(count) {
        return None;
    }
    let mut components: Vec<Component> = rest
        .chunks_exact(3)
        .map(|c| Component {
            id: c[0],
            across: usize::from(c[1] >> 4),
            down: usize::from(c[1] & 15),
            quantisation: usize::from(c[2]),
        })
        .collect();
    if let [only] = &mut components[..] {
        // A single component is never interleaved, so its sampling means nothing.
        (only.across, only.down) = (1, 1);
    }
    let (across, down) = (components[0].across, components[0].down);
    for (at, own) in components.iter().enumerate() {
        // Then each sample of a component covers 1 or 2 pixels a side, which is what planes know.
        let whole = |all: usize, part: usize| matches!((all, part), (1, 1) | (2, 1 | 2));
        let twice = components[..at].iter().any(|other| other.id == own.id);
        if !whole(across, own.across) || !whole(down, own.down) || twice {
            return None;
        }
    }
    let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
    Some(Frame {
        progressive,
        width: side(w1, w0),
        height: side(h1, h0),
        components,
    })
}
