//! Sample photos: what CI has fetched is whole, and what is not the expected photo is refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use niteru_encoder::{Pip, Watch};
use niteru_imaging::Picture;
use niteru_store::{Home, PART_SIZE, PartDefect, SAMPLES, sample_part};

/// No Python: whoever needs the network fails.
fn no_pip() -> Pip {
    Pip {
        pythons: vec![],
        ..Pip::default()
    }
}

#[test]
fn fetched_samples_are_whole() {
    let Some(folder) = niteru_testkit::test_home("samples") else {
        return;
    };
    let home = Home::open(folder.parent().unwrap()).unwrap();
    let report = home.fetch_samples(&no_pip(), &Watch::silent()).unwrap();
    assert_eq!((report.photos, report.fetched), (SAMPLES.len(), 0));
    let csv = std::fs::read_to_string(&report.metadata).unwrap();
    assert_eq!(csv.lines().count(), SAMPLES.len() + 1);
    assert!(csv.starts_with("path,kind,source,licence\ncats/tabby.jpg,cat,"));
}

#[test]
fn without_pip_the_error_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path().join("home")).unwrap();
    let error = home.fetch_samples(&no_pip(), &Watch::silent()).unwrap_err();
    assert!(
        error.to_string().contains("install Python 3 with pip"),
        "{error}"
    );
}

/// A Python whose pip brings the given archive of cats.
#[cfg(unix)]
fn fake_pip(folder: &Path, archive: &[u8]) -> Pip {
    let wheel = folder.join("alibi-0.9.4-py3-none-any.whl");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&wheel).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("alibi/data/cats.tar.gz", options).unwrap();
    zip.write_all(archive).unwrap();
    zip.finish().unwrap();
    let script = folder.join("python");
    let text = format!(
        "case \"$*\" in *download*) cp '{}' . ;; esac\n",
        wheel.display()
    );
    std::fs::write(&script, text).unwrap();
    let python = vec!["sh".to_owned(), script.display().to_string()];
    Pip {
        pythons: vec![python],
        ..Pip::default()
    }
}

/// An archive with one file; the name is written as it is, whatever it says.
fn archive(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(contents.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    tar.append(&header, contents).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

#[cfg(unix)]
#[test]
fn hostile_archives_leave_nothing() {
    let zeros = vec![0; 64 << 20];
    let cat = "n02123045_281_tabby_cat.jpg";
    let mut cut = archive(cat, b"a cat, cut in the middle");
    cut.truncate(cut.len() / 2);
    let table = [
        (
            "another cat",
            archive(cat, b"not this cat"),
            "not the expected file",
        ),
        (
            "a way out of the folder",
            archive("../../escaped.jpg", b"x"),
            "found 0",
        ),
        (
            "an absolute path",
            archive("/tmp/niteru-escaped.jpg", b"x"),
            "found 0",
        ),
        (
            "a bomb under a wanted name",
            archive(cat, &zeros),
            "not the expected file",
        ),
        (
            "a bomb under another name",
            archive("other", &zeros),
            "damaged",
        ),
        ("a cut archive", cut, "damaged"),
        ("no archive", b"hello".to_vec(), "damaged"),
        (
            "an archive that is too large",
            vec![7; 5 << 20],
            "larger than the limit",
        ),
    ];
    let mut wrong = Vec::new();
    for (what, archive, part) in table {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        let pip = fake_pip(folder.path(), &archive);
        let result = home.fetch_samples(&pip, &Watch::silent());
        let text = result.map_or_else(|error| error.to_string(), |_| "no error".into());
        if !text.contains(part) {
            wrong.push(format!("{what}: {text}"));
        }
        let left: Vec<_> = std::fs::read_dir(home.samples()).unwrap().collect();
        if !left.is_empty() || folder.path().join("escaped.jpg").exists() {
            wrong.push(format!("{what}: left {left:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn drawn_parts_are_alike_but_for_their_defects() {
    let difference = |a: &Picture, b: &Picture| {
        let pairs = a.pixels().iter().zip(b.pixels());
        let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.pixels().len() as f64
    };
    let good: Vec<Picture> = (0..4).map(|number| sample_part(number, None)).collect();
    assert_eq!(sample_part(3, None), good[3]);
    for (at, part) in good.iter().enumerate() {
        assert_eq!((part.width(), part.height()), PART_SIZE);
        let others = good.iter().enumerate().filter(|(other, _)| *other != at);
        for (_, other) in others {
            let far = difference(part, other);
            assert!(far > 1.0 && far < 20.0, "{far}");
        }
    }
    for defect in PartDefect::ALL {
        // The same piece with and without it: the rest is the same.
        let bad = sample_part(2, Some(defect));
        let far = difference(&bad, &good[2]);
        assert!(far > 0.05 && far < 3.0, "{defect:?}: {far}");
    }
}
