//! The command line: arguments, progress, output, exit codes.

mod args;
mod commands;
mod output;
mod report;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::output::{Outcome, Output, StdoutError};

/// Exit codes are a contract: 0 all done, 1 failed, 2 wrong usage (clap's), 3 some inputs skipped.
fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json, cli.quiet);
    match commands::run(cli, output) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Skipped) => ExitCode::from(3),
        Ok(Outcome::Problems) => ExitCode::FAILURE,
        Err(error) if is_closed_stdout(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output.warn(format!("niteru: {}{}", chain(&error), way_out(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Whether the reader of our output went away, as `head` does: no error of ours. Other pipes that
/// break, such as to a server or a program that was started, are failures.
fn is_closed_stdout(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<StdoutError>()
        .is_some_and(StdoutError::is_closed)
}

/// What to do about a failed write, where the message itself does not say it.
fn way_out(error: &anyhow::Error) -> &'static str {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().map(io::Error::kind)
    };
    match error.chain().find_map(kind) {
        Some(StorageFull | QuotaExceeded) => {
            "; no space is left there: free some, then run the same command again"
        }
        Some(FileTooLarge) => {
            "; the limit on the size of files (ulimit -f) or of the file system is reached: raise it \
             or write elsewhere, then run the same command again"
        }
        _ => "",
    }
}

/// The whole chain of causes on one line, without a cause that the one before already tells.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn only_a_broken_pipe_of_our_own_is_no_failure() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        let elsewhere = Err::<(), _>(broken()).context("cannot reach the server");
        let error = elsewhere.expect_err("an error");
        assert!(!is_closed_stdout(&error), "{error:#}");
        assert!(!is_closed_stdout(&broken().into()));

        let own = || StdoutError::from(broken());
        assert!(is_closed_stdout(&own().into()));
        let in_context = Err::<(), _>(own()).context("while listing");
        assert!(is_closed_stdout(&in_context.expect_err("an error")));
        let full = StdoutError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(!is_closed_stdout(&full.into()));
    }
}
