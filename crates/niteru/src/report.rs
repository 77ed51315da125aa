//! Self-contained HTML reports: no scripts, no links out, pictures inside.

pub(crate) mod comparison;
pub(crate) mod evaluation;
pub(crate) mod inspection;
pub(crate) mod map;
mod marks;
mod page;
pub(crate) mod trace;
pub(crate) mod training;
mod words;

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use niteru_encoder::{AlikePlaces, Place};
use niteru_imaging::Picture;

use self::words::{ENGLISH, JAPANESE, Words};
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
.results.explained { grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); }
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
.why { border-top: 1px solid #d8dee4; margin-top: .5rem; padding-top: .4rem; }
.pair { display: flex; gap: .4rem; align-items: flex-start; margin-top: .25rem; }
.marked { position: relative; flex: 1; min-width: 0; }
.marked img { height: auto; border-radius: 4px; }
.marked i { position: absolute; border: 2px solid; border-radius: 3px; box-sizing: border-box;
            box-shadow: 0 0 0 1px #fff; }
.marked i b { position: absolute; left: -2px; top: -2px; color: #fff; font: 700 .65rem/1rem sans-serif; min-width: 1rem;
              text-align: center; }
.marked .f1 { border-color: #cf222e; } .f1 b { background: #cf222e; }
.marked .f2 { border-color: #0969da; } .f2 b { background: #0969da; }
.marked .f3 { border-color: #9a6700; } .f3 b { background: #9a6700; }
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

/// The places of two pictures that are most alike.
pub(crate) struct Why {
    /// What was looked for, and what was found: data URIs.
    thumbnails: [Option<String>; 2],
    places: Vec<AlikePlaces>,
}

impl Why {
    pub(crate) fn new(query: &Picture, result: &Picture, places: Vec<AlikePlaces>) -> Why {
        Why {
            thumbnails: [query, result].map(data_uri),
            places,
        }
    }

    fn pair(&self, words: &Words) -> Markup {
        let sides: [fn(&AlikePlaces) -> Place; 2] = [|alike| alike.query, |alike| alike.result];
        html! {
            div.why {
                span.facts { (words.why) }
                @if self.places.is_empty() { div.facts { (words.why_nothing) } }
                @else {
                    div.pair {
                        @for (thumbnail, side) in self.thumbnails.iter().zip(sides) {
                            div.marked {
                                @if let Some(thumbnail) = thumbnail { img src=(thumbnail) alt=""; }
                                @for (index, alike) in self.places.iter().enumerate() {
                                    (frame(index + 1, side(alike)))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A numbered frame over a picture.
fn frame(number: usize, place: Place) -> Markup {
    let [x, y, w, h] = [place.x, place.y, place.w, place.h].map(|share| share * 100.0);
    let style = format!("left:{x:.1}%;top:{y:.1}%;width:{w:.1}%;height:{h:.1}%");
    html! { i class=(format!("f{number}")) style=(style) { b { (number) } } }
}

/// One line of a search result.
pub(crate) struct Found {
    pub(crate) image: Shown,
    pub(crate) rank: usize,
    pub(crate) similarity: f32,
    pub(crate) metadata: Vec<(String, String)>,
    /// Value and number of images of its group, where results are grouped.
    pub(crate) group: Option<(String, u64)>,
    /// Where it was asked for.
    pub(crate) why: Option<Why>,
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
            @if results.iter().any(|result| result.why.is_some()) { p { (words.why_help) } }
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
            div.results.explained[results.iter().any(|result| result.why.is_some())] {
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
                            @if let Some(why) = &result.why { (why.pair(words)) }
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
        let facts = made_with(words, Some(&self.model));
        let sections = html! { @for section in &self.sections { (section) } };
        let page = shell(words.language, &self.title, STYLE, &facts, &sections);
        write_whole(path, page.into_string().as_bytes())
    }
}

/// What made a report, and with which model, if that is known.
fn made_with(words: &Words, model: Option<&str>) -> String {
    let made = around(words.made_with, env!("CARGO_PKG_VERSION"));
    match model {
        Some(model) => format!("{made} · {}: {model}", words.model),
        None => made,
    }
}

/// A whole page that refers to nothing else.
fn shell(language: &str, title: &str, style: &str, facts: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; img-src data:; style-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(style)) }
            }
            body { main {
                h1 { (title) }
                p.facts { (facts) }
                (body)
            } }
        }
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
