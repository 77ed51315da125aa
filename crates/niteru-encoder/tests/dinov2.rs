//! DINOv2 against its reference implementation on every instruction set, and its files: imported, pulled, refused.
//!
//! `fixtures/make_dinov2.py` made the small model and what the reference says of it.

// A helper that cannot do its work fails the test it is called from.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use niteru_encoder::{
    Encoder, Hub, InputSize, LoadOptions, ModelFiles, ModelKind, ModelState, Network, Pip, Pulled,
    Watch,
};
use niteru_imaging::Picture;
use niteru_kernels::{Kernels, Precision};
use serde::Deserialize;
use serde_json::{Value, json};
use support::{FakeHub, cache, names};

const CONFIG: &str = "config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
const WEIGHTS: &str = "model.safetensors";
const FILES: [&str; 3] = [CONFIG, PREPROCESSOR, WEIGHTS];

/// Largest difference of a number from the reference's, where the largest are about 5.
const MAX_DIFFERENCE: f32 = 1e-4;

/// Largest difference of a normalised pixel from the reference's: less than a level of 8 bits.
const MAX_PIXEL_DIFFERENCE: f32 = 0.02;

#[derive(Deserialize)]
struct Golden {
    squares: Vec<Square>,
    whole: Whole,
}

/// A picture that is neither resized nor cropped.
#[derive(Deserialize)]
struct Square {
    side: usize,
    embedding: Vec<f32>,
    #[serde(default)]
    layers: Vec<Vec<f32>>,
    patches: Vec<f32>,
}

/// A picture as the processor prepares it.
#[derive(Deserialize)]
struct Whole {
    width: u32,
    height: u32,
    /// Every 16th pixel of every 16th row, `[channel][row][column]`.
    pixels: Vec<f32>,
    embedding: Vec<f32>,
}

fn fixture(name: &str) -> PathBuf {
    let folder = niteru_testkit::repository().join("crates/niteru-encoder/tests/fixtures");
    folder.join("dinov2-tiny").join(name)
}

fn golden() -> Golden {
    serde_json::from_slice(&fs::read(fixture("expected.json")).unwrap()).unwrap()
}

/// As the script makes them.
fn picture(width: u32, height: u32) -> Picture {
    let pixel = |at: u32| {
        let (x, y) = (at % width, at / width);
        let red = x * 255 / (width - 1).max(1);
        let (dx, dy) = (x.abs_diff(width / 3), y.abs_diff(height / 2));
        let inside = dx * dx + dy * dy < (height / 4) * (height / 4);
        [
            red as u8,
            ((3 * x + 5 * y) % 256) as u8,
            if inside { 230 } else { 40 },
        ]
    };
    let pixels = (0..width * height).flat_map(pixel).collect();
    Picture::from_rgb(width, height, pixels).unwrap()
}

fn write(folder: &Path) {
    for name in FILES {
        fs::copy(fixture(name), folder.join(name)).unwrap();
    }
}

/// Changes a JSON file.
fn change(folder: &Path, file: &str, with: Value) {
    let path = folder.join(file);
    let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let values = with.as_object().unwrap().clone();
    json.as_object_mut().unwrap().extend(values);
    fs::write(path, json.to_string()).unwrap();
}

/// Gives a tensor another name.
fn rename(folder: &Path, from: &str, to: &str) {
    let path = folder.join(WEIGHTS);
    let bytes = fs::read(&path).unwrap();
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: serde_json::Map<String, Value> = serde_json::from_slice(header).unwrap();
    let tensor = header.remove(from).unwrap();
    header.insert(to.to_string(), tensor);
    let header = serde_json::to_vec(&header).unwrap();
    let length = (header.len() as u64).to_le_bytes();
    fs::write(path, [&length, &*header, data].concat()).unwrap();
}

/// The model as installed after a change.
fn installed(change: impl Fn(&Path)) -> (tempfile::TempDir, ModelFiles) {
    let (home, cache) = cache();
    let folder = home.path().join("download");
    fs::create_dir(&folder).unwrap();
    write(&folder);
    change(&folder);
    let files = cache.import("mine", &folder, &Watch::silent()).unwrap();
    (home, files)
}

fn load(files: &ModelFiles, options: &LoadOptions) -> Encoder {
    Encoder::load(files, options).unwrap()
}

fn embed(encoder: &Encoder, picture: Picture) -> Vec<f32> {
    encoder.embed_images(&[picture]).remove(0).unwrap()
}

fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / length).collect()
}

fn difference(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    let pairs = got.iter().zip(want);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn tokens_equal_transformers_for_fewer_as_many_and_more_cells_than_are_stored() {
    let mut failures = Vec::new();
    for case in golden().squares {
        let side = case.side;
        let (_home, files) = installed(|folder| {
            let exact = json!({"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}});
            change(folder, PREPROCESSOR, exact);
        });
        for kernels in Kernels::available() {
            let encoder = load(&files, &LoadOptions::new(kernels));
            assert_eq!((encoder.dimensions(), encoder.depths()), (32, 3));
            assert_eq!(encoder.input_size(), InputSize::Square(side));
            let square = || picture(side as u32, side as u32);
            let mut check = |what: &str, got: &[f32], want: &[f32]| {
                let difference = difference(got, want);
                if difference > MAX_DIFFERENCE {
                    failures.push(format!("{} {side} {what}: {difference}", kernels.name()));
                }
            };
            let embedding = embed(&encoder, square());
            check("embedding", &embedding, &unit(&case.embedding));
            let patches = encoder.patch_features(&square());
            assert_eq!((patches.rows, patches.columns), (side / 14, side / 14));
            check("patches", &patches.data, &case.patches);
            let depths: Vec<usize> = (0..case.layers.len()).collect();
            let pixels = encoder.preprocess().normalise(&square());
            let maps = encoder.feature_maps(&pixels, &depths);
            for ((depth, map), want) in maps.iter().enumerate().zip(&case.layers) {
                check(&format!("layer {depth}"), &map.data, want);
                // What lies after it is not computed.
                let alone = encoder.feature_maps(&pixels, &[depth]);
                assert_eq!(alone[0].data, map.data, "layer {depth} alone");
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn a_picture_of_any_size_is_prepared_as_by_the_processor() {
    let whole = golden().whole;
    let (_home, files) = installed(|_| {});
    let encoder = load(&files, &LoadOptions::new(Kernels::detect()));
    let pixels = encoder
        .preprocess()
        .apply(&picture(whole.width, whole.height));
    let side = pixels.width();
    let sampled = (0..3).flat_map(|channel| {
        let rows = (0..side).step_by(16);
        rows.flat_map(move |y| (0..side).step_by(16).map(move |x| (y, x, channel)))
    });
    let sampled: Vec<f32> = sampled
        .map(|(y, x, channel)| pixels.data()[(y * side + x) * 3 + channel])
        .collect();
    let apart = difference(&sampled, &whole.pixels);
    assert!(apart < MAX_PIXEL_DIFFERENCE, "{apart}");
    let got = embed(&encoder, picture(whole.width, whole.height));
    let cosine: f32 = got
        .iter()
        .zip(unit(&whole.embedding))
        .map(|(a, b)| a * b)
        .sum();
    assert!(cosine > 0.9999, "{cosine}");
}

#[test]
fn all_precisions_are_near_the_reference_and_kept_forms_give_the_same_bits() {
    let embedding = unit(&golden().whole.embedding);
    let least = |precision| match precision {
        Precision::F32 => 0.9999,
        Precision::Bf16 => 0.999,
        _ => 0.99,
    };
    for kernels in Kernels::available() {
        let (_home, files) = installed(|_| {});
        let mut prints = Vec::new();
        for precision in Precision::ALL {
            let kept = LoadOptions::new(kernels).with_precision(precision);
            let unkept = LoadOptions {
                keep_packed: false,
                ..kept
            };
            let what = format!("{} {precision}", kernels.name());
            let want = embed(&load(&files, &unkept), picture(151, 130));
            assert_eq!(
                embed(&load(&files, &kept), picture(151, 130)),
                want,
                "{what}"
            );
            let read = load(&files, &kept);
            assert_eq!(embed(&read, picture(151, 130)), want, "{what}: read");
            let cosine: f32 = want.iter().zip(&embedding).map(|(a, b)| a * b).sum();
            assert!(cosine > least(precision), "{what}: {cosine}");
            prints.push(*read.fingerprint());
        }
        prints.dedup();
        assert_eq!(prints.len(), 3, "precisions have fingerprints of their own");
    }
}

#[test]
fn another_size_of_what_is_seen_is_another_model() {
    let print = |side: usize| {
        let crop = json!({"crop_size": {"height": side, "width": side}});
        let (_home, files) = installed(|folder| change(folder, PREPROCESSOR, crop.clone()));
        *load(&files, &LoadOptions::new(Kernels::detect())).fingerprint()
    };
    assert_eq!(print(98), print(98));
    assert_ne!(print(98), print(84));
}

#[test]
fn it_reads_no_texts_and_says_which_models_do() {
    let (_home, files) = installed(|_| {});
    let encoder = load(&files, &LoadOptions::new(Kernels::detect()));
    assert!(!encoder.has_text());
    let error = encoder.embed_texts(&["a bolt"]).unwrap_err().to_string();
    assert!(error.contains("model mine does not read texts"), "{error}");
    assert!(error.contains("clip-vit-b-32"), "{error}");
    assert!(!error.contains("dinov2"), "{error}");
}

#[test]
fn a_folder_is_imported_with_what_it_needs_alone() {
    let (home, cache) = cache();
    write(home.path());
    fs::write(home.path().join("tokenizer.json"), "of no use").unwrap();
    fs::rename(
        home.path().join(WEIGHTS),
        home.path().join("pytorch_model.bin"),
    )
    .unwrap();
    for name in ["mine", "dinov2-small"] {
        let files = cache.import(name, home.path(), &Watch::silent()).unwrap();
        assert_eq!(files.kind, ModelKind::Dinov2);
        assert_eq!(files.weights.file_name().unwrap(), "pytorch_model.bin");
        assert!(files.tokenizer.is_none() && files.config.is_some());
        cache.verify(name, &Watch::silent()).unwrap();
    }
    let ModelState::Installed(manifest) = cache.status("dinov2-small").unwrap().state else {
        panic!("not installed")
    };
    assert_eq!(manifest.kind, "dinov2");
    assert_eq!(manifest.licence.as_deref(), Some("Apache-2.0"));

    let refused = |name: &str, path: &Path| {
        let error = cache.import(name, path, &Watch::silent()).unwrap_err();
        error.to_string()
    };
    let error = refused("clip-vit-b-32", home.path());
    assert!(
        error.contains("config.json is that of a dinov2, not a clip"),
        "{error}"
    );
    let error = refused("dinov2-base", &home.path().join("pytorch_model.bin"));
    assert!(
        error.contains("a folder with config.json, preprocessor_config.json and"),
        "{error}"
    );
}

#[test]
fn it_is_pulled_from_the_hub_without_a_tokenizer() {
    let files = FILES.map(|name| (name, fs::read(fixture(name)).unwrap()));
    let hub = FakeHub::with_files("facebook/dinov2-small", "main", files.to_vec());
    let network = Network {
        hub: hub.client(),
        pip: Pip::default(),
    };
    let (_home, cache) = cache();
    let pulled = cache
        .pull("dinov2-small", &network, &Watch::silent())
        .unwrap();
    assert!(matches!(pulled, Pulled::Installed(_)));
    assert_eq!(pulled.files().kind, ModelKind::Dinov2);

    let nobody = Network {
        hub: Hub::new("http://127.0.0.1:1"),
        pip: Pip::default(),
    };
    let error = cache
        .pull("dinov2-base", &nobody, &Watch::silent())
        .unwrap_err()
        .to_string();
    let way_out = "download config.json, preprocessor_config.json and model.safetensors";
    assert!(error.contains(way_out), "{error}");
}

/// What is done to a folder, and what the error must say.
type Row = (&'static str, fn(&Path), &'static str);

#[test]
fn what_does_not_fit_is_refused_before_memory_is_used_and_leaves_nothing() {
    let rows: Vec<Row> = vec![
        (
            "registers by their name",
            |f| change(f, CONFIG, json!({"model_type": "dinov2_with_registers"})),
            "config.json: it is a DINOv2 with registers",
        ),
        (
            "registers among the weights",
            |f| rename(f, "embeddings.mask_token", "embeddings.register_tokens"),
            "the weights have registers",
        ),
        (
            "giant",
            |f| change(f, CONFIG, json!({"use_swiglu_ffn": true})),
            "use_swiglu_ffn is true: DINOv2 giant is not supported",
        ),
        (
            "no bias of the attention",
            |f| change(f, CONFIG, json!({"qkv_bias": false})),
            "qkv_bias is false",
        ),
        (
            "a size that is a list",
            |f| {
                fs::write(
                    f.join(CONFIG),
                    r#"{"model_type": "dinov2", "image_size": [70, 70]}"#,
                )
                .unwrap()
            },
            "config.json is not a DINOv2 configuration",
        ),
        (
            "a huge image",
            |f| change(f, CONFIG, json!({"image_size": 99_999_999_999u64})),
            "image_size is 99999999999, expected 1 to 2048",
        ),
        (
            "no patch",
            |f| change(f, CONFIG, json!({"patch_size": 0})),
            "patch_size is 0",
        ),
        (
            "too many patches",
            |f| change(f, CONFIG, json!({"patch_size": 7, "image_size": 1400})),
            "patches of an image is 40000",
        ),
        (
            "a crop that is no whole number of patches",
            |f| change(f, PREPROCESSOR, json!({"crop_size": 99})),
            "crop_size of preprocessor_config.json 99 is not a multiple of patch_size 14",
        ),
        (
            "a crop with too many patches",
            |f| change(f, PREPROCESSOR, json!({"crop_size": 2044})),
            "patches of an image is 21316",
        ),
        (
            "a crop that is larger than any network sees",
            |f| change(f, PREPROCESSOR, json!({"crop_size": 4088})),
            "the crop_size of preprocessor_config.json is 4088, expected 1 to 2048",
        ),
        (
            "a negative width",
            |f| change(f, CONFIG, json!({"mlp_ratio": -4})),
            "mlp_ratio is -4",
        ),
        (
            "an endless width",
            |f| change(f, CONFIG, json!({"mlp_ratio": 1e300})),
            "mlp_ratio is 1",
        ),
        (
            "heads that do not divide",
            |f| change(f, CONFIG, json!({"num_attention_heads": 3})),
            "hidden_size 32 is not a multiple of 3 attention heads",
        ),
        (
            "another activation",
            |f| change(f, CONFIG, json!({"hidden_act": "silu"})),
            "hidden_act is \"silu\"",
        ),
        (
            "more layers than the weights have",
            |f| change(f, CONFIG, json!({"num_hidden_layers": 4})),
            "no tensor \"encoder.layer.3.",
        ),
        (
            "fewer layers",
            |f| change(f, CONFIG, json!({"num_hidden_layers": 2})),
            "more than the 2 layers in config.json",
        ),
        (
            "other positions",
            |f| change(f, CONFIG, json!({"image_size": 84})),
            "expected shape [1, 37, 32], got [1, 26, 32]",
        ),
        (
            "a layer without its scale",
            |f| rename(f, "encoder.layer.1.layer_scale2.lambda1", "lambda"),
            "no tensor \"encoder.layer.1.layer_scale2.lambda1\"",
        ),
        (
            "weights cut short",
            |f| {
                let bytes = fs::read(f.join(WEIGHTS)).unwrap();
                fs::write(f.join(WEIGHTS), &bytes[..bytes.len() - 1]).unwrap();
            },
            "truncated",
        ),
        (
            "no preprocessor",
            |f| fs::remove_file(f.join(PREPROCESSOR)).unwrap(),
            "preprocessor_config.json is missing",
        ),
    ];
    let mut failures = Vec::new();
    for (name, break_it, message) in rows {
        let (home, cache) = cache();
        let folder = home.path().join("folder");
        fs::create_dir(&folder).unwrap();
        write(&folder);
        break_it(&folder);
        match cache.import("mine", &folder, &Watch::silent()) {
            Ok(_) => failures.push(format!("{name}: accepted")),
            Err(error) => {
                let error = error.to_string();
                if !error.contains(message) || !error.contains("model mine") {
                    failures.push(format!("{name}: {error}"));
                }
            }
        }
        if !names(&cache).is_empty() {
            failures.push(format!("{name}: left behind {:?}", names(&cache)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
