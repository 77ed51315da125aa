use std::ops::ControlFlow;
use std::path::Path;

use niteru_encoder::{EmbedOptions, Encoder, JpegDecode};
use niteru_imaging::Likeness;
use serde::Serialize;

use crate::error::Source;
use crate::known::Place;

/// What makes embeddings for a collection.
///
/// A trait, so that the store's tests need no weights; the product has one implementation, for
/// `niteru_encoder::Encoder`.
pub trait ImageEncoder {
    /// Which model this is.
    fn identity(&self) -> EncoderIdentity;

    /// Embeds files and hands over one result a file, in the order of `files`.
    ///
    /// `files` is drawn as needed, never collected. A file that cannot be embedded is one `Err`
    /// result and does not end the run; [`ControlFlow::Break`] does, without an error.
    ///
    /// # Errors
    /// What stops the encoder as a whole.
    fn embed_files(
        &self,
        files: &mut (dyn Iterator<Item = Candidate> + Send),
        on_result: &mut OnResult<'_>,
    ) -> Result<EncoderSeconds, Source>;
}

/// The encoder of the product: a network with how its files are read.
pub struct FileEncoder<'a> {
    /// The network.
    pub encoder: &'a Encoder,
    /// Batch size, threads and limits.
    pub options: EmbedOptions,
}

impl ImageEncoder for FileEncoder<'_> {
    fn identity(&self) -> EncoderIdentity {
        self.encoder.into()
    }

    fn embed_files(
        &self,
        files: &mut (dyn Iterator<Item = Candidate> + Send),
        on_result: &mut OnResult<'_>,
    ) -> Result<EncoderSeconds, Source> {
        let times = self
            .encoder
            .embed_files(files, &self.options, &mut |file, result| {
                let result = result
                    .map(|embedded| EmbeddedFile {
                        embedding: embedded.embedding,
                        sha256: embedded.sha256,
                        bytes: embedded.bytes,
                        width: embedded.width,
                        height: embedded.height,
                        likeness: Some(embedded.likeness),
                    })
                    .map_err(Source::from);
                on_result(file, result)
            });
        Ok(EncoderSeconds {
            decode: (times.read + times.decode).as_secs_f64(),
            preprocess: times.preprocess.as_secs_f64(),
            forward: times.forward.as_secs_f64(),
        })
    }
}

impl From<&Encoder> for EncoderIdentity {
    fn from(encoder: &Encoder) -> EncoderIdentity {
        EncoderIdentity {
            model: encoder.model().to_string(),
            fingerprint: encoder.fingerprint().to_string(),
            dimensions: encoder.dimensions(),
            precision: encoder.precision().to_string(),
            exact_decode: encoder.preprocess().jpeg_decode() == JpegDecode::Exact,
            framing: encoder.preprocess().framing().to_string(),
        }
    }
}

/// Takes the result for one file.
pub type OnResult<'a> = dyn FnMut(Candidate, Result<EmbeddedFile, Source>) -> ControlFlow<()> + 'a;

/// A model, as collections remember it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderIdentity {
    /// Name in the catalogue.
    pub model: String,
    /// Embeddings are comparable exactly when these are equal.
    pub fingerprint: String,
    /// Length of its embeddings.
    pub dimensions: usize,
    /// The precision that it computes in: `f32`, `bf16` or `int8`.
    pub precision: String,
    /// Whether images are decoded in full, also where they are much larger than the model's input.
    pub exact_decode: bool,
    /// Which part of an image it sees: `centre`, `fit`, `object` or `object-handed`.
    pub framing: String,
}

impl std::fmt::Display for EncoderIdentity {
    /// The model and how it computes, in words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let exact = if self.exact_decode {
            ", exact decoding"
        } else {
            ""
        };
        write!(f, "{} ({}{exact}", self.model, self.precision)?;
        match &*self.framing {
            "centre" => write!(f, ")"),
            framing => write!(f, ", framing {framing})"),
        }
    }
}

/// A file to embed.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub(crate) place: Place,
    pub(crate) bytes: u64,
    pub(crate) modified: Option<i64>,
}

impl AsRef<Path> for Candidate {
    fn as_ref(&self) -> &Path {
        &self.place.path
    }
}

/// One file's embedding, and which contents it belongs to.
#[derive(Debug, Clone)]
pub struct EmbeddedFile {
    /// Unit length.
    pub embedding: Vec<f32>,
    /// Of the bytes that were embedded.
    pub sha256: [u8; 32],
    /// Length of the file.
    pub bytes: u64,
    /// Pixels across, as stored in the file.
    pub width: u32,
    /// Pixels down, as stored in the file.
    pub height: u32,
    /// What the picture looks like. `None`: found out from the file when it is first needed.
    pub likeness: Option<Likeness>,
}

/// Where an encoder spent its time, in seconds summed over its threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct EncoderSeconds {
    /// Reading and decoding files.
    pub decode: f64,
    /// Resizing, cropping, scaling.
    pub preprocess: f64,
    /// The network.
    pub forward: f64,
}
