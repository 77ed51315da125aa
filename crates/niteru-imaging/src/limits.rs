use crate::DecodeError;

/// What a file may ask for before it is refused.
///
/// All of them are checked on the file's size and its header, before pixel memory is used.
///
/// ```
/// let limits = niteru_imaging::Limits { max_pixels: 50_000_000, ..Default::default() };
/// assert!(limits.max_alloc >= 3 * limits.max_pixels);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file that is read, in bytes. Default: 512 MiB.
    pub max_file_bytes: u64,
    /// Largest width and largest height, in pixels. Default: 65 535, the most JPEG can express.
    pub max_side: u32,
    /// Largest width × height, in pixels. Default: 300 000 000.
    pub max_pixels: u64,
    /// Most bytes that decoding one file may use for pixels, beside the file itself.
    /// Default: 2 GiB. The largest [`Picture`](crate::Picture) of the default `max_pixels` is
    /// 0.84 GiB; progressive JPEG, 16-bit pixels and rotation need up to three times that.
    pub max_alloc: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_file_bytes: 512 << 20,
            max_side: 65_535,
            max_pixels: 300_000_000,
            max_alloc: 2 << 30,
        }
    }
}

impl Limits {
    pub(crate) fn check_file(&self, bytes: u64) -> Result<(), DecodeError> {
        if bytes > self.max_file_bytes {
            return Err(DecodeError::FileTooLarge {
                bytes,
                limit: self.max_file_bytes,
            });
        }
        Ok(())
    }

    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(), DecodeError> {
        let too_long = width > self.max_side || height > self.max_side;
        if too_long || u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(DecodeError::TooLarge {
                width,
                height,
                max_side: self.max_side,
                max_pixels: self.max_pixels,
            });
        }
        Ok(())
    }

    pub(crate) fn check_alloc(&self, needed: u64) -> Result<(), DecodeError> {
        if needed > self.max_alloc {
            return Err(DecodeError::TooMuchMemory {
                needed,
                limit: self.max_alloc,
            });
        }
        Ok(())
    }
}
