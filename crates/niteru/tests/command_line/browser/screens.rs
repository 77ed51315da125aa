//! Every screen, in both languages, on a desktop, a tablet and a phone, light and dark.

use std::path::Path;

use niteru_testkit::test_home;
use serde_json::Value;

use super::Browser;
use super::inspection::tiles;
use crate::serve::start;
use crate::support::Niteru;

/// Names for pictures, and the addresses of screens.
const SCREENS: &[(&str, &str)] = &[
    ("start", "#/start"),
    ("collections", "#/collections"),
    ("collection", "#/collections/samples"),
    ("collection-table", "#/collections/samples/table"),
    ("collection-csv", "#/collections/samples/csv"),
    ("collection-duplicates", "#/collections/samples/duplicates"),
    ("find", "#/find/samples/1"),
    ("inspect", "#/inspect"),
    ("inspect-photos", "#/inspect/tile/photos"),
    ("inspect-area", "#/inspect/tile/area"),
    ("inspect-train", "#/inspect/tile/train"),
    ("inspect-check", "#/inspect/tile/check"),
    ("inspect-use", "#/inspect/tile/use"),
    ("inspect-decision", "#/inspect/tile/use/1"),
    ("inspect-live", "#/inspect/tile/live"),
    ("inspect-live-folder", "#/inspect/tile/live/folder"),
    ("compare", "#/compare"),
    ("causes", "#/causes/tile"),
    ("map", "#/map/samples"),
    ("settings-jobs", "#/settings/jobs"),
    ("settings-tokens", "#/settings/tokens"),
    ("settings-models", "#/settings/models"),
    ("settings-storage", "#/settings/storage"),
    ("settings-backup", "#/settings/backup"),
    ("settings-audit", "#/settings/audit"),
    ("settings-users", "#/settings/users"),
];

/// Name, width, height, and whether it is touched.
const SIZES: [(&str, u32, u32, bool); 3] = [
    ("desktop", 1280, 900, false),
    ("tablet", 820, 1180, true),
    ("phone", 390, 844, true),
];

/// A home with a collection, an inspector, and decisions of it.
fn lived_in() -> Option<Niteru> {
    let niteru = Niteru::with_model()?;
    let samples = test_home("samples")?;
    let csv = samples.join("samples.csv");
    niteru.json([
        "add",
        "samples",
        samples.to_str().unwrap(),
        "--metadata",
        csv.to_str().unwrap(),
    ]);
    niteru.json(["map", "samples"]);
    let (good, bad) = (niteru.file("good/0.jpg"), niteru.file("bad/0.jpg"));
    let copy = |photos: Vec<std::path::PathBuf>, beside: &Path| {
        for photo in photos {
            let to = beside.with_file_name(photo.file_name().unwrap());
            std::fs::copy(&photo, to).unwrap();
        }
        beside.parent().unwrap().to_str().unwrap().to_owned()
    };
    let (good, bad) = (
        copy(tiles("good", 24)?, &good),
        copy(tiles("blowhole", 6)?, &bad),
    );
    niteru.json(["inspect", "train", "tile", "--good", &good, "--bad", &bad]);
    let run = |lot: &str, folder: &str| {
        let arguments = [
            "--json",
            "inspect",
            "run",
            "tile",
            folder,
            "--field",
            lot,
            "--operator",
            "Sato",
        ];
        let ran = niteru.run(arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    };
    run("lot=B2", &bad);
    run("lot=A1", &good);
    Some(niteru)
}

/// What is wrong with the page as it is shown, for a person who sees it: each as a line.
const WRONG: &str = r#"
    const wrong = [];
    const page = document.documentElement;
    if (page.scrollWidth > innerWidth) wrong.push(`wider than the window: ${page.scrollWidth} of ${innerWidth}`);
    const keys = document.body.innerText.match(/\b[a-z]+\.[a-z_]+(\.[a-z_]+)*\b/g) ?? [];
    for (const key of keys) if (!key.endsWith(".safetensors") && /^(nav|start|settings|jobs?|users?|state|stage|role|inspect|find|query|add|collections|map|causes|compare|token|models?|storage|backup|audit|camera|pick|errors?|csv|set|selection|password|result)\./.test(key)) wrong.push(`a key for a text: ${key}`);
    if (/\{\w+\}/.test(document.body.innerText)) wrong.push("a place for a value");
    if (/\b(undefined|NaN|null)\b/.test(document.body.innerText)) wrong.push("no value");
    for (const image of document.images) if (image.complete && image.naturalWidth === 0 && image.loading !== "lazy") wrong.push(`no picture: ${image.src}`);
    if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
    // What is meant for fingers: a finger in a glove needs 44 pixels. What belongs to a larger label is left out.
    for (const one of document.querySelectorAll("button, select, summary, input:not([type=hidden]), main a, nav a")) {
        if (!one.checkVisibility() || one.disabled) continue;
        const target = one.matches("input") ? one.closest("label") ?? one : one;
        const { width, height } = target.getBoundingClientRect();
        if (width > 0 && (Math.round(height) < 44 || Math.round(width) < 24)) wrong.push(`small for a finger: ${one.outerHTML.slice(0, 90)} ${Math.round(width)} x ${Math.round(height)}`);
    }
    return [...new Set(wrong)];
"#;

/// Where axe-core lies below the home of the tests.
const AXE_FILE: &str = "axe/node_modules/axe-core/axe.min.js";

/// What axe-core finds: serious and critical first.
const AXE: &str = r#"
    const done = await axe.run(document, { resultTypes: ["violations"] });
    return done.violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0].html.slice(0, 120)}`);
"#;

/// What is wrong with the page as it is shown; see [`WRONG`].
pub(super) fn wrong(browser: &Browser) -> Vec<String> {
    lines(&browser.script(WRONG))
}

/// What axe-core finds on the page as it is shown; nothing where axe-core is not there, which is told.
pub(super) fn found_by_axe(browser: &Browser) -> Vec<String> {
    let Some(axe) = test_home(AXE_FILE) else {
        return Vec::new();
    };
    browser.script(&std::fs::read_to_string(axe).unwrap());
    lines(&browser.script(AXE))
}

fn lines(found: &Value) -> Vec<String> {
    let lines = found.as_array().unwrap().iter();
    lines
        .map(|line| line.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_screen_is_right_in_both_languages_and_all_sizes() {
    let Some(niteru) = lived_in() else {
        return;
    };
    let Some(axe) = test_home(AXE_FILE) else {
        return;
    };
    let axe = std::fs::read_to_string(axe).unwrap();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let mut wrong = Vec::new();
    for language in ["en", "ja"] {
        browser.size(1280, 900, false);
        browser.goto("#/start");
        browser.language(language);
        for size in SIZES {
            for (name, address) in SCREENS {
                browser.size(size.1, size.2, size.3);
                browser.goto(address);
                wrong.extend(look(&browser, &axe, (name, language, size.0)));
            }
        }
    }
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}

/// What is wrong with the screen that is shown, of which pictures are taken.
fn look(browser: &Browser, axe: &str, (name, language, size): (&str, &str, &str)) -> Vec<String> {
    let mut found = wrong(browser);
    let text = browser.text("#screen");
    let japanese = text.chars().any(|c| ('\u{3040}'..'\u{30ff}').contains(&c));
    if japanese != (language == "ja") {
        found.push("the other language".to_owned());
    }
    // Structure is the same in all sizes; contrast is looked at in both colour schemes.
    if size == "desktop" {
        browser.script(axe);
        found.extend(lines(&browser.script(AXE)));
        browser.dark(true);
        found.extend(lines(&browser.script(AXE)));
        browser.picture(&format!("{name}.{language}.dark"));
        browser.dark(false);
    }
    browser.picture(&format!("{name}.{language}.{size}"));
    found.extend(browser.complaints());
    let told = found.iter();
    told.map(|what| format!("{name} {language} {size}: {what}"))
        .collect()
}

/// Style sheets that count, in their order.
const SHEETS: &str = "return [...document.styleSheets].filter((one) => one.media.mediaText !== 'not all').map((one) => one.href);";

#[test]
fn a_screen_looks_the_same_whichever_way_one_came() {
    let Some(niteru) = lived_in() else {
        return;
    };
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let first: Vec<Value> = SCREENS
        .iter()
        .map(|(_, address)| {
            browser.goto(address);
            browser.script(SHEETS)
        })
        .collect();
    assert!(
        first.iter().any(|sheets| *sheets != first[0]),
        "{first:?}: all look alike"
    );
    // Now by links, from each to the one before it: the last ones have all been shown by then.
    browser.goto("#/start");
    for _ in 0..2 {
        for ((name, address), sheets) in SCREENS.iter().zip(&first).rev() {
            browser.follow(address);
            assert_eq!(browser.script(SHEETS), *sheets, "{name}");
        }
    }
}

#[test]
fn so_are_the_screens_before_one_is_logged_in() {
    let Some(axe) = test_home(AXE_FILE) else {
        return;
    };
    let axe = std::fs::read_to_string(axe).unwrap();
    let niteru = Niteru::empty();
    let (_serving, said) = start(&niteru, &["--login"]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.open_page("");
    let mut wrong = Vec::new();
    let mut in_all_ways = |name: &str| {
        for language in ["en", "ja"] {
            browser.size(1280, 900, false);
            // Before a login nothing says that a screen is shown, but its form.
            browser.script(&format!(
                "const list = document.querySelector('header select'); list.value = {language:?}; \
                 list.dispatchEvent(new Event('change'));"
            ));
            let shown = format!(
                "document.documentElement.lang === {language:?} && document.querySelector('#screen form')"
            );
            browser.until("the language", &shown);
            for (size, width, height, touch) in SIZES {
                browser.size(width, height, touch);
                wrong.extend(look(&browser, &axe, (name, language, size)));
            }
        }
        browser.size(1280, 900, false);
    };
    in_all_ways("setup");
    let fill = |name: &str, text: &str| browser.type_in(&format!("input[name={name}]"), text);
    fill("code", said["setup_code"].as_str().unwrap());
    fill("name", "admin");
    fill("password", "correct horse battery");
    browser.click("form.card button.main");
    browser.shown();
    browser.goto("#/settings/users");
    for (name, role) in [("sato", "operator"), ("mori", "viewer")] {
        browser.type_in("form.card input[name=name]", name);
        browser.type_in("form.card input[name=password]", "correct horse battery");
        let choose = format!("document.querySelector('form.card select').value = '{role}';");
        browser.script(&choose);
        browser.click("form.card button.main");
        let there = format!("document.querySelector('tbody').innerText.includes('{name}')");
        browser.until("the user", &there);
    }
    in_all_ways("settings-users-several");
    browser.click("header .choices button");
    let login = "document.querySelector('input[autocomplete=username]')";
    browser.until("the login", login);
    in_all_ways("login");
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}
