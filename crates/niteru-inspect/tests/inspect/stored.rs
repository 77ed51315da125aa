//! Inspectors as bytes, and the same numbers for the same input.

use niteru_encoder::{Encoder, LoadOptions};
use niteru_inspect::{Inspector, InspectorError, TrainOptions};
use niteru_kernels::{Kernels, Precision};

use crate::plates::{self, Defect, Noise};
use crate::{FRESH, assert_sound, encoder, good_plates, learn, model, shared};

/// Fewer and smaller plates than elsewhere: what is stored hangs on neither.
fn small() -> Option<(Vec<u8>, Vec<u8>)> {
    let good = good_plates(0..6);
    let options = TrainOptions::default();
    let bytes = || {
        let trained = learn(&good.files, &options)?.unwrap();
        Some(trained.inspector.to_bytes().unwrap())
    };
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    Some((bytes()?, one.install(bytes)?))
}

#[test]
fn the_same_pictures_make_the_same_inspector_on_any_number_of_threads() {
    let Some((first, second)) = small() else {
        return;
    };
    assert!(
        first == second,
        "{} and {} bytes",
        first.len(),
        second.len()
    );
}

#[test]
fn a_score_is_the_same_after_storing_and_on_any_number_of_threads() {
    let (Some(shared), Some(encoder)) = (shared(), encoder()) else {
        return;
    };
    let bytes = shared.trained.inspector.to_bytes().unwrap();
    let read = Inspector::from_bytes(&bytes, encoder).unwrap();
    assert!(read.to_bytes().unwrap() == bytes);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    for picture in [plates::good(FRESH), plates::bad(FRESH, Defect::Scratch)] {
        let first = shared.inspect(&picture);
        assert_eq!(shared.inspect(&picture), first, "twice");
        assert_eq!(read.inspect(&picture).unwrap(), first, "after storing");
        let found = pool.install(|| read.inspect(&picture).unwrap());
        assert_eq!(found, first, "on three threads");
    }
}

/// A copy with a bit turned, or cut off; half of them near the beginning, where the lengths are.
fn damaged(whole: &[u8], at: u64, noise: &mut Noise) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let end = if at.is_multiple_of(2) {
        400
    } else {
        bytes.len() as u64
    };
    let place = (noise.bits() % end) as usize;
    match at % 4 {
        3 => bytes.truncate(place),
        _ => bytes[place] ^= 1 << (noise.bits() % 8),
    }
    bytes
}

#[test]
fn damage_is_an_error() {
    let (Some(shared), Some(encoder)) = (shared(), encoder()) else {
        return;
    };
    let whole = shared.trained.inspector.to_bytes().unwrap();
    let mut noise = Noise::new(77);
    for at in 0..200 {
        let bytes = damaged(&whole, at, &mut noise);
        assert!(
            Inspector::from_bytes(&bytes, encoder).is_err(),
            "damage {at}"
        );
    }
}

#[test]
fn damage_under_a_right_checksum_is_no_panic() {
    let (Some(shared), Some(encoder)) = (shared(), encoder()) else {
        return;
    };
    let whole = shared.trained.inspector.to_bytes().unwrap();
    let (whole, _) = whole.split_last_chunk::<4>().unwrap();
    let picture = plates::flat(40, 40, 90);
    let mut noise = Noise::new(78);
    for at in 0..40 {
        let mut bytes = damaged(whole, at, &mut noise);
        let sum = crc32fast::hash(&bytes);
        bytes.extend(sum.to_le_bytes());
        if let Ok(inspector) = Inspector::from_bytes(&bytes, encoder) {
            let found = inspector.inspect(&picture).unwrap();
            assert_sound(&found, &format!("damage {at}"));
        }
    }
}

#[test]
fn what_is_no_inspector_or_of_a_newer_version_is_said_to_be() {
    let (Some(shared), Some(encoder)) = (shared(), encoder()) else {
        return;
    };
    let whole = shared.trained.inspector.to_bytes().unwrap();
    let refused = |bytes: &[u8]| match Inspector::from_bytes(bytes, encoder) {
        Ok(_) => panic!("read what is none"),
        Err(error) => error.to_string(),
    };
    for none in [&b""[..], b"NITE", b"not an inspector at all"] {
        assert!(refused(none).contains("no inspector"), "{}", refused(none));
    }
    assert!(refused(&whole[..10]).contains("cut off"));
    let mut newer = whole;
    newer[8] = 200;
    let message = refused(&newer);
    assert!(message.contains("format 200"), "{message}");
    assert!(message.contains("up to"), "{message}");
}

#[test]
fn another_precision_is_refused_with_both_named() {
    let (Some(shared), Some(files)) = (shared(), model()) else {
        return;
    };
    let bytes = shared.trained.inspector.to_bytes().unwrap();
    let options = LoadOptions::new(Kernels::detect()).with_precision(Precision::Bf16);
    let other = Encoder::load(files, &options).unwrap();
    let Err(InspectorError::OtherModel { trained, given }) = Inspector::from_bytes(&bytes, &other)
    else {
        panic!("another encoder was accepted");
    };
    assert!(trained != given, "{trained}");
    for named in [trained, given] {
        assert!(named.starts_with("efficientnet-lite0 ("), "{named}");
    }
}
