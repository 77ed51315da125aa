use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::{EncodeError, Picture};

impl Picture {
    /// A baseline JPEG file of this picture; `quality` is held within 1…100.
    ///
    /// # Errors
    /// When a side is over 65 535 pixels.
    pub fn to_jpeg(&self, quality: u8) -> Result<Vec<u8>, EncodeError> {
        let (width, height) = (self.width(), self.height());
        if width > 65_535 || height > 65_535 {
            return Err(EncodeError::TooLargeForJpeg { width, height });
        }
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, quality.clamp(1, 100))
            .write_image(self.pixels(), width, height, ExtendedColorType::Rgb8)
            .map_err(|e| EncodeError::Encoder {
                format: "JPEG",
                detail: e.to_string(),
            })?;
        Ok(file)
    }

    /// A PNG file of this picture, without loss.
    ///
    /// # Errors
    /// When the encoder fails, which no valid picture makes it do.
    pub fn to_png(&self) -> Result<Vec<u8>, EncodeError> {
        let mut file = Vec::new();
        PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive)
            .write_image(
                self.pixels(),
                self.width(),
                self.height(),
                ExtendedColorType::Rgb8,
            )
            .map_err(|e| EncodeError::Encoder {
                format: "PNG",
                detail: e.to_string(),
            })?;
        Ok(file)
    }
}
