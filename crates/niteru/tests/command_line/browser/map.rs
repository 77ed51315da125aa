//! From the map to the photos' data.

use niteru_testkit::test_home;

use super::Browser;
use crate::serve::start;
use crate::support::Niteru;

#[test]
fn a_selection_of_the_map_is_labelled_in_collections() {
    let (Some(niteru), Some(samples)) = (Niteru::with_model(), test_home("samples")) else {
        return;
    };
    niteru.json(["add", "samples", samples.to_str().unwrap()]);
    niteru.json(["map", "samples"]);
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("#/map/samples");
    let press = |words: &str| {
        let button = format!(
            "[...document.querySelectorAll('button')].find((one) => one.textContent.includes('{words}'))"
        );
        browser.until(words, &button);
        browser.script(&format!("{button}.click();"));
    };
    press("Select in view");
    press("Open in Collections");
    let all = "document.querySelectorAll('figure.photo input:checked').length === 18";
    browser.until("the chosen photos", all);
    browser.shown();
    assert_eq!(
        browser.count("div.drop"),
        0,
        "nothing is added to a part of it"
    );
    assert!(browser.text("p.some").contains("18"));
    browser.picture("collection-chosen.en.desktop");

    // The same in the table, where all of them get a value.
    browser.click("nav.tabs a[href$='table/chosen']");
    browser.until(
        "the chosen rows",
        "document.querySelectorAll('table.data-table tbody input[type=checkbox]:checked').length === 18",
    );
    press("Change data");
    // A value asks for the name of its field.
    browser.type_in("dialog input[name=new_value]", "seen");
    let usable = browser.script("return document.querySelector('dialog form').checkValidity();");
    assert_eq!(usable, false);
    browser.type_in("dialog input[name=new_name]", "set");
    browser.click("dialog button.main");
    browser.until(
        "the new column",
        "document.querySelectorAll('input.cell[aria-label$=\": set\"]').length === 18",
    );
    let seen = [
        "--json",
        "images",
        "samples",
        "list",
        "--filter",
        "set = seen",
    ];
    assert_eq!(niteru.run(seen).lines().len(), 18);
    browser.click("p.some a");
    browser.until("all photos", "!document.querySelector('p.some')");

    // After a reload nobody knows what was chosen, and that is said.
    browser.goto("#/collections/samples/photos/chosen");
    browser.reload();
    browser.until(
        "all photos",
        "document.querySelectorAll('figure.photo').length === 18",
    );
    assert!(browser.text("p.some").contains("loaded anew"));
    assert_eq!(browser.complaints(), [""; 0]);
}
