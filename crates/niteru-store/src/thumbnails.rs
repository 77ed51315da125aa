//! Small pictures of images, made once and kept below the home: derived, can be deleted at any time.

use std::path::{Path, PathBuf};

use niteru_imaging::{DecodeError, EncodeError, Limits, Picture};
use sha2::{Digest, Sha256};

use crate::Home;
use crate::collection::hex;
use crate::uploads::{from_hex, write_whole};

/// Most bytes of a thumbnail.
pub const THUMBNAIL_BYTES: usize = 20 * 1024;

/// Longer side of a thumbnail in pixels, and the JPEG quality; the first that is small enough is taken.
const TRIES: [(u32, u8); 5] = [(256, 82), (256, 65), (256, 45), (192, 40), (128, 35)];

/// Why there is no thumbnail.
#[derive(Debug, thiserror::Error)]
pub enum ThumbnailError {
    /// The file is gone, or no usable picture.
    #[error(transparent)]
    Picture(#[from] DecodeError),
    /// The file holds something else than the image that it was.
    #[error("{} has changed since it was added", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written as JPEG.
    #[error("the thumbnail could not be made")]
    Encode(#[from] EncodeError),
}

impl Home {
    /// A JPEG file of at most [`THUMBNAIL_BYTES`] of an image file, made when it is first asked for.
    ///
    /// # Errors
    /// [`ThumbnailError`]. That it cannot be kept is none.
    pub fn thumbnail(&self, sha256: &str, file: &Path) -> Result<Vec<u8>, ThumbnailError> {
        let kept = self.thumbnail_file(sha256);
        if let Some(bytes) = kept.as_deref().and_then(|kept| std::fs::read(kept).ok())
            && bytes.starts_with(b"\xFF\xD8\xFF")
        {
            return Ok(bytes);
        }
        let limits = Limits::default();
        let bytes = Picture::read(file, &limits)?;
        // Another picture must not be kept under this one's name.
        if hex(&Sha256::digest(&bytes)) != sha256 {
            let path = file.to_path_buf();
            return Err(ThumbnailError::Changed { path });
        }
        let picture = Picture::decode_at_least(&bytes, &limits, TRIES[0].0)
            .map_err(|error| error.in_file(file))?;
        let made = small_jpeg(&picture)?;
        if let Some(kept) = kept {
            // Derived: without it, it is made again next time.
            let _ = write_whole(&kept, &made);
        }
        Ok(made)
    }

    /// Where a thumbnail is kept; `None` for what is no hash.
    fn thumbnail_file(&self, sha256: &str) -> Option<PathBuf> {
        from_hex(sha256)?;
        let folder = self.thumbnails().join(&sha256[..2]);
        Some(folder.join(format!("{sha256}.jpg")))
    }

    /// Where thumbnails are kept. Not made before it is needed.
    pub fn thumbnails(&self) -> PathBuf {
        self.directory().join("thumbnails")
    }
}

fn small_jpeg(picture: &Picture) -> Result<Vec<u8>, EncodeError> {
    let mut made = Vec::new();
    for (side, quality) in TRIES {
        made = picture.thumbnail(side).to_jpeg(quality)?;
        if made.len() <= THUMBNAIL_BYTES {
            break;
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_too_fits() {
        // splitmix64: noise, which JPEG compresses worst.
        let mut state = 7u64;
        let mut byte = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (mixed >> 40) as u8
        };
        let pixels = (0..600 * 600 * 3).map(|_| byte()).collect();
        let picture = Picture::from_rgb(600, 600, pixels).unwrap();
        let made = small_jpeg(&picture).unwrap();
        assert!(made.len() <= THUMBNAIL_BYTES, "{}", made.len());
        assert!(made.len() > 1000);
    }
}
