//! What people have begun outlasts that the page is drawn in another language, and the browser asks before it goes.

use std::path::PathBuf;

use niteru_imaging::Picture;
use niteru_store::{Home, JobState, PartDefect, sample_part};
use serde_json::json;

use super::Browser;
use crate::serve::start;
use crate::support::Niteru;

/// Whether the browser would ask before the page goes.
fn asks(browser: &Browser) -> bool {
    let asked = browser.script(
        "const event = new Event('beforeunload', { cancelable: true }); dispatchEvent(event); return event.defaultPrevented;",
    );
    asked.as_bool().unwrap()
}

/// A photo of a drawn part.
fn part(niteru: &Niteru, name: &str, number: u64, defect: Option<PartDefect>) -> PathBuf {
    let file = niteru.file(name);
    let picture: Picture = sample_part(number, defect);
    std::fs::write(&file, picture.to_png().unwrap()).unwrap();
    file
}

/// A home with an inspector of drawn parts, trained from few, of which it is not certain how they lie.
fn trained() -> Option<Niteru> {
    let niteru = Niteru::with_model()?;
    for number in 0..4 {
        part(&niteru, &format!("good/{number}.png"), number, None);
    }
    let good = niteru.file("good");
    niteru.json([
        "inspect",
        "train",
        "Plate",
        "--good",
        good.to_str().unwrap(),
    ]);
    let home = Home::open(niteru.home()).unwrap();
    let job = home
        .add_job("train", &json!({ "name": "Plate" }), "test")
        .unwrap();
    let report = json!({
        "version": 1, "good": 4, "suspicious": [], "skipped": [], "duplicates": [], "not_needed": 0,
        "unaligned": 3, "stretched": 2,
    });
    home.end_job(job.id, JobState::Done, None, Some(&report))
        .unwrap();
    Some(niteru)
}

#[test]
fn a_verdict_is_of_the_newest_photo_and_outlasts_another_language() {
    let Some(niteru) = trained() else {
        return;
    };
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    // What training was not certain of is told, in both languages.
    browser.goto("#/inspect/Plate/train");
    for (language, told) in [
        ("ja", ["位置合わせが確実でない", "引き伸ばして"]),
        ("en", ["not certain how 3", "2 of the good photos have"]),
    ] {
        browser.language(language);
        browser.until(
            "the report",
            "document.querySelectorAll('.uncertain').length === 2",
        );
        let text = browser.text("article.job");
        assert!(told.iter().all(|part| text.contains(part)), "{text}");
    }

    // The answer to the first photo comes after that to the second.
    let bad = part(&niteru, "bad.png", 4711, Some(PartDefect::MissingHole));
    let good = part(&niteru, "other.png", 4712, None);
    browser.goto("#/inspect/Plate/use");
    browser.script(
        "window.asked = 0;
         const real = window.fetch;
         window.fetch = async (path, options) => {
             if (options?.method !== 'POST' || !path.endsWith('/inspect')) return real(path, options);
             const first = asked === 0;
             asked += 1;
             const answer = await real(path, options);
             if (first) await new Promise((resolve) => { window.release = resolve; });
             return answer;
         };",
    );
    let field = "div.adding input[type=file]";
    browser.pick(field, std::slice::from_ref(&bad));
    browser.until("the first answer", "window.release");
    browser.pick(field, std::slice::from_ref(&good));
    let second =
        "document.querySelector('.answer .verdict') && document.querySelector('.answer .result')";
    browser.until("the verdict", second);
    let of_second = "return document.querySelector('.answer .beside img').src;";
    let shown = browser.script(of_second);
    browser.script("release();");
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(
        browser.script(of_second),
        shown,
        "the older answer is shown"
    );

    // A note that is being written, with the verdict that it is of.
    browser.type_in(".answer input[name=note]", "scratch at hole 3");
    browser.language("ja");
    browser.until("the verdict", second);
    assert_eq!(browser.script(of_second), shown);
    let note = browser.script("return document.querySelector('.answer input[name=note]').value;");
    assert_eq!(note, "scratch at hole 3");
    // Who presses twice has said it once.
    browser.element(".answer button.was-ok");
    browser.script(
        "const said = document.querySelector('.answer button.was-ok'); said.click(); said.click();",
    );
    browser.until(
        "that it is kept",
        "document.querySelector('.answer .reviews li')?.textContent.includes('hole 3')",
    );
    browser.language("en");
    browser.until(
        "that it is kept",
        "document.querySelector('.answer .reviews li')?.textContent.includes('hole 3')",
    );
    assert_eq!(browser.count(".answer .reviews li"), 1);
    // Nobody takes it for one of now who comes back later.
    browser.script("location.hash = '#/inspect/Plate/check';");
    browser.until("the other step", "document.querySelector('.trust')");
    browser.script("location.hash = '#/inspect/Plate/use';");
    browser.until(
        "the history",
        "document.querySelectorAll('.history li').length === 2",
    );
    assert_eq!(browser.count(".answer .verdict"), 0);
    // Of several photos all are inspected, and the last is shown; what is no photo is told.
    let notes = niteru.file("notes.png");
    std::fs::write(&notes, "no photo").unwrap();
    browser.pick(field, &[bad, notes, good]);
    browser.until(
        "the verdict on the last",
        "document.querySelector('.answer .several') && document.querySelector('.answer .verdict')",
    );
    let told = browser.text(".answer");
    assert!(
        told.contains("2 photos were inspected") && told.contains("notes.png"),
        "{told}"
    );
    browser.until(
        "both in the history",
        "document.querySelectorAll('.history li').length === 4",
    );
    // That one was no photo is in the browser's log.
    let complaints = browser.complaints();
    assert!(
        complaints.iter().all(|one| one.contains("/inspect")),
        "{complaints:?}"
    );

    // Days count when they are typed to their end.
    browser.goto("#/causes/Plate/2026-01-01..2026-12-31");
    browser.until(
        "the days",
        "document.querySelectorAll('form.days input').length === 2",
    );
    browser.shown();
    let before = browser.script(
        "const to = document.querySelector('form.days input[name=to]'); to.value = '0002-12-31';
         to.dispatchEvent(new Event('change', { bubbles: true }));
         to.value = '2025-12-31'; to.dispatchEvent(new Event('change', { bubbles: true })); return location.hash;",
    );
    assert_eq!(before, "#/causes/Plate/2026-01-01..2026-12-31");
    browser.picture("causes-days.en.desktop");
    browser.click("form.days button");
    browser.until(
        "the days that were typed, the earlier first",
        "location.hash === '#/causes/Plate/2025-12-31..2026-01-01/all/middle'",
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn what_is_begun_is_not_lost() {
    let niteru = Niteru::empty();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    // A painted area.
    let photo = part(&niteru, "0.png", 0, None);
    browser.goto("#/inspect/Plate/photos");
    browser.pick(
        "section.photos.good input[type=file]",
        std::slice::from_ref(&photo),
    );
    browser.until(
        "the photo",
        "document.querySelector('section.photos.good .thumbs img')",
    );
    assert!(!asks(&browser), "nothing is begun");
    browser.script("location.hash = '#/inspect/Plate/area';");
    browser.drag("canvas.board", (0.4, 0.4), (0.9, 0.9));
    let painted = "const board = document.querySelector('canvas.board');
         return [...board.getContext('2d').getImageData(board.width / 8, board.height / 8, 1, 1).data];";
    let before = browser.script(painted);
    assert!(asks(&browser), "painted, and not kept");
    browser.language("ja");
    browser.until("the board", "document.querySelector('canvas.board')");
    assert_eq!(browser.script(painted), before);
    assert!(browser.text(".unkept").contains("保存されていません"));
    browser.language("en");
    browser.click("p.onward button.main");
    browser.until("the next step", "location.hash.endsWith('/train')");
    assert!(!asks(&browser), "it is kept");

    // Photos on their way.
    browser.script(
        "location.hash = '#/inspect/Plate/photos';
         const real = window.fetch;
         window.fetch = (path, options) => options?.method === 'POST' ? new Promise((resolve) => { window.release = () => resolve(real(path, options)); }) : real(path, options);",
    );
    let other = part(&niteru, "1.png", 1, None);
    browser.pick("section.photos.good input[type=file]", &[other]);
    browser.until("that it is sent", "window.release");
    assert!(asks(&browser), "on the way");
    browser.script("release();");
    browser.until(
        "the photo",
        "document.querySelectorAll('section.photos.good .thumbs img').length === 2",
    );
    assert!(!asks(&browser), "all is there");

    // One that is sent as the other kind, too, changes sides, and that is said.
    browser.script("window.release = null;");
    browser.click("details.photos.bad summary");
    browser.pick(
        "details.photos.bad input[type=file]",
        std::slice::from_ref(&photo),
    );
    browser.until("that it is sent", "window.release");
    browser.script("release();");
    browser.until(
        "that it is said",
        "document.querySelector('details.photos.bad .moved')",
    );
    let told = browser.text("details.photos.bad .moved");
    assert_eq!(
        told,
        "1 photo was among the good ones and is a bad one now."
    );
    browser.until(
        "the other side",
        "document.querySelectorAll('section.photos.good .thumbs img').length === 1
         && document.querySelectorAll('details.photos.bad .thumbs img').length === 1",
    );

    // A file that is dropped beside what takes it is not opened in place of the page.
    let dropped = browser.script(
        "const files = new DataTransfer(); files.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
         const drop = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: files });
         document.querySelector('h1').dispatchEvent(drop);
         const text = new DataTransfer(); text.setData('text/plain', 'words');
         const words = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: text });
         document.querySelector('h1').dispatchEvent(words);
         return [drop.defaultPrevented, words.defaultPrevented];",
    );
    assert_eq!(dropped, json!([true, false]));

    // The photos of a comparison.
    browser.goto("#/compare");
    for side in 1..=2 {
        let field = format!("div.adding > div:nth-child({side}) input[type=file]");
        browser.pick(&field, std::slice::from_ref(&photo));
    }
    let both = "document.querySelectorAll('.chosen-photo img').length === 2 && !document.querySelector('#screen > p.buttons button.main').disabled";
    browser.until("both", both);
    browser.language("ja");
    browser.until("both", both);

    // A token, which is shown this once, until its part is left.
    browser.goto("#/settings/tokens");
    browser.type_in("input[name=label]", "camera");
    browser.click("form.card button.main");
    browser.until("the token", "document.querySelector('input.secret')");
    let secret = browser.script("return document.querySelector('input.secret').value;");
    browser.language("en");
    browser.until("the token", "document.querySelector('input.secret')");
    let still = browser.script("return document.querySelector('input.secret').value;");
    assert_eq!(still, secret);
    browser.script("location.hash = '#/settings/jobs';");
    browser.until("the other part", "document.querySelector('.jobs')");
    browser.script("location.hash = '#/settings/tokens';");
    browser.until("the tokens", "document.querySelector('tbody tr')");
    assert_eq!(browser.count("input.secret"), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}
