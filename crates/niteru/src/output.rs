//! Where words go: results to stdout, everything else to stderr.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// How a command ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was done.
    Done,
    /// Done, but some inputs were skipped; they have been listed.
    Skipped,
    /// Problems were looked for, found and listed.
    Problems,
}

impl Outcome {
    /// [`Outcome::Skipped`] when anything was.
    pub(crate) fn skipped(any: bool) -> Outcome {
        if any { Outcome::Skipped } else { Outcome::Done }
    }
}

/// Results could not be printed. A type of its own: a reader of stdout that goes away is no failure,
/// any other pipe that breaks is one.
#[derive(Debug)]
pub(crate) struct StdoutError(io::Error);

impl StdoutError {
    /// Whether nobody reads any more, as after `head`.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

impl From<io::Error> for StdoutError {
    fn from(error: io::Error) -> StdoutError {
        StdoutError(error)
    }
}

impl fmt::Display for StdoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot print the result")
    }
}

impl std::error::Error for StdoutError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn print(
    write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>,
) -> Result<(), StdoutError> {
    let mut stdout = io::stdout().lock();
    write(&mut stdout)?;
    Ok(stdout.flush()?)
}

/// What the user asked to see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Output {
        Output { json, quiet }
    }

    /// Whether results are wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints one JSON document on a line.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), StdoutError> {
        print(|stdout| {
            serde_json::to_writer(&mut *stdout, value)?;
            writeln!(stdout)
        })
    }

    /// Prints a result for people.
    pub(crate) fn text(&self, text: impl fmt::Display) -> Result<(), StdoutError> {
        print(|stdout| writeln!(stdout, "{text}"))
    }

    /// Prints a message that is not a result.
    pub(crate) fn note(&self, text: impl fmt::Display) {
        if !self.quiet {
            // A closed stderr is no reason to stop working.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Prints a message about an input that was skipped, `--quiet` or not.
    pub(crate) fn warn(&self, text: impl fmt::Display) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// A bar over images with rate and, once the total is known, time left.
    ///
    /// Silent when stderr is no terminal or with `--quiet`; so are all bars.
    pub(crate) fn images_bar(&self) -> ProgressBar {
        self.bar(None, "{spinner} {pos} images  {per_sec}  {elapsed}")
    }

    /// Gives a bar of [`Output::images_bar`] its total.
    pub(crate) fn show_total(&self, bar: &ProgressBar, total: u64) {
        bar.set_length(total);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len} images  {per_sec}  {eta} left")
        {
            bar.set_style(style);
        }
    }

    /// What shows on a bar of [`Output::images_bar`] how far it is: images done, and all, once they are
    /// counted. Threads may report out of order.
    pub(crate) fn on_bar<'a>(
        &'a self,
        bar: &'a ProgressBar,
    ) -> impl Fn(u64, Option<u64>) + Sync + use<'a> {
        let sized = OnceLock::new();
        move |done, total| {
            if let Some(total) = total {
                sized.get_or_init(|| self.show_total(bar, total));
            }
            bar.set_position(bar.position().max(done));
        }
    }

    /// A bar over stages, each with a total of its own.
    pub(crate) fn stages_bar(&self) -> StagesBar {
        StagesBar {
            bar: self.bar(Some(0), "{msg} {bar:30} {pos}/{len}  {elapsed}"),
            now: Mutex::new(("", 0)),
        }
    }

    /// A bar over images of which the number is known.
    pub(crate) fn steps_bar(&self) -> ProgressBar {
        self.bar(
            Some(0),
            "{bar:30} {pos}/{len} images  {per_sec}  {eta} left",
        )
    }

    /// A bar over the bytes of a file.
    pub(crate) fn bytes_bar(&self, total: Option<u64>) -> ProgressBar {
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {msg}",
            None => "{spinner} {bytes}  {bytes_per_sec}  {msg}",
        };
        self.bar(total, template)
    }

    fn bar(&self, total: Option<u64>, template: &str) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// A bar that begins anew with each stage.
pub(crate) struct StagesBar {
    pub(crate) bar: ProgressBar,
    /// The stage that is shown, and its total.
    now: Mutex<(&'static str, u64)>,
}

impl StagesBar {
    /// So many of a stage are done. Threads may report out of order; what has far less done than was shown is
    /// another round of the stage.
    pub(crate) fn show(&self, stage: &'static str, done: usize, total: usize) {
        let (done, total) = (done as u64, total as u64);
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let again = self.bar.position() == total && done <= total / 2;
        if *now != (stage, total) || again {
            *now = (stage, total);
            self.bar.set_message(stage);
            self.bar.set_length(total);
            self.bar.set_position(done);
        } else {
            self.bar.set_position(self.bar.position().max(done));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_begins_anew_with_its_own_total() {
        let stages = Output::new(false, true).stages_bar();
        // stage, done, total, what is shown then
        let table = [
            ("reading", 2, 3, (2, 3)),
            ("reading", 1, 3, (2, 3)),
            ("reading", 3, 3, (3, 3)),
            ("reading", 2, 3, (3, 3)),
            ("learning", 1, 6, (1, 6)),
            ("learning", 6, 6, (6, 6)),
            // Some were left out, and all is done again.
            ("learning", 1, 6, (1, 6)),
            ("reading", 1, 4, (1, 4)),
            ("learning", 6, 6, (6, 6)),
            ("judging", 1, 4, (1, 4)),
        ];
        for (stage, done, total, shown) in table {
            stages.show(stage, done, total);
            let now = (stages.bar.position(), stages.bar.length());
            assert_eq!(now, (shown.0, Some(shown.1)), "{stage} {done}");
            assert_eq!(stages.bar.message(), stage);
        }
    }
}
