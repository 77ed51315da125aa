//! One module a command; each turns arguments into calls of the rooms and their results into output.

mod add;
mod bench;
mod collections;
mod compare;
mod demo;
mod embed;
mod eval;
mod images;
mod models;
mod search;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::CommandFactory;
use niteru_encoder::{DEFAULT_MODEL, Encoder, LoadOptions, ModelCache};
use niteru_kernels::Kernels;
use niteru_store::Home;

use crate::args::{BenchCommand, Cli, Command, EvalCommand, NumbersArgs};
use crate::output::{Outcome, Output};

/// What every command needs.
pub(crate) struct Context {
    home: PathBuf,
    /// Whether the home is another than the platform's.
    home_named: bool,
    pub(crate) output: Output,
}

/// Runs what was typed.
pub(crate) fn run(cli: Cli, output: Output) -> Result<Outcome> {
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "niteru", &mut script);
        output.text(String::from_utf8_lossy(&script).trim_end())?;
        return Ok(Outcome::Done);
    }
    // A wrong NITERU_KERNELS must stop every command, also one that computes little.
    kernels()?;
    let context = Context {
        home_named: cli.home.is_some(),
        home: home_directory(cli.home)?,
        output,
    };
    match cli.command {
        Command::Demo(args) => demo::run(&context, &args),
        Command::Samples => demo::samples(&context),
        Command::Models(command) => models::run(&context, command),
        Command::Embed(args) => embed::run(&context, &args),
        Command::Compare(args) => compare::run(&context, &args),
        Command::Add(args) => add::run(&context, &args),
        Command::Search(args) => search::run(&context, &args),
        Command::Images(args) => images::run(&context, &args),
        Command::Eval(EvalCommand::Retrieval { collection, label }) => {
            eval::retrieval(&context, &collection, &label)
        }
        Command::Bench(BenchCommand::Embed(args)) => bench::embed(&context, &args),
        Command::Collections(args) => collections::run(&context, args),
        Command::Completions { .. } => Ok(Outcome::Done),
    }
}

/// `--home`, `$NITERU_HOME` (both through clap), else the platform's data directory.
fn home_directory(given: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(home) = given {
        return Ok(home);
    }
    let dirs = directories::ProjectDirs::from("", "", "niteru")
        .context("this account has no home directory; name one with --home DIR")?;
    Ok(dirs.data_dir().to_path_buf())
}

impl Context {
    pub(crate) fn home(&self) -> Result<Home> {
        Ok(Home::open(&self.home)?)
    }

    pub(crate) fn home_path(&self) -> &Path {
        &self.home
    }

    pub(crate) fn home_was_named(&self) -> bool {
        self.home_named
    }

    pub(crate) fn models(&self) -> ModelCache {
        ModelCache::new(self.home.join("models"))
    }

    /// Loads an installed model, the default one when none is named, for so many threads.
    pub(crate) fn encoder(
        &self,
        model: Option<&str>,
        numbers: &NumbersArgs,
        threads: Option<NonZeroUsize>,
    ) -> Result<Encoder> {
        use_threads(threads)?;
        let files = self.models().open(model.unwrap_or(DEFAULT_MODEL))?;
        let options = LoadOptions::new(kernels()?);
        let precision = numbers.precision.unwrap_or_default();
        let precision = precision.resolve(&files, options.kernels)?;
        Ok(Encoder::load(&files, &options.with_precision(precision))?)
    }
}

/// The instruction set that `NITERU_KERNELS` forces, else the best one.
pub(crate) fn kernels() -> Result<Kernels> {
    Ok(Kernels::from_env()?)
}

/// Sets the size of the pool that matrix products and batches share.
pub(crate) fn use_threads(threads: Option<NonZeroUsize>) -> Result<()> {
    let Some(threads) = threads else {
        return Ok(());
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build_global()
        .context("cannot start the worker threads")
}

/// A path for people and JSON: what is not Unicode is replaced by U+FFFD.
pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A number that shortens `1 image`, `2 images`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}
