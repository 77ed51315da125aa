//! Live with a watched folder: photos are written into it as a camera writes them.

use std::path::PathBuf;
use std::time::Duration;

use niteru_store::JobState;
use serde_json::json;

use super::Browser;
use super::inspection::tiles;
use crate::serve::start;
use crate::support::Niteru;

/// An inspector of tiles, trained, with a folder that its camera writes into.
struct Line {
    niteru: Niteru,
    camera: PathBuf,
    /// Photos that were not learnt from are those from 24 and from 3 on.
    good: Vec<PathBuf>,
    bad: Vec<PathBuf>,
}

impl Line {
    fn ready() -> Option<Line> {
        let (niteru, good, bad) = (
            Niteru::with_model()?,
            tiles("good", 30)?,
            tiles("break", 9)?,
        );
        for (photos, folder) in [(&good[..24], "good/x"), (&bad[..3], "bad/x")] {
            for photo in photos {
                let to = niteru.file(folder);
                copy(photo, to.with_file_name(photo.file_name().unwrap()));
            }
        }
        let (of_good, of_bad) = (niteru.file("good"), niteru.file("bad"));
        let (of_good, of_bad) = (of_good.to_str().unwrap(), of_bad.to_str().unwrap());
        niteru.json([
            "inspect", "train", "Tile 7", "--good", of_good, "--bad", of_bad,
        ]);
        let camera = niteru.file("camera 2/x").parent().unwrap().to_path_buf();
        Some(Line {
            niteru,
            camera,
            good,
            bad,
        })
    }
}

fn copy(photo: &PathBuf, to: PathBuf) {
    std::fs::copy(photo, to).unwrap();
}

#[test]
fn photos_that_come_into_a_folder_are_judged_on_the_screen() {
    let Some(line) = Line::ready() else {
        return;
    };
    let Line {
        niteru,
        camera,
        good,
        bad,
    } = &line;
    let (serving, said) = start(niteru, &["--folder", camera.to_str().unwrap()]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    copy(&good[24], camera.join("before.jpg"));
    let seen = |what: &str, expression: &str| browser.until(what, expression);
    let shown = |verdict: &str| {
        format!(
            "document.querySelector('.answer .verdict.{verdict}') && document.querySelectorAll('.beside img').length === 2"
        )
    };

    // Both sources, and the folders that the server offers.
    browser.goto("#/inspect/Tile%207/live");
    browser.click("nav.tabs a[href$='/folder']");
    seen(
        "the folders",
        "document.querySelectorAll('select[name=folder] option').length === 2",
    );
    assert_eq!(
        browser.text("select[name=folder]").trim(),
        "watched\ncamera 2"
    );
    browser.shown();
    browser.picture("live-folder-start.en.desktop");
    browser.script(
        "const list = document.querySelector('select[name=folder]'); list.value = 'camera 2'; \
         list.dispatchEvent(new Event('change'));",
    );
    assert!(
        browser.text("p.path").contains("camera 2"),
        "{}",
        browser.text("p.path")
    );
    browser.click("form.watching button.main");
    seen(
        "the watch",
        "document.querySelector('.watched button.stop')",
    );
    seen(
        "that it waits",
        "document.querySelector('.answer')?.innerText.includes('Waiting for the first photo')",
    );
    browser.click(".watched label.check");

    // A good part, and a bad one, which waits for a person.
    copy(&good[25], camera.join("1.jpg"));
    seen("OK", &shown("OK"));
    assert_eq!(browser.count("li.waits"), 0);
    copy(&bad[3], camera.join("2.jpg"));
    seen("NG", &shown("NG"));
    seen(
        "the queue",
        "document.querySelectorAll('li.waits').length === 1",
    );
    assert!(browser.text("li.waits").contains("2.jpg"));
    let size = browser.script(
        "return parseFloat(getComputedStyle(document.querySelector('.answer .verdict strong')).fontSize);",
    );
    assert!(size.as_f64().unwrap() >= 96.0, "{size}");
    seen(
        "today",
        "document.querySelector('.counted').innerText.replace(/\\s+/g, ' ').includes('NG 1')",
    );
    browser.shown();
    browser.script("scrollTo(0, 0);");
    browser.picture("live-folder.en.desktop");
    browser.script("document.querySelector('.beside').scrollIntoView();");
    browser.picture("live-folder-heat.en.desktop");
    browser.script("document.querySelector('li.waits').scrollIntoView({ block: 'center' });");
    browser.picture("live-folder-queue.en.desktop");

    // It is found again, in the other language, also on a phone; a file that is no photo is told.
    std::fs::write(camera.join("notes.png"), "no photo").unwrap();
    browser.language("ja");
    browser.goto("#/inspect/Tile%207/live");
    seen(
        "the watch",
        "document.querySelector('.watched button.stop')",
    );
    seen("the verdict", &shown("NG"));
    seen(
        "the file",
        "document.querySelector('.skipped')?.textContent.includes('notes.png')",
    );
    browser.shown();
    browser.picture("live-folder.ja.desktop");
    browser.size(390, 844, true);
    browser.goto("#/inspect/Tile%207/live");
    seen("the verdict", &shown("NG"));
    browser.shown();
    browser.picture("live-folder.ja.phone");
    let wide = browser.script("return document.documentElement.scrollWidth;");
    assert_eq!(wide, json!(390));
    browser.size(1280, 900, false);

    // The folder goes, and comes back with one more photo. Several at once: what is bad is not hidden.
    let away = camera.with_file_name("away");
    std::fs::rename(camera, &away).unwrap();
    seen("the trouble", "document.querySelector('.unreachable')");
    browser.shown();
    seen(
        "why",
        "document.querySelector('.unreachable').innerText.includes('いま、このフォルダーがありません')",
    );
    assert!(!browser.text(".unreachable").contains("os error"));
    browser.picture("live-folder-gone.ja.desktop");
    for (at, photo) in [&good[26], &bad[8], &good[27], &good[28]]
        .into_iter()
        .enumerate()
    {
        copy(photo, away.join(format!("{}.jpg", 3 + at)));
    }
    std::fs::rename(&away, camera).unwrap();
    seen("the end of it", "!document.querySelector('.unreachable')");
    seen(
        "two wait",
        "document.querySelectorAll('li.waits').length === 2",
    );
    // A person says what it was, right there.
    browser.click("li.waits:first-child button.was-ok");
    seen(
        "one waits",
        "document.querySelectorAll('li.waits').length === 1",
    );

    // The server starts again: it goes on by itself, and nothing is judged twice.
    assert_eq!(browser.complaints(), [""; 0]);
    drop(browser);
    drop(serving);
    let (_serving, said) = start(niteru, &["--folder", camera.to_str().unwrap()]);
    let history = || {
        let lines = niteru
            .run(["--json", "inspect", "history", "Tile 7"])
            .lines();
        let path = |one: &serde_json::Value| PathBuf::from(one["path"].as_str().unwrap());
        let mut names: Vec<String> = lines
            .iter()
            .map(|one| {
                path(one)
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    };
    copy(&good[29], camera.join("7.jpg"));
    for _ in 0..600 {
        if history().contains(&"7.jpg".to_owned()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_secs(2));
    let expected: Vec<String> = (1..=7).map(|number| format!("{number}.jpg")).collect();
    assert_eq!(history(), expected);

    // Its screen, and its end.
    let browser = Browser::open(said["url"].as_str().unwrap()).unwrap();
    browser.goto("#/inspect/Tile%207/live");
    browser.until(
        "the watch",
        "document.querySelector('.watched button.stop')",
    );
    browser.until("the verdict", "document.querySelector('.answer .verdict')");
    browser.click(".watched button.stop");
    browser.until(
        "the way to begin",
        "document.querySelector('form.watching')",
    );
    // No verdict is left that somebody could take for one of the next part.
    browser.until(
        "that it has stopped",
        "document.querySelector('.live-head .still.ended') && !document.querySelector('.verdict')",
    );
    assert!(browser.text(".live-head").contains("Stopped"));
    browser.picture("live-folder-stopped.en.desktop");
    browser.goto("#/settings/jobs");
    browser.until(
        "the job",
        "document.querySelector('article.job[data-state=cancelled]')",
    );
    browser.picture("live-folder-job.en.desktop");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn no_verdict_stays_that_does_not_count_and_buttons_keep_their_part() {
    let Some(line) = Line::ready() else {
        return;
    };
    let folder = ["--folder", line.camera.to_str().unwrap()];
    let (serving, said) = start(&line.niteru, &folder);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("#/inspect/Tile%207/live/folder");
    browser.element("select[name=folder]");
    browser.script("document.querySelector('select[name=folder]').value = 'camera 2';");
    browser.click("form.watching button.main");
    browser.until(
        "the watch",
        "document.querySelector('.watched button.stop')",
    );
    copy(&line.bad[3], line.camera.join("1.jpg"));
    browser.until(
        "NG",
        "document.querySelector('.live-head .verdict.NG') && document.querySelectorAll('.beside img').length === 2",
    );
    assert!(browser.text(".live-head .at").contains(':'), "no time");

    // Somebody writes a note while the next part comes: its verdict stands above, and what is being said stays.
    browser.type_in(".answer-body input[name=note]", "scratch");
    copy(&line.good[25], line.camera.join("2.jpg"));
    browser.until(
        "the verdict of the newer part",
        "document.querySelector('.live-head .verdict.OK') && document.querySelector('.newer.there')",
    );
    browser.picture("live-folder-newer.en.desktop");
    let note =
        browser.script("return document.querySelector('.answer-body input[name=note]').value;");
    assert_eq!(note, "scratch");
    browser.click(".answer-body button.was-ng");
    browser.until(
        "the newer part",
        "document.querySelector('.answer-body .of .verdict-small.OK')",
    );
    let history = line.niteru.run(["--json", "inspect", "history", "Tile 7"]);
    for inspection in history.lines() {
        let said = match inspection["verdict"].as_str() {
            Some("NG") => json!(["NG", "scratch"]),
            _ => json!([null, null]),
        };
        let review = &inspection["reviews"][0];
        assert_eq!(json!([review["verdict"], review["note"]]), said);
    }

    // Rows of the queue keep their places.
    for (at, photo) in [&line.bad[8], &line.bad[3]].into_iter().enumerate() {
        copy(photo, line.camera.join(format!("{}.jpg", 3 + at)));
        let waits = format!(
            "document.querySelectorAll('li.waits').length === {}",
            at + 1
        );
        browser.until("the queue", &waits);
    }
    let order = browser.text(".queue ul");
    assert!(order.find("3.jpg") < order.find("4.jpg"), "{order}");

    // The server hangs without a word; then it is there again; then it is gone.
    copy(&line.good[26], line.camera.join("5.jpg"));
    browser.until("OK", "document.querySelector('.live-head .verdict.OK')");
    let silent = "document.querySelector('.live-head .still.offline') && !document.querySelector('.answer .verdict')";
    serving.hang();
    browser.until("that it is silent", silent);
    let told = browser.text(".live-head");
    assert!(
        told.contains("No connection") && told.contains("since"),
        "{told}"
    );
    browser.picture("live-folder-silent.en.desktop");
    serving.go_on();
    browser.until(
        "OK again",
        "document.querySelector('.live-head .verdict.OK')",
    );
    browser.language("ja");
    browser.until("OK", "document.querySelector('.live-head .verdict.OK')");
    drop(serving);
    browser.until("that it is gone", silent);
    browser.picture("live-folder-silent.ja.desktop");
    browser.size(390, 844, true);
    browser.picture("live-folder-silent.ja.phone");

    // A watch that failed is told as large, and does not just look as if none had been begun.
    let home = niteru_store::Home::open(line.niteru.home()).unwrap();
    let jobs = home.jobs(None, 10).unwrap();
    let watch = jobs.iter().find(|job| job.kind == "watch").unwrap();
    home.end_job(watch.id, JobState::Failed, Some("the disk is full"), None)
        .unwrap();
    drop(home);
    // One browser at a time.
    drop(browser);
    let (_serving, said) = start(&line.niteru, &folder);
    let browser = Browser::open(said["url"].as_str().unwrap()).unwrap();
    browser.goto("#/inspect/Tile%207/live/folder");
    browser.until(
        "that it has ended",
        "document.querySelector('.live-head .still.ended') && document.querySelector('form.watching')",
    );
    let told = browser.text(".live-head");
    assert!(
        told.contains("the disk is full") && told.contains("since"),
        "{told}"
    );
    browser.picture("live-folder-ended.en.desktop");
}
