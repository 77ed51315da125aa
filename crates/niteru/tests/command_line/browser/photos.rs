//! The photos of a collection: pages, a choice, data, copies.

use serde_json::{Value, json};

use super::Browser;
use crate::serve::start;
use crate::support::Niteru;

/// A home with a collection of so many photos, and a browser that knows how to ask the server.
fn collection(count: u32) -> Option<(Niteru, crate::serve::Serving, Browser)> {
    let niteru = Niteru::with_model()?;
    for seed in 0..count {
        niteru.picture(&format!("parts/{seed:03}.png"), seed);
    }
    let folder = niteru.file("parts");
    niteru.json(["add", "parts", folder.to_str().unwrap()]);
    let (serving, said) = start(&niteru, &[]);
    let browser = Browser::open(said["url"].as_str().unwrap())?;
    Some((niteru, serving, browser))
}

/// What a script gives that may wait.
fn waited(browser: &Browser, script: &str) -> Value {
    browser.script(&format!("return (async () => {{ {script} }})();"))
}

/// Sets the metadata of the image with a number.
fn label(browser: &Browser, id: u64, metadata: &Value) {
    let script = format!(
        "const {{ post }} = await {}; return await post('/api/collections/parts/metadata', {{ ids: [{id}], metadata: {metadata} }});",
        Browser::module("ui/api.js")
    );
    waited(browser, &script);
}

#[test]
fn a_choice_and_the_place_outlast_that_photos_come() {
    let Some((niteru, _serving, browser)) = collection(130) else {
        return;
    };
    let shown =
        |count: u32| format!("document.querySelectorAll('figure.photo').length === {count}");
    let names = "const names = [...document.querySelectorAll('figure.photo .name')].map((one) => one.title); return names.length - new Set(names).size;";
    browser.goto("#/collections/parts");
    // Drawn again and again while the second page is on its way: none comes twice.
    for language in ["ja", "en", "ja"] {
        browser.script(&format!(
            "const list = document.querySelector('header select'); list.value = '{language}'; list.dispatchEvent(new Event('change'));
             scrollTo(0, document.body.scrollHeight);"
        ));
    }
    browser.until("the language", "document.documentElement.lang === 'ja'");
    browser.language("en");
    browser.until(
        "the first page",
        "document.querySelectorAll('figure.photo').length >= 100",
    );
    browser.until(
        "all photos",
        &format!(
            "(document.querySelector('.end')?.scrollIntoView(), {})",
            shown(130)
        ),
    );
    assert_eq!(browser.script(names), 0);

    let choose = |at: usize| {
        browser.script(&format!(
            "document.querySelectorAll('figure.photo input')[{at}].click();"
        ));
    };
    choose(4);
    choose(119);
    let place = browser.script(
        "const one = document.querySelectorAll('figure.photo')[60]; one.scrollIntoView({ block: 'center' });
         window.before = one; one.querySelector('button').focus({ preventScroll: true }); return scrollY;",
    );
    assert!(place.as_f64().unwrap() > 500.0, "{place}");
    let photo = niteru.picture("new.png", 4711);
    browser.pick("div.drop input[type=file][multiple]", &[photo]);
    browser.until("the new photo", &shown(131));
    let after = browser.script(
        "return [document.querySelectorAll('figure.photo input:checked').length, document.querySelector('.chosen strong').textContent,
                 before.isConnected, document.activeElement.closest('figure') === before];",
    );
    assert_eq!(after, json!([2, "2 chosen", true, true]));
    assert_eq!(browser.script(names), 0);

    // One of them goes; the other stays chosen.
    waited(
        &browser,
        &format!(
            "const {{ post }} = await {}; const {{ images }} = await (await fetch('/api/collections/parts/images?limit=5')).json();
             await post('/api/collections/parts/images/remove', {{ ids: [images[4].id] }});",
            Browser::module("ui/api.js")
        ),
    );
    let photo = niteru.picture("newer.png", 4712);
    browser.pick("div.drop input[type=file][multiple]", &[photo]);
    browser.until(
        "the choice that is left",
        "document.querySelector('.chosen strong')?.textContent === '1 chosen'",
    );
    browser.until(
        "the photos with the new one",
        &format!(
            "{} && document.querySelector('figure.photo .name[title$=\"newer.png\"]')",
            shown(131)
        ),
    );
    assert_eq!(browser.count("figure.photo input:checked"), 1);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn copies_do_not_go_all_at_once() {
    let Some((_niteru, _serving, browser)) = collection(4) else {
        return;
    };
    browser.goto("#/collections/parts");
    // Answers as the test wants them: the first, strict one comes last.
    waited(
        &browser,
        "const real = window.fetch;
         const { images } = await (await real('/api/collections/parts/images')).json();
         const group = (...which) => ({ kind: 'near', images: which.map((at) => ({ ...images[at], similarity: 0.98 })) });
         const answers = { '0.97': [group(0, 1), group(0, 1, 2), group(2, 3)], '0.99': [group(0, 1)] };
         window.fetch = async (path, options) => {
             const strict = /duplicates.threshold=([\\d.]+)/.exec(path)?.[1];
             if (!strict) return real(path, options);
             if (strict === '0.99') await new Promise((resolve) => { window.release = resolve; });
             return new Response(JSON.stringify({ images: 4, unavailable: 0, groups: answers[strict] }));
         };
         location.hash = '#/collections/parts/duplicates';",
    );
    let cards = "document.querySelectorAll('article.twice').length === 3";
    browser.until("the groups", cards);
    let choose = |value: &str| {
        browser.script(&format!(
            "const list = document.querySelector('#screen select'); list.value = '{value}'; list.dispatchEvent(new Event('change'));"
        ));
    };
    choose("0.99");
    browser.until("that it is looked for", "window.release");
    choose("0.97");
    browser.until("the groups", cards);
    browser.script("release();");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(browser.count("article.twice"), 3, "two answers are mixed");

    let box_of = |card: usize, at: usize| {
        format!(
            "document.querySelectorAll('article.twice')[{card}].querySelectorAll('input')[{at}].click();"
        )
    };
    browser.script(&box_of(0, 0));
    browser.script("document.querySelector('article.twice .buttons button').click();");
    browser.until(
        "that it is gone",
        "document.querySelector('article.twice .done')",
    );
    let left = "return [...document.querySelectorAll('article.twice')].map((card) => card.querySelectorAll('figure').length);";
    assert_eq!(browser.script(left), json!([0, 2, 2]));
    // Not all of what is left of the second group can go.
    browser.script(&box_of(1, 0));
    browser.script(&box_of(1, 1));
    let disabled = browser.script(
        "return document.querySelectorAll('article.twice')[1].querySelector('.buttons button').disabled;",
    );
    assert_eq!(disabled, true);
    browser.script(&box_of(1, 0));
    browser.script(
        "document.querySelectorAll('article.twice')[1].querySelector('.buttons button').click();",
    );
    browser.until(
        "the last group",
        "document.querySelectorAll('article.twice')[2].textContent.includes('One photo of this group is left')",
    );
    let images = waited(
        &browser,
        "return (await (await fetch('/api/collections/parts')).json()).images;",
    );
    assert_eq!(images, 2);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn data_goes_through_a_spreadsheet_and_comes_back_as_it_was() {
    let Some((niteru, _serving, browser)) = collection(3) else {
        return;
    };
    browser.goto("#/collections/parts");
    let hostile = [
        json!({ "=cmd": "=HYPERLINK(\"http://x\")", "note": "-5", "size": "-5 mm" }),
        json!({ "=cmd": "'=1+1", "note": "@home", "size": "+a,b" }),
        json!({ "=cmd": "''-x", "note": "it's 5", "size": "'quoted'" }),
    ];
    for (id, metadata) in (1..).zip(&hostile) {
        label(&browser, id, metadata);
    }
    let listed = || {
        let lines = niteru.run(["--json", "images", "parts", "list"]).lines();
        let all: Vec<Value> = lines
            .into_iter()
            .map(|image| image["metadata"].clone())
            .collect();
        json!(all)
    };
    let before = listed();
    browser.goto("#/collections/parts/csv");
    // Looked at, and not laid into anybody's folder of downloads.
    browser.script(
        "URL.createObjectURL = (blob) => { window.blob = blob; return 'data:,'; };
         HTMLAnchorElement.prototype.click = () => {};",
    );
    browser.script("document.querySelector('h2 ~ button').click();");
    browser.until("the file", "window.blob");
    let text = waited(&browser, "return await blob.text();");
    let text = text.as_str().unwrap();
    for cell in text.lines().flat_map(|line| line.split(',')) {
        let cell = cell.trim_start_matches(['\u{feff}', '"']);
        let runs = cell.starts_with(['=', '+', '@', '-']) && cell.parse::<f64>().is_err();
        assert!(!runs, "{cell} in {text}");
    }
    // Others in between, so that what comes back is what was in the file.
    for id in 1..=3 {
        label(
            &browser,
            id,
            &json!({ "=cmd": "other", "note": "other", "size": "other" }),
        );
    }
    let file = niteru.file("back.csv");
    std::fs::write(&file, text).unwrap();
    browser.pick("div.drop input[type=file]", &[file]);
    browser.until("the preview", "document.querySelector('#screen button.main:not(:disabled)') && document.querySelector('table.nowrap')");
    browser.script("[...document.querySelectorAll('#screen button.main')].at(-1).click();");
    browser.until("the end", "document.querySelector('#screen .done')");
    assert_eq!(listed(), before);

    // A cell that could not be saved keeps what was typed, and says so.
    browser.goto("#/collections/parts/table");
    browser.element("input.cell");
    browser.script(
        "window.real = window.fetch;
         window.fetch = (path, options) => options?.method === 'POST' ? Promise.reject(new TypeError('away')) : real(path, options);",
    );
    let cell = "input.cell[aria-label$=': note']";
    browser.type_in(cell, "long and dear");
    browser.script("document.activeElement.blur();");
    browser.until("the error", "document.querySelector('#screen .error')");
    let kept = browser.script(&format!(
        "const cell = document.querySelector(\"{cell}\"); return [cell.value, cell.getAttribute('aria-invalid')];"
    ));
    assert_eq!(kept, json!(["long and dear", "true"]));
    browser.picture("collection-table-unsaved.en.desktop");
    browser.script("window.fetch = real;");
    browser.click("#screen .error button");
    browser.until(
        "that it is saved",
        &format!("!document.querySelector(\"{cell}\").hasAttribute('aria-invalid')"),
    );
    assert!(listed().to_string().contains("long and dear"));
    assert_eq!(browser.complaints(), [""; 0]);
}

/// As after the page was loaded again in the middle of an upload.
#[test]
fn what_the_server_still_adds_is_shown_and_followed() {
    let Some((niteru, _serving, browser)) = collection(2) else {
        return;
    };
    browser.goto("#/find");
    browser.script(super::working::STREAM);
    browser.script("location.hash = '#/collections/parts';");
    let shown =
        |count: u32| format!("document.querySelectorAll('figure.photo').length === {count}");
    browser.until("the photos", &format!("streams.length > 0 && {}", shown(2)));
    let tell = |state: &str, done: u32| {
        browser.script(&format!(
            "const one = (id, collection, uploads) => job({{ id, kind: 'add', parameters: {{ collection, uploads }}, done: {done}, state: '{state}' }});
             tell('snapshot', {{ jobs: [one(7, 'parts', ['a', 'b']), one(8, 'others', ['c'])] }});"
        ));
    };
    tell("running", 1);
    let bar = "document.querySelector('.adding progress')";
    browser.until("the bar", &format!("{bar}?.max === 2 && {bar}.value === 1"));
    niteru.picture("parts/new.png", 4711);
    let folder = niteru.file("parts");
    niteru.json(["add", "parts", folder.to_str().unwrap()]);
    tell("done", 2);
    browser.until("the new photo", &format!("!{bar} && {}", shown(3)));
    assert_eq!(browser.complaints(), [""; 0]);
}
