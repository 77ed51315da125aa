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
    // Who hung for long may need more than one look.
    browser.until(
        "the verdict",
        "(document.querySelector('.live-verdict .still.offline') && document.querySelector('p.buttons button.main').click(),
          document.querySelector('.live-verdict .verdict'))",
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

/// A camera that a script draws: it gives pictures only while `drawing`.
const DRAWN: &str = "
    window.drawing = true;
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
    const paper = canvas.getContext('2d');
    let turn = 0;
    setInterval(() => {
        if (!drawing) return;
        paper.fillStyle = `rgb(${turn++ % 255} 90 90)`;
        paper.fillRect(0, 0, 640, 480);
    }, 50);
    navigator.mediaDevices.getUserMedia = async () => {
        window.camera = canvas.captureStream(20);
        return camera;
    };";

#[test]
fn a_camera_that_stands_still_is_told_without_being_asked() {
    let (Some(niteru), Some(good)) = (Niteru::with_model(), tiles("good", 12)) else {
        return;
    };
    let folder = niteru.file("good/1.jpg");
    for photo in &good {
        std::fs::copy(photo, folder.with_file_name(photo.file_name().unwrap())).unwrap();
    }
    let good = folder.parent().unwrap().to_str().unwrap();
    niteru.json(["inspect", "train", "tile", "--good", good]);
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("#/inspect/tile/live/camera");
    browser.script(DRAWN);
    let start_camera = || {
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
    };
    let no_picture = |why: &str| {
        browser.until(
            "that there is no picture",
            "document.querySelector('.live-verdict .still.camera .at') && !document.querySelector('.live-verdict .verdict')",
        );
        let told = browser.text(".live-verdict");
        assert!(told.contains(why), "{told}");
        assert_eq!(browser.count(".live-pictures img"), 0);
    };
    let sees_again = || {
        browser.until(
            "the end of that",
            "!document.querySelector('.live-verdict .still')",
        );
    };
    start_camera();
    // It is well for longer than it may stand still, also where nobody sees it: on phones it is below the verdict.
    browser.size(390, 844, true);
    browser.script("scrollTo(0, document.body.scrollHeight);");
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(browser.count(".live-verdict .still"), 0);
    browser.script("scrollTo(0, 0);");
    browser.size(1280, 900, false);

    // No new picture comes: nobody has pressed anything.
    browser.script("drawing = false;");
    no_picture("stands still");
    browser.picture("live-frozen.en.desktop");
    assert_eq!(super::screens::wrong(&browser), [""; 0]);
    assert_eq!(super::screens::found_by_axe(&browser), [""; 0]);
    browser.script("drawing = true;");
    sees_again();

    // Its shutter is closed, and opened.
    let muted = |is: bool| {
        browser.script(&format!(
            "Object.defineProperty(camera.getTracks()[0], 'muted', {{ configurable: true, get: () => {is} }});"
        ));
    };
    muted(true);
    no_picture("sends no picture");
    muted(false);
    sees_again();

    // It is pulled out; plugged in again, it goes on by itself.
    browser.script("camera.getTracks()[0].stop();");
    no_picture("unplugged");
    browser.script("navigator.mediaDevices.dispatchEvent(new Event('devicechange'));");
    sees_again();

    // In the other language it goes on by itself, every second as before; on a phone, with the button where it is told.
    let steady = "document.querySelector('p.buttons label.check input')";
    browser.script(&format!(
        "{steady}.click(); document.querySelector('.live').dataset.before = 'yes';"
    ));
    browser.language("ja");
    browser.until(
        "a verdict that nobody asked for",
        &format!(
            "document.querySelector('.live:not([data-before]) .live-verdict .verdict') && {steady}.checked"
        ),
    );
    browser.script(&format!("{steady}.click();"));
    browser.size(390, 844, true);
    browser.script("camera.getTracks()[0].stop();");
    no_picture("カメラが外された");
    browser.picture("live-frozen.ja.phone");
    browser.script("document.querySelector('.live-verdict button').focus();");
    browser.press('\u{E007}');
    sees_again();
    let focused = browser.script("return document.activeElement.matches('p.buttons button');");
    assert_eq!(focused, true);
    assert_eq!(browser.complaints(), [""; 0]);
}
