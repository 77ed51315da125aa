//! The device's camera: Chromium's fake one, which shows a film.

use super::Browser;
use super::inspection::tiles;
use crate::serve::start;
use crate::support::Niteru;

/// A film of one picture, a bright ring on grey, in the YUV4MPEG2 format. What Chromium shows without a film moves,
/// so that two photos of it are alike only by chance.
pub(super) fn film() -> Vec<u8> {
    let (width, height) = (640i32, 480i32);
    let mut film =
        format!("YUV4MPEG2 W{width} H{height} F20:1 Ip A1:1 C420jpeg\nFRAME\n").into_bytes();
    for y in 0..height {
        film.extend((0..width).map(|x| {
            let (dx, dy) = (x - width / 2, y - height / 2);
            let ring = (120 * 120..180 * 180).contains(&(dx * dx + dy * dy));
            if ring { 220 } else { 90 }
        }));
    }
    // Two planes of colour at half the size: one shade everywhere.
    let plane = usize::try_from(width / 2 * (height / 2)).unwrap();
    film.extend(std::iter::repeat_n(110, plane));
    film.extend(std::iter::repeat_n(150, plane));
    film
}

#[test]
fn the_camera_takes_photos_says_what_is_there_and_judges_live() {
    let (Some(niteru), Some(good)) = (Niteru::with_model(), tiles("good", 12)) else {
        return;
    };
    let folder = niteru.file("good/1.jpg");
    for photo in &good {
        std::fs::copy(photo, folder.with_file_name(photo.file_name().unwrap())).unwrap();
    }
    let good = folder.parent().unwrap().to_str().unwrap();
    niteru.json(["inspect", "train", "tile", "--good", good]);
    niteru.json(["collections", "list"]);
    let (serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };

    // A collection of photos from the camera; the second look knows the first photo again.
    browser.goto("#/collections");
    browser.type_in("input[name=name]", "parts");
    browser.click("form.card button.main");
    browser.click(".camera-box button");
    browser.click(".camera-box button.main");
    browser.until(
        "the photo",
        "document.querySelectorAll('.page img').length === 1",
    );
    browser.until(
        "the hint",
        "document.querySelector('.camera-box .hint strong')",
    );
    let hint = browser.text(".camera-box .hint");
    assert!(hint.starts_with("You already have this one."), "{hint}");

    // Live: what is no tile is told as such, large.
    browser.goto("#/inspect/tile/live");
    browser.click("p.buttons button.main");
    browser.until(
        "the camera",
        "document.querySelector('video')?.videoWidth > 0",
    );
    browser.click("p.buttons button.main");
    browser.until(
        "the verdict",
        "document.querySelector('.live-verdict .verdict')",
    );
    browser.shown();
    browser.picture("live.en.desktop");
    let size = browser.script(
        "return parseFloat(getComputedStyle(document.querySelector('.live-verdict .verdict strong') ?? document.querySelector('.live-verdict .verdict')).fontSize);",
    );
    // Letters of 4 mm can be read from a metre or so; five metres ask for 5 times as much, some 96 pixels.
    assert!(size.as_f64().unwrap() >= 96.0, "{size}");
    // With the heat map and the good part that is most like it, in place.
    browser.until(
        "the pictures",
        "document.querySelectorAll('.live-pictures:not(.before) img').length === 2",
    );
    assert!(browser.text(".live-verdict .at").contains(':'), "no time");
    browser.picture("live-pictures.en.desktop");
    assert_eq!(browser.complaints(), [""; 0]);

    // The server hangs: what it said of the part before does not stay, and soon it is told why.
    serving.hang();
    browser.click("p.buttons button.main");
    browser.until(
        "the end of the old verdict",
        "!document.querySelector('.live-verdict .verdict')",
    );
    browser.until(
        "what is wrong",
        "document.querySelector('.live-verdict .still.offline .at')",
    );
    let told = browser.text(".live-verdict");
    assert!(
        told.contains("No connection") && told.contains("since"),
        "{told}"
    );
    assert_eq!(browser.count(".live-pictures img"), 0);
    browser.picture("live-hangs.en.desktop");
    serving.go_on();
    browser.click("p.buttons button.main");
    browser.until(
        "the verdict",
        "document.querySelector('.live-verdict .verdict')",
    );

    // The camera is pulled out: its last picture is not judged as if it were the next part's.
    browser.script("document.querySelector('video').srcObject.getTracks()[0].stop();");
    browser.click("p.buttons button.main");
    browser.until(
        "that there is no picture",
        "document.querySelector('.live-verdict .still.camera')",
    );
    drop(serving);
}
