//! Finding by words, with a model that reads them.

use niteru_testkit::shared;

use super::Browser;
use super::find::Finding;
use crate::serve::start;
use crate::support::Niteru;

/// Types words and looks for them.
fn ask(browser: &Browser, words: &str) {
    // Emptied as a person does it, which tells the page.
    browser.script(
        "const field = document.querySelector('.words input'); field.value = ''; field.dispatchEvent(new Event('input'));",
    );
    if !words.is_empty() {
        browser.type_in(".words input", words);
    }
    browser.click(".words button[type=submit]");
}

#[test]
fn words_find_photos_alone_and_with_a_photo() {
    let niteru = Niteru::empty();
    let Some(tiny) = shared("goldens/clip-tiny") else {
        return;
    };
    niteru.json(["models", "import", "clip-tiny", tiny.to_str().unwrap()]);
    for seed in 1..=6 {
        niteru.picture(&format!("photos/{seed}.png"), seed);
    }
    let folder = niteru.file("photos");
    let folder = folder.to_str().unwrap();
    niteru.json(["add", "photos", folder, "--model", "clip-tiny"]);
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let find = Finding(&browser);
    find.open("photos");
    assert_eq!(browser.count(".no-words"), 0);
    let words = "a photo of a cat";
    let told = find.after(|browser| ask(browser, words));
    // As the command line finds them.
    let expected = niteru.json(["search", "photos", "--text", words]);
    let expected: Vec<String> = expected["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{:.3}", one["similarity"].as_f64().unwrap()))
        .collect();
    assert_eq!(Finding::each(&told, "similarity"), expected);
    find.look("find-words");

    // Words only: there is nothing to put beside a result, and that is no error.
    browser.click(".results figure:first-child button.plain");
    browser.until("the window", "document.querySelector('dialog[open]')");
    assert_eq!(browser.count("dialog .pair figure"), 1);
    assert_eq!(browser.count("dialog .error"), 0);
    browser.press_words("dialog", "Close");

    // With a photo, and the photo alone.
    let photo = niteru.file("photos/2.png");
    let both = find.after(|browser| browser.pick("div.query input[type=file]", &[photo]));
    let alone = find.after(|browser| ask(browser, ""));
    assert_eq!(alone[0]["name"], "2.png");
    assert_eq!(alone[0]["similarity"], "1.000");
    for others in [&told, &alone] {
        assert_ne!(
            Finding::each(&both, "similarity"),
            Finding::each(others, "similarity")
        );
    }
    browser.language("ja");
    find.look("find-words");
    assert_eq!(browser.complaints(), [""; 0]);
}
