//! Looking for a part of a photo.

use super::Browser;
use crate::serve::start;
use crate::support::Niteru;

#[test]
fn cropping_with_the_keys_asks_once_they_rest() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    for seed in 0..4 {
        niteru.picture(&format!("parts/{seed}.png"), seed);
    }
    let asked = niteru.picture("asked.png", 2);
    let folder = niteru.file("parts");
    niteru.json(["add", "parts", folder.to_str().unwrap()]);
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("#/find/parts");
    browser.pick("div.query input[type=file]", &[asked]);
    browser.until(
        "the results",
        "document.querySelectorAll('.results figure').length === 4",
    );
    browser.script(
        "window.asked = 0; const real = window.fetch;
         window.fetch = (path, options) => { asked += String(path).endsWith('search/upload'); return real(path, options); };
         document.querySelector('canvas.crop').focus();",
    );
    // Who does not see it is told the keys, and they get through to it.
    let told = browser.script(
        "const crop = document.activeElement; return [crop.getAttribute('role'), crop.getAttribute('aria-label').includes('arrow keys')];",
    );
    assert_eq!(told, serde_json::json!(["application", true]));
    for _ in 0..12 {
        browser.press('\u{E014}');
    }
    browser.until(
        "the search",
        "asked > 0 && !document.querySelector('.found.waiting')",
    );
    browser.until(
        "the results",
        "document.querySelectorAll('.results figure').length === 4",
    );
    let times = browser.script("return asked;").as_u64().unwrap();
    assert!(times <= 2, "{times} searches for 12 presses");

    // A window does not lie over the next screen.
    browser.click(".results figure button");
    browser.until("the window", "document.querySelector('dialog[open]')");
    browser.script("location.hash = '#/collections';");
    browser.until("its end", "!document.querySelector('dialog')");
    browser.shown();
    assert_eq!(browser.complaints(), [""; 0]);
}
