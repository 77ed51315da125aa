use std::io;
use std::path::{Path, PathBuf};

/// Why an image could not be decoded.
///
/// [`Picture::open`](crate::Picture::open) always returns [`DecodeError::InFile`], whose message
/// starts with the path; [`DecodeError::reason`] is the part without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Any of the reasons below, with the file it happened in.
    #[error("{}: {reason}", path.display())]
    InFile {
        /// The file, as it was given.
        path: PathBuf,
        /// What is wrong with it; never `InFile` again.
        #[source]
        reason: Box<DecodeError>,
    },
    /// The file could not be read.
    #[error("cannot read the file: {0}")]
    Io(#[from] io::Error),
    /// The file has no bytes.
    #[error("the file is empty; copy it again from where it came")]
    Empty,
    /// The content is of no image format, whatever the name says.
    #[error(
        "not an image: the content is none of JPEG, PNG, WebP, BMP, GIF and TIFF{}",
        if *.text { " but text" } else { "" }
    )]
    NotAnImage {
        /// Whether the content looks like text.
        text: bool,
    },
    /// The file has more bytes than [`Limits::max_file_bytes`](crate::Limits::max_file_bytes).
    #[error("the file has {bytes} bytes, the limit is {limit}; save the image smaller")]
    FileTooLarge {
        /// The file's size.
        bytes: u64,
        /// The limit it is over.
        limit: u64,
    },
    /// The header asks for more pixels than [`Limits`](crate::Limits) allow.
    #[error(
        "the image has {width} x {height} pixels, the limit is {max_side} a side and \
         {max_pixels} in all; save it smaller"
    )]
    TooLarge {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// The limit for each of them.
        max_side: u32,
        /// The limit for their product.
        max_pixels: u64,
    },
    /// Decoding would need more memory than [`Limits::max_alloc`](crate::Limits::max_alloc).
    #[error(
        "decoding needs {needed} bytes of memory, the limit is {limit}; save the image smaller"
    )]
    TooMuchMemory {
        /// Bytes that decoding would need.
        needed: u64,
        /// The limit it is over.
        limit: u64,
    },
    /// The file ends before its image does.
    #[error("the {format} file ends early; copy it again from where it came")]
    Truncated {
        /// Name of the format.
        format: &'static str,
    },
    /// The content contradicts its format.
    #[error("the {format} file is damaged: {detail}")]
    Corrupt {
        /// Name of the format.
        format: &'static str,
        /// What the decoder said.
        detail: String,
    },
    /// A valid file that uses what is not supported.
    #[error("{what} is not supported; save the image as PNG or JPEG")]
    Unsupported {
        /// The format or the part of it.
        what: String,
    },
}

impl DecodeError {
    /// The reason without the path.
    pub fn reason(&self) -> &DecodeError {
        match self {
            DecodeError::InFile { reason, .. } => reason,
            other => other,
        }
    }

    /// The same error with the file it happened in.
    pub fn in_file(self, path: &Path) -> DecodeError {
        DecodeError::InFile {
            path: path.to_path_buf(),
            reason: Box::new(self),
        }
    }

    pub(crate) fn corrupt(format: &'static str, detail: impl ToString) -> DecodeError {
        DecodeError::Corrupt {
            format,
            detail: detail.to_string(),
        }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> DecodeError {
        DecodeError::Unsupported { what: what.into() }
    }
}

/// The pixels do not fill the size.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a picture of {width} x {height} pixels needs {expected} bytes of RGB, got {got}")]
pub struct SizeError {
    /// Width asked for.
    pub width: u32,
    /// Height asked for.
    pub height: u32,
    /// Bytes that this size needs; 0 for a side of 0, which no picture has.
    pub expected: u64,
    /// Bytes given.
    pub got: u64,
}

/// Why a picture or a plot could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// JPEG sides end at 65 535 pixels.
    #[error("JPEG cannot hold {width} x {height} pixels, only 65535 a side; use PNG")]
    TooLargeForJpeg {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// The encoder failed.
    #[error("cannot encode {format}: {detail}")]
    Encoder {
        /// Name of the format.
        format: &'static str,
        /// What the encoder said.
        detail: String,
    },
}
