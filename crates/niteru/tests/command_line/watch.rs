//! `add --watch`, started, followed and stopped as a service manager does.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::Value;

use crate::signals;
use crate::support::Niteru;

/// Longest wait for a line: only a test that fails takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running watch, and the lines of its stdout as they come.
pub(crate) struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    pub(crate) fn start(niteru: &Niteru, arguments: &[&str]) -> Watch {
        let mut child = niteru
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Watch { child, lines }
    }

    /// The next event of that name.
    pub(crate) fn event(&self, name: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("no {name}: {error}"));
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] == name {
                return event;
            }
        }
    }

    pub(crate) fn terminate(&self) {
        signals::send(&self.child, libc::SIGTERM);
    }

    /// From now on it looks at nothing.
    pub(crate) fn hang(&self) {
        signals::hang(&self.child);
    }

    pub(crate) fn go_on(&self) {
        signals::go_on(&self.child);
    }

    /// Waits for the end. Returns the exit code and stderr.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().unwrap();
        pipe.read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // After a failed test; one that has ended is not killed.
        let _ = self.child.kill();
    }
}

#[test]
fn a_photo_is_copied_in_and_the_watch_is_stopped() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let outside = niteru.picture("outside.png", 1);
    let folder = niteru.file("photos/first.png");
    let folder = folder.parent().unwrap().to_str().unwrap().to_owned();
    let arguments = ["--json", "add", "parts", &folder, "--watch"];
    let watch = Watch::start(&niteru, &arguments);
    assert_eq!(watch.event("watching")["added"], 0);

    std::fs::copy(&outside, niteru.file("photos/first.png")).unwrap();
    let added = watch.event("added");
    assert!(
        added["path"].as_str().unwrap().ends_with("first.png"),
        "{added}"
    );
    assert_eq!(watch.event("synced")["added"], 1);
    // Others use the home meanwhile.
    let list = niteru.run(["--json", "images", "parts", "list"]).lines();
    assert_eq!((list.len(), &list[0]["id"]), (1, &added["id"]));

    let whole = std::fs::read(&outside).unwrap();
    std::fs::write(niteru.file("photos/half.png"), &whole[..whole.len() / 2]).unwrap();
    let skipped = watch.event("skipped");
    assert!(
        skipped["path"].as_str().unwrap().ends_with("half.png"),
        "{skipped}"
    );

    watch.terminate();
    let stopped = watch.event("stopped");
    assert_eq!(
        (&stopped["added"], &stopped["skipped"]),
        (&1.into(), &1.into())
    );
    let (code, stderr) = watch.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("half.png"), "{stderr}");

    // Started again, for people: nothing is new.
    let watch = Watch::start(&niteru, &arguments[1..]);
    let line = watch.lines.recv_timeout(PATIENCE).unwrap();
    assert!(
        line.starts_with("parts: 0 added, 0 updated, 1 unchanged, 1 skipped"),
        "{line}"
    );
    watch.terminate();
    let line = watch.lines.recv_timeout(PATIENCE).unwrap();
    assert_eq!(line, "parts: stopped; 1 skipped");
    assert_eq!(watch.end().0, Some(0));
}

#[test]
fn what_cannot_be_watched() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let photo = niteru.picture("a.png", 1);
    let photo = photo.to_str().unwrap();
    niteru
        .run(["add", "parts", photo, "--watch"])
        .fails(1, &["a.png", "not a directory"]);
    niteru
        .run(["add", "parts", ".", "--poll", "5"])
        .fails(2, &["--watch"]);
    niteru
        .run(["add", "parts", ".", "--watch", "--metadata", "parts.csv"])
        .fails(2, &["--metadata", "cannot be used with"]);
    niteru
        .run(["add", "parts", ".", "--watch", "--settle", "1"])
        .fails(2, &["from 2 to 3600"]);
}

#[test]
fn a_reader_that_leaves_ends_the_watch() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let photo = niteru.picture("photos/a.png", 1);
    let folder = photo.parent().unwrap().to_str().unwrap();
    let mut child = niteru
        .command(["--json", "add", "parts", folder, "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("niteru:"), "{stderr}");
}
