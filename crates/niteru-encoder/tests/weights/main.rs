//! Weight files: what is read from good ones, and how bad and hostile ones are refused.

#![allow(clippy::unwrap_used, clippy::type_complexity)]

mod files;

use std::io::Write;
use std::path::{Path, PathBuf};

use niteru_encoder::{Dtype, Weights};
use zip::CompressionMethod;

use files::{Pickle, legacy, pytorch, safetensors, zip_file};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Opens bytes as a weight file; an error as text.
fn open(bytes: &[u8]) -> Result<Weights, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Weights::open(file.path()).map_err(|error| error.to_string())
}

#[test]
fn reads_every_layout_and_type_of_pytorch_files() {
    let text = std::fs::read_to_string(fixture("state.json")).unwrap();
    let expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut failures = Vec::new();
    for file in ["state.zip.pth", "state.legacy.pth", "checkpoint.zip.pth"] {
        let weights = Weights::open(&fixture(file)).unwrap();
        assert_eq!(weights.names().count(), expected.len(), "{file}");
        for (name, tensor) in &expected {
            let shape: Vec<usize> = serde_json::from_value(tensor["shape"].clone()).unwrap();
            let case = format!("{file}, {name}");
            if weights.shape(name) != Some(&shape) {
                failures.push(format!("{case}: shape {:?}", weights.shape(name)));
            }
            if ["Long", "Bool"].contains(&tensor["type"].as_str().unwrap()) {
                let error = weights.tensor(name, &shape).unwrap_err().to_string();
                if !error.contains("not floating-point") {
                    failures.push(format!("{case}: {error}"));
                }
                continue;
            }
            let values: Vec<f64> = serde_json::from_value(tensor["values"].clone()).unwrap();
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            match weights.tensor(name, &shape) {
                Ok(read) if read.data() == values && read.shape() == shape => (),
                other => failures.push(format!("{case}: {other:?}, expected {values:?}")),
            }
        }
        assert_eq!(weights.dtype("bfloat16"), Some(Dtype::BF16));
        assert_eq!(weights.dtype("counter"), Some(Dtype::I64));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn reads_safetensors_of_every_float_type() {
    let header = r#"{"__metadata__":{"format":"pt"},
        "single":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
        "half":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]},
        "brain":{"dtype":"BF16","shape":[2],"data_offsets":[12,16]},
        "double":{"dtype":"F64","shape":[],"data_offsets":[16,24]},
        "positions":{"dtype":"I64","shape":[1],"data_offsets":[24,32]}}"#;
    let mut bytes = safetensors(header, 0);
    bytes.extend([1.5f32, -2.0].iter().flat_map(|value| value.to_le_bytes()));
    bytes.extend([0x00, 0x3c, 0x00, 0xc0]); // 1, -2 in f16
    bytes.extend([0x80, 0x3f, 0x00, 0xc0]); // 1, -2 in bf16
    bytes.extend(0.1f64.to_le_bytes());
    bytes.extend(5i64.to_le_bytes());
    let weights = open(&bytes).unwrap();
    assert_eq!(
        weights.names().collect::<Vec<_>>(),
        ["brain", "double", "half", "positions", "single"]
    );
    assert_eq!(weights.tensor("single", &[2]).unwrap().data(), [1.5, -2.0]);
    assert_eq!(weights.tensor("half", &[1, 2]).unwrap().data(), [1.0, -2.0]);
    assert_eq!(weights.tensor("brain", &[2]).unwrap().data(), [1.0, -2.0]);
    assert_eq!(weights.tensor("double", &[]).unwrap().data(), [0.1f32]);
    assert!(
        weights
            .tensor("positions", &[1])
            .unwrap_err()
            .to_string()
            .contains("i64")
    );
}

#[test]
fn errors_name_the_tensor_the_file_and_both_shapes() {
    let weights = Weights::open(&fixture("state.zip.pth")).unwrap();
    let error = weights
        .tensor("contiguous", &[2, 4, 3])
        .unwrap_err()
        .to_string();
    for part in [
        "contiguous",
        "state.zip.pth",
        "expected shape [2, 4, 3]",
        "got [2, 3, 4]",
    ] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    let error = weights.tensor("conv.weight", &[1]).unwrap_err().to_string();
    for part in ["conv.weight", "state.zip.pth", "among their 12"] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    let error = Weights::open(Path::new("/nonexistent/file.pth"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("/nonexistent/file.pth"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    assert!(Weights::open(folder.path()).is_err());
}

#[test]
fn values_that_are_not_finite_are_refused() {
    let storage: Vec<u8> = [1.0, f32::NAN]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let weights = open(&pytorch(&Pickle::new().tensor(2, 0, &[2], &[1]), &storage)).unwrap();
    assert!(
        weights
            .tensor("w", &[2])
            .unwrap_err()
            .to_string()
            .contains("NaN")
    );
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let data = [0u8; 24];
    let max = i64::MAX;
    // elements, offset, shape, strides, and whether the file may be opened
    let table: &[(i64, i64, &[i64], &[i64], bool)] = &[
        (6, 0, &[2, 3], &[3, 1], true),
        (6, 0, &[3, 2], &[1, 3], true),
        (6, 5, &[], &[], true),
        (6, 99, &[0, 5], &[5, 1], true),
        (6, 0, &[1, 6], &[max, 1], true),
        (6, 0, &[1, 2, 3], &[max, 1, 2], true),
        (6, 6, &[], &[], false),
        (6, 1, &[2, 3], &[3, 1], false),
        (6, 0, &[2, 3], &[4, 1], false),
        (6, 0, &[7], &[0], false),
        (6, 0, &[1 << 40], &[0], false),
        (6, 0, &[max, max], &[0, 0], false),
        (6, 0, &[2, 2], &[max, max], false),
        (6, max, &[2], &[max], false),
        (6, -1, &[1], &[1], false),
        (6, 0, &[-1], &[1], false),
        (6, 0, &[2], &[-1], false),
        (6, 0, &[2, 3], &[1], false),
        (
            6,
            0,
            &[1, 1, 1, 1, 1, 1, 1, 1, 1],
            &[1, 1, 1, 1, 1, 1, 1, 1, 1],
            false,
        ),
        (7, 0, &[2], &[1], false),
        (max, 0, &[2], &[1], false),
        (max / 4 + 1, 0, &[2], &[1], false),
        (-1, 0, &[2], &[1], false),
    ];
    let mut failures = Vec::new();
    for (elements, offset, shape, strides, good) in table {
        let case = format!("{elements} {offset} {shape:?} {strides:?}");
        let pickle = Pickle::new().tensor(*elements, *offset, shape, strides);
        match open(&pytorch(&pickle, &data)) {
            Ok(weights) => {
                let shape: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
                let read = weights
                    .tensor("w", &shape)
                    .map(|tensor| tensor.data().len());
                if !good || read.as_ref().ok() != Some(&shape.iter().product()) {
                    failures.push(format!("{case}: opened, read {read:?}"));
                }
            }
            Err(error) if *good => failures.push(format!("{case}: {error}")),
            Err(_) => (),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn hostile_pickles_are_refused() {
    let new = Pickle::new;
    let memo_bomb = (0..40).fold(new().op(b"]q\x00"), |pickle, _| {
        // Each list holds the one before ten times: 10^40 items if anyone expanded them.
        pickle.op(b"](h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00eq\x00")
    });
    let rows: &[(&str, Pickle, &str)] = &[
        (
            "os.system",
            new().global("os", "system").text("true").op(b"\x85R."),
            "\"os.system\"",
        ),
        (
            "posix.system",
            new().global("posix", "system").op(b"."),
            "harmful",
        ),
        (
            "builtins.eval",
            new().global("builtins", "eval").text("1").op(b"\x85R."),
            "builtins.eval",
        ),
        (
            "stack global",
            new().text("subprocess").text("Popen").op(b"\x93."),
            "subprocess.Popen",
        ),
        ("instance", new().op(b"(ios\nsystem\n."), "0x69"),
        (
            "object",
            new().op(b"(").global("os", "system").op(b"o."),
            "os.system",
        ),
        (
            "new object",
            new().global("collections", "OrderedDict").op(b")\x81."),
            "0x81",
        ),
        ("extension registry", new().op(b"\x82\x01."), "0x82"),
        ("build on a tuple", new().op(b")}b."), "attributes"),
        (
            "build on a function",
            new()
                .global("torch._utils", "_rebuild_tensor_v2")
                .op(b"}b."),
            "attributes",
        ),
        (
            "call of a text",
            new().text("os.system").op(b")R."),
            "not a function",
        ),
        (
            "call of a storage type",
            new().global("torch", "FloatStorage").op(b")R."),
            "odd",
        ),
        (
            "dictionary of items",
            new().global("collections", "OrderedDict").op(b"]\x85R."),
            "odd",
        ),
        ("empty stack", new().op(b"."), "stack"),
        ("pop under the mark", new().op(b"N(0."), "stack"),
        ("unopened mark", new().op(b"t."), "mark"),
        ("unknown memo", new().op(b"h\x05."), "remember"),
        ("memo of nothing", new().op(b"q\x05."), "stack"),
        ("no end", new().op(b"}"), "the pickle"),
        (
            "text over the end",
            new().op(b"X\xff\xff\xff\x7fabc"),
            "text of",
        ),
        (
            "text over the end 2",
            new().op(b"X\xff\x00\x00\x00abc"),
            "truncated",
        ),
        ("not UTF-8", new().op(b"U\x02\xff\xfe."), "UTF-8"),
        ("name without end", new().op(b"cos"), "truncated"),
        (
            "huge integer",
            new().op(b"\x8a\xff").op(&[7; 255]).op(b"."),
            "64 bits",
        ),
        ("protocol", Pickle(vec![0x80, 9, b'N', b'.']), "protocol"),
        ("not a dictionary", new().op(b"]."), "state dictionary"),
        ("empty dictionary", new().op(b"}."), "no tensors"),
        ("odd items", new().op(b"}(Nu."), "dictionary"),
        ("items of a list", new().op(b"](NNu."), "dictionary"),
        (
            "cycle",
            new().op(b"}q\x00").text("state_dict").op(b"h\x00s."),
            "no tensors",
        ),
        (
            "list in itself",
            new().op(b"]q\x00h\x00a."),
            "state dictionary",
        ),
        ("memo bomb", memo_bomb.op(b"."), "state dictionary"),
        (
            "deep nesting",
            (0..200_000)
                .fold(new().op(b")"), |p, _| p.op(b"\x85"))
                .op(b"."),
            "state",
        ),
        (
            "many values",
            (0..300_000).fold(new(), |p, _| p.op(b"N")).op(b"."),
            "values",
        ),
        (
            "many marks",
            (0..300_000).fold(new(), |p, _| p.op(b"(")).op(b"."),
            "marks",
        ),
        (
            "storage of another kind",
            new().text("module").op(b"\x85Q."),
            "storage in an unknown way",
        ),
        (
            "one storage, two sizes",
            new().storage(1).op(b"0").storage(2).op(b"."),
            "two ways",
        ),
    ];
    let mut failures = Vec::new();
    for (name, pickle, message) in rows {
        for (kind, bytes) in [
            ("zip", pytorch(&pickle.0, &[0; 8])),
            ("legacy", legacy(&pickle.0, &[], &[])),
        ] {
            match open(&bytes) {
                Err(error) if error.contains(message) => (),
                other => failures.push(format!("{name} ({kind}): {other:?}")),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn damaged_files_are_refused() {
    let stored = CompressionMethod::Stored;
    let good = Pickle::new().tensor(2, 0, &[2], &[1]);
    let zip = pytorch(&good, &[0; 8]);
    let old = legacy(&good, &["0"], &[0; 8]);
    assert!(open(&zip).is_ok() && open(&old).is_ok());
    let fine = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    assert!(open(&safetensors(fine, 8)).is_ok());

    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "empty"),
        ("text", b"hello, this is text".to_vec(), "neither"),
        (
            "LFS pointer",
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
            "pointer",
        ),
        ("web page", b"<!DOCTYPE html>".to_vec(), "web page"),
        ("zip cut short", zip[..zip.len() - 30].to_vec(), "zip"),
        (
            "legacy cut short",
            old[..old.len() - 1].to_vec(),
            "truncated",
        ),
        (
            "legacy without storages",
            legacy(&good, &[], &[]),
            "missing",
        ),
        (
            "legacy with an unknown storage",
            legacy(&good, &["0", "1"], &[0; 8]),
            "no tensor",
        ),
        (
            "legacy storage twice",
            legacy(&good, &["0", "0"], &[0; 8]),
            "twice",
        ),
        (
            "legacy storage of another size",
            legacy(&good, &["0"], &[0; 4]),
            "holds 1",
        ),
        (
            "zip without data.pkl",
            zip_file(&[("a/b", b"")], stored),
            "data.pkl",
        ),
        (
            "zip with two data.pkl",
            zip_file(&[("a/data.pkl", &good), ("b/data.pkl", &good)], stored),
            "more than one",
        ),
        (
            "zip without its storage",
            zip_file(&[("a/data.pkl", &good)], stored),
            "a/data/0",
        ),
        ("storage too short", pytorch(&good, &[0; 7]), "7 bytes"),
        (
            "compressed",
            zip_file(
                &[("a/data.pkl", &good), ("a/data/0", &[0; 100_000])],
                CompressionMethod::Deflated,
            ),
            "compressed",
        ),
        (
            "big-endian",
            zip_file(
                &[
                    ("a/data.pkl", &good),
                    ("a/data/0", &[0; 8]),
                    ("a/byteorder", b"big"),
                ],
                stored,
            ),
            "big-endian",
        ),
        (
            "TorchScript",
            zip_file(&[("a/data.pkl", &good), ("a/constants.pkl", b"")], stored),
            "TorchScript",
        ),
        ("safetensors cut short", safetensors(fine, 7), "safetensors"),
        ("safetensors too long", safetensors(fine, 9), "safetensors"),
        (
            "header over the end",
            safetensors(fine, 8)[..20].to_vec(),
            "safetensors",
        ),
        (
            "huge header",
            [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
            "header of 18446744073709551615 bytes",
        ),
        (
            "overlapping tensors",
            safetensors(
                r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
                8,
            ),
            "safetensors",
        ),
        (
            "overflowing shape",
            safetensors(
                r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
                0,
            ),
            "safetensors",
        ),
        (
            "unknown type",
            safetensors(
                r#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#,
                1,
            ),
            "not supported",
        ),
    ];
    let mut failures = Vec::new();
    for (name, bytes, message) in rows {
        match open(&bytes) {
            Err(error) if error.contains(message) => (),
            other => failures.push(format!("{name}: {other:?}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Changes, cuts and repeats bytes of good files: whatever comes out must be an error or tensors
/// no larger than the file, never a panic.
#[test]
fn random_damage_never_panics() {
    let mut seeds: Vec<Vec<u8>> = ["state.zip.pth", "state.legacy.pth", "checkpoint.zip.pth"]
        .iter()
        .map(|name| std::fs::read(fixture(name)).unwrap())
        .collect();
    seeds.push(safetensors(
        r#"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#,
        24,
    ));
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    };
    let mut opened = 0;
    for round in 0..6000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..1 + random(4) {
            let at = random(bytes.len());
            match random(6) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes[at] ^= 1 << random(8),
                2 => bytes[at] = [0, 0x7f, 0x80, 0xff][random(4)],
                3 => bytes.truncate(at + 1),
                4 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {
                    let end = (at + 1 + random(40)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        let length = bytes.len();
        if let Ok(weights) = open(&bytes) {
            opened += 1;
            for name in weights.names() {
                if let Ok(tensor) = weights.tensor_of_any_shape(name) {
                    assert!(tensor.data().len() <= length, "round {round}, {name}");
                }
            }
        }
    }
    // If nothing opened any more, this test would test the first check only.
    assert!((200..6000).contains(&opened), "{opened} of 6000 opened");
}

/// The published file, whose hash the catalogue holds.
#[test]
fn reads_the_published_efficientnet_lite0() {
    let relative = "models/efficientnet-lite0/efficientnet-lite0-57934424.pth";
    let Some(path) = niteru_testkit::test_home(relative) else {
        return;
    };
    let weights = Weights::open(&path).unwrap();
    assert_eq!(weights.names().count(), 296);
    assert_eq!(weights.shape("_fc.weight"), Some(&[1000, 1280][..]));
    // Three values read with a stub unpickler in Python, at [0,0,0,0], [1,2,0,1] and the last.
    let stem = weights.tensor("_conv_stem.weight", &[32, 3, 3, 3]).unwrap();
    let at = |channel: usize, rest: usize| stem.data()[channel * 27 + rest];
    assert_eq!(
        [at(0, 0), at(1, 2 * 9 + 1), at(31, 26)],
        [-1.110_336_1, -0.089_202_27, 2.235_174_2e-8]
    );
    assert!(
        weights
            .tensor("_blocks.0._bn1.num_batches_tracked", &[])
            .is_err()
    );
}
