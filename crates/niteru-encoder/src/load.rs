//! From the files of an installed model to an [`Encoder`].

use std::path::PathBuf;

use niteru_kernels::{Kernels, Precision};

use crate::arch::{
    ClipConfig, ConfigError, Dinov2Config, EfficientNet, PartError, Parts, Variant, VisionTower,
    clip_vision, dinov2_vision,
};
use crate::cache::ModelFiles;
use crate::catalogue::{ModelKind, reinstall};
use crate::causes::with_causes;
use crate::encoder::{Encoder, Identity, LazyText, Network};
use crate::framing::Framing;
use crate::packed::{PackedFile, PackedKey, PackedWriter};
use crate::preprocess::{Preprocess, PreprocessError};
use crate::random::RandomTensors;
use crate::tokenizer::TokenizerError;
use crate::weights::{Weights, WeightsError};

/// How a model is loaded.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// The instruction set to compute with.
    pub kernels: Kernels,
    /// The precision of its matrices.
    pub precision: Precision,
    /// Whether JPEG files are decoded in full, also where they are much larger than the network
    /// needs.
    pub exact_decode: bool,
    /// Which part of a picture the network gets to see.
    pub framing: Framing,
    /// Whether the packed form of the weights is taken from the model's folder, and kept there
    /// when it is not there yet (where the folder can be written): from the second time on a model
    /// is ready at once.
    pub keep_packed: bool,
}

impl LoadOptions {
    /// The best instruction set as `f32`, packed form kept.
    pub fn new(kernels: Kernels) -> LoadOptions {
        LoadOptions {
            kernels,
            precision: Precision::F32,
            exact_decode: false,
            framing: Framing::Centre,
            keep_packed: true,
        }
    }

    fn decoding(&self, preprocess: Preprocess) -> Preprocess {
        let preprocess = preprocess.with_framing(self.framing);
        match self.exact_decode {
            true => preprocess.with_exact_decode(),
            false => preprocess,
        }
    }

    /// The same in another precision.
    pub fn with_precision(self, precision: Precision) -> LoadOptions {
        LoadOptions { precision, ..self }
    }
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

impl Encoder {
    /// Loads an installed model.
    ///
    /// # Errors
    /// When a file is missing or damaged, or a tensor is missing or of another shape.
    pub fn load(files: &ModelFiles, options: &LoadOptions) -> Result<Encoder, LoadError> {
        match files.kind {
            ModelKind::EfficientNetLite { variant } => {
                load_efficientnet(files, options, Variant::lite(variant))
            }
            ModelKind::Clip => load_clip(files, options),
            ModelKind::Dinov2 => load_dinov2(files, options),
        }
    }

    /// CLIP ViT-B/32's image tower with random weights, to measure speed without a download.
    ///
    /// # Errors
    /// None in practice; the signature is that of loading.
    pub fn random_clip_vit_b_32(options: &LoadOptions) -> Result<Encoder, LoadError> {
        let model = "random clip-vit-b-32".to_string();
        let config = ClipConfig::vit_b_32();
        let numbers = (options.kernels, options.precision);
        let mut parts = Parts::from_weights(&RandomTensors, numbers, None);
        let tower = clip_vision(&mut parts, &config).map_err(|error| {
            let (model, source) = (model.clone(), weights_error(error));
            LoadError::Weights { model, source }
        })?;
        let identity = Identity {
            model,
            weights_sha256: "random".to_string(),
            architecture: config.describe(),
            preprocess: options.decoding(Preprocess::clip(config.image_side as u32)),
            precision: options.precision,
        };
        let network = Network::Vision(Box::new(tower));
        Ok(Encoder::assemble(identity, options.kernels, network, None))
    }
}

fn load_efficientnet(
    files: &ModelFiles,
    options: &LoadOptions,
    variant: Variant,
) -> Result<Encoder, LoadError> {
    let architecture = variant.describe();
    let loader = TowerLoader::new(files, options, &architecture);
    let load = |parts: &mut Parts<'_>| EfficientNet::load(parts, variant);
    let network = loader
        .load("network", load)
        .map_err(|source| LoadError::Weights {
            model: files.name.clone(),
            source,
        })?;
    let identity = Identity {
        model: files.name.clone(),
        weights_sha256: files.weights_sha256.clone(),
        architecture,
        preprocess: options.decoding(Preprocess::efficientnet_lite(variant.side)),
        precision: options.precision,
    };
    let network = Network::EfficientNet(Box::new(network));
    Ok(Encoder::assemble(identity, options.kernels, network, None))
}

fn load_clip(files: &ModelFiles, options: &LoadOptions) -> Result<Encoder, LoadError> {
    let config = needed(files, &files.config, "config.json")?;
    let config = ClipConfig::open(config).map_err(|source| LoadError::Config {
        model: files.name.clone(),
        source,
    })?;
    let preprocess = published_preprocess(files)?;
    if preprocess.side() != config.image_side {
        return Err(LoadError::InputSize {
            model: files.name.clone(),
            preprocess: preprocess.side(),
            network: config.image_side,
        });
    }
    let tokenizer = needed(files, &files.tokenizer, "tokenizer.json")?.clone();
    let architecture = config.describe();
    let loader = TowerLoader::new(files, options, &architecture);
    let load = |parts: &mut Parts<'_>| clip_vision(parts, &config);
    let tower = loader
        .load("vision", load)
        .map_err(|source| LoadError::Weights {
            model: files.name.clone(),
            source,
        })?;
    let text = LazyText::new(loader, tokenizer, config);
    Ok(of_tower(
        files,
        options,
        (architecture, preprocess),
        tower,
        Some(text),
    ))
}

fn load_dinov2(files: &ModelFiles, options: &LoadOptions) -> Result<Encoder, LoadError> {
    // The positions are made for the size that pictures are brought to.
    let preprocess = published_preprocess(files)?;
    let config = needed(files, &files.config, "config.json")?;
    let config =
        Dinov2Config::open(config, preprocess.side()).map_err(|source| LoadError::Config {
            model: files.name.clone(),
            source,
        })?;
    let architecture = config.describe();
    let loader = TowerLoader::new(files, options, &architecture);
    let load = |parts: &mut Parts<'_>| dinov2_vision(parts, &config);
    let tower = loader
        .load("vision", load)
        .map_err(|source| LoadError::Weights {
            model: files.name.clone(),
            source,
        })?;
    Ok(of_tower(
        files,
        options,
        (architecture, preprocess),
        tower,
        None,
    ))
}

/// An encoder whose images a vision tower sees.
fn of_tower(
    files: &ModelFiles,
    options: &LoadOptions,
    (architecture, preprocess): (String, Preprocess),
    tower: VisionTower,
    text: Option<LazyText>,
) -> Encoder {
    let identity = Identity {
        model: files.name.clone(),
        weights_sha256: files.weights_sha256.clone(),
        architecture,
        preprocess: options.decoding(preprocess),
        precision: options.precision,
    };
    let network = Network::Vision(Box::new(tower));
    Encoder::assemble(identity, options.kernels, network, text)
}

/// A file that the model must have been installed with.
fn needed<'f>(
    files: &ModelFiles,
    path: &'f Option<PathBuf>,
    file: &'static str,
) -> Result<&'f PathBuf, LoadError> {
    path.as_ref().ok_or_else(|| LoadError::MissingFile {
        model: files.name.clone(),
        file,
    })
}

/// The preprocessing that a model was published with.
fn published_preprocess(files: &ModelFiles) -> Result<Preprocess, LoadError> {
    let path = needed(files, &files.preprocessor, "preprocessor_config.json")?;
    Preprocess::from_file(path).map_err(|source| LoadError::Preprocess {
        model: files.name.clone(),
        source,
    })
}

/// Loads the towers of one model, each from its packed file if there is one that fits.
pub(crate) struct TowerLoader {
    weights: PathBuf,
    weights_sha256: String,
    architecture: String,
    numbers: (Kernels, Precision),
    /// Where packed files are kept, if they are.
    folder: Option<PathBuf>,
}

impl TowerLoader {
    fn new(files: &ModelFiles, options: &LoadOptions, architecture: &str) -> TowerLoader {
        TowerLoader {
            weights: files.weights.clone(),
            weights_sha256: files.weights_sha256.clone(),
            architecture: architecture.to_string(),
            numbers: (options.kernels, options.precision),
            folder: options.keep_packed.then(|| files.packed()),
        }
    }

    /// Loads a tower with `load`, which may be called again with other parts.
    pub(crate) fn load<T>(
        &self,
        tower: &str,
        load: impl Fn(&mut Parts<'_>) -> Result<T, PartError>,
    ) -> Result<T, WeightsError> {
        let numbers = self.numbers;
        let Some(path) = self.packed_path(tower) else {
            return self.load_weights(&load, None);
        };
        let key = PackedKey::of(&self.weights_sha256, &self.architecture, tower, numbers);
        let packed = || {
            // A file that does not fit is like none: it is derived, and made anew.
            let file = PackedFile::open(&path, key).ok().flatten()?;
            load(&mut Parts::from_packed(&file, numbers)).ok()
        };
        if let Some(tower) = packed() {
            return Ok(tower);
        }
        // Where it cannot be kept (read-only, disk full) it is packed at every start.
        let Ok(mut keep) = PackedWriter::create(&path, key) else {
            return self.load_weights(&load, None);
        };
        let made = self.load_weights(&load, Some(&mut keep))?;
        if keep.finish().is_err() {
            return Ok(made);
        }
        // The kept form in place of our own: its memory is shared with other processes.
        drop(made);
        packed().map_or_else(|| self.load_weights(&load, None), Ok)
    }

    fn load_weights<T>(
        &self,
        load: impl Fn(&mut Parts<'_>) -> Result<T, PartError>,
        keep: Option<&mut PackedWriter>,
    ) -> Result<T, WeightsError> {
        let weights = Weights::open(&self.weights)?;
        load(&mut Parts::from_weights(&weights, self.numbers, keep)).map_err(weights_error)
    }

    fn packed_path(&self, tower: &str) -> Option<PathBuf> {
        let (kernels, precision) = self.numbers;
        let name = format!("{tower}-{precision}-{}.bin", kernels.name());
        Some(self.folder.as_ref()?.join(name))
    }
}

/// Parts that are made from weights fail with an error of the weights.
fn weights_error(error: PartError) -> WeightsError {
    match error {
        PartError::Weights(error) => error,
        PartError::Packed(what) => unreachable!("no packed file was read: {what}"),
    }
}
