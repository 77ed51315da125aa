//! Whether a file still shows what it showed.

use niteru_imaging::Picture;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// sha256 of a picture's size and pixels: of two files that show the very same it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PixelHash([u8; 32]);

impl PixelHash {
    /// That of a picture that was decoded in full.
    pub fn of(picture: &Picture) -> PixelHash {
        let size = [picture.width(), picture.height()].map(u32::to_le_bytes);
        let digest = Sha256::new().chain_update(size.as_flattened());
        PixelHash(digest.chain_update(picture.pixels()).finalize().into())
    }
}
