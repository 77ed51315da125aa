//! Self-contained HTML reports: no scripts, no links out, pictures inside.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use maud::{DOCTYPE, Markup, html};
use niteru_imaging::Picture;

use crate::args::Language;

/// Longest side of a thumbnail in a report, in pixels.
const THUMBNAIL: u32 = 224;

const STYLE: &str = "
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, 'Noto Sans JP', 'Hiragino Sans', 'Yu Gothic UI', sans-serif;
       color: #1b1f24; background: #f4f5f7; margin: 0; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .5rem; }
p { max-width: 46rem; margin: .4rem 0; }
.facts { color: #57606a; font-size: .9rem; }
.panel { background: #fff; border: 1px solid #d8dee4; border-radius: 10px; padding: 1rem; overflow-x: auto; }
table.matrix { border-collapse: separate; border-spacing: 3px; }
table.matrix th { font-weight: 500; font-size: .8rem; padding: .25rem; vertical-align: bottom; max-width: 11rem;
                  overflow-wrap: anywhere; }
table.matrix th img { display: block; margin: 0 auto .25rem; width: 84px; height: 84px; object-fit: cover;
                      border-radius: 6px; }
table.matrix th[scope=row] { text-align: right; vertical-align: middle; }
table.matrix td { width: 5.6rem; height: 5.6rem; text-align: center; font-variant-numeric: tabular-nums;
                  border-radius: 6px; font-size: 1.05rem; }
.scale { display: flex; align-items: center; gap: .6rem; font-size: .85rem; color: #57606a; margin-top: .6rem; }
.scale i { display: inline-block; width: 12rem; height: .8rem; border-radius: 4px; }
.results { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .9rem; }
figure { margin: 0; background: #fff; border: 1px solid #d8dee4; border-radius: 10px; overflow: hidden; }
figure img { width: 100%; height: 10.5rem; object-fit: contain; background: #eef0f2; display: block; }
figcaption { padding: .55rem .7rem .7rem; font-size: .85rem; overflow-wrap: anywhere; }
figcaption b { font-size: 1.15rem; font-variant-numeric: tabular-nums; }
:lang(ja) { word-break: auto-phrase; }
figure .absent { height: 10.5rem; display: grid; place-items: center; background: #eef0f2; color: #57606a; }
.rank { float: right; color: #57606a; }
.query { max-width: 14rem; border-color: #0969da; border-width: 2px; margin-bottom: .9rem; }
.bar { height: 5px; background: #e6e9ec; border-radius: 3px; margin: .3rem 0 .4rem; }
.bar i { display: block; height: 100%; background: #0969da; border-radius: 3px; }
.name, .group { font-weight: 500; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 .6rem; margin: .35rem 0 0; color: #57606a; }
dt { font-weight: 500; } dd { margin: 0; }
pre { background: #1b1f24; color: #e6edf3; padding: .9rem 1rem; border-radius: 10px; overflow-x: auto; }
@media (max-width: 40rem) {
  main { padding: 1.25rem .8rem 3rem; }
  .panel { padding: .6rem; }
  table.matrix { border-spacing: 2px; }
  table.matrix th { font-size: .62rem; padding: .1rem; max-width: 4.4rem; }
  table.matrix th img { width: 52px; height: 52px; }
  table.matrix td { width: 3.9rem; height: 3.9rem; font-size: .9rem; }
  .scale i { width: 5rem; }
  .scale span { white-space: nowrap; }
  .results { grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .6rem; }
  dl { grid-template-columns: 1fr; }
  dt { font-size: .75rem; margin-top: .2rem; }
  .results figure img, .results .absent { height: 8rem; }
}
/* Numbers are white on dark cells: unreadable where a printer leaves backgrounds out. */
table.matrix td, .scale i, .bar, .bar i { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
@media print { body { background: #fff; } figure, .panel { break-inside: avoid; } }
";

/// The words of a report in one language.
struct Words {
    language: &'static str,
    /// Before and after the version.
    made_with: [&'static str; 2],
    /// Before and after the collection's name.
    results_of: [&'static str; 2],
    demo: &'static str,
    model: &'static str,
    matrix: &'static str,
    matrix_help: &'static str,
    less: &'static str,
    more: &'static str,
    search: &'static str,
    search_help: &'static str,
    query: &'static str,
    /// Before and after the number.
    rank: [&'static str; 2],
    only: &'static str,
    not: &'static str,
    unlike: &'static str,
    /// Before and after the number of images of a group.
    in_group: [&'static str; 2],
    /// Before and after the number of images that have no value to be grouped by.
    ungrouped: [&'static str; 2],
    /// Before and after the collection's name.
    duplicates_of: [&'static str; 2],
    duplicates_help: &'static str,
    /// Before and after the number of images.
    exact: [&'static str; 2],
    near: [&'static str; 2],
    no_duplicates: &'static str,
    absent: &'static str,
    none: &'static str,
    next: &'static str,
    own_images: &'static str,
    which_alike: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    made_with: ["Made on this computer with Niteru ", ""],
    results_of: ["Search in ", ""],
    demo: "Niteru demo",
    model: "model",
    matrix: "How alike are they?",
    matrix_help: "Each number is the cosine similarity of two images: 1.000 is the same image, and a \
                  higher number means more alike. Compare numbers of one model only.",
    less: "less alike",
    more: "more alike",
    search: "What is most like this?",
    search_help: "The images of the collection, the most similar first. Look at the order and at the \
                  gaps between the numbers: how high a number must be differs from query to query.",
    query: "Looked for",
    rank: ["rank ", ""],
    only: "Only",
    not: "Not",
    unlike: "Unlike",
    in_group: ["images: ", ""],
    ungrouped: [
        "Left out, since they have no value to be grouped by: ",
        " images",
    ],
    duplicates_of: ["Duplicates in ", ""],
    duplicates_help: "The first image of each group is the one that the others were compared with. The \
                      number is the cosine similarity. Look before you remove: parts can differ in what \
                      no camera sees.",
    exact: ["Equal files: ", ""],
    near: ["The same picture, saved anew: ", ""],
    no_duplicates: "No image is there more than once.",
    absent: "no picture",
    none: "Nothing in the collection is as similar as was asked for.",
    next: "What to try next",
    own_images: "your own images",
    which_alike: "which of them look like this one?",
};

const JAPANESE: Words = Words {
    language: "ja",
    made_with: ["このパソコンの Niteru ", " で作成しました"],
    results_of: ["「", "」の検索結果"],
    demo: "Niteru デモ",
    model: "モデル",
    matrix: "どれくらい似ていますか",
    matrix_help: "数字は 2 枚の画像のコサイン類似度です。1.000 は同じ画像で、大きいほど似ています。\
                  異なるモデルの数字どうしは比べられません。",
    less: "似ていない",
    more: "似ている",
    search: "いちばん似ている画像",
    search_help: "コレクションの画像を、似ている順に並べています。順番と数字の差に注目してください。\
                  「似ている」といえる数字の大きさは、検索する画像によって変わります。",
    query: "検索した画像",
    rank: ["", " 位"],
    only: "絞り込み",
    not: "除外",
    unlike: "似ていない例",
    in_group: ["", " 枚"],
    ungrouped: ["グループ分けする値がないため除いた画像: ", " 枚"],
    duplicates_of: ["「", "」の重複画像"],
    duplicates_help: "各グループの先頭の画像と、ほかの画像を比べています。数字はコサイン類似度です。\
                      削除する前に確認してください。写真では見分けられない部品もあります。",
    exact: ["同じファイル: ", " 枚"],
    near: ["保存し直した同じ画像: ", " 枚"],
    no_duplicates: "重複した画像はありませんでした。",
    absent: "画像なし",
    none: "指定した類似度以上の画像はありませんでした。",
    next: "次に試すこと",
    own_images: "お手元の画像を追加",
    which_alike: "この画像に似ているのはどれ？",
};

impl Language {
    /// What the system says, English when it says nothing.
    pub(crate) fn of_system() -> Language {
        match sys_locale::get_locale() {
            Some(locale) if locale.to_ascii_lowercase().starts_with("ja") => Language::Ja,
            _ => Language::En,
        }
    }

    fn words(self) -> &'static Words {
        match self {
            Language::En => &ENGLISH,
            Language::Ja => &JAPANESE,
        }
    }
}

/// A value between the two words that a language puts around it.
fn around([before, after]: [&str; 2], value: impl std::fmt::Display) -> String {
    format!("{before}{value}{after}")
}

/// A picture in a report with its name.
pub(crate) struct Shown {
    pub(crate) name: String,
    /// Where the file is; shown when the pointer rests on the name.
    path: Option<String>,
    /// A data URI; `None` where the file is gone.
    thumbnail: Option<String>,
}

impl Shown {
    /// Reads the picture for its thumbnail; one that cannot be read is shown by name alone.
    pub(crate) fn open(path: &Path) -> Shown {
        let picture = Picture::open(path, &niteru_imaging::Limits::default()).ok();
        Shown::with_picture(path, picture.as_ref())
    }

    /// A file with the part of it that is to be seen.
    pub(crate) fn with_picture(path: &Path, picture: Option<&Picture>) -> Shown {
        let name = path.file_name().unwrap_or(path.as_os_str());
        Shown {
            name: name.to_string_lossy().into_owned(),
            path: Some(path.to_string_lossy().into_owned()),
            thumbnail: picture.and_then(data_uri),
        }
    }

    /// Something that has no picture, such as a text.
    pub(crate) fn named(name: String) -> Shown {
        Shown {
            name,
            path: None,
            thumbnail: None,
        }
    }

    fn title(&self) -> &str {
        self.path.as_deref().unwrap_or(&self.name)
    }

    fn image(&self) -> Markup {
        html! {
            @if let Some(thumbnail) = &self.thumbnail {
                img src=(thumbnail) alt=(self.name);
            }
        }
    }
}

fn data_uri(picture: &Picture) -> Option<String> {
    let jpeg = picture.thumbnail(THUMBNAIL).to_jpeg(85).ok()?;
    let data = base64::engine::general_purpose::STANDARD.encode(jpeg);
    Some(format!("data:image/jpeg;base64,{data}"))
}

/// One line of a search result.
pub(crate) struct Found {
    pub(crate) image: Shown,
    pub(crate) rank: usize,
    pub(crate) similarity: f32,
    pub(crate) metadata: Vec<(String, String)>,
    /// Value and number of images of its group, where results are grouped.
    pub(crate) group: Option<(String, u64)>,
}

/// A group of duplicates.
pub(crate) struct SameImages {
    /// Whether their files are equal.
    pub(crate) exact: bool,
    pub(crate) images: Vec<SameImage>,
}

/// One of a group of duplicates.
pub(crate) struct SameImage {
    pub(crate) image: Shown,
    /// Cosine with the group's first image.
    pub(crate) similarity: f32,
    /// Width and height in words.
    pub(crate) size: String,
}

/// What a search was restricted by, for its report.
pub(crate) enum Restriction {
    Only(String),
    Not(String),
    Unlike(String),
}

/// A command to try next.
pub(crate) struct NextStep {
    pub(crate) command: String,
    pub(crate) note: Option<Note>,
}

/// What a command to try next is for.
#[derive(Clone, Copy)]
pub(crate) enum Note {
    OwnImages,
    WhichAlike,
}

impl NextStep {
    /// The command with what it is for, on one line.
    pub(crate) fn line(&self, language: Language) -> String {
        let words = language.words();
        let note = match self.note {
            None => return self.command.clone(),
            Some(Note::OwnImages) => words.own_images,
            Some(Note::WhichAlike) => words.which_alike,
        };
        // A shell takes what follows as a comment, should it be copied along.
        format!("{}   # {note}", self.command)
    }
}

/// A report under construction.
pub(crate) struct Report {
    language: Language,
    words: &'static Words,
    title: String,
    model: String,
    sections: Vec<Markup>,
}

impl Report {
    /// A report about a search in a collection.
    pub(crate) fn of_search(language: Option<Language>, collection: &str, model: &str) -> Report {
        Report::new(language, model, |words| {
            around(words.results_of, collection)
        })
    }

    /// A report about the duplicates of a collection.
    pub(crate) fn of_duplicates(
        language: Option<Language>,
        collection: &str,
        model: &str,
    ) -> Report {
        Report::new(language, model, |words| {
            around(words.duplicates_of, collection)
        })
    }

    /// The demo's report.
    pub(crate) fn of_demo(language: Option<Language>, model: &str) -> Report {
        Report::new(language, model, |words| words.demo.into())
    }

    fn new(
        language: Option<Language>,
        model: &str,
        title: impl FnOnce(&Words) -> String,
    ) -> Report {
        let language = language.unwrap_or_else(Language::of_system);
        let words = language.words();
        Report {
            language,
            words,
            title: title(words),
            model: model.into(),
            sections: Vec::new(),
        }
    }

    /// Adds the similarity matrix as a heat map; `values` is row by row.
    pub(crate) fn matrix(&mut self, images: &[Shown], values: &[Vec<f32>]) {
        let words = self.words;
        let ends: Vec<String> = (0..=8).map(|i| css(i as f32 / 8.0).0).collect();
        self.sections.push(html! {
            h2 { (words.matrix) }
            p { (words.matrix_help) }
            div.panel {
                table.matrix {
                    thead { tr {
                        td style="width:auto;height:auto" {}
                        @for image in images { th scope="col" { (image.image()) (image.name) } }
                    } }
                    tbody {
                        @for (image, row) in images.iter().zip(values) {
                            tr {
                                th scope="row" { (image.image()) (image.name) }
                                @for value in row {
                                    @let (back, text) = css(*value);
                                    td style=(format!("background:{back};color:{text}")) {
                                        (format!("{value:.3}"))
                                    }
                                }
                            }
                        }
                    }
                }
                div.scale {
                    span { "0.000 " (words.less) }
                    i style=(format!("background:linear-gradient(90deg,{})", ends.join(","))) {}
                    span { (words.more) " 1.000" }
                }
            }
        });
    }

    /// Adds a ranked list of what was found.
    pub(crate) fn search(
        &mut self,
        query: &[Shown],
        restrictions: &[Restriction],
        results: &[Found],
    ) {
        let words = self.words;
        self.sections.push(html! {
            h2 { (words.search) }
            p { (words.search_help) }
            @for query in query {
                figure.query {
                    (query.image())
                    figcaption { (words.query) ": " (query.name) }
                }
            }
            @for restriction in restrictions {
                @let (label, text) = match restriction {
                    Restriction::Only(text) => (words.only, text),
                    Restriction::Not(text) => (words.not, text),
                    Restriction::Unlike(text) => (words.unlike, text),
                };
                p.facts { (label) ": " code { (text) } }
            }
            @if results.is_empty() { p { (words.none) } }
            div.results {
                @for result in results {
                    figure {
                        (result.image.image())
                        @if result.image.thumbnail.is_none() { div.absent { (words.absent) } }
                        figcaption {
                            span.rank { (around(words.rank, result.rank)) }
                            @if let Some((value, images)) = &result.group {
                                div.group { (value) " · " (around(words.in_group, images)) }
                            }
                            b { (format!("{:.3}", result.similarity)) }
                            div.bar {
                                i style=(format!("width:{:.1}%", result.similarity.clamp(0.0, 1.0) * 100.0)) {}
                            }
                            span.name title=(result.image.title()) { (result.image.name) }
                            @if !result.metadata.is_empty() {
                                dl {
                                    @for (field, value) in &result.metadata { dt { (field) } dd { (value) } }
                                }
                            }
                        }
                    }
                }
            }
        });
    }

    /// Adds groups of duplicates.
    pub(crate) fn duplicates(&mut self, groups: &[SameImages]) {
        let words = self.words;
        self.sections.push(html! {
            p { (if groups.is_empty() { words.no_duplicates } else { words.duplicates_help }) }
            @for SameImages { exact, images } in groups {
                h2 { (around(if *exact { words.exact } else { words.near }, images.len())) }
                div.results {
                    @for SameImage { image, similarity, size } in images {
                        figure {
                            (image.image())
                            @if image.thumbnail.is_none() { div.absent { (words.absent) } }
                            figcaption {
                                span.rank { (size) }
                                b { (format!("{similarity:.3}")) } br;
                                span.name title=(image.title()) { (image.name) }
                            }
                        }
                    }
                }
            }
        });
    }

    /// Adds how many images had no value to be grouped by.
    pub(crate) fn ungrouped(&mut self, images: u64) {
        let text = around(self.words.ungrouped, images);
        self.sections.push(html! { p.facts { (text) } });
    }

    /// Adds the commands to try next.
    pub(crate) fn next(&mut self, steps: &[NextStep]) {
        let lines: Vec<String> = steps.iter().map(|step| step.line(self.language)).collect();
        self.sections
            .push(html! { h2 { (self.words.next) } pre { (lines.join("\n")) } });
    }

    /// Writes the report; an older one of that name is replaced only when this one is complete.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let words = self.words;
        let facts = format!(
            "{} · {}: {}",
            around(words.made_with, env!("CARGO_PKG_VERSION")),
            words.model,
            self.model
        );
        let page = html! {
            (DOCTYPE)
            html lang=(words.language) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy"
                        content="default-src 'none'; img-src data:; style-src 'unsafe-inline'";
                    title { (self.title) }
                    style { (maud::PreEscaped(STYLE)) }
                }
                body { main {
                    h1 { (self.title) }
                    p.facts { (facts) }
                    @for section in &self.sections { (section) }
                } }
            }
        };
        write_whole(path, page.into_string().as_bytes())
    }
}

/// Background and text colour of a similarity on the one scale that all reports share, 0 to 1.
fn css(value: f32) -> (String, String) {
    let back = niteru_imaging::colour(value);
    let css = |[r, g, b]: [u8; 3]| format!("rgb({r},{g},{b})");
    (css(back), css(niteru_imaging::text_colour(back)))
}

/// Writes a file under a temporary name beside it and renames it.
pub(crate) fn write_whole(path: &Path, data: &[u8]) -> Result<()> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let write = || -> Result<()> {
        let mut temporary = tempfile::Builder::new();
        // Temporary files are private by default; a report is like any file that the user writes,
        // and the umask says who may read those.
        #[cfg(unix)]
        temporary.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = temporary.tempfile_in(folder)?;
        file.write_all(data)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
