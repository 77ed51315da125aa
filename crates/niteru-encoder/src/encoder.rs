//! A loaded model: pictures and texts in, unit vectors out.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use niteru_imaging::{DecodeError, Picture};
use niteru_kernels::{Kernels, Precision};
use rayon::prelude::*;

use crate::arch::{
    ClipConfig, Compute, EfficientNet, EfficientNetScratch, FeatureMap, Parts, TextTower,
    Threading, VisionScratch, VisionTower,
};
use crate::catalogue::{CatalogueEntry, catalogue};
use crate::fingerprint::Fingerprint;
use crate::load::{LoadError, TowerLoader};
use crate::preprocess::{Pixels, Preprocess};
use crate::tokenizer::{Tokenizer, TokenizerError};

/// Turns pictures, and with some models texts, into embeddings.
///
/// An embedding is an f32 vector of [`Encoder::dimensions`] values and unit length. Images and texts
/// of one model share a space: their cosine similarity is the dot product. All methods may be called
/// from many threads; results do not depend on batch sizes or thread counts.
pub struct Encoder {
    model: String,
    fingerprint: Fingerprint,
    dimensions: usize,
    kernels: Kernels,
    precision: Precision,
    preprocess: Preprocess,
    network: Network,
    text: Option<LazyText>,
    /// Buffers of past passes, one for each thread that has been in a pass at the same time.
    scratch: Mutex<Vec<Scratch>>,
}

/// All that makes an encoder's numbers what they are.
pub(crate) struct Identity {
    pub(crate) model: String,
    pub(crate) weights_sha256: String,
    pub(crate) architecture: String,
    pub(crate) preprocess: Preprocess,
    pub(crate) precision: Precision,
}

/// What the fingerprint says of a precision. The number counts the ways in which we chose what to
/// round: another choice of sensitive layers gives other embeddings.
fn describe(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::Bf16 => "bf16 1",
        Precision::Int8 => "int8 1",
    }
}

pub(crate) enum Network {
    EfficientNet(Box<EfficientNet>),
    Vision(Box<VisionTower>),
}

struct Scratch {
    efficientnet: EfficientNetScratch,
    vision: VisionScratch,
}

impl Scratch {
    fn new(kernels: Kernels) -> Scratch {
        Scratch {
            efficientnet: EfficientNetScratch::default(),
            vision: VisionScratch::new(kernels),
        }
    }
}

/// The text side, loaded on first use: a model that only sees images need not hold it.
pub(crate) struct LazyText {
    loader: TowerLoader,
    tokenizer: PathBuf,
    config: ClipConfig,
    loaded: Mutex<Option<Arc<TextSide>>>,
}

impl LazyText {
    pub(crate) fn new(loader: TowerLoader, tokenizer: PathBuf, config: ClipConfig) -> LazyText {
        LazyText {
            loader,
            tokenizer,
            config,
            loaded: Mutex::new(None),
        }
    }
}

struct TextSide {
    tokenizer: Tokenizer,
    tower: TextTower,
}

impl TextSide {
    /// The ids of each text, all of which the tower has an embedding for.
    fn tokens(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EmbedError> {
        let tokens: Vec<Vec<u32>> = texts
            .iter()
            .map(|text| self.tokenizer.encode(text))
            .collect::<Result<_, _>>()?;
        let vocabulary = self.tower.vocabulary();
        match tokens
            .iter()
            .flatten()
            .find(|&&id| id as usize >= vocabulary)
        {
            Some(&id) => Err(EmbedError::Vocabulary { id, vocabulary }),
            None => Ok(tokens),
        }
    }
}

/// What sizes of [`Pixels`] a network makes feature maps of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputSize {
    /// Squares of this side, in pixels.
    Square(usize),
    /// Any. The last maps are so many times smaller than the picture, so sides that are multiples of it
    /// are seen whole.
    Any {
        /// Pixels to a cell of the last map, along each side.
        stride: usize,
    },
}

/// Why something could not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The file is not a usable picture.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The network's output has no direction: zero, infinite or not a number.
    #[error("the model gave no usable embedding for this input")]
    Degenerate,
    /// The model has no text tower.
    #[error("model {model} does not read texts; models that do: {}", with_text.join(", "))]
    NoText {
        /// The model's name.
        model: String,
        /// Models of the catalogue that read texts.
        with_text: Vec<&'static str>,
    },
    /// The text tower could not be loaded.
    #[error("cannot load the text tower")]
    LoadText(#[source] LoadError),
    /// The tokenizer could not be used on this text.
    #[error("cannot tokenize")]
    Tokenize(#[from] TokenizerError),
    /// The tokenizer gives an id that the model has no embedding for.
    #[error(
        "the tokenizer gives token {id}, the model has {vocabulary}; \
         import the model again with its own tokenizer.json"
    )]
    Vocabulary {
        /// The token id.
        id: u32,
        /// Number of tokens of the model.
        vocabulary: usize,
    },
}

impl Encoder {
    /// Puts together what [`Encoder::load`] has loaded.
    pub(crate) fn assemble(
        identity: Identity,
        kernels: Kernels,
        network: Network,
        text: Option<LazyText>,
    ) -> Encoder {
        let Identity {
            model,
            weights_sha256,
            architecture,
            preprocess,
            precision,
        } = identity;
        let fingerprint = Fingerprint::of(
            &weights_sha256,
            &architecture,
            &preprocess.describe(),
            describe(precision),
        );
        let dimensions = match &network {
            Network::EfficientNet(network) => network.dimensions(),
            Network::Vision(tower) => tower.dimensions(),
        };
        Encoder {
            model,
            fingerprint,
            dimensions,
            kernels,
            precision,
            preprocess,
            network,
            text,
            scratch: Mutex::default(),
        }
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Length of an embedding.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// What its embeddings may be compared with.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Whether texts can be embedded too.
    pub fn has_text(&self) -> bool {
        self.text.is_some()
    }

    /// The instruction set in use.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// The precision of its matrices.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// How pictures are prepared.
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// Embeds pictures on all threads of the current rayon pool.
    ///
    /// The result holds one entry for each picture, in order.
    pub fn embed_images(&self, pictures: &[Picture]) -> Vec<Result<Vec<f32>, EmbedError>> {
        let pixels: Vec<Pixels> = pictures
            .par_iter()
            .map(|picture| self.preprocess.apply(picture))
            .collect();
        self.embed_pixels(&pixels)
    }

    /// Embeds prepared pictures on all threads of the current rayon pool.
    ///
    /// The result holds one entry for each input, in order.
    ///
    /// # Panics
    /// When the inputs were prepared for another side than this model's.
    pub fn embed_pixels(&self, pixels: &[Pixels]) -> Vec<Result<Vec<f32>, EmbedError>> {
        let threads = rayon::current_num_threads();
        if threads == 1 || pixels.len() >= threads {
            let share = pixels.len().div_ceil(threads).max(1);
            pixels
                .par_chunks(share)
                .flat_map_iter(|chunk| self.embed_on(Threading::One, chunk))
                .collect()
        } else {
            self.embed_on(Threading::All, pixels)
        }
    }

    /// Embeds prepared pictures on the calling thread alone.
    pub(crate) fn embed_on_this_thread(
        &self,
        pixels: &[Pixels],
    ) -> Vec<Result<Vec<f32>, EmbedError>> {
        self.embed_on(Threading::One, pixels)
    }

    fn embed_on(
        &self,
        threading: Threading,
        pixels: &[Pixels],
    ) -> Vec<Result<Vec<f32>, EmbedError>> {
        if pixels.is_empty() {
            return Vec::new();
        }
        if !self.preprocess.framing().mirrors() {
            return self.unit_vectors(&self.vectors(threading, pixels));
        }
        let mirrored: Vec<Pixels> = pixels.iter().map(Pixels::mirrored).collect();
        let mut sums = self.vectors(threading, pixels);
        let others = self.vectors(threading, &mirrored);
        self.add_directions(&mut sums, &others);
        self.unit_vectors(&sums)
    }

    /// Embeddings as the network gives them, `[pixels.len(), dimensions]`.
    fn vectors(&self, threading: Threading, pixels: &[Pixels]) -> Vec<f32> {
        let images: Vec<&Pixels> = pixels.iter().collect();
        let compute = Compute {
            kernels: self.kernels,
            threading,
        };
        self.with_scratch(|scratch| match &self.network {
            Network::EfficientNet(network) => {
                network.forward(compute, &images, &mut scratch.efficientnet)
            }
            Network::Vision(tower) => tower.forward(compute, &images, &mut scratch.vision),
        })
    }

    /// Each vector becomes the sum of its direction and that of its other half; what has no direction
    /// becomes zeros or NaN, and so no embedding.
    fn add_directions(&self, vectors: &mut [f32], others: &[f32]) {
        let pairs = vectors
            .chunks_exact_mut(self.dimensions)
            .zip(others.chunks_exact(self.dimensions));
        for (vector, other) in pairs {
            let mut other = other.to_vec();
            let both = self.kernels.normalize(vector).is_some()
                && self.kernels.normalize(&mut other).is_some();
            match both {
                true => vector.iter_mut().zip(&other).for_each(|(a, b)| *a += b),
                false => vector.fill(0.0),
            }
        }
    }

    /// The grid of patch features of one picture.
    ///
    /// CLIP and DINOv2: every patch token after the last layer, final norm and projection, if there is one (so in
    /// the space of the embeddings). EfficientNet-Lite: the last feature map, whose mean is the embedding before
    /// normalisation.
    pub fn patch_features(&self, picture: &Picture) -> FeatureMap {
        let pixels = self.preprocess.apply(picture);
        let compute = Compute {
            kernels: self.kernels,
            threading: Threading::All,
        };
        self.with_scratch(|scratch| match &self.network {
            Network::EfficientNet(network) => {
                network.patches(compute, &pixels, &mut scratch.efficientnet)
            }
            Network::Vision(tower) => tower.patches(compute, &pixels, &mut scratch.vision),
        })
    }

    /// How many depths [`Encoder::feature_maps`] can give: blocks of EfficientNet-Lite, layers
    /// of CLIP and DINOv2.
    pub fn depths(&self) -> usize {
        match &self.network {
            Network::EfficientNet(network) => network.blocks(),
            Network::Vision(tower) => tower.layers(),
        }
    }

    /// What [`Encoder::feature_maps`] takes.
    pub fn input_size(&self) -> InputSize {
        match &self.network {
            Network::EfficientNet(_) => InputSize::Any { stride: 32 },
            Network::Vision(_) => InputSize::Square(self.preprocess.side()),
        }
    }

    /// The feature maps at some depths of the network, counted from 0 and rising; what lies after the
    /// last of them is not computed. On the calling thread alone.
    ///
    /// EfficientNet-Lite: what a block gives, half as many rows and columns after each stride. CLIP and
    /// DINOv2: the patch tokens after a layer.
    ///
    /// # Panics
    /// When `depths` does not rise or reaches [`Encoder::depths`], or the size is none of
    /// [`Encoder::input_size`].
    pub fn feature_maps(&self, pixels: &Pixels, depths: &[usize]) -> Vec<FeatureMap> {
        let compute = Compute {
            kernels: self.kernels,
            threading: Threading::One,
        };
        self.with_scratch(|scratch| match &self.network {
            Network::EfficientNet(network) => {
                network.block_maps(compute, pixels, depths, &mut scratch.efficientnet)
            }
            Network::Vision(tower) => {
                tower.layer_maps(compute, pixels, depths, &mut scratch.vision)
            }
        })
    }

    /// Embeds texts; one unit vector for each, in order.
    ///
    /// # Errors
    /// When the model has no text tower, or it cannot be loaded, or a text cannot be tokenized.
    pub fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let side = self.text_side()?;
        let tokens = side.tokens(texts)?;
        let compute = Compute {
            kernels: self.kernels,
            threading: Threading::All,
        };
        let vectors = side.tower.forward(compute, &tokens);
        self.unit_vectors(&vectors).into_iter().collect()
    }

    /// One embedding from two: `(1 − weight) · a + weight · b`, normalised.
    ///
    /// Both are unit vectors of this encoder's length; `weight` is from 0 to 1.
    ///
    /// # Errors
    /// [`EmbedError::Degenerate`] when they cancel out.
    pub fn combine(&self, a: &[f32], b: &[f32], weight: f32) -> Result<Vec<f32>, EmbedError> {
        let mut sum: Vec<f32> = a
            .iter()
            .zip(b)
            .map(|(a, b)| (1.0 - weight) * a + weight * b)
            .collect();
        match self.kernels.normalize(&mut sum) {
            Some(_) => Ok(sum),
            None => Err(EmbedError::Degenerate),
        }
    }

    /// The token ids that a text becomes, start and end token included.
    ///
    /// # Errors
    /// As [`Encoder::embed_texts`].
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        Ok(self.text_side()?.tokenizer.encode(text)?)
    }

    /// Loads what is otherwise loaded at the first text, if the model reads texts, and tries it.
    ///
    /// # Errors
    /// As [`Encoder::embed_texts`].
    pub(crate) fn check_text(&self) -> Result<(), EmbedError> {
        if self.has_text() {
            // The empty text shows whether start and end token are added.
            self.text_side()?.tokens(&["", "a photo of a part"])?;
        }
        Ok(())
    }

    fn text_side(&self) -> Result<Arc<TextSide>, EmbedError> {
        let Some(text) = &self.text else {
            let reads_text = |entry: &&CatalogueEntry| entry.kind.has_text();
            let with_text = catalogue()
                .iter()
                .filter(reads_text)
                .map(|entry| entry.name)
                .collect();
            return Err(EmbedError::NoText {
                model: self.model.clone(),
                with_text,
            });
        };
        let mut loaded = text.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(side) = &*loaded {
            return Ok(Arc::clone(side));
        }
        let failed = |source| {
            EmbedError::LoadText(LoadError::Weights {
                model: self.model.clone(),
                source,
            })
        };
        let load = |parts: &mut Parts<'_>| TextTower::load(parts, &text.config);
        let side = Arc::new(TextSide {
            tokenizer: Tokenizer::open(&text.tokenizer, text.config.max_tokens).map_err(
                |source| {
                    EmbedError::LoadText(LoadError::Tokenizer {
                        model: self.model.clone(),
                        source,
                    })
                },
            )?,
            tower: text.loader.load("text", load).map_err(failed)?,
        });
        *loaded = Some(Arc::clone(&side));
        Ok(side)
    }

    fn unit_vectors(&self, vectors: &[f32]) -> Vec<Result<Vec<f32>, EmbedError>> {
        let unit = |vector: &[f32]| {
            let mut vector = vector.to_vec();
            match self.kernels.normalize(&mut vector) {
                Some(_) => Ok(vector),
                None => Err(EmbedError::Degenerate),
            }
        };
        vectors.chunks(self.dimensions).map(unit).collect()
    }

    fn with_scratch<R>(&self, pass: impl FnOnce(&mut Scratch) -> R) -> R {
        // A poisoned lock only means that a pass panicked; buffers hold nothing that must survive.
        let idle = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = idle().pop().unwrap_or_else(|| Scratch::new(self.kernels));
        let result = pass(&mut scratch);
        idle().push(scratch);
        result
    }
}
