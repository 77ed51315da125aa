//! What must be refused, and how it is said.

use std::path::{Path, PathBuf};

use niteru_imaging::{DecodeError, Filter, Limits, Picture, is_image_path};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

#[test]
fn bad_files_are_refused_with_their_name_and_reason() {
    type Check = fn(&DecodeError) -> bool;
    let cut: Check = |e| matches!(e, DecodeError::Truncated { .. });
    let cases: [(&str, Check, &str); 13] = [
        (
            "empty.jpg",
            |e| matches!(e, DecodeError::Empty),
            "the file is empty",
        ),
        (
            "text.jpg",
            |e| matches!(e, DecodeError::NotAnImage { text: true }),
            "but text",
        ),
        (
            "bomb.png",
            |e| matches!(e, DecodeError::TooLarge { .. }),
            "60000 x 60000",
        ),
        ("truncated.jpg", cut, "the JPEG file ends early"),
        ("truncated-end.jpg", cut, "the JPEG file ends early"),
        ("truncated-progressive.jpg", cut, "the JPEG file ends early"),
        ("truncated.png", cut, "the PNG file ends early"),
        ("truncated.webp", cut, "the WebP file ends early"),
        ("truncated.bmp", cut, "the BMP file ends early"),
        ("truncated.gif", cut, "the GIF file ends early"),
        ("truncated.tif", cut, "the TIFF file ends early"),
        (
            "missing.jpg",
            |e| matches!(e, DecodeError::Io(_)),
            "cannot read the file",
        ),
        (".", |e| matches!(e, DecodeError::Io(_)), "directory"),
    ];
    let mut wrong = vec![];
    for (name, check, text) in cases {
        let path = fixture(name);
        match Picture::open(&path, &Limits::default()) {
            Ok(picture) => wrong.push(format!("{name}: decoded to {picture:?}")),
            Err(error) => {
                let message = error.to_string();
                let named = message.starts_with(&path.display().to_string());
                if !check(error.reason()) || !message.contains(text) || !named {
                    wrong.push(format!("{name}: {message} ({:?})", error.reason()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_header_tells_the_size_and_refuses_what_is_too_large() {
    let mut wrong = vec![];
    let limits = Limits::default();
    for entry in std::fs::read_dir(fixture("")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let size = Picture::size_in_file(&bytes, &limits);
        match (Picture::decode(&bytes, &limits), &size) {
            (Ok(picture), Ok(size)) if *size == (picture.width(), picture.height()) => {}
            (Ok(picture), _) => {
                wrong.push(format!("{}: {size:?}, not {picture:?}", path.display()))
            }
            // What ends early may have a whole header.
            (Err(DecodeError::Truncated { .. }), _) => {}
            (Err(_), Err(_)) => {}
            (Err(error), Ok(size)) => {
                wrong.push(format!("{}: {size:?}, but {error}", path.display()))
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn limits_hold_before_decoding() {
    let bytes = |name: &str| std::fs::read(fixture(name)).unwrap();
    let all = Limits::default();
    // rgb pictures of 67 x 45 = 3015 pixels
    let cases = [
        (
            "sampling-0.jpg",
            Limits {
                max_side: 66,
                ..all
            },
            "67 x 45 pixels, the limit is 66",
        ),
        (
            "rgba.png",
            Limits {
                max_pixels: 3014,
                ..all
            },
            "3014 in all",
        ),
        (
            "lossy.webp",
            Limits {
                max_side: 66,
                ..all
            },
            "66",
        ),
        (
            "rgb.bmp",
            Limits {
                max_pixels: 3014,
                ..all
            },
            "3014 in all",
        ),
        (
            "animated.gif",
            Limits {
                max_side: 66,
                ..all
            },
            "66",
        ),
        (
            "rgb.tif",
            Limits {
                max_side: 66,
                ..all
            },
            "66",
        ),
        (
            "sampling-0.jpg",
            Limits {
                max_alloc: 9044,
                ..all
            },
            "9045 bytes of memory",
        ),
        (
            "progressive.jpg",
            Limits {
                max_alloc: 20_000,
                ..all
            },
            "bytes of memory",
        ),
        (
            "rgb16.png",
            Limits {
                max_alloc: 20_000,
                ..all
            },
            "bytes of memory",
        ),
        (
            "exif-6.png",
            Limits {
                max_alloc: 20_000,
                ..all
            },
            "bytes of memory",
        ),
        (
            "rgba.png",
            Limits {
                max_file_bytes: 100,
                ..all
            },
            "the limit is 100",
        ),
    ];
    let mut wrong = vec![];
    for (name, limits, text) in cases {
        let found = Picture::decode(&bytes(name), &limits).map_err(|e| e.to_string());
        if !found.as_ref().is_err_and(|message| message.contains(text)) {
            wrong.push(format!("{name}: expected {text:?}, got {found:?}"));
        }
        let path = fixture(name);
        if Picture::open(&path, &limits).is_ok() {
            wrong.push(format!("{name}: opened in spite of {limits:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn other_formats_are_called_by_their_name() {
    let cases: [(&[u8], &str); 4] = [
        (
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "HEIC is not supported",
        ),
        (
            b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
            "AVIF is not supported",
        ),
        (b"%PDF-1.7 \xe2\xe3\xcf\xd3", "not an image"),
        (b"\xff\xd8\xff", "the JPEG file ends early"),
    ];
    for (bytes, text) in cases {
        let message = Picture::decode(bytes, &Limits::default())
            .unwrap_err()
            .to_string();
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn extreme_shapes_pass_through() {
    let long = Picture::open(&fixture("long.png"), &Limits::default()).unwrap();
    assert_eq!((long.width(), long.height()), (30_000, 1));
    // What a model asks for: shortest side to 224, then the centre.
    let wide = 30_000 * 224;
    let left = i64::from((wide - 224) / 2);
    let input = long.resize_crop(wide, 224, left, 0, 224, 224, Filter::Bicubic);
    assert_eq!((input.width(), input.height()), (224, 224));
    let small = long.thumbnail(64);
    assert_eq!((small.width(), small.height()), (64, 1));

    let one = Picture::open(&fixture("one.png"), &Limits::default()).unwrap();
    for filter in [
        Filter::Bicubic,
        Filter::Bilinear,
        Filter::Lanczos,
        Filter::Nearest,
    ] {
        let large = one.resize(224, 224, filter);
        assert!(
            large.pixels().chunks_exact(3).all(|p| p == [200, 100, 50]),
            "{filter:?}"
        );
    }
    assert_eq!(one.resize(0, 0, Filter::Bicubic).pixels(), [200, 100, 50]);
    assert_eq!(one.thumbnail(0).pixels(), [200, 100, 50]);
}

#[test]
fn crops_are_black_outside() {
    let picture = Picture::from_rgb(2, 2, (1..=12).collect()).unwrap();
    let cases: [(i64, i64, u32, u32, Vec<u8>); 5] = [
        (1, 0, 1, 2, vec![4, 5, 6, 10, 11, 12]),
        (-1, 1, 2, 1, vec![0, 0, 0, 7, 8, 9]),
        (1, 1, 2, 2, vec![10, 11, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        (5, 0, 1, 1, vec![0; 3]),
        (i64::MIN, i64::MAX, 1, 1, vec![0; 3]),
    ];
    for (x, y, width, height, expected) in cases {
        let crop = picture.crop(x, y, width, height);
        assert_eq!(crop.pixels(), expected, "{x} {y} {width} {height}");
        let same = picture.resize_crop(2, 2, x, y, width, height, Filter::Bicubic);
        assert_eq!(
            same.pixels(),
            expected,
            "resize_crop {x} {y} {width} {height}"
        );
    }
}

#[test]
fn pictures_have_as_many_bytes_as_pixels() {
    for (width, height, bytes) in [(2, 2, 11), (0, 5, 0), (u32::MAX, u32::MAX, 3)] {
        let error = Picture::from_rgb(width, height, vec![0; bytes]).unwrap_err();
        assert_eq!(error.got, bytes as u64);
        assert!(
            error.to_string().contains(&format!("{width} x {height}")),
            "{error}"
        );
    }
}

#[test]
fn images_are_found_by_extension_in_any_case() {
    for name in [
        "a.jpg",
        "b.JPEG",
        "c.jpe",
        "d.JFIF",
        "e.png",
        "f.webp",
        "g.Bmp",
        "h.gif",
        "i.TIF",
        "写真.tiff",
    ] {
        assert!(is_image_path(Path::new(name)), "{name}");
    }
    for name in ["a", "jpg", ".jpg", "a.jpg.txt", "a.heic", "a.svg", ""] {
        assert!(!is_image_path(Path::new(name)), "{name}");
    }
}

#[test]
fn what_is_written_is_read_again() {
    let picture = Picture::open(&fixture("rgb.bmp"), &Limits::default()).unwrap();
    let again = Picture::decode(&picture.to_png().unwrap(), &Limits::default()).unwrap();
    assert!(again == picture);
    let lossy = Picture::decode(&picture.to_jpeg(95).unwrap(), &Limits::default()).unwrap();
    let sum: u64 = lossy
        .pixels()
        .iter()
        .zip(picture.pixels())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    assert!(sum / (picture.pixels().len() as u64) < 6);
    let long = Picture::from_rgb(65_536, 1, vec![0; 65_536 * 3]).unwrap();
    assert!(
        long.to_jpeg(80)
            .unwrap_err()
            .to_string()
            .contains("65536 x 1")
    );
}

#[test]
fn a_jpeg_cut_anywhere_is_refused() {
    let mut wrong = vec![];
    for name in [
        "sampling-2.jpg",
        "progressive.jpg",
        "restart.jpg",
        "grey.jpg",
        "cmyk.jpg",
    ] {
        let whole = std::fs::read(fixture(name)).unwrap();
        assert!(whole.ends_with(&[0xff, 0xd9]));
        for length in 2..whole.len() {
            match Picture::decode(&whole[..length], &Limits::default()) {
                Err(DecodeError::Truncated { .. }) => {}
                Err(DecodeError::NotAnImage { .. }) if length < 3 => {}
                other => wrong.push(format!("{name}: {length} of {}: {other:?}", whole.len())),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn stray_bytes_around_a_jpeg_do_no_harm() {
    let whole = std::fs::read(fixture("sampling-2.jpg")).unwrap();
    let expected = Picture::decode(&whole, &Limits::default()).unwrap();
    let at = 4 + usize::from(u16::from_be_bytes([whole[4], whole[5]]));
    let cases = [
        (
            "between headers",
            [&whole[..at], &[0; 10], &whole[at..]].concat(),
        ),
        (
            "fill bytes",
            [&whole[..at], &[0xff; 7], &whole[at..]].concat(),
        ),
        (
            "behind the end",
            [&whole[..], b"trailer \xff\xd8\xff\xe0 of a camera"].concat(),
        ),
    ];
    for (case, bytes) in cases {
        let picture = Picture::decode(&bytes, &Limits::default());
        assert!(picture.is_ok_and(|picture| picture == expected), "{case}");
    }
}

#[test]
fn a_jpeg_damaged_in_the_middle_is_refused() {
    let mut bytes = std::fs::read(fixture("sampling-2.jpg")).unwrap();
    // A marker that has no place in a scan.
    let at = bytes.len() * 3 / 4;
    bytes[at..at + 2].copy_from_slice(&[0xff, 0xc4]);
    let error = Picture::decode(&bytes, &Limits::default()).unwrap_err();
    assert!(
        matches!(
            error,
            DecodeError::Corrupt { .. } | DecodeError::Truncated { .. }
        ),
        "{error}"
    );
}
