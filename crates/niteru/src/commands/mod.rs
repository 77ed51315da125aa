//! One module a command; each turns arguments into calls of the rooms and their results into output.

mod add;
mod backup;
mod bench;
mod bench_search;
mod check;
mod collections;
mod compare;
mod demo;
mod duplicates;
mod embed;
mod eval;
mod explain;
mod images;
mod index;
mod inspect;
mod map;
mod models;
mod models_check;
mod query;
mod search;
mod serve;
mod watch;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::CommandFactory;
use niteru_encoder::{Encoder, ModelCache};
use niteru_kernels::Kernels;
use niteru_store::{EncoderChoice, EncoderIdentity, Home, IndexPlace, StoreError, load_encoder};

use crate::args::{BenchCommand, Cli, Command, EvalCommand, ModelArgs};
use crate::output::{Outcome, Output};

/// What every command needs.
pub(crate) struct Context {
    home: PathBuf,
    /// Whether the home is another than the platform's.
    home_named: bool,
    /// Where indexes are, if that was said.
    index_place: Option<IndexPlace>,
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
    let index_place = cli.index_place();
    let context = Context {
        index_place,
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
        Command::Inspect(command) => inspect::run(&context, &command),
        Command::Duplicates(args) => duplicates::run(&context, &args),
        Command::Map(args) => map::run(&context, &args),
        Command::Backup(args) => backup::backup(&context, &args),
        Command::Restore(args) => backup::restore(&context, &args),
        Command::Check(args) => check::run(&context, &args),
        Command::Eval(EvalCommand::Retrieval {
            collection,
            label,
            filter,
        }) => eval::retrieval(&context, &collection, &label, filter.as_ref()),
        Command::Eval(EvalCommand::Framing {
            collection,
            label,
            filter,
        }) => eval::framing(&context, &collection, &label, filter.as_ref()),
        Command::Bench(BenchCommand::Embed(args)) => bench::embed(&context, &args),
        Command::Bench(BenchCommand::Search(args)) => bench_search::search(&context, &args),
        Command::Index(command) => index::run(&context, command),
        Command::Serve(args) => serve::run(&context, &args),
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
        Ok(Home::open(&self.home)?.with_index_place(self.index_place.clone()))
    }

    /// Tells what the home has to say beside results.
    pub(crate) fn tell(&self, home: &Home) {
        for notice in home.take_notices() {
            self.output.warn(notice);
        }
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

    /// Loads an installed model. What was not asked for is as the collection's embeddings were made,
    /// if there is one, else the default.
    pub(crate) fn encoder(
        &self,
        own: Option<&EncoderIdentity>,
        args: &ModelArgs,
    ) -> Result<Encoder> {
        use_threads(args.threads)?;
        let asked = EncoderChoice {
            model: args.model.clone(),
            precision: args.numbers.precision,
            exact_decode: args.numbers.exact_decode,
            framing: args.numbers.framing,
        };
        Ok(load_encoder(&self.models(), own, &asked, kernels()?)?)
    }

    /// Loads the model that is to add to a collection, which may not be there yet.
    pub(crate) fn encoder_of(
        &self,
        home: &Home,
        collection: &str,
        args: &ModelArgs,
    ) -> Result<Encoder> {
        match home.collection(collection) {
            Ok(collection) => self.encoder(Some(collection.identity()), args),
            Err(StoreError::NoCollection { .. }) => self.encoder(None, args),
            Err(error) => Err(error.into()),
        }
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
