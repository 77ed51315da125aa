//! Precisions, and packed forms that are kept beside the weights.

// A helper that cannot do its work fails the test it is called from.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::PathBuf;

use niteru_encoder::{
    EmbedOptions, Encoder, Framing, LoadOptions, ModelFiles, PrecisionChoice, Watch,
    check_precisions,
};
use niteru_imaging::Picture;
use niteru_kernels::{Kernels, Precision};
use support::{cache, write_clip};

/// An installed model without packed forms.
fn installed() -> (tempfile::TempDir, ModelFiles) {
    let (home, cache) = cache();
    let folder = home.path().join("download");
    fs::create_dir(&folder).unwrap();
    write_clip(&folder);
    let files = cache.import("mine", &folder, &Watch::silent()).unwrap();
    fs::remove_dir_all(files.directory.join("packed")).unwrap();
    (home, files)
}

fn picture() -> Picture {
    let pixels = (0..40 * 30 * 3u32).map(|i| (i * 37 % 251) as u8).collect();
    Picture::from_rgb(40, 30, pixels).unwrap()
}

/// The embeddings of a picture and of a text.
fn embeddings(files: &ModelFiles, options: &LoadOptions) -> [Vec<f32>; 2] {
    let encoder = Encoder::load(files, options).unwrap();
    let image = encoder.embed_images(&[picture()]).remove(0).unwrap();
    let text = encoder.embed_texts(&["a photo"]).unwrap().remove(0);
    [image, text]
}

fn packed_files(files: &ModelFiles) -> Vec<PathBuf> {
    let entries = fs::read_dir(files.directory.join("packed")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn kept_forms_give_the_same_bits_in_every_precision_on_every_set() {
    for kernels in Kernels::available() {
        let (_home, files) = installed();
        for (i, precision) in Precision::ALL.into_iter().enumerate() {
            let options = LoadOptions::new(kernels).with_precision(precision);
            let unkept = LoadOptions {
                keep_packed: false,
                ..options
            };
            let want = embeddings(&files, &unkept);
            let what = format!("{kernels:?} {precision}");
            assert_eq!(embeddings(&files, &options), want, "{what}: when packed");
            assert_eq!(packed_files(&files).len(), 2 * (i + 1), "{what}");
            assert_eq!(embeddings(&files, &options), want, "{what}: when read");
        }
    }
}

#[test]
fn damaged_forms_are_made_anew() {
    let (_home, files) = installed();
    let options = LoadOptions::new(Kernels::detect()).with_precision(Precision::Bf16);
    let want = embeddings(&files, &options);
    for path in packed_files(&files) {
        let good = fs::read(&path).unwrap();
        let middle = good.len() / 2;
        let mut flipped = good.clone();
        // A weight in the middle, whatever its value.
        flipped[middle] ^= 0x55;
        for bad in [&flipped[..], &good[..middle], b"", b"rubbish"] {
            fs::write(&path, bad).unwrap();
            assert_eq!(embeddings(&files, &options), want, "{}", path.display());
            assert!(fs::read(&path).unwrap() == good, "{}", path.display());
        }
    }
}

#[test]
fn where_nothing_can_be_kept_a_model_loads_all_the_same() {
    let (_home, files) = installed();
    fs::write(files.directory.join("packed"), "in the way").unwrap();
    let options = LoadOptions::new(Kernels::detect());
    let unkept = LoadOptions {
        keep_packed: false,
        ..options
    };
    assert_eq!(embeddings(&files, &options), embeddings(&files, &unkept));
}

#[test]
fn fingerprints_tell_precision_and_decoding_apart() {
    let (_home, files) = installed();
    let options = LoadOptions::new(Kernels::detect());
    let exact = LoadOptions {
        exact_decode: true,
        ..options
    };
    let framed = |framing| LoadOptions { framing, ..options };
    let all = [
        options,
        exact,
        framed(Framing::Fit),
        framed(Framing::Object),
        framed(Framing::ObjectHanded),
        options.with_precision(Precision::Bf16),
        options.with_precision(Precision::Int8),
    ];
    let fingerprint = |options| *Encoder::load(&files, options).unwrap().fingerprint();
    let prints: Vec<_> = all.iter().map(fingerprint).collect();
    for (i, a) in prints.iter().enumerate() {
        assert!(!prints[..i].contains(a), "{i}");
    }
}

#[test]
fn a_check_compares_all_precisions_and_the_automatic_choice_knows() {
    let (home, files) = installed();
    let photos: Vec<PathBuf> = (0..5u8)
        .map(|i| {
            let path = home.path().join(format!("{i}.png"));
            let pixels = (0..40 * 30 * 3u32).map(|x| (x * (31 + u32::from(i)) % 249) as u8);
            let picture = Picture::from_rgb(40, 30, pixels.collect()).unwrap();
            fs::write(&path, picture.to_png().unwrap()).unwrap();
            path
        })
        .chain([home.path().join("none.png")])
        .collect();
    let (mut seen, mut failed) = (0, 0);
    let kernels = Kernels::detect();
    let options = EmbedOptions::default();
    let reports = check_precisions(&files, kernels, &photos, &options, &mut |_, _, error| {
        seen += 1;
        failed += usize::from(error.is_some());
        std::ops::ControlFlow::Continue(())
    });
    let reports = reports.unwrap();
    assert_eq!((seen, failed), (6 + 5 + 5, 1));
    let precisions: Vec<_> = reports.iter().map(|report| report.precision).collect();
    assert_eq!(precisions, Precision::ALL);
    let [f32, bf16, int8] = &reports[..] else {
        panic!("three precisions");
    };
    assert!(f32.worst_cosine > 0.999_999, "{f32:?}");
    assert!((0.99..1.0).contains(&bf16.worst_cosine), "{bf16:?}");
    assert!((0.9..1.0).contains(&int8.worst_cosine), "{int8:?}");
    assert!(reports.iter().all(|report| report.images_per_second > 0.0));
    let kept = fs::read_to_string(files.directory.join("calibration.json")).unwrap();
    assert!(kept.contains("\"photos\""), "{kept}");
    let automatic = PrecisionChoice::Auto.resolve(&files, kernels).unwrap();
    let good = kernels.prefers_bf16() && bf16.worst_cosine >= niteru_encoder::LEAST_COSINE;
    assert_eq!(automatic == Precision::Bf16, good);
}
