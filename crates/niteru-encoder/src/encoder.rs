//! A loaded model: pictures and texts in, unit vectors out.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use niteru_imaging::{DecodeError, Picture};
use niteru_kernels::Kernels;
use rayon::prelude::*;

use crate::arch::{
    ClipConfig, ClipScratch, Compute, ConfigError, EfficientNet, EfficientNetScratch, TextTower,
    Threading, Variant, VisionTower,
};
use crate::cache::ModelFiles;
use crate::catalogue::{CatalogueEntry, ModelKind, catalogue, reinstall};
use crate::causes::with_causes;
use crate::fingerprint::Fingerprint;
use crate::preprocess::{Pixels, Preprocess, PreprocessError};
use crate::random::RandomTensors;
use crate::tokenizer::{Tokenizer, TokenizerError};
use crate::weights::{Weights, WeightsError};

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
    preprocess: Preprocess,
    network: Network,
    text: Option<LazyText>,
    /// Buffers of past passes, one for each thread that has been in a pass at the same time.
    scratch: Mutex<Vec<Scratch>>,
}

enum Network {
    EfficientNet(Box<EfficientNet>),
    Clip(Box<VisionTower>),
}

struct Scratch {
    efficientnet: EfficientNetScratch,
    clip: ClipScratch,
}

impl Scratch {
    fn new(kernels: Kernels) -> Scratch {
        Scratch {
            efficientnet: EfficientNetScratch::default(),
            clip: ClipScratch::new(kernels),
        }
    }
}

/// The text side, read on first use: a model that only sees images need not hold it.
struct LazyText {
    weights: PathBuf,
    tokenizer: PathBuf,
    config: ClipConfig,
    loaded: Mutex<Option<Arc<TextSide>>>,
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

/// The patch features of one picture: a grid of embedding-like vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchFeatures {
    /// Rows of the grid, from the top.
    pub rows: usize,
    /// Columns of the grid, from the left.
    pub columns: usize,
    /// Length of each vector.
    pub dimensions: usize,
    /// f32, axis order `[row][column][dimension]`, not normalised.
    pub data: Vec<f32>,
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The weights could not be read, or lack a tensor, or one has another shape.
    #[error(
        "cannot load the weights of model {model}: {}; {}",
        with_causes(source),
        reinstall(model)
    )]
    Weights {
        /// The model's name.
        model: String,
        /// What is wrong with which file.
        source: WeightsError,
    },
    /// The architecture's configuration is missing or wrong.
    #[error(
        "cannot use the configuration of model {model}: {}; {}",
        with_causes(source),
        reinstall(model)
    )]
    Config {
        /// The model's name.
        model: String,
        /// What is wrong with which file.
        source: ConfigError,
    },
    /// The preprocessing configuration is missing or wrong.
    #[error(
        "cannot use the preprocessing of model {model}: {}; {}",
        with_causes(source),
        reinstall(model)
    )]
    Preprocess {
        /// The model's name.
        model: String,
        /// What is wrong with which file.
        source: PreprocessError,
    },
    /// The tokenizer cannot be used.
    #[error(
        "cannot use the tokenizer of model {model}: {}; {}",
        with_causes(source),
        reinstall(model)
    )]
    Tokenizer {
        /// The model's name.
        model: String,
        /// What is wrong with which file.
        source: TokenizerError,
    },
    /// The preprocessing makes another size than the network reads.
    #[error(
        "model {model}: preprocessor_config.json makes {preprocess} px, \
         the network of config.json reads {network} px; {}",
        reinstall(model)
    )]
    InputSize {
        /// The model's name.
        model: String,
        /// Side that the preprocessing makes.
        preprocess: usize,
        /// Side that the network reads.
        network: usize,
    },
    /// A file that the model needs was not installed with it.
    #[error("model {model} has no {file}; {}", reinstall(model))]
    MissingFile {
        /// The model's name.
        model: String,
        /// The file's name.
        file: &'static str,
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
    /// Loads an installed model for the given instruction set.
    ///
    /// # Errors
    /// When a file is missing or damaged, or a tensor is missing or of another shape.
    pub fn load(files: &ModelFiles, kernels: Kernels) -> Result<Encoder, LoadError> {
        let model = files.name.clone();
        let weights = Weights::open(&files.weights).map_err(|source| LoadError::Weights {
            model: model.clone(),
            source,
        })?;
        match files.kind {
            ModelKind::EfficientNetLite { variant } => {
                let variant = Variant::lite(variant);
                let network = EfficientNet::load(&weights, kernels, variant).map_err(|source| {
                    LoadError::Weights {
                        model: model.clone(),
                        source,
                    }
                })?;
                let preprocess = Preprocess::efficientnet_lite(variant.side);
                let network = Network::EfficientNet(Box::new(network));
                let architecture = variant.describe();
                Ok(Encoder::assemble(
                    model,
                    &files.weights_sha256,
                    &architecture,
                    preprocess,
                    kernels,
                    network,
                    None,
                ))
            }
            ModelKind::Clip => Encoder::load_clip(files, &weights, kernels),
        }
    }

    fn load_clip(
        files: &ModelFiles,
        weights: &Weights,
        kernels: Kernels,
    ) -> Result<Encoder, LoadError> {
        let model = files.name.clone();
        let needed = |path: &Option<PathBuf>, file| {
            path.clone().ok_or_else(|| LoadError::MissingFile {
                model: model.clone(),
                file,
            })
        };
        let config =
            ClipConfig::open(&needed(&files.config, "config.json")?).map_err(|source| {
                LoadError::Config {
                    model: model.clone(),
                    source,
                }
            })?;
        let preprocess =
            Preprocess::from_file(&needed(&files.preprocessor, "preprocessor_config.json")?)
                .map_err(|source| LoadError::Preprocess {
                    model: model.clone(),
                    source,
                })?;
        if preprocess.side() != config.image_side {
            let (preprocess, network) = (preprocess.side(), config.image_side);
            return Err(LoadError::InputSize {
                model,
                preprocess,
                network,
            });
        }
        let tower =
            VisionTower::load(weights, kernels, &config).map_err(|source| LoadError::Weights {
                model: model.clone(),
                source,
            })?;
        let text = LazyText {
            weights: files.weights.clone(),
            tokenizer: needed(&files.tokenizer, "tokenizer.json")?,
            config: config.clone(),
            loaded: Mutex::new(None),
        };
        let architecture = config.describe();
        Ok(Encoder::assemble(
            model,
            &files.weights_sha256,
            &architecture,
            preprocess,
            kernels,
            Network::Clip(Box::new(tower)),
            Some(text),
        ))
    }

    /// CLIP ViT-B/32's image tower with random weights, to measure speed without a download.
    ///
    /// # Errors
    /// None in practice; the signature is that of loading.
    pub fn random_clip_vit_b_32(kernels: Kernels) -> Result<Encoder, LoadError> {
        let model = "random clip-vit-b-32".to_string();
        let config = ClipConfig::vit_b_32();
        let tower = VisionTower::load(&RandomTensors, kernels, &config).map_err(|source| {
            LoadError::Weights {
                model: model.clone(),
                source,
            }
        })?;
        let preprocess = Preprocess::clip(config.image_side as u32);
        let network = Network::Clip(Box::new(tower));
        let architecture = config.describe();
        Ok(Encoder::assemble(
            model,
            "random",
            &architecture,
            preprocess,
            kernels,
            network,
            None,
        ))
    }

    fn assemble(
        model: String,
        weights_sha256: &str,
        architecture: &str,
        preprocess: Preprocess,
        kernels: Kernels,
        network: Network,
        text: Option<LazyText>,
    ) -> Encoder {
        let fingerprint =
            Fingerprint::of(weights_sha256, architecture, &preprocess.describe(), "f32");
        let dimensions = match &network {
            Network::EfficientNet(network) => network.dimensions(),
            Network::Clip(tower) => tower.dimensions(),
        };
        let scratch = Mutex::default();
        Encoder {
            model,
            fingerprint,
            dimensions,
            kernels,
            preprocess,
            network,
            text,
            scratch,
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
        let images: Vec<&Pixels> = pixels.iter().collect();
        let compute = Compute {
            kernels: self.kernels,
            threading,
        };
        let vectors = self.with_scratch(|scratch| match &self.network {
            Network::EfficientNet(network) => {
                network.forward(compute, &images, &mut scratch.efficientnet)
            }
            Network::Clip(tower) => tower.forward(compute, &images, &mut scratch.clip),
        });
        self.unit_vectors(&vectors)
    }

    /// The grid of patch features of one picture.
    ///
    /// CLIP: every patch token after the last layer, final norm and projection (so in the space of
    /// the embeddings). EfficientNet-Lite: the last feature map, whose mean is the embedding before
    /// normalisation.
    pub fn patch_features(&self, picture: &Picture) -> PatchFeatures {
        let pixels = self.preprocess.apply(picture);
        let compute = Compute {
            kernels: self.kernels,
            threading: Threading::All,
        };
        let (grid, data) = self.with_scratch(|scratch| match &self.network {
            Network::EfficientNet(network) => {
                network.patches(compute, &pixels, &mut scratch.efficientnet)
            }
            Network::Clip(tower) => tower.patches(compute, &pixels, &mut scratch.clip),
        });
        PatchFeatures {
            rows: grid,
            columns: grid,
            dimensions: self.dimensions,
            data,
        }
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
        let weights = Weights::open(&text.weights).map_err(failed)?;
        let side = Arc::new(TextSide {
            tokenizer: Tokenizer::open(&text.tokenizer, text.config.max_tokens).map_err(
                |source| {
                    EmbedError::LoadText(LoadError::Tokenizer {
                        model: self.model.clone(),
                        source,
                    })
                },
            )?,
            tower: TextTower::load(&weights, self.kernels, &text.config).map_err(failed)?,
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
