//! Finding what is like a photo: asking in every way, narrowing down, comparing, taking along.

use std::path::{Path, PathBuf};

use niteru_imaging::{Limits, Picture};
use niteru_testkit::shared;
use serde_json::Value;

use super::Browser;
use super::screens::{found_by_axe, wrong};
use crate::serve::start;
use crate::support::Niteru;

/// Kinds of parts in the collection, with two part numbers each and three photos of each of these.
const KINDS: [&str; 3] = ["bolt", "nut", "washer"];
const PHOTOS: u64 = 18;

/// A collection `parts` of photos with data, and a photo of a bolt and of a nut that are not in it.
fn parts(niteru: &Niteru) -> Option<(PathBuf, PathBuf)> {
    let data = shared("data")?;
    let manifest = std::fs::read_to_string(data.join("parts/manifest.csv")).unwrap();
    let rows: Vec<Vec<&str>> = manifest
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    let mut csv = "path,part_number,category,weight\n".to_owned();
    let mut asked = Vec::new();
    let mut weight = 10.5;
    for kind in KINDS {
        let of_kind: Vec<_> = rows.iter().filter(|row| row[2] == kind).collect();
        let first = of_kind[0][1];
        let second = of_kind.iter().find(|row| row[1] != first).unwrap()[1];
        for number in [first, second] {
            let photos: Vec<_> = of_kind.iter().filter(|row| row[1] == number).collect();
            for row in &photos[..3] {
                let from = data.join(row[0]);
                let name = from.file_name().unwrap();
                std::fs::copy(&from, niteru.file(Path::new("parts").join(name))).unwrap();
                let name = name.to_str().unwrap();
                csv.push_str(&format!("{name},{number},{kind},{weight}\n"));
                weight += 1.0;
            }
            asked.push(niteru.file(format!("{kind}.png")));
            std::fs::copy(data.join(photos[3][0]), asked.last().unwrap()).unwrap();
        }
    }
    let table = niteru.file("parts/parts.csv");
    std::fs::write(&table, csv).unwrap();
    let (folder, table) = (table.parent().unwrap(), table.to_str().unwrap());
    niteru.json([
        "add",
        "parts",
        folder.to_str().unwrap(),
        "--metadata",
        table,
    ]);
    Some((asked[0].clone(), asked[2].clone()))
}

/// Two photos beside each other in one.
fn beside(niteru: &Niteru, left: &Path, right: &Path) -> PathBuf {
    let open = |path: &Path| Picture::open(path, &Limits::default()).unwrap();
    let (left, right) = (open(left), open(right));
    let (width, height) = (left.width() as usize, left.height());
    let right = right.resize(left.width(), height, niteru_imaging::Filter::Bicubic);
    let rows = left
        .pixels()
        .chunks(width * 3)
        .zip(right.pixels().chunks(width * 3));
    let pixels: Vec<u8> = rows.flat_map(|(a, b)| [a, b].concat()).collect();
    let both = Picture::from_rgb(left.width() * 2, height, pixels).unwrap();
    let file = niteru.file("both.png");
    std::fs::write(&file, both.to_png().unwrap()).unwrap();
    file
}

/// The results that are shown, each with `similarity`, `name`, `group`, `images` of that, and its facts.
const RESULTS: &str = "
    const text = (figure, css) => figure.querySelector(css)?.innerText ?? null;
    return [...document.querySelectorAll('.results figure')].map((figure) => ({
        similarity: text(figure, '.similarity'), name: text(figure, '.name'), group: text(figure, '.group'),
        images: text(figure, '.group + .small'),
        ...Object.fromEntries([...figure.querySelectorAll('.fact')].map((one) => one.title.split(': '))),
    }));";

/// Counts the answers to searches.
const COUNTING: &str = "
    window.answers = 0;
    const real = window.fetch;
    window.fetch = async (path, options) => {
        const answer = await real(path, options);
        if (['/search', '/search/upload'].some((end) => String(path).endsWith(end))) answers += 1;
        return answer;
    };";

/// The screen Find.
pub(super) struct Finding<'a>(pub(super) &'a Browser);

impl Finding<'_> {
    /// Opens it afresh.
    pub(super) fn open(&self, collection: &str) {
        self.0.goto(&format!("#/find/{collection}"));
        self.0.script(COUNTING);
    }

    /// What is found once something was done that is to be looked for.
    pub(super) fn after(&self, act: impl FnOnce(&Browser)) -> Vec<Value> {
        let before = self.0.script("return answers;");
        act(self.0);
        let answered = format!(
            "answers > {before} && document.querySelector('.found :is(.results, .empty, .error)') \
             && !document.querySelector('.found.waiting')"
        );
        self.0.until("the results", &answered);
        self.results()
    }

    pub(super) fn results(&self) -> Vec<Value> {
        self.0.script(RESULTS).as_array().unwrap().clone()
    }

    /// What the results have in a field.
    pub(super) fn each(results: &[Value], field: &str) -> Vec<String> {
        let values = results.iter().map(|result| result[field].as_str());
        values
            .map(|value| value.unwrap_or_default().to_owned())
            .collect()
    }

    /// Chooses from the list with this title.
    fn choose(&self, title: &str, value: &str) {
        self.0.script(&format!(
            "const label = [...document.querySelectorAll('.narrow-down label')].find((one) => one.innerText.startsWith({title:?}));
             const list = label.querySelector('select'); list.value = {value:?}; list.dispatchEvent(new Event('change'));"
        ));
    }

    /// Opens the chip of a field.
    fn chip(&self, field: &str) {
        self.0.press_words(".chips", field);
        self.0
            .until("the chip", "document.querySelector('.chip[open]')");
    }

    /// Takes pictures, and expects that nothing is wrong with what is shown.
    pub(super) fn look(&self, name: &str) {
        let size = self
            .0
            .script("return innerWidth < 600 ? 'phone' : 'desktop';");
        let language = self.0.script("return document.documentElement.lang;");
        let (size, language) = (size.as_str().unwrap(), language.as_str().unwrap());
        self.0.picture(&format!("{name}.{language}.{size}"));
        assert_eq!(wrong(self.0), [""; 0], "{name} {language} {size}");
        assert_eq!(found_by_axe(self.0), [""; 0], "{name} {language} {size}");
    }
}

fn descends(results: &[Value]) {
    let similarities = Finding::each(results, "similarity");
    let numbers: Vec<f64> = similarities
        .iter()
        .map(|text| {
            let digits = text.split_once('.').map(|(_, digits)| digits.len());
            assert_eq!(digits, Some(3), "{text}");
            text.parse().unwrap()
        })
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a >= b), "{numbers:?}");
}

#[test]
fn a_photo_is_looked_for_in_every_way() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let Some((bolt, nut)) = parts(&niteru) else {
        return;
    };
    let both = beside(&niteru, &bolt, &nut);
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let find = Finding(&browser);
    find.open("parts");
    assert!(browser.text(".found .empty").contains("Give a photo above"));
    assert!(
        browser
            .text(".no-words")
            .contains("does not understand words")
    );
    find.look("find-empty");

    // Dropped, pasted, chosen.
    let dropped = find.after(|browser| browser.hand_over("drop", "div.query", &bolt));
    assert_eq!(dropped.len() as u64, PHOTOS);
    descends(&dropped);
    assert_eq!(dropped[0]["category"], "bolt");
    assert!(dropped[0]["part_number"].as_str().unwrap().len() > 4);
    let pasted = find.after(|browser| browser.hand_over("paste", "body", &nut));
    assert_eq!(pasted[0]["category"], "nut");
    let chosen = find
        .after(|browser| browser.pick("div.query input[type=file]", std::slice::from_ref(&bolt)));
    assert_eq!(chosen, dropped);

    // A part of a photo, with the mouse; and the whole one again.
    let whole = find.after(|browser| browser.pick("div.query input[type=file]", &[both]));
    let right = find.after(|browser| browser.drag("canvas.crop", (0.52, 0.02), (0.98, 0.98)));
    assert_eq!(right[0]["category"], "nut");
    find.look("find-crop");
    let left = find.after(|browser| browser.drag("canvas.crop", (0.02, 0.02), (0.48, 0.98)));
    assert_eq!(left[0]["category"], "bolt");
    assert_ne!(
        Finding::each(&left, "similarity"),
        Finding::each(&whole, "similarity")
    );
    let again = find.after(|browser| browser.press_words(".cropper", "whole photo"));
    assert_eq!(again, whole);

    // A photo of the camera.
    browser.click(".query .camera-box button");
    browser.until(
        "the camera",
        "document.querySelector('.query video')?.videoWidth > 0",
    );
    let taken = find.after(|browser| browser.click(".query .camera-box button.main"));
    assert_eq!(taken.len() as u64, PHOTOS);
    assert_ne!(
        Finding::each(&taken, "similarity"),
        Finding::each(&whole, "similarity")
    );
    browser.until(
        "the photo",
        "document.querySelector('canvas.crop').width === 640",
    );
    assert_eq!(browser.count("video"), 0, "the camera is let go");

    // What is no photo is told, and nothing else is lost.
    let notes = niteru.file("notes.png");
    std::fs::write(&notes, "no photo").unwrap();
    browser.pick("div.query input[type=file]", &[notes]);
    browser.until("the error", "document.querySelector('.found .error')");
    let told = browser.text(".found .error");
    assert!(told.contains("no photo that can be used"), "{told}");
    let back = find.after(|browser| browser.pick("div.query input[type=file]", &[bolt]));
    assert_eq!(back, dropped);
    let complaints = browser.complaints();
    let about_notes = complaints.iter().all(|one| one.contains("search/upload"));
    assert!(about_notes, "{complaints:?}");
}

#[test]
fn results_are_narrowed_down_compared_and_taken_along() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let Some((bolt, _)) = parts(&niteru) else {
        return;
    };
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let find = Finding(&browser);
    find.open("parts");
    let all = find.after(|browser| {
        browser.pick("div.query input[type=file]", std::slice::from_ref(&bolt));
    });

    // Chips from the data: values to tick, and numbers from and to.
    find.chip("category");
    find.look("find-chip");
    let nuts = find.after(|browser| browser.press_words(".chip[open] .choices-of", "nut"));
    assert_eq!(Finding::each(&nuts, "category"), vec!["nut"; 6]);
    assert!(browser.text(".chip summary.set").contains("category: nut"));
    find.chip("weight");
    browser.type_in(".chip[open] input[name=from]", "18");
    let heavy = find.after(|browser| browser.press('\u{E007}'));
    let weights: Vec<f64> = Finding::each(&heavy, "weight")
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    assert!(
        weights.len() == 4 && weights.iter().all(|weight| *weight >= 18.0),
        "{weights:?}"
    );
    let none = find.after(|browser| {
        browser.type_in(".chip[open] input[name=to]", "18.2");
        browser.press('\u{E007}');
    });
    assert_eq!(none.len(), 0);
    assert!(
        browser
            .text(".found .empty")
            .contains("Take one of the filters away")
    );
    let cleared = find.after(|browser| browser.press_words(".narrow-down", "Clear"));
    assert_eq!(cleared, all);

    // One for each part number, with how many there are; in the order of a field.
    let grouped = find.after(|_| find.choose("One for each", "part_number"));
    assert_eq!(grouped.len(), 6);
    for group in &grouped {
        assert_eq!(group["images"], "photos: 3", "{group}");
        assert!(group["group"].as_str().unwrap().len() > 4, "{group}");
    }
    descends(&grouped);
    find.look("find-groups");
    find.after(|_| find.choose("One for each", ""));
    let by_weight = find.after(|_| find.choose("Order by", "weight"));
    let weights: Vec<f64> = Finding::each(&by_weight, "weight")
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    assert!(weights.is_sorted() && weights.len() == 18, "{weights:?}");
    find.after(|_| find.choose("Order by", ""));

    // Side by side, with the places that make them alike.
    side_by_side(&find, &all);

    // More like this, and less like this.
    let examples = more_and_less(&find, &all);

    // As a table: all that is shown, in its order.
    browser.press_words(".found", "Save as CSV");
    let table = browser.downloaded("parts-similar.csv");
    let mut lines = table.trim_start_matches('\u{feff}').lines();
    assert_eq!(
        lines.next(),
        Some("rank,similarity,name,group,group_images,part_number,category,weight")
    );
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), examples.len());
    for (row, result) in rows.iter().zip(&examples) {
        assert_eq!(row[1], result["similarity"], "{row:?}");
        assert_eq!(row[2], result["name"], "{row:?}");
        assert_eq!(row[5], result["part_number"], "{row:?}");
    }

    matrix(&find, &examples);
    assert_eq!(browser.complaints(), [""; 0]);
}

fn side_by_side(find: &Finding<'_>, all: &[Value]) {
    let browser = find.0;
    browser.click(".results figure:first-child button.plain");
    browser.until("the window", "document.querySelector('dialog[open]')");
    browser.until(
        "why",
        "document.querySelector('.why') && document.querySelector('.why > :not(.small)')",
    );
    browser.shown();
    let title = browser.text("dialog h2");
    assert!(
        title.contains(all[0]["similarity"].as_str().unwrap()),
        "{title}"
    );
    let places = browser.count(".why li");
    assert!(places > 0, "{}", browser.text(".why"));
    assert_eq!(
        browser.count(".pair figure:first-child .mark"),
        places,
        "of the photo"
    );
    assert_eq!(
        browser.count(".pair figure:last-child .mark"),
        places,
        "of the result"
    );
    // The marks lie on their pictures.
    let inside = browser.script(
        "return [...document.querySelectorAll('.pair .framed')].every((frame) => {
             const around = frame.getBoundingClientRect();
             return [...frame.querySelectorAll('.mark')].every((one) => {
                 const mark = one.getBoundingClientRect();
                 return mark.left >= around.left - 4 && mark.top >= around.top - 4
                     && mark.right <= around.right + 4 && mark.bottom <= around.bottom + 4;
             });
         });",
    );
    assert_eq!(inside, true);
    find.look("find-pair");
    browser.press_words("dialog", "Close");
}

/// Gives the results after both.
fn more_and_less(find: &Finding<'_>, all: &[Value]) -> Vec<Value> {
    let browser = find.0;
    let open = |at: usize| {
        browser.click(&format!(".results figure:nth-child({at}) button.plain"));
        browser.until("the window", "document.querySelector('dialog[open]')");
    };
    // The washer that is most like the bolt: what is like washers comes before other bolts now.
    let washer = all
        .iter()
        .position(|one| one["category"] == "washer")
        .unwrap();
    open(washer + 1);
    let more = find.after(|browser| browser.press_words("dialog", "More like this"));
    assert_eq!(browser.count(".example"), 1);
    assert_eq!(browser.count("dialog"), 0);
    let of_washers = |results: &[Value]| -> usize {
        let places = results.iter().enumerate();
        let places = places.filter(|(_, one)| one["category"] == "washer");
        places.map(|(at, _)| at).take(3).sum()
    };
    assert!(of_washers(&more) < of_washers(all), "{more:?}");
    let name = &all[washer]["name"];
    assert!(!more.iter().any(|one| &one["name"] == name), "it is known");

    // Then less of the first: it goes, and what is like it comes later.
    let unwanted = more[0].clone();
    open(1);
    let less = find.after(|browser| browser.press_words("dialog", "Less like this"));
    assert_eq!(browser.count(".example"), 2);
    assert!(!less.iter().any(|one| one["name"] == unwanted["name"]));
    assert_ne!(
        Finding::each(&less, "name"),
        Finding::each(&more[1..], "name")
    );
    find.look("find-examples");
    less
}

/// The similarity of the chosen ones with each other.
fn matrix(find: &Finding<'_>, results: &[Value]) {
    let browser = find.0;
    for at in 1..=3 {
        browser.click(&format!(".results figure:nth-child({at}) .pick input"));
    }
    assert!(browser.text(".chosen").contains("3 chosen"));
    browser.press_words(".chosen", "Compare with each other");
    browser.until(
        "the heat map",
        "document.querySelector('img.matrix')?.naturalWidth > 100",
    );
    browser.press_words("dialog", "As numbers");
    let cells = browser.script(
        "return [...document.querySelectorAll('dialog tbody tr')].map((row) => [...row.cells].map((cell) => cell.innerText));",
    );
    let cells: Vec<Vec<String>> = serde_json::from_value(cells).unwrap();
    assert_eq!(cells.len(), 3);
    for (at, row) in cells.iter().enumerate() {
        assert_eq!(row[0], results[at]["name"]);
        assert_eq!(row[at + 1], "1.000", "{cells:?}");
        for other in 0..3 {
            assert_eq!(row[other + 1], cells[other][at + 1], "{cells:?}");
        }
    }
    find.look("find-matrix");
    browser.press_words("dialog", "Save as CSV");
    let table = browser.downloaded("similarities.csv");
    assert_eq!(table.lines().count(), 4, "{table}");
    browser.press_words("dialog", "Save the picture");
    browser.press_words("dialog", "Close");
    browser.press_words(".chosen", "Choose none");
    assert_eq!(browser.count(".results input:checked"), 0);
}

#[test]
fn find_fits_a_phone_in_both_languages() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let Some((bolt, _)) = parts(&niteru) else {
        return;
    };
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.size(390, 844, true);
    browser.goto("#/start");
    let find = Finding(&browser);
    for language in ["en", "ja"] {
        browser.language(language);
        find.open("parts");
        find.look("find-empty");
        find.after(|browser| {
            browser.pick("div.query input[type=file]", std::slice::from_ref(&bolt));
        });
        // Two beside each other.
        let columns = browser.script(
            "const lefts = [...document.querySelectorAll('.results figure')].map((one) => one.getBoundingClientRect().left);
             return new Set(lefts).size;",
        );
        assert_eq!(columns, 2);
        find.look("find-photo");
        browser.script("document.querySelector('.results').scrollIntoView();");
        browser.shown();
        find.look("find-results");
        find.chip("weight");
        let inside = browser.script(
            "const box = document.querySelector('.chip[open] .choices-of').getBoundingClientRect();
             return box.left >= 0 && box.right <= innerWidth;",
        );
        assert_eq!(inside, true);
        find.look("find-chip");
        browser.script("document.querySelector('.chip[open] input').focus();");
        browser.press('\u{E00C}');
        browser.until("its end", "!document.querySelector('.chip[open]')");
        browser.script("document.querySelector('.results').scrollIntoView();");
        browser.click(".results figure:first-child button.plain");
        browser.until("why", "document.querySelector('.why > :not(.small)')");
        browser.shown();
        let tops = browser.script(
            "return [...document.querySelectorAll('.pair figure')].map((one) => Math.round(one.getBoundingClientRect().top));",
        );
        assert_eq!(tops[0], tops[1], "side by side");
        find.look("find-pair");
        browser.click("dialog header button");
        for at in 1..=3 {
            browser.click(&format!(".results figure:nth-child({at}) .pick input"));
        }
        browser.click(".chosen button:not(.quiet)");
        browser.until(
            "the heat map",
            "document.querySelector('img.matrix')?.naturalWidth > 100",
        );
        find.look("find-matrix");
        browser.click("dialog header button");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

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
    browser.until(
        "the photo on it",
        "(({ width, height }) => width !== 300 || height !== 150)(document.querySelector('canvas.crop'))",
    );
    let searched = |times: u32| {
        browser.until(
            "the search",
            &format!("asked === {times} && !document.querySelector('.found.waiting')"),
        );
        browser.until(
            "the results",
            "document.querySelectorAll('.results figure').length === 4",
        );
    };
    browser.press('\u{E014}');
    searched(1);
    // A key that is held asks once, when it rests.
    browser.script(
        "for (let press = 0; press < 12; press += 1)
             document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true, cancelable: true }));",
    );
    searched(2);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(browser.script("return asked;"), 2);

    // A window does not lie over the next screen.
    browser.click(".results figure button");
    browser.until("the window", "document.querySelector('dialog[open]')");
    browser.script("location.hash = '#/collections';");
    browser.until("its end", "!document.querySelector('dialog')");
    browser.shown();
    assert_eq!(browser.complaints(), [""; 0]);
}
