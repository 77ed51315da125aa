//! Users on the page: passwords, leaving, and where the keys are.

use serde_json::Value;

use super::Browser;
use crate::serve::{Serving, start};
use crate::support::Niteru;

const FIRST: &str = "correct horse battery";
const SECOND: &str = "staple of the factory";

/// Logs in as somebody, whoever was there before.
fn log_in(browser: &Browser, name: &str, password: &str) {
    browser.type_in("input[name=name]", name);
    browser.type_in("input[name=password]", password);
    browser.click("form.card button.main");
}

fn log_out(browser: &Browser) {
    browser.click("header .choices button");
    browser.until(
        "the login",
        "document.querySelector('input[autocomplete=username]')",
    );
}

/// A server with its first administrator, who is logged in.
fn with_administrator(niteru: &Niteru) -> Option<(Serving, Browser)> {
    let (serving, said) = start(niteru, &["--login"]);
    let browser = Browser::open(said["url"].as_str().unwrap())?;
    browser.open_page("");
    browser.type_in("input[name=code]", said["setup_code"].as_str().unwrap());
    log_in(&browser, "admin", FIRST);
    browser.shown();
    Some((serving, browser))
}

#[test]
fn passwords_are_changed_on_the_page() {
    let niteru = Niteru::empty();
    let Some((_serving, browser)) = with_administrator(&niteru) else {
        return;
    };
    browser.goto("#/settings/users");
    browser.type_in("form.card input[name=name]", "sato");
    browser.type_in("form.card input[name=password]", FIRST);
    browser.click("form.card button.main");
    let of_sato =
        "[...document.querySelectorAll('tbody tr')].find((row) => row.innerText.includes('sato'))";
    browser.until("the user", of_sato);
    browser.picture("settings-users-two.en.desktop");

    // Somebody has forgotten it: an administrator sets another one. One's own is changed elsewhere.
    let buttons = browser.script(&format!(
        "const of = (name) => [...document.querySelectorAll('tbody tr')].find((row) => row.innerText.includes(name));
         {of_sato}.querySelector('.actions button').click();
         return of('admin').innerText.includes('New password');"
    ));
    assert_eq!(buttons, false);
    browser.type_in("dialog input[name=password]", SECOND);
    browser.picture("settings-users-password.en.desktop");
    browser.click("dialog button.main");
    browser.until(
        "that it was set",
        "document.querySelector('.fine')?.innerText.includes('sato')",
    );

    // A dialog goes with the screen that it belongs to.
    browser.script(&format!(
        "{of_sato}.querySelector('.actions button').click();"
    ));
    browser.until("the dialog", "document.querySelector('dialog[open]')");
    browser.script("location.hash = '#/settings/tokens';");
    browser.until("its end", "!document.querySelector('dialog')");

    log_out(&browser);
    log_in(&browser, "sato", FIRST);
    browser.until("the refusal", "document.querySelector('form .error')");
    log_in(&browser, "sato", SECOND);
    browser.shown();

    // Their own.
    browser.goto("#/settings/password");
    for language in ["ja", "en"] {
        browser.language(language);
        browser.picture(&format!("settings-password.{language}.desktop"));
    }
    let fill = |old: &str, first: &str, again: &str| {
        for (name, text) in [("old", old), ("first", first), ("again", again)] {
            browser.type_in(&format!("input[name={name}]"), text);
        }
        browser.click("form.card button.main");
    };
    fill(SECOND, FIRST, "something else now");
    browser.until(
        "that they differ",
        "document.querySelector('.problem')?.innerText.includes('not the same')",
    );
    fill("not the old one", FIRST, FIRST);
    browser.until(
        "that it is wrong",
        "document.querySelector('.error')?.innerText.includes('old password is wrong')",
    );
    fill(SECOND, FIRST, FIRST);
    browser.until("that it was set", "document.querySelector('.fine')");
    // The session is another one, and the page goes on with it.
    browser.goto("#/settings/tokens");
    browser.type_in("input[name=label]", "camera");
    // Pressed twice, it makes one: the secret of another would never be seen.
    let told = browser.script("const button = document.querySelector('form.card button.main'); button.click(); const waits = button.disabled; button.click(); return waits;");
    assert_eq!(told, true);
    browser.until("the token", "document.querySelector('input.secret')");
    browser.until(
        "the button again",
        "!document.querySelector('form.card button.main').disabled && document.querySelectorAll('.stacked tbody tr').length === 1",
    );
    log_out(&browser);
    log_in(&browser, "sato", FIRST);
    browser.shown();
}

#[test]
fn the_focus_moves_with_the_screen_and_logging_out_ends_the_camera() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let Some((_serving, browser)) = with_administrator(&niteru) else {
        return;
    };
    let focused = |css: &str| format!("document.activeElement?.matches({css:?})");

    // To the heading of the new screen.
    browser.click("nav a[href='#/settings']");
    browser.until("the heading", &focused("#screen[data-screen=settings] h1"));
    browser.script("window.before = document.querySelector('header');");

    // Arrow keys go through the languages without being thrown out of their list.
    browser.script("document.querySelector('header select').focus();");
    for language in ["ja", "en", "ja"] {
        let key = if language == "ja" {
            '\u{E015}'
        } else {
            '\u{E013}'
        };
        browser.press(key);
        browser.until(
            "the language",
            &format!("document.documentElement.lang === '{language}' && document.querySelector('nav a').innerText.length > 0"),
        );
        browser.shown();
        browser.until("the list", &focused("header .choices select:first-child"));
    }
    let told: Value = browser.script("return [document.querySelector('nav').innerText.includes('検査'), before === document.querySelector('header')];");
    assert_eq!(told, serde_json::json!([true, true]));
    browser.language("en");

    // The camera is off behind the login.
    browser.goto("#/collections");
    browser.type_in("input[name=name]", "parts");
    browser.click("form.card button.main");
    browser.click(".camera-box button");
    browser.until(
        "the camera",
        "document.querySelector('video')?.videoWidth > 0",
    );
    browser.script("window.track = document.querySelector('video').srcObject.getTracks()[0];");
    log_out(&browser);
    browser.until("the end of the camera", "track.readyState === 'ended'");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn one_touch_keeps_nobody_out() {
    let niteru = Niteru::empty();
    let Some((_serving, browser)) = with_administrator(&niteru) else {
        return;
    };
    browser.goto("#/settings/users");
    browser.type_in("form.card input[name=name]", "sato");
    browser.type_in("form.card input[name=password]", FIRST);
    browser.click("form.card button.main");
    let of = |name: &str| {
        format!(
            "[...document.querySelectorAll('tbody tr')].find((row) => row.innerText.startsWith('{name}'))"
        )
    };
    browser.until("the user", &of("sato"));
    browser.script(
        "window.sent = []; window.refuse = false;
         const real = window.fetch;
         window.fetch = (path, options) => {
             if (options?.method !== 'PATCH') return real(path, options);
             sent.push(options.body);
             if (!refuse) return real(path, options);
             const error = { code: 'busy', kind: 'queue_full', values: { waiting: 1 }, message: 'busy', help: '' };
             return Promise.resolve(new Response(JSON.stringify({ error }), { status: 503 }));
         };",
    );

    // One's own: nothing to press by mistake, and why.
    for (language, told) in [("ja", "ほかの管理者"), ("en", "another administrator")] {
        browser.language(language);
        browser.until("the users", &of("admin"));
        let own = browser.script(&format!(
            "const row = {}; return [row.querySelectorAll('button, select').length, row.innerText];",
            of("admin")
        ));
        assert_eq!(own[0], 0);
        assert!(own[1].as_str().unwrap().contains(told), "{own}");
    }

    // Keys go through the roles; only what is saved counts.
    browser.script(&format!("{}.querySelector('select').focus();", of("sato")));
    for _ in 0..2 {
        browser.press('\u{E015}');
    }
    let chosen = browser.script(&format!(
        "return [{}.querySelector('select').value, sent.length];",
        of("sato")
    ));
    assert_eq!(chosen, serde_json::json!(["engineer", 0]));
    browser.picture("settings-users-role.en.desktop");
    browser.script(&format!(
        "{}.querySelector('.role button').click();",
        of("sato")
    ));
    browser.until("that it was sent", "sent.length === 1");
    browser.until(
        "the list",
        &format!(
            "!{}.querySelector('.role button').checkVisibility()",
            of("sato")
        ),
    );

    // What is refused does not stay shown.
    browser.script(&format!(
        "refuse = true; const list = {}.querySelector('select'); list.value = 'viewer'; list.dispatchEvent(new Event('change'));
         {}.querySelector('.role button').click();",
        of("sato"),
        of("sato")
    ));
    browser.until("the refusal", "document.querySelector('.error')");
    browser.until(
        "the role that it is",
        &format!(
            "{}.querySelector('select').value === 'engineer'",
            of("sato")
        ),
    );
    browser.script("refuse = false;");

    // Keeping somebody out is asked once more.
    let press = |words: &str| {
        let button = format!(
            "[...{}.querySelectorAll('button')].find((one) => one.textContent.includes('{words}'))",
            of("sato")
        );
        browser.until(words, &button);
        browser.script(&format!("{button}.click();"));
    };
    press("Keep out");
    assert_eq!(browser.script("return sent.length;"), 2);
    press("Keep sato out now");
    browser.until(
        "that it is so",
        &format!("{}.innerText.includes('kept out')", of("sato")),
    );
    press("Let in");
    browser.until(
        "that it is not so any more",
        &format!("{}.innerText.includes('may log in')", of("sato")),
    );
}
