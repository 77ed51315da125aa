//! A server that begins anew under an open page.

use super::Browser;
use crate::serve::{start, start_at};
use crate::support::Niteru;

#[test]
fn an_open_page_goes_on_with_a_server_that_began_anew() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let (mut serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let address = said["address"].as_str().unwrap();
    browser.goto("#/collections");
    drop(serving);
    (serving, _) = start_at(&niteru, address, &[], &[]);
    // What needs the proof of the server that there is now.
    browser.type_in("input[name=name]", "parts");
    browser.click("form.card button.main");
    browser.until(
        "the collection",
        "location.hash === '#/collections/parts' && document.querySelector('div.drop')",
    );
    // Also files: photos, and what is sent with a bar. The page that is open has another proof still.
    drop(serving);
    (serving, _) = start_at(&niteru, address, &[], &[]);
    let photo = niteru.picture("1.png", 1);
    browser.pick("div.drop input[type=file][multiple]", &[photo]);
    browser.until("the photo", "document.querySelector('.adding .done')");
    browser.script("location.hash = '#/settings/backup';");
    browser.until(
        "the list",
        "document.querySelector('input[accept=\".tar\"]')",
    );
    drop(serving);
    (serving, _) = start_at(&niteru, address, &[], &[]);
    let tar = niteru.file("backup.tar");
    std::fs::write(&tar, "no backup").unwrap();
    browser.pick("input[accept='.tar']", &[tar]);
    browser.until("the refusal", "document.querySelector('.settings .error')");
    let told = browser.text(".settings .error");
    assert!(!told.contains("Reload"), "{told}");

    // Who has become somebody else is not taken for the one who pressed.
    drop(serving);
    let (_serving, _) = start_at(&niteru, address, &["--login"], &[]);
    browser.click(".card button.main");
    browser.until(
        "the first administrator's form",
        "document.querySelector('input[name=code]')",
    );
}
