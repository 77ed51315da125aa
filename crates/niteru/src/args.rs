//! What can be typed. What it means is decided in `commands`.

mod adding;
mod indexing;
mod inspecting;
mod keeping;
mod measuring;
#[cfg(test)]
mod offered;
mod searching;
mod serving;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use niteru_encoder::{Framing, PrecisionChoice};
use niteru_index::{Condition, ConditionError};
use niteru_store::IndexPlace;

pub(crate) use adding::AddArgs;
pub(crate) use indexing::IndexCommand;
pub(crate) use inspecting::{
    DecidedAs, InspectCommand, InspectCompareArgs, InspectDriftArgs, InspectEvalArgs,
    InspectHistoryArgs, InspectRunArgs, InspectTraceArgs, InspectTrainArgs, InspectWatchArgs,
    ReviewedAs, Suspicious,
};
pub(crate) use keeping::{BackupArgs, CheckArgs, DuplicatesArgs, MapArgs, RestoreArgs};
pub(crate) use measuring::{BenchCommand, BenchEmbedArgs, BenchSearchArgs, EvalCommand};
pub(crate) use searching::SearchArgs;
pub(crate) use serving::ServeArgs;

/// The version with the instruction set in use, so that a report of a problem carries both.
fn version() -> &'static str {
    use std::sync::OnceLock;
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let kernels = niteru_kernels::Kernels::from_env().map_or_else(
            |error| error.to_string(),
            |kernels| kernels.name().to_string(),
        );
        format!("{} (CPU kernels: {kernels})", env!("CARGO_PKG_VERSION"))
    })
}

/// Finds images that look alike by meaning.
///
/// Niteru turns images into embeddings with a neural network on this computer, compares them by
/// cosine similarity, and keeps them in collections that can be searched. Nothing is sent anywhere;
/// only `models pull`, `samples` and the first `demo` use the network.
#[derive(Debug, Parser)]
#[command(
    name = "niteru",
    version = version(),
    max_term_width = 100,
    after_help = "Start with `niteru demo`. `niteru COMMAND --help` shows examples.\n\
                  Exit codes: 0 all done; 1 failed; 2 wrong usage; 3 done, but some inputs were skipped."
)]
pub(crate) struct Cli {
    /// Where collections and models are kept [default: the platform's data directory]
    #[arg(long, global = true, env = "NITERU_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,

    /// Where the indexes of collections are: `local`, or in a Qdrant cluster, such as
    /// qdrant+http://host:6334?shards=3&replicas=2 [default: where each was moved to, else local]
    // Checked by `index_place`: clap's own message would repeat a secret in it.
    #[arg(
        long,
        global = true,
        env = "NITERU_INDEX",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) index: Option<String>,

    /// Print one JSON document on stdout and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print no progress and no hints
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Where `--index` says that indexes are. Wrong usage ends the program.
    pub(crate) fn index_place(&self) -> Option<IndexPlace> {
        let text = self.index.as_deref().filter(|text| !text.is_empty())?;
        Some(index_place("--index <URL>' or 'NITERU_INDEX", text))
    }
}

/// The place for indexes that was typed. Wrong usage ends the program, without repeating the text,
/// which may hold a secret.
pub(crate) fn index_place(argument: &str, text: &str) -> IndexPlace {
    text.parse().unwrap_or_else(|reason| {
        let message = format!("invalid value for '{argument}': {reason}");
        Cli::command()
            .error(ErrorKind::ValueValidation, message)
            .exit()
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show on sample photos what Niteru does
    #[command(after_help = "Examples:\n  niteru demo\n  niteru demo --html report.html")]
    Demo(DemoArgs),
    /// Fetch sample photos into the home
    #[command(after_help = "Examples:\n  niteru samples\n  niteru --json samples")]
    Samples,
    /// List, fetch, import and remove models
    #[command(
        subcommand,
        after_help = "Examples:\n  niteru models list\n  niteru models pull clip-vit-b-32"
    )]
    Models(ModelsCommand),
    /// Print the embeddings of images and texts, one JSON object a line
    #[command(
        after_help = "Examples:\n  niteru embed part.jpg\n  niteru embed photos/ > embeddings.jsonl\n  \
                      niteru embed --model clip-vit-b-32 --text 'a rusty bolt' photo.jpg\n\n\
                      Each line is {\"input\", \"embedding\"}: a unit vector of f32 numbers."
    )]
    Embed(EmbedArgs),
    /// Print the cosine similarity of every pair of images
    #[command(
        after_help = "Examples:\n  niteru compare cat1.jpg cat2.jpg dog1.jpg dog2.jpg\n  \
                      niteru compare *.png --csv matrix.csv --plot matrix.png"
    )]
    Compare(CompareArgs),
    /// Add images to a collection, or bring it up to date
    #[command(after_help = "Examples:\n  niteru add parts photos/parts\n  \
                      niteru add parts photos/parts --metadata parts.csv\n  \
                      niteru add parts photos/parts --watch\n  \
                      niteru add parts /mnt/share/parts --watch --poll 60\n\n\
                      The CSV has a column `path` (relative to the CSV's folder, or absolute), or one that is\n\
                      called file, image, photo or the like; every other column becomes metadata. Running the same\n\
                      command again adds nothing twice.\n\
                      With --watch it goes on until Ctrl-C or SIGTERM, and every change is stored as it comes.")]
    Add(AddArgs),
    /// Find the images of a collection that are most like an image or a text
    #[command(after_help = "Examples:\n  niteru search parts query.jpg\n  \
                      niteru search parts query.jpg -k 20 --html result.html\n  \
                      niteru search parts query.jpg --filter 'category = bolt and length >= 20'\n  \
                      niteru search parts query.jpg --group-by part_number --not part_number=@query\n  \
                      niteru search parts front.jpg side.jpg\n  \
                      niteru search parts query.jpg --crop 0.2,0.2,0.5,0.5\n  \
                      niteru search parts --like 42 --like 43 --unlike 7\n  \
                      niteru search parts query.jpg --explain --html why.html\n  \
                      niteru search photos --text 'a red car'          (needs a model that reads texts)\n  \
                      niteru search photos bolt.jpg --text 'rusty' --text-weight 0.3\n\n\
                      Conditions: FIELD = VALUE, != < <= > >=, FIELD in (A, B), FIELD contains TEXT,\n\
                      FIELD exists, FIELD missing, joined by and, or, not and parentheses. Quote texts\n\
                      that have spaces or signs in them. docs/filters.md explains them.")]
    Search(SearchArgs),
    /// List, show and remove the images of a collection
    #[command(
        after_help = "Examples:\n  niteru images parts list\n  niteru images parts show 42\n  \
                      niteru images parts remove 42 43"
    )]
    Images(ImagesArgs),
    /// Inspect parts: learn from photos of good ones, then say of others what is wrong and where
    #[command(
        subcommand,
        after_help = "Examples:\n  niteru inspect train tiles --good photos/good\n  \
                      niteru inspect run tiles today/ --html today.html\n  \
                      niteru inspect trace tiles --fields lot,machine\n  \
                      niteru inspect compare template.jpg board.jpg --html difference.html"
    )]
    Inspect(InspectCommand),
    /// Find images that a collection holds more than once
    #[command(
        after_help = "Examples:\n  niteru duplicates parts\n  niteru duplicates parts --html duplicates.html\n  \
                      niteru duplicates parts --threshold 0.99\n\n\
                      Equal files, and pictures that were re-encoded, resized, made brighter or a little\n\
                      cropped. docs/duplicates.md says what is found and what is not."
    )]
    Duplicates(DuplicatesArgs),
    /// Arrange the images of a collection in two dimensions, those that are alike beside each other
    #[command(
        after_help = "Examples:\n  niteru map parts\n  niteru map parts --csv map.csv\n  \
                      niteru map parts --html map.html --field lot\n\n\
                      The page that `niteru serve` shows has the map under Map."
    )]
    Map(MapArgs),
    /// Write the home into one file, while others go on using it
    #[command(after_help = "Examples:\n  niteru backup niteru-2026-01-05.tar\n\n\
                      The file holds the database. Image files are not in it, and models only with\n\
                      --with-models.")]
    Backup(BackupArgs),
    /// Make the home what it was when a backup was written
    #[command(after_help = "Examples:\n  niteru restore niteru-2026-01-05.tar\n  \
                      niteru restore niteru-2026-01-05.tar --home /srv/niteru --force\n\n\
                      No other command may use the home meanwhile.")]
    Restore(RestoreArgs),
    /// Look whether everything in the home is as it should be
    #[command(after_help = "Examples:\n  niteru check\n  niteru check --files\n\n\
                      Exit code 1 when there are problems; each is told with the way out.")]
    Check(CheckArgs),
    /// Measure how well a collection's embeddings find what belongs together
    #[command(
        subcommand,
        after_help = "Examples:\n  niteru eval retrieval parts --label part_number"
    )]
    Eval(EvalCommand),
    /// Measure speed on this computer
    #[command(
        subcommand,
        after_help = "Examples:\n  niteru bench embed --images photos/\n  niteru bench search"
    )]
    Bench(BenchCommand),
    /// Look after the indexes that make searches of large collections fast
    #[command(
        subcommand,
        after_help = "Examples:\n  niteru index status parts\n  niteru index build parts\n  \
                      niteru index move parts 'qdrant+http://host:6334?shards=3&replicas=2'\n  \
                      niteru index move parts local\n  niteru index verify parts\n\n\
                      docs/qdrant.md tells about indexes in a Qdrant cluster."
    )]
    Index(IndexCommand),
    /// List the collections of the home
    #[command(
        after_help = "Examples:\n  niteru collections\n  niteru collections remove old-parts"
    )]
    Collections(CollectionsArgs),
    /// Serve the web page and the HTTP API
    #[command(after_help = "Examples:\n  niteru serve --open\n  \
                      niteru serve --addr 0.0.0.0:8686 --tls-cert cert.pem --tls-key key.pem\n  \
                      niteru serve --behind-proxy\n\n\
                      On this computer's own address (127.0.0.1) no login is needed. On any other one it is; the\n\
                      first start prints a code that makes the first administrator.")]
    Serve(ServeArgs),
    /// Print a script that completes commands in a shell
    #[command(
        after_help = "Examples:\n  niteru completions bash > ~/.local/share/bash-completion/completions/niteru\n  \
                      niteru completions powershell >> $PROFILE"
    )]
    Completions {
        /// The shell to complete in
        shell: clap_complete::Shell,
    },
}

/// How images become embeddings.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ModelArgs {
    /// The model to use; `niteru models list` shows them [default: the collection's, else efficientnet-lite0]
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    #[command(flatten)]
    pub(crate) numbers: NumbersArgs,

    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = up_to_1024)]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// How exactly images become embeddings. Part of a model's fingerprint.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct NumbersArgs {
    /// auto, f32, bf16 or int8 [default: the collection's, else auto: bf16 where this CPU is faster with it and it is as good, else f32]
    #[arg(long, value_name = "PRECISION")]
    pub(crate) precision: Option<PrecisionChoice>,

    /// Decode every JPEG in full, also where it is much larger than what the model sees
    #[arg(long)]
    pub(crate) exact_decode: bool,

    /// What the model sees of an image: centre (the square in the middle), fit (all of it), object (the
    /// part on a plain background; left and right versions count as one) or object-handed [default: the
    /// collection's, else centre]
    #[arg(long, value_name = "FRAMING")]
    pub(crate) framing: Option<Framing>,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Where to write the report [default: demo.html in the home]
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// How a report is written.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ReportArgs {
    /// Language of the report [default: by the system's language]
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Language>,
}

impl ReportArgs {
    /// The language that was asked for, else the system's.
    pub(crate) fn language(&self) -> Language {
        self.lang.unwrap_or_else(Language::of_system)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// English
    En,
    /// 日本語
    Ja,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the models that are there and those that can be fetched
    #[command(after_help = "Examples:\n  niteru models list")]
    List,
    /// Fetch a model (uses the network)
    #[command(
        after_help = "Examples:\n  niteru models pull efficientnet-lite0\n  niteru models pull clip-vit-b-32"
    )]
    Pull {
        /// A name from `niteru models list`
        name: String,
    },
    /// Show what is known about a model
    #[command(after_help = "Examples:\n  niteru models show efficientnet-lite0 --verify")]
    Show {
        /// A name from `niteru models list`
        name: String,
        /// Read the files again and check their sha256
        #[arg(long)]
        verify: bool,
    },
    /// Install a model from a folder or file
    #[command(
        after_help = "Examples:\n  niteru models import clip-vit-b-32 downloads/clip-vit-base-patch32\n  \
                      niteru models import efficientnet-lite0 efficientnet-lite0-57934424.pth\n\n\
                      A folder holds config.json, preprocessor_config.json, of CLIP tokenizer.json, and\n\
                      model.safetensors or pytorch_model.bin, as Hugging Face publishes CLIP and DINOv2."
    )]
    Import {
        /// The name to give it: lower-case letters, digits, '.', '_' and '-'
        name: String,
        /// The folder or file
        path: PathBuf,
    },
    /// Compare the precisions on photos: how far each is from f32, and how fast
    #[command(
        after_help = "Examples:\n  niteru models check clip-vit-b-32 --images photos/\n\n\
                      The automatic choice of precision takes what this finds into account."
    )]
    Check(ModelsCheckArgs),
    /// Remove a model from this computer
    #[command(after_help = "Examples:\n  niteru models remove clip-vit-l-14")]
    Remove {
        /// The model's name
        name: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ModelsCheckArgs {
    /// An installed model
    pub(crate) name: String,

    /// A folder of photos like those that the model is for
    #[arg(long, value_name = "DIR")]
    pub(crate) images: PathBuf,

    /// Use at most so many
    #[arg(long, value_name = "N", default_value = "500")]
    pub(crate) limit: NonZeroUsize,

    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = up_to_1024)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Args, Debug)]
pub(crate) struct EmbedArgs {
    /// Images, or folders of images
    #[arg(value_name = "INPUT", required_unless_present = "text")]
    pub(crate) inputs: Vec<PathBuf>,

    /// A text to embed; may be given more than once
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Vec<String>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// Two or more images
    #[arg(value_name = "IMAGE", required = true, num_args = 2..)]
    pub(crate) images: Vec<PathBuf>,

    /// Write the matrix as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,

    /// Draw the matrix as a heat map (.png or .svg)
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ImagesArgs {
    /// The collection's name
    pub(crate) collection: String,

    #[command(subcommand)]
    pub(crate) command: ImagesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImagesCommand {
    /// List images with their metadata
    #[command(
        after_help = "Examples:\n  niteru images parts list\n  niteru images parts list --missing\n  \
                      niteru images parts list --filter 'note contains rust'"
    )]
    List {
        /// Show only those whose file has vanished
        #[arg(long)]
        missing: bool,
        /// Show only those whose metadata fulfil this
        #[arg(long, value_name = "CONDITION", value_parser = condition)]
        filter: Option<Condition>,
        /// Show at most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Remove images from the collection; the files stay
    #[command(after_help = "Examples:\n  niteru images parts remove 42 43")]
    Remove {
        /// Numbers from `list`, or paths
        #[arg(required = true, value_name = "ID|PATH")]
        images: Vec<String>,
    },
    /// Show all that is known about one image
    #[command(after_help = "Examples:\n  niteru images parts show 42")]
    Show {
        /// A number from `list`, or a path
        #[arg(value_name = "ID|PATH")]
        image: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct CollectionsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<CollectionsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CollectionsCommand {
    /// List collections with their model and size
    #[command(after_help = "Examples:\n  niteru collections list")]
    List,
    /// Remove a collection with its embeddings and metadata; image files stay
    #[command(after_help = "Examples:\n  niteru collections remove old-parts")]
    Remove {
        /// The collection's name
        name: String,
    },
}

fn condition(text: &str) -> Result<Condition, ConditionError> {
    Condition::parse(text)
}

fn similarity(text: &str) -> Result<f32, String> {
    in_range(text, -1.0, 1.0)
}

fn seconds(text: &str) -> Result<f64, String> {
    in_range(text, 0.1, 600.0).map(f64::from)
}

/// Batches and threads: more would only cost memory.
fn up_to_1024(text: &str) -> Result<NonZeroUsize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(number) if number.get() <= 1024 => Ok(number),
        _ => Err("expected a number from 1 to 1024".to_string()),
    }
}

fn in_range(text: &str, low: f32, high: f32) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (low..=high).contains(&value) => Ok(value),
        _ => Err(format!("expected a number from {low} to {high}")),
    }
}
