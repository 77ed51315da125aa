//! The page around the reports on inspections: light and dark, and as narrow as a phone.

use std::path::Path;

use anyhow::Result;
use maud::Markup;

use super::{made_with, shell, write_whole};
use crate::args::Language;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #f4f5f7; --panel: #fff; --line: #d8dee4;
        --faint: #57606a; --sunk: #e6e9ec; --blue: #0969da; --red: #b3202b; --green: #1a6b34;
        --amber: #7d5200; --on: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --panel: #161b22; --line: #30363d; --faint: #9198a1;
          --sunk: #2a313a; --blue: #4493f8; --red: #ff8a82; --green: #5fcf7c; --amber: #e3b341;
          --on: #0d1117; }
}
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, 'Noto Sans JP', 'Noto Sans CJK JP', 'Hiragino Sans', 'Yu Gothic UI',
       sans-serif; color: var(--ink); background: var(--paper); margin: 0; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.1rem 0 .35rem; } .panel > h3:first-child, .group h3:first-child { margin-top: 0; }
p { max-width: 52rem; margin: .4rem 0; }
:lang(ja) { word-break: auto-phrase; }
.facts { color: var(--faint); font-size: .9rem; overflow-wrap: anywhere; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem;
         margin: .9rem 0; }
.warning { border: 2px solid var(--amber); } .warning > h3::before { content: '⚠ '; color: var(--amber); }
.wide { overflow-x: auto; }
.badge { display: inline-block; font-weight: 700; border: 2px solid; border-radius: 6px; padding: 0 .55rem;
         white-space: nowrap; }
.badge.ng { color: var(--on); background: var(--red); border-color: var(--red); }
.badge.ok { color: var(--green); }
.badge.unlike { color: var(--amber); border-style: dashed; }
.card { content-visibility: auto; contain-intrinsic-size: auto 40rem; }
.card header { display: flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: baseline; }
.card h2 { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.shots { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: .9rem; margin: .8rem 0; }
.shots > * { grid-column: span 2; }
.shots.large > :nth-child(-n+2) { grid-column: span 3; }
.shots.large > :nth-child(-n+2) .box { height: 22rem; }
.shots.small { grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
.shots.small > * { grid-column: auto; }
figure { margin: 0; min-width: 0; }
figure > .box { height: 14rem; background: var(--sunk); border-radius: 8px; display: grid; place-items: center;
                color: var(--faint); text-align: center; padding: 4px; overflow: hidden;
                container-type: size; }
.shots.small .box { height: 11rem; } .shots.tall .box { height: 19rem; }
figure .box > img { width: 100%; height: 100%; min-height: 0; object-fit: contain; border-radius: 4px; }
.shot { position: relative; max-width: 100%; max-height: 100%; }
.shot img { position: absolute; inset: 0; width: 100%; height: 100%; border-radius: 4px; }
.shot i { position: absolute; border: 2px solid #fff; outline: 2px solid #c1121f; border-radius: 2px; }
.shot i b { position: absolute; left: -4px; bottom: calc(100% + 2px); background: #c1121f; color: #fff;
            font: 700 .7rem/1.05rem sans-serif; min-width: 1.05rem; text-align: center; border-radius: 2px; }
.shot i.below b { bottom: auto; top: calc(100% + 2px); } .shot i.inside b { bottom: auto; top: 0; }
figcaption { font-size: .85rem; padding: .35rem .1rem 0; overflow-wrap: anywhere; }
figcaption span { color: var(--faint); }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 2rem; }
.numbers > * { min-width: 0; }
.track { position: relative; height: .8rem; background: var(--sunk); border-radius: 4px; margin: .35rem 0; }
.track i { display: block; height: 100%; background: var(--blue); border-radius: 4px; }
.track .mark { position: absolute; top: -.25rem; bottom: -.25rem; border-left: 3px solid var(--ink); margin-left: -1px; }
.ends { position: relative; font-size: .8rem; color: var(--faint); height: 1.3rem; }
.ends span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.ends span:first-child { transform: none; } .ends span.last { transform: translateX(-100%); }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.counts td { vertical-align: baseline; } .nowrap { white-space: nowrap; }
th { font-weight: 600; } thead th { color: var(--faint); font-weight: 500; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.bar { width: 40%; min-width: 4rem; vertical-align: middle; } td.bar .track { height: .6rem; margin: 0; }
td.big { font-size: 1.15rem; font-weight: 700; white-space: nowrap; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; color: var(--blue); margin-top: .3rem; }
.legend { display: grid; grid-template-columns: minmax(10rem, 22rem) 1fr; gap: .3rem 1.2rem; align-items: center; }
.legend img { width: 100%; height: 1.2rem; display: block; border-radius: 3px; }
.fit { width: fit-content; max-width: 100%; }
.plot { width: 34rem; max-width: 100%; height: auto; display: block; }
.plot text, .course text { fill: currentColor; font-size: 12px; font-family: inherit; }
.plot .grid { stroke: var(--line); } .plot .axis { stroke: var(--faint); }
.plot .curve { stroke: var(--blue); stroke-width: 2.5; fill: none; }
.plot .point { fill: var(--red); stroke: var(--panel); stroke-width: 2; }
.plot.broad { width: 44rem; } .plot .good { fill: var(--blue); } .plot .bad { fill: var(--red); }
.plot .lead { stroke: var(--ink); stroke-dasharray: 4 3; }
.group { display: grid; grid-template-columns: minmax(0, 15rem) minmax(0, 1fr); gap: 0 1.4rem; }
.course { width: 100%; height: 5rem; display: block; border-bottom: 1px solid var(--faint); }
.course rect { fill: var(--blue); }
.map { width: min(100%, 90vh); height: auto; display: block; margin: 0 auto; }
.keys { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
.keys li { overflow-wrap: anywhere; } .key { width: .8rem; height: .8rem; vertical-align: -.05rem; }
.from-to { display: flex; justify-content: space-between; gap: 1rem; font-size: .8rem; color: var(--faint); }
ul.found { margin: .3rem 0 .8rem; padding-left: 1.2rem; } ul.found li { margin: .2rem 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  main { padding: 1.25rem .8rem 3rem; }
  .panel { padding: .8rem .75rem; }
  .shots { gap: .6rem; } .shots > * { grid-column: span 3; }
  .shots.large > :nth-child(-n+2) { grid-column: span 6; }
  .shots.small { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .shots.large > :nth-child(-n+2) .box { height: 17rem; }
  figure > .box, .shots.small .box { height: 10rem; }
  .shots.tall > * { grid-column: span 6; } .shots.tall .box { height: 15rem; }
  .counts td.big { font-size: 1rem; }
  .figures thead { display: none; } .figures tr { display: block; border-bottom: 1px solid var(--line); padding: .4rem 0; }
  .figures th, .figures td { display: inline-block; border: 0; padding: .1rem .6rem .1rem 0; } .figures td.meaning { display: block; }
  .group, .legend { grid-template-columns: minmax(0, 1fr); } .group h3:first-child { margin-top: 1rem; }
}
/* Bars and frames are backgrounds, which a printer may leave out. */
.track, .track i, .badge.ng, .shot i b { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
@media print { body { background: #fff; } .card { content-visibility: visible; }
               figure, .panel.short { break-inside: avoid; } }
";

/// A page before it is written.
pub(super) struct Page<'p> {
    pub(super) language: Language,
    /// The heading.
    pub(super) title: &'p str,
    /// The model's name, where it is known.
    pub(super) model: Option<&'p str>,
    pub(super) body: Markup,
}

impl Page<'_> {
    /// Writes the page as one file that refers to nothing else; an older one of that name is replaced
    /// only when this one is complete.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        write_whole(file, self.html().into_string().as_bytes())
    }

    fn html(&self) -> Markup {
        let words = self.language.words();
        let facts = made_with(words, self.model);
        shell(words.language, self.title, STYLE, &facts, &self.body)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use anyhow::Result;

    use crate::args::Language;

    pub(in crate::report) const LANGUAGES: [Language; 2] = [Language::En, Language::Ja];

    /// What `write` writes.
    pub(in crate::report) fn read(write: impl FnOnce(&Path) -> Result<()>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.html");
        write(&file).unwrap();
        std::fs::read_to_string(file).unwrap()
    }

    /// A page that refers to nothing outside of it, and in which no input has become markup.
    pub(in crate::report) fn assert_sound(page: &str) {
        for outside in ["http://", "https://", "<script", "<link", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside} in the page");
        }
        for attribute in ["src=\"", "href=\""] {
            for (at, _) in page.match_indices(attribute) {
                let value = &page[at + attribute.len()..];
                assert!(value.starts_with("data:image/jpeg;base64,"));
            }
        }
    }
}
