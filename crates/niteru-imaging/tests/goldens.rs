//! The pixels that reach a CLIP model, against the reference implementation's.

use niteru_imaging::{Filter, Limits, Picture};
use serde_json::Value;

const SIDE: u32 = 224;
const MEAN: [f32; 3] = [0.48145466, 0.4578275, 0.40821073];
const STD: [f32; 3] = [0.26862954, 0.261_302_6, 0.275_777_1];
/// Largest difference to the reference at any sampled value. One 8-bit level is 0.0150.
const TOLERANCE: f32 = 0.02;

/// The grid samples every 32nd row and column from 8 on: `pixel_values[:, 8::32, 8::32]`.
const FIRST: u32 = 8;
const STEP: u32 = 32;

#[test]
fn preprocessed_pixels_are_the_references() {
    let Some(folder) = niteru_testkit::shared("goldens") else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("clip-tiny/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let mut failures = vec![];
    let images = expected["images"].as_array().unwrap();
    assert_eq!(images.len(), 4);
    for image in images {
        let file = image["file"].as_str().unwrap();
        let picture = Picture::open(&folder.join("images").join(file), &Limits::default()).unwrap();
        let pixels = preprocess(&picture);
        let mut largest = 0f32;
        for channel in 0..3 {
            for row in 0..7 {
                for column in 0..7 {
                    let reference = &image["pixel_values_grid"][channel][row][column];
                    let (y, x) = (FIRST + STEP * row as u32, FIRST + STEP * column as u32);
                    let ours = pixels[((y * SIDE + x) * 3) as usize + channel];
                    let ours = (f32::from(ours) / 255.0 - MEAN[channel]) / STD[channel];
                    largest = largest.max((ours - reference.as_f64().unwrap() as f32).abs());
                }
            }
        }
        println!("{file}: largest difference {largest:.5}");
        if largest > TOLERANCE {
            failures.push(format!("{file}: {largest}"));
        }
    }
    assert!(failures.is_empty(), "over {TOLERANCE}: {failures:?}");
}

/// Shortest side to 224, bicubic, then the centre. As in transformers, the long side is cut to a
/// whole number.
fn preprocess(picture: &Picture) -> Vec<u8> {
    let (width, height) = (u64::from(picture.width()), u64::from(picture.height()));
    let short = width.min(height);
    let scaled = |side: u64| (u64::from(SIDE) * side / short) as u32;
    let (width, height) = (scaled(width), scaled(height));
    let left = i64::from((width - SIDE) / 2);
    let top = i64::from((height - SIDE) / 2);
    let fused = picture.resize_crop(width, height, left, top, SIDE, SIDE, Filter::Bicubic);
    let plain = picture
        .resize(width, height, Filter::Bicubic)
        .crop(left, top, SIDE, SIDE);
    assert!(fused == plain, "resize_crop differs from resize, then crop");
    fused.into_pixels()
}
