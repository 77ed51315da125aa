//! Adding many photos: none is lost sight of, and a busy or unreachable server is asked again.

use serde_json::json;

use niteru_store::{Home, JobState};

use super::Browser;
use crate::serve::start;
use crate::support::Niteru;

/// Photos of three requests.
const PHOTOS: u32 = 45;

/// Refuses the second request with photos until that was `seen`; the third finds no server, and then one that hears no more
/// of it. Counts those that were sent.
const REFUSING: &str = "
    window.sent = 0;
    const real = window.fetch;
    window.fetch = (path, options) => {
        if (options?.method !== 'POST' || !path.endsWith('/images')) return real(path, options);
        sent += 1;
        if (sent === 2 && !window.seen) {
            sent -= 1;
            const error = { code: 'busy', kind: 'queue_full', values: { waiting: 100 }, message: 'busy', help: '' };
            return Promise.resolve(new Response(JSON.stringify({ error }), { status: 503, headers: { 'Retry-After': '1' } }));
        }
        if (sent === 3) return Promise.reject(new TypeError('the network is away'));
        if (sent === 4) {
            const error = { code: 'too_slow', kind: 'cut_off', values: {}, message: 'nothing came', help: '' };
            return Promise.resolve(new Response(JSON.stringify({ error }), { status: 408 }));
        }
        return real(path, options);
    };";

#[test]
fn a_large_drop_outlasts_a_busy_server_and_is_cancelled_on_request() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let photos: Vec<_> = (0..PHOTOS)
        .map(|seed| niteru.picture(&format!("{seed:02}.png"), seed))
        .collect();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("#/collections");
    browser.type_in("input[name=name]", "parts");
    browser.click("form.card button.main");
    let field = "div.drop input[type=file][multiple]";
    browser.until("the field", &format!("document.querySelector('{field}')"));
    // A folder without photos is worth a word.
    browser.script(
        "const drop = new Event('drop'); drop.dataTransfer = { items: [], files: [] };
         document.querySelector('div.drop').dispatchEvent(drop);",
    );
    browser.until(
        "that there are none",
        "document.querySelector('.adding .problem')?.innerText.includes('no photo among')",
    );
    browser.script(REFUSING);
    browser.pick(field, &photos);
    browser.until(
        "that it waits",
        "document.body.innerText.includes('tried again')",
    );
    browser.picture("adding-waits.en.desktop");
    browser.script("window.seen = true;");
    browser.until("the end", "document.querySelector('.adding .done')");
    assert!(
        browser.text(".adding .done").contains("Photos added: 45."),
        "{}",
        browser.text(".adding")
    );
    assert_eq!(browser.script("return sent;"), json!(5));

    // Cancelled while nothing can be sent: what is left is told, and sent afterwards.
    browser.goto("#/collections");
    browser.click("details summary");
    // A name that is taken is told, with the way to what has it.
    browser.type_in("input[name=name]", "parts");
    browser.click("form.card button.main");
    browser.until(
        "that it is there",
        "document.querySelector('form.card .problem a[href=\"#/collections/parts\"]')",
    );
    browser.type_in("input[name=name]", "others");
    browser.click("form.card button.main");
    browser.until("the field", &format!("document.querySelector('{field}')"));
    browser.script(
        "window.real = window.fetch;
         window.fetch = (path, options) => options?.method === 'POST' ? Promise.reject(new TypeError('away')) : real(path, options);",
    );
    browser.pick(field, &photos[..3]);
    browser.until(
        "that it waits",
        "document.body.innerText.includes('cannot be reached')",
    );
    browser.click(".adding .buttons > button[type=button]:not(.main):last-child");
    browser.until(
        "what was not sent",
        "document.querySelector('.adding')?.innerText.includes('not sent: 3')",
    );
    browser.script("window.fetch = real;");
    browser.script("[...document.querySelectorAll('.adding button')].find((one) => one.textContent === 'Send them now').click();");
    browser.until("the end", "document.querySelector('.adding .done')");
    assert!(browser.text(".adding .done").contains("Photos added: 3."));
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Photos of more requests.
const MANY: u32 = 70;

/// Lets so many requests with photos of a route through; the next is not answered until it is cancelled.
fn holding(route: &str, through: u32) -> String {
    format!(
        "window.sent = 0;
         window.real = window.fetch;
         window.fetch = (path, options) => {{
             if (options?.method !== 'POST' || !path.endsWith('/{route}')) return real(path, options);
             sent += 1;
             if (sent <= {through}) return real(path, options);
             return new Promise((resolve, reject) => options.signal.addEventListener('abort', () => reject(options.signal.reason)));
         }};"
    )
}

/// What was added until it was cancelled stays, and it is told how many that were.
#[test]
fn adding_is_cancelled_with_the_keys_and_tells_what_was_kept() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let photos: Vec<_> = (0..MANY)
        .map(|seed| niteru.picture(&format!("{seed:03}.png"), seed))
        .collect();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("#/collections");
    browser.type_in("input[name=name]", "parts");
    browser.click("form.card button.main");
    let field = "div.drop input[type=file][multiple]";
    browser.until("the field", &format!("document.querySelector('{field}')"));
    browser.script(&holding("images", 2));
    browser.pick(field, &photos);
    browser.until(
        "that photos are looked at",
        "[...document.querySelectorAll('.adding progress')].some((bar) => bar.value > 0)",
    );
    // It goes on in another language, and after another screen.
    browser.language("ja");
    browser.until(
        "the bar in Japanese",
        "document.querySelector('.adding progress') && document.querySelector('.adding [aria-live]').innerText.includes('中止')",
    );
    browser.language("en");
    browser.script("location.hash = '#/find';");
    browser.until("another screen", "!document.querySelector('.adding')");
    browser.script("location.hash = '#/collections/parts';");
    browser.until("the bar", "document.querySelector('.adding progress')");
    browser.script("document.querySelector('.adding > div:last-child .buttons > button').focus();");
    browser.press('\u{E007}');
    browser.until("the end", "document.querySelector('.adding .done')");
    let told = browser.text(".adding");
    assert!(told.contains("what was added until then stays"), "{told}");
    browser.picture("adding-cancelled.en.desktop");
    let there = niteru.json(["collections", "list"])["collections"][0]["images"].clone();
    assert!(
        told.contains(&format!("Photos added: {there}.")),
        "{there}: {told}"
    );
    let there = there.as_u64().unwrap();
    assert!(there < u64::from(MANY), "{told}");
    // Also what was sent, and not looked at any more.
    let left = u64::from(MANY) - there;
    assert!(told.contains(&format!(": {left}\n")), "{left}: {told}");
    // The keys stay where it goes on.
    let focused = browser.script("return document.activeElement.textContent;");
    assert_eq!(focused, "Send them now");
    browser.script("window.fetch = real;");
    browser.press('\u{E007}');
    browser.until(
        "all photos",
        &format!("document.querySelector('p.count')?.textContent === 'Photos: {MANY}'"),
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

/// The same for photos of good parts, which are kept as soon as they are sent.
#[test]
fn collecting_photos_is_cancelled_and_tells_what_was_kept() {
    let niteru = Niteru::empty();
    let photos: Vec<_> = (0..PHOTOS)
        .map(|seed| niteru.picture(&format!("{seed:02}.png"), seed))
        .collect();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    for (language, kept, left, again) in [
        (
            "en",
            "Photos sent until then and kept: 20",
            "not sent: 25",
            "Send them now",
        ),
        (
            "ja",
            "それまでに送信し、保存した写真：20 枚",
            "送信していない写真：25 枚",
            "いま送信する",
        ),
    ] {
        browser.goto("#/start");
        browser.language(language);
        browser.goto(&format!("#/inspect/plate-{language}/photos"));
        browser.script(&holding("photos", 1));
        browser.pick("section.photos.good input[type=file][multiple]", &photos);
        let bar = "section.photos.good progress";
        browser.until(
            "the bar",
            &format!("document.querySelector('{bar}')?.value === 20"),
        );
        // It goes on while its words change.
        browser.language(if language == "en" { "ja" } else { "en" });
        browser.language(language);
        browser.until(
            "the bar",
            &format!("document.querySelector('{bar}')?.value === 20"),
        );
        browser.picture(&format!("inspect-photos-sending.{language}.desktop"));
        browser.script("document.querySelector('section.photos.good .sending button').focus();");
        browser.press('\u{E007}');
        browser.until(
            "what was kept",
            "document.querySelector('section.photos.good .stopped')",
        );
        let told = browser.text("section.photos.good");
        assert!(told.contains(kept) && told.contains(left), "{told}");
        assert_eq!(browser.count("section.photos.good .thumbs img"), 20);
        browser.picture(&format!("inspect-photos-cancelled.{language}.desktop"));
        let focused = browser.script("return document.activeElement.textContent;");
        assert_eq!(focused, again);
        browser.script("window.fetch = real;");
        browser.press('\u{E007}');
        browser.until(
            "all photos",
            "document.querySelectorAll('section.photos.good .thumbs img').length === 45",
        );
        assert_eq!(browser.count(".sending progress, .stopped"), 0);
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

/// The snapshot that the page gets has only the newest jobs.
#[test]
fn the_end_of_an_old_job_is_seen() {
    let niteru = Niteru::empty();
    let home = Home::open(niteru.home()).unwrap();
    let mut first = None;
    for _ in 0..60 {
        let job = home.add_job("check", &json!({}), "test").unwrap();
        home.end_job(job.id, JobState::Done, None, Some(&json!({})))
            .unwrap();
        first.get_or_insert(job.id);
    }
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("");
    let ended = |id: u64| {
        let asked = format!(
            "const {{ finished }} = await {};
             const late = new Promise((resolve) => setTimeout(() => resolve('never'), 20000));
             return await Promise.race([finished({id}).then((job) => job.state, (error) => error.kind), late]);",
            Browser::module("ui/jobs.js")
        );
        browser.script(&format!("return (async () => {{ {asked} }})();"))
    };
    assert_eq!(ended(first.unwrap()), "done");
    // One that there is no more is no wait without end.
    assert_eq!(ended(4711), "no_job");
}
