//! The web page in a real browser: Chromium, driven through chromedriver.
//!
//! Pictures of the screens lie in `target/screens` afterwards.

mod adding;
mod camera;
mod find;
mod find_words;
mod inspection;
mod kept;
mod map;
mod page;
mod people;
mod photos;
mod restart;
mod screens;
mod tabs;
mod watched;
mod working;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use niteru_testkit::skip;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::error::WebDriverErrorInner;
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel, WindowHandle};
use tokio::runtime::Runtime;

/// How long a page may take to show something: the computer may have much other work. It only ends what hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often an element may be drawn again between that it is found and that something is done with it.
const REDRAWN: usize = 5;

/// One browser at a time.
static ONE: Mutex<()> = Mutex::new(());

/// A browser with one window. It and its driver end with the value.
pub(crate) struct Browser {
    driver: Option<WebDriver>,
    runtime: Runtime,
    chromedriver: Child,
    /// Where the pages come from, such as `http://127.0.0.1:8686`.
    origin: String,
    /// What the browser keeps, and what it downloads.
    profile: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts Chromium, in English and 1280 × 900 pixels large; `None` where there is none.
    pub(crate) fn open(origin: &str) -> Option<Browser> {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut chromedriver) = started else {
            skip("browser tests: install chromium and chromedriver");
            return None;
        };
        let port = BufReader::new(chromedriver.stdout.as_mut().unwrap())
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                Some(
                    line.split_once("successfully on port ")?
                        .1
                        .trim_end_matches('.')
                        .to_owned(),
                )
            })
            .unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        let data = format!("--user-data-dir={}", profile.path().display());
        let film = profile.path().join("camera.y4m");
        std::fs::write(&film, camera::film()).unwrap();
        let film = format!("--use-file-for-fake-video-capture={}", film.display());
        let arguments = [
            "--headless=new",
            // Its own sandbox needs rights that test machines do not give.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--lang=en",
            "--window-size=1280,900",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            &film,
            &data,
        ];
        for argument in arguments {
            wanted.add_arg(argument).unwrap();
        }
        wanted
            .set_browser_log_level(LoggingPrefsLogLevel::All)
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let address = format!("http://127.0.0.1:{port}");
        let driver = runtime.block_on(WebDriver::new(address, wanted)).unwrap();
        let browser = Browser {
            driver: Some(driver),
            runtime,
            chromedriver,
            origin: origin.trim_end_matches('/').to_owned(),
            profile,
            _one: one,
        };
        browser.wait_for(browser.driver().set_script_timeout(PATIENCE));
        browser.size(1280, 900, false);
        let downloads = browser.profile.path().join("downloads");
        browser.devtools(
            "Browser.setDownloadBehavior",
            json!({ "behavior": "allow", "downloadPath": downloads }),
        );
        Some(browser)
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().unwrap()
    }

    fn wait_for<T>(&self, answer: impl Future<Output = WebDriverResult<T>>) -> T {
        self.runtime.block_on(answer).unwrap()
    }

    /// Asks the browser for something that WebDriver has no word for.
    pub(crate) fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.wait_for(self.driver().cdp().send_raw(command, parameters))
    }

    /// How large the page is shown; `phone` with touch instead of a mouse.
    pub(crate) fn size(&self, width: u32, height: u32, phone: bool) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
        let touch = json!({ "enabled": phone });
        self.devtools("Emulation.setTouchEmulationEnabled", touch);
    }

    /// Opens one more tab and goes on there. Gives what leads back to it.
    pub(crate) fn new_tab(&self) -> WindowHandle {
        let tab = self.wait_for(self.driver().new_tab());
        self.go_to_tab(&tab);
        tab
    }

    /// The tab that everything is done in at the moment.
    pub(crate) fn tab(&self) -> WindowHandle {
        self.wait_for(self.driver().window())
    }

    pub(crate) fn go_to_tab(&self, tab: &WindowHandle) {
        self.wait_for(self.driver().switch_to_window(tab.clone()));
    }

    /// Closes a tab and goes on in another.
    pub(crate) fn close_tab(&self, tab: &WindowHandle, other: &WindowHandle) {
        self.go_to_tab(tab);
        self.wait_for(self.driver().close_window());
        self.go_to_tab(other);
    }

    /// Colours as the system asks for them.
    pub(crate) fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", media);
    }

    /// Opens a screen by its address, such as `#/find`, afresh, and waits until it is there.
    pub(crate) fn goto(&self, address: &str) {
        self.wait_for(self.driver().goto("about:blank"));
        self.wait_for(self.driver().goto(format!("{}/{address}", self.origin)));
        self.shown();
    }

    /// Goes to another screen as a link does: what the page has loaded stays.
    pub(crate) fn follow(&self, address: &str) {
        self.script(&format!(
            "document.querySelector('#screen').dataset.left = ''; location.hash = '{address}';"
        ));
        self.until(
            "the screen",
            "!document.querySelector('#screen[data-left]')",
        );
        self.shown();
    }

    /// As [`Browser::goto`] where nobody is logged in, and there is a form in place of a screen.
    pub(crate) fn open_page(&self, address: &str) {
        self.wait_for(self.driver().goto("about:blank"));
        self.wait_for(self.driver().goto(format!("{}/{address}", self.origin)));
        self.until("the form", "document.querySelector('#screen form')");
    }

    /// A script's expression that imports a module of the page.
    pub(crate) fn module(path: &str) -> String {
        format!(
            "import(document.querySelector('script[type=module]').src.replace('main.js', '{path}'))"
        )
    }

    /// Presses a key, as WebDriver numbers them, where the focus is.
    pub(crate) fn press(&self, key: char) {
        let keys = self.driver().action_chain().send_keys(key);
        self.wait_for(keys.perform());
    }

    /// Waits until the screen is drawn and has what it asked for.
    pub(crate) fn shown(&self) {
        self.until("the screen", SHOWN);
    }

    pub(crate) fn reload(&self) {
        self.wait_for(self.driver().refresh());
        self.shown();
    }

    /// What a script gives, which may `return` it; promises are waited for.
    pub(crate) fn script(&self, script: &str) -> Value {
        self.script_with(script, Vec::new())
    }

    /// The same, with `arguments`.
    pub(crate) fn script_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.wait_for(self.driver().execute(script, arguments))
            .json()
            .clone()
    }

    /// Waits until a script's expression is true.
    pub(crate) fn until(&self, what: &str, expression: &str) {
        let begun = Instant::now();
        while self.script(&format!("return Boolean({expression});")) != Value::Bool(true) {
            if begun.elapsed() > PATIENCE {
                self.picture("failed");
                panic!("{what} did not come: {expression}\n{}", self.text("body"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The first element that a CSS selector finds, waited for until it is shown.
    fn element(&self, css: &str) -> WebElement {
        let visible = format!("document.querySelector({css:?})?.checkVisibility()");
        self.until(css, &visible);
        self.wait_for(self.driver().find(By::Css(css)))
    }

    /// Does something with an element; with the new one where it was drawn again just then.
    fn with_element(&self, css: &str, act: impl AsyncFn(&WebElement) -> WebDriverResult<()>) {
        for _ in 0..REDRAWN {
            let element = self.element(css);
            match self.runtime.block_on(act(&element)) {
                Err(error) if matches!(*error, WebDriverErrorInner::StaleElementReference(_)) => {}
                done => return done.unwrap(),
            }
        }
        panic!("{css} is drawn again and again");
    }

    pub(crate) fn click(&self, css: &str) {
        self.with_element(css, async |element| {
            element.scroll_into_view().await?;
            element.click().await
        });
    }

    /// Types into a field in place of what it has.
    pub(crate) fn type_in(&self, css: &str, text: &str) {
        self.with_element(css, async |element| {
            element.clear().await?;
            element.send_keys(text).await
        });
    }

    /// Picks files in a file field, as the system's window for that would.
    pub(crate) fn pick(&self, css: &str, files: &[PathBuf]) {
        self.until(css, &format!("document.querySelector({css:?})"));
        let field = self.wait_for(self.driver().find(By::Css(css)));
        let paths: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
        self.wait_for(field.send_keys(paths.join("\n")));
    }

    /// Hands a file over to an element as a person does who drops it there or pastes it: `drop` or `paste`.
    pub(crate) fn hand_over(&self, how: &str, css: &str, file: &Path) {
        self.element(css);
        let name = file.file_name().unwrap().to_str().unwrap();
        let bytes = std::fs::read(file).unwrap();
        self.script_with(
            "const [how, css, name, bytes] = arguments;
             const all = new DataTransfer();
             all.items.add(new File([new Uint8Array(bytes)], name, { type: 'image/png' }));
             const about = { bubbles: true, cancelable: true };
             const event = how === 'drop' ? new DragEvent('drop', { ...about, dataTransfer: all })
                 : new ClipboardEvent('paste', { ...about, clipboardData: all });
             document.querySelector(css).dispatchEvent(event);",
            vec![json!(how), json!(css), json!(name), json!(bytes)],
        );
    }

    /// Presses the first button, link or label that is shown with these words inside of an element.
    pub(crate) fn press_words(&self, css: &str, words: &str) {
        let button = format!(
            "[...(document.querySelector({css:?})?.querySelectorAll('button, a, summary, label') ?? [])]
                 .find((one) => one.checkVisibility() && one.textContent.includes({words:?}))"
        );
        self.until(words, &button);
        self.script(&format!("{button}.click();"));
    }

    /// What was downloaded under a name, when it is there; it is gone afterwards.
    pub(crate) fn downloaded(&self, name: &str) -> String {
        let file = self.profile.path().join("downloads").join(name);
        let begun = Instant::now();
        while !file.exists() {
            assert!(begun.elapsed() < PATIENCE, "{name} was not downloaded");
            std::thread::sleep(Duration::from_millis(50));
        }
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        text
    }

    /// Drags with the mouse over an element, from one place to another, in shares of its width and height.
    pub(crate) fn drag(&self, css: &str, from: (f64, f64), to: (f64, f64)) {
        let element = self.element(css);
        self.wait_for(element.scroll_into_view());
        let rect = self.script_with(
            "const r = document.querySelector(arguments[0]).getBoundingClientRect(); return [r.x, r.y, r.width, r.height];",
            vec![json!(css)],
        );
        let side = |at: usize| rect[at].as_f64().unwrap();
        let place = |(x, y): (f64, f64)| {
            let point = (side(0) + x * side(2), side(1) + y * side(3));
            (point.0.round() as i64, point.1.round() as i64)
        };
        let (from, to) = (place(from), place(to));
        let actions = self
            .driver()
            .action_chain()
            .move_to(from.0, from.1)
            .click_and_hold();
        self.wait_for(actions.move_to(to.0, to.1).release().perform());
    }

    /// The text that is shown inside of an element.
    pub(crate) fn text(&self, css: &str) -> String {
        let found = self.script(&format!(
            "return document.querySelector({css:?})?.innerText ?? '';"
        ));
        found.as_str().unwrap().to_owned()
    }

    /// How many elements a selector finds.
    pub(crate) fn count(&self, css: &str) -> u64 {
        let found = self.script(&format!(
            "return document.querySelectorAll({css:?}).length;"
        ));
        found.as_u64().unwrap()
    }

    /// The page in a language, as its list of languages gives it.
    pub(crate) fn language(&self, name: &str) {
        let chosen = format!(
            "const list = document.querySelector('header select'); list.value = {name:?}; \
             list.dispatchEvent(new Event('change'));"
        );
        self.script(&chosen);
        self.until(
            "the language",
            &format!("document.documentElement.lang === {name:?}"),
        );
        self.shown();
    }

    /// Writes what the window shows to `target/screens/NAME.png`.
    pub(crate) fn picture(&self, name: &str) {
        let file = screens_folder().join(format!("{name}.png"));
        self.wait_for(self.driver().screenshot(&file));
    }

    /// What the browser complained of since this was asked last, such as exceptions and what the policy forbids.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.wait_for(self.driver().browser_log());
        let bad = log.into_iter().filter(|entry| entry.level == "SEVERE");
        bad.map(|entry| entry.message).collect()
    }
}

/// Whether the screen is drawn, and its pictures that are in view are there.
const SHOWN: &str = "document.querySelector('#screen[data-screen] :is(h1, h2)') \
    && !document.querySelector('.waiting') \
    && [...document.images].every((image) => image.complete || image.getBoundingClientRect().top > innerHeight)";

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            // A browser that has crashed cannot be asked to end; its driver ends what is left.
            let _ = self.runtime.block_on(driver.quit());
        }
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
    }
}

/// Where pictures of the screens are put.
fn screens_folder() -> PathBuf {
    let here = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = here.parent().unwrap_or(here).join("screens");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
