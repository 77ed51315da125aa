//! Several tabs at once: over plain HTTP a browser has six connections for all of them.

use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use super::Browser;
use crate::serve::start;
use crate::support::Niteru;

/// More than a browser has connections for.
const TABS: usize = 8;

/// Begins a job as the page does, and gives its number.
fn begin_job(browser: &Browser) -> u64 {
    let script = format!(
        "return (async () => {{ const {{ post }} = await {}; return (await post('/api/check', {{ files: false }})).id; }})();",
        Browser::module("ui/api.js")
    );
    browser.script(&script).as_u64().unwrap()
}

/// Waits until the page tells that so many jobs are done.
fn all_done(browser: &Browser, jobs: usize) {
    browser.until(
        "the end of the jobs",
        &format!(
            "document.querySelectorAll('article.job[data-state=done]').length === {jobs} \
             && document.querySelectorAll('article.job').length === {jobs}"
        ),
    );
}

/// The workers that tabs share.
fn workers(browser: &Browser) -> Vec<String> {
    let targets = browser.devtools("Target.getTargets", json!({}));
    let all = targets["targetInfos"].as_array().unwrap().iter();
    all.filter(|target| target["type"] == "shared_worker")
        .map(|target| target["targetId"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn eight_tabs_answer_and_all_hear_of_jobs() {
    let niteru = Niteru::empty();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let mut tabs: Vec<WindowHandle> = vec![browser.tab()];
    browser.goto("#/settings/jobs");
    for _ in 1..TABS {
        tabs.push(browser.new_tab());
        browser.goto("#/settings/jobs");
    }
    assert_eq!(workers(&browser).len(), 1);
    begin_job(&browser);
    for tab in &tabs {
        browser.go_to_tab(tab);
        all_done(&browser, 1);
        // Each still gets what it asks for.
        let health = browser.script("return fetch('/api/health').then((answer) => answer.status);");
        assert_eq!(health, json!(200));
    }
    assert_eq!(browser.complaints(), [""; 0]);

    // The tab that opened the connection goes; a new one hears at once what there is.
    let first = tabs.remove(0);
    browser.close_tab(&first, &tabs[0]);
    begin_job(&browser);
    tabs.push(browser.new_tab());
    browser.goto("#/settings/jobs");
    for tab in &tabs {
        browser.go_to_tab(tab);
        all_done(&browser, 2);
    }

    // The worker ends without a word: the tabs notice, and share another one.
    let before = workers(&browser);
    browser.devtools("Target.closeTarget", json!({ "targetId": before[0] }));
    begin_job(&browser);
    for tab in &tabs {
        browser.go_to_tab(tab);
        all_done(&browser, 3);
    }
    let after = workers(&browser);
    assert_eq!(after.len(), 1);
    assert_ne!(after, before);

    // Nobody looks at jobs any more: nothing is kept open.
    for tab in &tabs {
        browser.go_to_tab(tab);
        browser.script("location.hash = '#/start';");
        browser.shown();
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

/// What keeps a tab from having a worker.
const WITHOUT: [(&str, &str); 3] = [
    ("none is there", "delete window.SharedWorker;"),
    (
        "it is not allowed",
        "window.SharedWorker = class { constructor() { throw new DOMException('no', 'SecurityError'); } };",
    ),
    (
        "it cannot be loaded",
        "const Real = SharedWorker;
         window.SharedWorker = function (url, options) { return new Real(`${url}.gone`, options); };",
    ),
];

#[test]
fn a_tab_without_a_worker_has_a_connection_while_it_is_seen() {
    let niteru = Niteru::empty();
    let (_serving, said) = start(&niteru, &[]);
    let Some(browser) = Browser::open(said["url"].as_str().unwrap()) else {
        return;
    };
    let open = |count: u64| {
        browser.until(
            "the connections",
            &format!("connections.filter((one) => one.readyState !== EventSource.CLOSED).length === {count}"),
        );
    };
    let seen = |hidden: bool| {
        browser.script(&format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {hidden} }});
             document.dispatchEvent(new Event('visibilitychange'));"
        ));
    };
    let mut jobs = 0;
    for (why, script) in WITHOUT {
        let source = format!(
            "window.connections = [];
             window.EventSource = class extends EventSource {{
                 constructor(...all) {{ super(...all); connections.push(this); }}
             }};
             {script}"
        );
        let added = browser.devtools(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": source }),
        );
        browser.goto("#/settings/jobs");
        open(1);
        begin_job(&browser);
        jobs += 1;
        all_done(&browser, jobs);
        seen(true);
        open(0);
        begin_job(&browser);
        jobs += 1;
        all_done(&browser, jobs);
        seen(false);
        open(1);
        begin_job(&browser);
        jobs += 1;
        all_done(&browser, jobs);
        // A screen that needs to hear of no jobs.
        browser.script("location.hash = '#/start';");
        open(0);
        let complaints = browser.complaints();
        let of_the_worker =
            |one: &String| one.contains(".gone") || one.contains("fetch a worker script");
        assert!(
            complaints.iter().all(of_the_worker),
            "{why}: {complaints:?}"
        );
        let identifier: &Value = &added["identifier"];
        browser.devtools(
            "Page.removeScriptToEvaluateOnNewDocument",
            json!({ "identifier": identifier }),
        );
    }
}
