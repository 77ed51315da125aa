//! What the first page takes.

use niteru_store::Home;

use super::Browser;
use crate::serve::start;
use crate::support::Niteru;

/// Bytes over the wire and requests of the first page, at most.
const BYTES: u64 = 150_000;
const REQUESTS: u64 = 15;

/// What a request is refused with, and why a job failed.
#[test]
fn errors_are_told_in_the_language_of_the_page() {
    let niteru = Niteru::empty();
    let home = Home::open(niteru.home()).unwrap();
    let gone = serde_json::json!({ "name": "mine", "folder": "gone-gone-gone-gone", "source": "" });
    home.add_job("import", &gone, "test").unwrap();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let table = [
        (
            "en",
            "There is no collection “板”",
            "What was sent is not there any more",
        ),
        (
            "ja",
            "コレクション「板」はありません",
            "送ったファイルがサーバーに残っていません",
        ),
    ];
    for (language, refused, failed) in table {
        browser.goto("");
        browser.language(language);
        // It has no heading to wait for.
        browser.script("location.hash = '#/collections/板';");
        let told = |css: &str, text: &str| {
            let shown = format!("document.querySelector('{css}')?.textContent.includes('{text}')");
            browser.until(text, &shown);
        };
        told("div.error", refused);
        let by_server = browser.text("div.error").contains("there are none yet");
        assert!(!by_server, "{language}: the server's sentence");
        browser.size(390, 844, true);
        browser.picture(&format!("error.{language}.phone"));
        browser.goto("#/settings/jobs");
        told("article.job[data-state=failed] div.error", failed);
        browser.picture(&format!("error-job.{language}.phone"));
    }
    // Nor in the language that an error was told in before, without loading the page anew.
    let both = [table[0], table[1], table[0]];
    browser.goto("#/start");
    for (language, refused, _) in both {
        browser.language(language);
        browser.script("location.hash = '#/collections/板';");
        let shown = format!(
            "document.documentElement.lang === '{language}' \
             && document.querySelector('div.error')?.textContent.includes('{refused}')"
        );
        browser.until(refused, &shown);
        browser.script("location.hash = '#/start';");
        browser.shown();
    }
}

/// What a check of the data finds, and what somebody has changed in the audit log.
#[test]
fn what_a_check_finds_is_told_in_the_language_of_the_page() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let changed = niteru.picture("parts/a.png", 1);
    let gone = niteru.picture("parts/b.png", 2);
    let folder = changed.parent().unwrap().to_str().unwrap();
    niteru.json(["add", "parts", folder]);
    niteru.picture("parts/a.png", 3);
    std::fs::remove_file(gone).unwrap();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let table = [
        ("en", "has changed since it was added", "cannot be read."),
        ("ja", "追加したときから変わっています", "を読み取れません"),
    ];
    for (language, first, second) in table {
        browser.goto("#/start");
        browser.language(language);
        browser.goto("#/settings/storage");
        browser.script(
            "const box = document.querySelector('label.check input'); box.click();
             box.closest('.card').querySelector('button').click();",
        );
        for text in ["a.png", first, "b.png", second] {
            let shown =
                format!("document.querySelector('div.error')?.innerText.includes('{text}')");
            browser.until(text, &shown);
        }
        let told = browser.text("div.error");
        assert!(!told.contains("os error"), "{told}");
        browser.script("document.querySelector('div.error').scrollIntoView();");
        browser.picture(&format!("settings-check.{language}.desktop"));
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_job_is_told_in_words_and_sizes() {
    let niteru = Niteru::empty();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("");
    let told = |job: &str| {
        let script = format!(
            "return (async () => {{
                 const one = (await {}).progressing();
                 one.draw({{ state: 'running', rate: null, seconds_left: null, ...{job} }});
                 return one.element.innerText;
             }})();",
            Browser::module("ui/progress.js")
        );
        browser.script(&script).as_str().unwrap().to_owned()
    };
    let table = [
        (
            "{ kind: 'pull', message: 'model.safetensors', done: 13006000, total: 26012000, rate: 1e6 }",
            "model.safetensors · 13.0 MB / 26.0 MB · 1.0 MB a second",
        ),
        (
            "{ kind: 'samples', message: 'model', done: 1200000, total: 17364911 }",
            "fetching the model · 1.2 MB / 17.4 MB",
        ),
        (
            "{ kind: 'train', message: 'learning', done: 1, total: 6 }",
            "learning · 1 / 6",
        ),
    ];
    for (job, expected) in table {
        assert_eq!(told(job), expected, "{job}");
    }
}

#[test]
fn the_first_page_is_small_and_needs_nobody_else() {
    let niteru = Niteru::empty();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    for language in ["en", "ja"] {
        browser.goto("");
        browser.language(language);
        // As for somebody who comes for the first time.
        browser.devtools("Network.clearBrowserCache", serde_json::json!({}));
        browser.goto("");
        let taken = browser.script(
            "const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
             return [all.length, all.reduce((sum, one) => sum + one.transferSize, 0),
                     all.filter((one) => new URL(one.name).origin !== location.origin).map((one) => one.name)];",
        );
        let number = |at: usize| taken[at].as_u64().unwrap();
        assert!(
            number(0) > 1 && number(0) <= REQUESTS,
            "{language}: {taken}"
        );
        assert!(
            number(1) > 1000 && number(1) <= BYTES,
            "{language}: {taken}"
        );
        assert_eq!(taken[2], serde_json::json!([]), "{language}: {taken}");
        // The second time, what does not change is not asked for again.
        browser.reload();
        let again = browser.script(
            "return performance.getEntriesByType('resource').filter((one) => /\\.(js|css)$/.test(one.name))
                 .reduce((sum, one) => sum + one.transferSize, 0);",
        );
        assert_eq!(again.as_u64(), Some(0), "{language}: {again}");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}
