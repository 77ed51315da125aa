//! The command line: arguments, progress, output, exit codes.

mod args;
mod commands;
mod output;
mod report;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::output::{Outcome, Output};

/// Exit codes are a contract: 0 all done, 1 failed, 2 wrong usage (clap's), 3 some inputs skipped.
fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json, cli.quiet);
    match commands::run(cli, output) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Skipped) => ExitCode::from(3),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output.warn(format!("niteru: {}", chain(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Whether the reader of our output went away, as `head` does: no error of ours.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
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
