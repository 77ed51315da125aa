//! Import checks what loading checks: what does not load is refused, and leaves nothing behind.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use niteru_encoder::{EmbedError, Encoder, LoadOptions, Watch};
use niteru_imaging::Picture;
use niteru_kernels::Kernels;
use serde_json::{Value, json};
use support::{Tensors, cache, clip_tensors, lite, names, safetensors, write_clip};

const QUIET: fn() -> Watch<'static> = Watch::silent;

/// What a folder is called, what is done to it, and what the error must say.
type Row = (&'static str, fn(&Path), &'static str);

/// Changes a value of a JSON file, named by a pointer such as `/text_config/vocab_size`.
fn change(folder: &Path, file: &str, pointer: &str, value: Value) {
    let path = folder.join(file);
    let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    fs::write(path, json.to_string()).unwrap();
}

/// Writes weights with other tensors.
fn weights(folder: &Path, change: impl Fn(&mut Tensors)) {
    let mut tensors = clip_tensors();
    change(&mut tensors);
    fs::write(folder.join("model.safetensors"), safetensors(&tensors)).unwrap();
}

/// Imports the small CLIP folder after each row's change. All must be refused, in words that
/// contain the row's, the model's name and the way out; nothing may be left in the cache.
fn refuse(rows: Vec<Row>) {
    let mut failures = Vec::new();
    for (name, break_it, message) in rows {
        let (home, cache) = cache();
        let folder = home.path().join("folder");
        fs::create_dir(&folder).unwrap();
        write_clip(&folder);
        break_it(&folder);
        match cache
            .import("mine", &folder, &QUIET())
            .map_err(|e| e.to_string())
        {
            Err(error) if error.contains(message) && error.contains("model mine") => {
                if error.contains(".tmp-") || error.contains("niteru models remove") {
                    failures.push(format!("{name}: no help to the reader: {error}"));
                }
            }
            other => failures.push(format!("{name}: {other:?}")),
        }
        if !names(&cache).is_empty() {
            failures.push(format!("{name}: left behind {:?}", names(&cache)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_is_imported_loads() {
    let (home, cache) = cache();
    write_clip(home.path());
    let files = cache.import("mine", home.path(), &QUIET()).unwrap();
    let encoder = Encoder::load(&files, &LoadOptions::new(Kernels::detect())).unwrap();
    let picture = Picture::from_rgb(40, 30, vec![90; 40 * 30 * 3]).unwrap();
    let image = encoder.embed_images(&[picture]).remove(0).unwrap();
    let text = encoder.embed_texts(&["a photo"]).unwrap().remove(0);
    assert_eq!((image.len(), text.len()), (4, 4));
    assert_eq!(encoder.tokenize("a photo").unwrap(), [8, 1, 2, 9]);
}

/// An installed model that no longer loads, or never did: the error says which and what to run.
#[test]
fn errors_of_loading_name_the_way_out() {
    let rows = [
        ("config.json", "{}", "config.json"),
        ("preprocessor_config.json", "{}", "missing field `size`"),
        ("tokenizer.json", "{}", "tokenizer.json is not a tokenizer"),
        ("model.safetensors", "", "the file is empty"),
    ];
    for (file, text, message) in rows {
        let (home, cache) = cache();
        write_clip(home.path());
        let files = cache.import("mine", home.path(), &QUIET()).unwrap();
        fs::write(files.directory.join(file), text).unwrap();
        // From the weights: a packed form that was kept would hide what happened to them.
        let options = LoadOptions {
            keep_packed: false,
            ..LoadOptions::new(Kernels::detect())
        };
        let error = match Encoder::load(&files, &options) {
            Ok(encoder) => {
                let EmbedError::LoadText(error) = encoder.tokenize("a").unwrap_err() else {
                    panic!("{file}: not an error of loading");
                };
                error.to_string()
            }
            Err(error) => error.to_string(),
        };
        for part in [
            message,
            "model mine",
            file,
            "niteru models remove mine",
            "niteru models import mine",
        ] {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
}

#[test]
fn incomplete_clip_folders_are_refused() {
    refuse(vec![
        (
            "no config",
            |f| fs::remove_file(f.join("config.json")).unwrap(),
            "config.json is missing",
        ),
        (
            "no tokenizer",
            |f| fs::remove_file(f.join("tokenizer.json")).unwrap(),
            "tokenizer.json is missing",
        ),
        (
            "no preprocessor",
            |f| fs::remove_file(f.join("preprocessor_config.json")).unwrap(),
            "preprocessor_config.json is missing",
        ),
        (
            "no weights",
            |f| fs::remove_file(f.join("model.safetensors")).unwrap(),
            "neither model.safetensors nor pytorch_model.bin",
        ),
        (
            "a folder in place of a file",
            |f| {
                fs::remove_file(f.join("config.json")).unwrap();
                fs::create_dir(f.join("config.json")).unwrap();
            },
            "config.json",
        ),
        #[cfg(unix)]
        (
            "a link out of the folder",
            |f| {
                fs::rename(f.join("tokenizer.json"), f.join("../outside.json")).unwrap();
                std::os::unix::fs::symlink("../outside.json", f.join("tokenizer.json")).unwrap();
            },
            "leads out of the folder",
        ),
        #[cfg(unix)]
        (
            "a link to nothing",
            |f| {
                fs::remove_file(f.join("tokenizer.json")).unwrap();
                std::os::unix::fs::symlink("nothing", f.join("tokenizer.json")).unwrap();
            },
            "tokenizer.json",
        ),
    ]);
}

#[test]
fn configurations_that_do_not_load_are_refused() {
    const CONFIG: &str = "config.json";
    const PREPROCESSOR: &str = "preprocessor_config.json";
    refuse(vec![
        (
            "config is no JSON",
            |f| fs::write(f.join(CONFIG), "hello").unwrap(),
            "config.json is not a CLIP configuration: expected value",
        ),
        (
            "config of BERT",
            |f| change(f, CONFIG, "/model_type", json!("bert")),
            "config.json: model_type is \"bert\"",
        ),
        (
            "config with a zero",
            |f| change(f, CONFIG, "/projection_dim", json!(0)),
            "config.json: projection_dim is 0",
        ),
        (
            "config with a huge size",
            |f| {
                change(
                    f,
                    CONFIG,
                    "/vision_config/image_size",
                    json!(99_999_999_999_u64),
                )
            },
            "image_size is 99999999999",
        ),
        (
            "heads that do not divide the width",
            |f| change(f, CONFIG, "/text_config/num_attention_heads", json!(3)),
            "hidden_size 8 is not a multiple of 3 attention heads",
        ),
        (
            "config of another size",
            |f| change(f, CONFIG, "/vision_config/hidden_size", json!(10)),
            "expected shape [10, 3, 16, 16], got [8, 3, 16, 16]",
        ),
        (
            "config with other layers",
            |f| change(f, CONFIG, "/text_config/num_hidden_layers", json!(1)),
            "more than the 1 layers of text_model in config.json",
        ),
        (
            "deeply nested",
            |f| fs::write(f.join(CONFIG), "[".repeat(100_000)).unwrap(),
            "config.json is not a CLIP configuration",
        ),
        (
            "config too long",
            |f| fs::write(f.join(CONFIG), " ".repeat(2 << 20)).unwrap(),
            "limit of 1048576",
        ),
        (
            "preprocessor is a list",
            |f| fs::write(f.join(PREPROCESSOR), "[]").unwrap(),
            "preprocessor_config.json is not a preprocessor configuration",
        ),
        (
            "preprocessor without a crop",
            |f| change(f, PREPROCESSOR, "/crop_size", Value::Null),
            "preprocessor_config.json: the network input must be a square",
        ),
        (
            "preprocessor with no spread",
            |f| change(f, PREPROCESSOR, "/image_std/1", json!(0)),
            "image_std not 0",
        ),
        (
            "preprocessor of another size",
            |f| change(f, PREPROCESSOR, "/crop_size", json!(24)),
            "preprocessor_config.json makes 24 px, the network of config.json reads 32 px",
        ),
    ]);
}

#[test]
fn tokenizers_that_do_not_load_are_refused() {
    const FILE: &str = "tokenizer.json";
    refuse(vec![
        (
            "tokenizer of another kind",
            |f| fs::write(f.join(FILE), "{}").unwrap(),
            "tokenizer.json is not a tokenizer",
        ),
        (
            "tokenizer without an end token",
            |f| change(f, FILE, "/post_processor", Value::Null),
            "tokenizer.json: cannot tokenize the text: the tokenizer adds no start and end token",
        ),
        (
            "tokenizer of a larger vocabulary",
            |f| change(f, FILE, "/model/vocab/photo", json!(10)),
            "the tokenizer gives token 10, the model has 10",
        ),
    ]);
}

#[test]
fn weights_that_do_not_load_are_refused() {
    refuse(vec![
        (
            "weights are text",
            |f| fs::write(f.join("model.safetensors"), "hello there").unwrap(),
            "model.safetensors",
        ),
        (
            "weights cut short",
            |f| {
                let bytes = safetensors(&clip_tensors());
                fs::write(f.join("model.safetensors"), &bytes[..bytes.len() - 1]).unwrap();
            },
            "truncated",
        ),
        (
            "a tensor of the image tower is missing",
            |f| {
                weights(f, |t| {
                    t.retain(|(name, _)| name != "vision_model.pre_layrnorm.bias")
                })
            },
            "no tensor \"vision_model.pre_layrnorm.bias\"",
        ),
        (
            "a tensor of the text tower is missing",
            |f| {
                weights(f, |t| {
                    t.retain(|(name, _)| name != "text_projection.weight")
                })
            },
            "no tensor \"text_projection.weight\"",
        ),
        (
            "a tensor within a layer is missing",
            |f| {
                weights(f, |t| {
                    t.retain(|(name, _)| name != "text_model.encoder.layers.0.mlp.fc1.bias");
                });
            },
            "no tensor \"text_model.encoder.layers.0.mlp.fc1.bias\"",
        ),
        (
            "a tensor of another shape",
            |f| weights(f, |t| t[0].1 = vec![9]),
            "expected shape [8], got [9]",
        ),
    ]);
}

#[test]
fn efficientnet_lite_weights_that_do_not_load_are_refused() {
    let (home, cache) = cache();
    let path = home.path().join("lite.bin");
    let mut tensors = lite(16, 320);
    tensors.retain(|(name, _)| name != "_blocks.3._bn1.running_var");
    fs::write(&path, safetensors(&tensors)).unwrap();
    let error = cache
        .import("mine", &path, &QUIET())
        .unwrap_err()
        .to_string();
    for part in [
        "_blocks.3._bn1.running_var",
        "lite.bin",
        "niteru models import mine",
    ] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    assert_eq!(names(&cache), [""; 0]);
}
