//! Loading the model that made a collection's embeddings, as it was then.

use niteru_encoder::{
    DEFAULT_MODEL, Encoder, Framing, FramingError, LoadError, LoadOptions, ModelCache, ModelError,
    PrecisionChoice,
};
use niteru_kernels::{Kernels, PrecisionError};

use crate::EncoderIdentity;

/// What was asked for of a model; `None` where nothing was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EncoderChoice {
    /// Its name.
    pub model: Option<String>,
    /// The precision to compute in.
    pub precision: Option<PrecisionChoice>,
    /// Whether images are to be decoded in full.
    pub exact_decode: bool,
    /// Which part of an image it sees.
    pub framing: Option<Framing>,
}

/// Why an encoder could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// The model is not there, or damaged.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A precision that was recorded, and is none.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// A framing that was recorded, and is none.
    #[error(transparent)]
    Framing(#[from] FramingError),
}

/// Loads an installed model. What was not asked for is as embeddings were made that are there already, if
/// there are any, else the default.
///
/// # Errors
/// [`EncoderError`].
pub fn load_encoder(
    models: &ModelCache,
    own: Option<&EncoderIdentity>,
    asked: &EncoderChoice,
    kernels: Kernels,
) -> Result<Encoder, EncoderError> {
    let model = asked.model.as_deref();
    let model = model.or(own.map(|own| own.model.as_str()));
    let files = models.open(model.unwrap_or(DEFAULT_MODEL))?;
    let precision = match (asked.precision, own) {
        (Some(asked), _) => asked,
        (None, Some(own)) => own.precision.parse()?,
        (None, None) => PrecisionChoice::Auto,
    };
    let framing = match (asked.framing, own) {
        (Some(asked), _) => asked,
        (None, Some(own)) => own.framing.parse()?,
        (None, None) => Framing::default(),
    };
    let options = LoadOptions {
        precision: precision.resolve(&files, kernels)?,
        exact_decode: asked.exact_decode || own.is_some_and(|own| own.exact_decode),
        framing,
        ..LoadOptions::new(kernels)
    };
    Ok(Encoder::load(&files, &options)?)
}
