//! Jobs that run: what a person is at stays where it is, and the page is not read out at every step.

use niteru_store::{Home, JobState};
use serde_json::{Value, json};

use super::Browser;
use crate::serve::start;
use crate::support::Niteru;

/// A stream of jobs that the test speaks into. `tell(kind, data)`, `job(one)`: an event of it.
pub(super) const STREAM: &str = "
    window.SharedWorker = undefined;
    window.streams = [];
    window.EventSource = class extends EventTarget {
        static CLOSED = 2;
        constructor() { super(); this.readyState = 1; streams.push(this); }
        close() { this.readyState = 2; }
    };
    window.tell = (kind, data) => streams.at(-1).dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data) }));
    window.job = (one) => ({ owner: 'local', created: '2026-11-30T10:00:00Z', done: 0, total: null, rate: null,
        seconds_left: null, message: null, result: null, parameters: {}, state: 'running', ...one });";

/// The button of a job and the focus stay while its bar moves.
fn stays(browser: &Browser, place: &str, address: &str, job: &Value) {
    browser.script(&format!("location.hash = '{address}';"));
    browser.until(
        address,
        &format!("streams.length > 0 && document.querySelector('#screen[data-screen={place}]')"),
    );
    browser.script(&format!(
        "tell('snapshot', {{ jobs: [job({{ ...{job}, state: 'queued' }})] }});"
    ));
    let button = "[...document.querySelectorAll('#screen button')].find((one) => one.textContent === 'Cancel' && one.checkVisibility())";
    browser.until(&format!("the button of {address}"), button);
    browser.script(&format!("window.button = {button}; button.focus();"));
    for done in [0, 1, 2, 5, 7] {
        browser.script(&format!(
            "tell('job', job({{ ...{job}, done: {done}, total: 8 }}));"
        ));
    }
    browser.until(
        &format!("the bar of {address}"),
        "[...document.querySelectorAll('#screen progress')].some((bar) => bar.checkVisibility() && bar.position > 0.8)",
    );
    let there = browser
        .script("return [button.isConnected, document.activeElement === button, button.disabled];");
    assert_eq!(there, json!([true, true, false]), "{address}");
    // Read out are the quarters, not each step.
    let spoken = browser.script(
        "return [document.querySelectorAll(':is([aria-live]:not([aria-live=off]), [role=status], [role=alert]) progress').length,
                 [...document.querySelectorAll('#screen [role=status]')].map((one) => one.textContent).join('|')];",
    );
    assert_eq!(spoken[0], 0, "{address}");
    assert!(
        spoken[1].as_str().unwrap().contains("75 %"),
        "{address}: {spoken}"
    );
}

#[test]
fn buttons_of_running_jobs_stay_under_the_finger() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    for seed in 0..3 {
        niteru.picture(&format!("parts/{seed}.png"), seed);
    }
    let folder = niteru.file("parts");
    niteru.json(["add", "parts", folder.to_str().unwrap()]);
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("#/find");
    browser.script(STREAM);
    let named = |kind: &str, name: &str| json!({ "id": 7, "kind": kind, "parameters": { "name": name, "collection": name } });
    let places = [
        ("inspect", "#/inspect/Plate/train", named("train", "Plate")),
        ("map", "#/map/parts", named("map", "parts")),
        ("settings", "#/settings/backup", named("backup", "")),
        (
            "settings",
            "#/settings/models",
            named("pull", "clip-vit-b-32"),
        ),
        ("settings", "#/settings/jobs", named("train", "Plate")),
    ];
    for (place, address, job) in &places {
        stays(&browser, place, address, job);
    }
    // Another job does not move the focus, nor a job that ends beside it.
    browser.script("tell('job', job({ id: 8, kind: 'check' })); tell('job', job({ id: 8, kind: 'check', state: 'done', result: null }));");
    browser.until(
        "the other job",
        "document.querySelector('article.job[data-state=done]')",
    );
    let there = browser.script("return document.activeElement === button;");
    assert_eq!(there, true);

    // What is asked once more before a model is removed is asked until it is answered.
    browser.script("location.hash = '#/settings/models';");
    let remove = "[...document.querySelectorAll('.model .twice button')].find((one) => one.textContent === 'Remove')";
    browser.until("the models", remove);
    browser.script(&format!("{remove}.click();"));
    browser.element(".twice .danger-button");
    let told = browser.text(".twice [role=status]");
    assert!(told.contains("1 of the collections"), "{told}");
    browser.script(
        "tell('snapshot', { jobs: [] });
         for (let done = 0; done < 5; done += 1) tell('job', job({ id: 9, kind: 'add', done, total: 5 }));",
    );
    assert_eq!(browser.count(".twice .danger-button"), 1);
    let focused = browser.script("return document.activeElement.matches('.danger-button');");
    assert_eq!(focused, true);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn earlier_jobs_are_shown_when_asked_for() {
    let niteru = Niteru::empty();
    let home = Home::open(niteru.home()).unwrap();
    for _ in 0..60 {
        let job = home.add_job("backup", &json!({}), "test").unwrap();
        let result = json!({ "bytes": 1000 });
        home.end_job(job.id, JobState::Done, None, Some(&result))
            .unwrap();
    }
    drop(home);
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let shown = |count: u32| {
        browser.until(
            "the jobs",
            &format!("document.querySelectorAll('article.job').length === {count}"),
        );
    };
    browser.goto("#/settings/jobs");
    shown(50);
    browser.script("document.querySelector('.jobs + .buttons button').focus();");
    browser.click(".jobs + .buttons button");
    shown(60);
    browser.until(
        "that these are all",
        "!document.querySelector('.jobs + .buttons button').checkVisibility()",
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Two languages have two names for the samples, so a second press would bring them twice.
#[test]
fn the_start_follows_samples_that_are_being_brought() {
    let niteru = Niteru::empty();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    browser.goto("#/settings/jobs");
    browser.script(STREAM);
    browser.script(
        "window.one = job({ id: 7, kind: 'samples', message: 'model', done: 5, total: 20, parameters: { inspector: 'Plate', collection: 'some' } });
         window.begun = 0;
         const real = window.fetch;
         window.fetch = (path, options) => {
             begun += options?.method === 'POST';
             const answer = /^.api.jobs.limit/.test(path) ? { jobs: [one] } : path === '/api/jobs/7' ? one : null;
             return answer ? Promise.resolve(new Response(JSON.stringify(answer))) : real(path, options);
         };
         location.hash = '#/start';",
    );
    // Somebody has begun it elsewhere.
    browser.click("section.card button.main");
    let follows = "document.querySelector('section.card progress') && document.querySelector('section.card button.main').disabled";
    browser.until("the bar", follows);
    for language in ["ja", "en"] {
        browser.language(language);
        browser.until("the bar", follows);
    }
    browser.script(
        "one = { ...one, state: 'done', result: { problem: null, exactly: null } }; tell('job', one);",
    );
    browser.element("a.button.main[href='#/inspect/Plate/photos']");
    assert_eq!(browser.script("return begun;"), json!(0));
    // What is over is not begun again by itself.
    browser.reload();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let jobs = browser.script("return fetch('/api/jobs').then((answer) => answer.json());");
    assert_eq!(jobs["jobs"], json!([]));
    assert_eq!(browser.complaints(), [""; 0]);
}
