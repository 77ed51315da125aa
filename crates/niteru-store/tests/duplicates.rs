//! Duplicates: found, grouped, skipped; with real pictures and an encoder that needs no weights.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use niteru_imaging::{Filter, Limits, Picture};
use niteru_store::{
    AddOptions, AddReport, Candidate, DuplicateKind, DuplicateOptions, Duplicates, EmbeddedFile,
    EncoderIdentity, EncoderSeconds, Home, ImageEncoder, OnResult, Source,
};
use sha2::{Digest, Sha256};
use support::{Random, name};

/// An embedding is an 8 × 8 thumbnail less its mean.
struct Small {
    likeness: bool,
}

impl Small {
    fn embed(&self, path: &Path) -> Result<EmbeddedFile, Source> {
        let bytes = std::fs::read(path)?;
        let picture = Picture::decode(&bytes, &Limits::default())?;
        let small = picture.resize(8, 8, Filter::Bilinear);
        let mean = small.pixels().iter().map(|&p| f32::from(p)).sum::<f32>() / 192.0;
        let mut embedding: Vec<f32> = small
            .pixels()
            .iter()
            .map(|&p| f32::from(p) - mean)
            .collect();
        let length = embedding.iter().map(|x| x * x).sum::<f32>().sqrt();
        embedding.iter_mut().for_each(|x| *x /= length);
        Ok(EmbeddedFile {
            embedding,
            sha256: Sha256::digest(&bytes).into(),
            bytes: bytes.len() as u64,
            width: picture.width(),
            height: picture.height(),
            likeness: self.likeness.then(|| picture.likeness()),
        })
    }
}

impl ImageEncoder for Small {
    fn identity(&self) -> EncoderIdentity {
        EncoderIdentity {
            model: "small".into(),
            fingerprint: "5".repeat(64),
            dimensions: 192,
            precision: "f32".into(),
            exact_decode: true,
            framing: "centre".into(),
        }
    }

    fn embed_files(
        &self,
        files: &mut (dyn Iterator<Item = Candidate> + Send),
        on_result: &mut OnResult<'_>,
    ) -> Result<EncoderSeconds, Source> {
        for file in files {
            let result = self.embed(file.as_ref());
            if on_result(file, result) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(EncoderSeconds::default())
    }
}

struct Photos {
    folder: tempfile::TempDir,
    home: Home,
}

impl Photos {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        std::fs::create_dir(folder.path().join("photos")).unwrap();
        Self { folder, home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("photos").join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
        support::age(&self.path(name), 3600);
    }

    fn add(&self, likeness: bool, skip: bool) -> AddReport {
        let mut options = AddOptions::default();
        options.skip_duplicates = skip;
        let photos = [self.folder.path().join("photos")];
        self.home
            .add("photos", &photos, &Small { likeness }, options)
            .unwrap()
    }

    fn duplicates(&self) -> Duplicates {
        let collection = self.home.collection("photos").unwrap();
        collection.duplicates(DuplicateOptions::default()).unwrap()
    }

    fn groups(&self) -> Vec<(DuplicateKind, Vec<String>)> {
        let names = |images: &[niteru_store::DuplicateImage]| {
            let mut names: Vec<String> = images.iter().map(|image| name(&image.path)).collect();
            names[1..].sort();
            names
        };
        let groups = self.duplicates().groups;
        groups
            .iter()
            .map(|group| (group.kind, names(&group.images)))
            .collect()
    }
}

/// Rectangles of the seed's own, drawn on a ground that they do not cover.
fn picture(seed: u64) -> Picture {
    let (width, height) = (160usize, 120usize);
    let mut random = Random::new(seed);
    let mut pixels = vec![110u8; width * height * 3];
    for _ in 0..25 {
        let (left, top) = (random.below(width), random.below(height));
        let (right, down) = (left + 8 + random.below(40), top + 8 + random.below(40));
        let colour: [u8; 3] = std::array::from_fn(|_| random.below(200) as u8);
        for y in top..down.min(height) {
            for x in left..right.min(width) {
                pixels[(y * width + x) * 3..][..3].copy_from_slice(&colour);
            }
        }
    }
    Picture::from_rgb(width as u32, height as u32, pixels).unwrap()
}

fn write_variants(photos: &Photos) {
    for seed in 1..=12 {
        photos.write(&format!("{seed:02}.png"), &picture(seed).to_png().unwrap());
    }
    let first = picture(1);
    photos.write("copy.png", &first.to_png().unwrap());
    photos.write("encoded.jpg", &first.to_jpeg(60).unwrap());
    let small = first.resize(80, 60, Filter::Bicubic);
    photos.write("small.png", &small.to_png().unwrap());
    let darker = first
        .pixels()
        .iter()
        .map(|&p| (f32::from(p) * 0.8) as u8)
        .collect();
    let darker = Picture::from_rgb(160, 120, darker).unwrap();
    photos.write("darker.png", &darker.to_png().unwrap());
    photos.write("cropped.png", &first.crop(1, 1, 158, 118).to_png().unwrap());
    let mirrored: Vec<u8> = first
        .pixels()
        .chunks_exact(480)
        .flat_map(|row| row.chunks_exact(3).rev().flatten().copied())
        .collect();
    let mirrored = Picture::from_rgb(160, 120, mirrored).unwrap();
    photos.write("mirrored.png", &mirrored.to_png().unwrap());
}

#[test]
fn pictures_saved_anew_are_grouped_and_others_are_not() {
    let expected = [
        (DuplicateKind::Exact, vec!["01.png", "copy.png"]),
        (
            DuplicateKind::Near,
            vec![
                "01.png",
                "cropped.png",
                "darker.png",
                "encoded.jpg",
                "small.png",
            ],
        ),
    ];
    let expected: Vec<(DuplicateKind, Vec<String>)> = expected
        .into_iter()
        .map(|(kind, names)| (kind, names.into_iter().map(str::to_owned).collect()))
        .collect();
    for likeness in [true, false] {
        let photos = Photos::new();
        write_variants(&photos);
        assert_eq!(photos.add(likeness, false).added, 18);
        assert_eq!(
            photos.groups(),
            expected,
            "likeness while adding: {likeness}"
        );
        let duplicates = photos.duplicates();
        assert_eq!((duplicates.images, duplicates.unavailable), (18, 0));
    }
}

#[test]
fn files_that_are_gone_or_changed_give_no_likeness() {
    let photos = Photos::new();
    for seed in 1..=4 {
        photos.write(&format!("{seed}.png"), &picture(seed).to_png().unwrap());
    }
    photos.add(false, false);
    std::fs::remove_file(photos.path("1.png")).unwrap();
    photos.write("2.png", &picture(9).to_png().unwrap());
    let duplicates = photos.duplicates();
    assert_eq!((duplicates.images, duplicates.unavailable), (4, 2));
    assert!(duplicates.groups.is_empty());
}

/// Each picture is nearly the next, the first is not the last: no group holds both.
#[test]
fn a_chain_is_no_group() {
    let photos = Photos::new();
    let (from, to) = (picture(1), picture(2));
    for step in 0..=40u32 {
        let share = step as f32 / 40.0;
        let mix =
            |(&a, &b): (&u8, &u8)| (f32::from(a) * (1.0 - share) + f32::from(b) * share) as u8;
        let pixels = from.pixels().iter().zip(to.pixels()).map(mix).collect();
        let mixed = Picture::from_rgb(160, 120, pixels).unwrap();
        photos.write(&format!("{step:02}.png"), &mixed.to_png().unwrap());
    }
    photos.add(true, false);
    let groups = photos.groups();
    assert!(groups.len() >= 2, "{groups:?}");
    let encoder = Small { likeness: true };
    for (_, names) in &groups {
        let embed = |name: &String| encoder.embed(&photos.path(name)).unwrap().embedding;
        let first = embed(&names[0]);
        for other in &names[1..] {
            let cosine: f32 = first.iter().zip(embed(other)).map(|(a, b)| a * b).sum();
            assert!(cosine > 0.84, "{} and {other}: {cosine}", names[0]);
        }
    }
}

#[test]
fn duplicates_are_skipped_and_told() {
    let photos = Photos::new();
    write_variants(&photos);
    let report = photos.add(true, true);
    let skipped: Vec<(String, DuplicateKind, String)> = report
        .duplicates
        .iter()
        .map(|d| (name(&d.path), d.kind, name(&d.image_path)))
        .collect();
    let near = |file: &str| (file.to_owned(), DuplicateKind::Near, "01.png".to_owned());
    let mut expected = vec![
        (
            "copy.png".to_owned(),
            DuplicateKind::Exact,
            "01.png".to_owned(),
        ),
        near("cropped.png"),
        near("darker.png"),
        near("encoded.jpg"),
        near("small.png"),
    ];
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(skipped, expected);
    assert_eq!((report.added, report.skipped.len()), (13, 0));
    assert!(photos.groups().is_empty());

    // Known files are what they were; what was skipped is skipped again.
    let again = photos.add(true, true);
    assert_eq!(
        (again.added, again.unchanged, again.duplicates.len()),
        (0, 13, 5)
    );
    // An image whose file is gone keeps nothing out.
    std::fs::remove_file(photos.path("01.png")).unwrap();
    photos.add(true, true);
    let report = photos.add(true, true);
    assert_eq!(report.added + report.unchanged, 13, "{report:?}");
}
