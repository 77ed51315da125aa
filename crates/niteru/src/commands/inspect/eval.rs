//! `niteru inspect eval`.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use niteru_imaging::Limits;
use niteru_inspect::{Inspector, Known, Quality, Rate, evaluate};
use niteru_store::Evaluation;

use super::{open, photos};
use crate::args::InspectEvalArgs;
use crate::commands::add::described;
use crate::commands::{Context, count};
use crate::output::Outcome;

pub(super) fn run(context: &Context, args: &InspectEvalArgs) -> Result<Outcome> {
    let home = context.home()?;
    let (file, encoder) = open(context, &home, (&args.name, args.version), args.threads)?;
    let inspector = Inspector::from_bytes(&file.bytes, &encoder)?;
    let (good, good_skipped) = photos(context, &args.good);
    let (bad, bad_skipped) = photos(context, &args.bad);
    if good.is_empty() || bad.is_empty() {
        bail!(
            "an evaluation needs good and bad photos: found {} and {}",
            good.len(),
            bad.len()
        );
    }
    let masks = match &args.masks {
        Some(folder) => Masks::of(context, folder, &bad)?,
        None => Masks::default(),
    };
    let known: Vec<Known> = good
        .into_iter()
        .map(|path| (path, true))
        .chain(bad.into_iter().map(|path| (path, false)))
        .map(|(path, good)| Known {
            mask: masks.of_photos.get(&path).filter(|_| !good).cloned(),
            path,
            good,
        })
        .collect();
    let bar = context.output.steps_bar();
    bar.set_length(known.len() as u64);
    let quality = evaluate(&inspector, &known, &Limits::default(), &|| {
        bar.inc(1);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let quality = quality?;
    for skipped in &quality.skipped {
        context
            .output
            .warn(format!("skipped: {}", described(skipped)));
    }
    for mask in &quality.stretched {
        context.output.warn(format!(
            "{} has another shape than its photo and was stretched: pixel AUROC and PRO may be wrong",
            mask.display()
        ));
    }
    if quality.learnt > 0 {
        context.output.warn(format!(
            "{} of the {} were trained with: the figures are brighter than the line will be; use photos of \
             other good parts",
            quality.learnt,
            count(quality.good, "good photo")
        ));
    }
    if let Some(report) = &args.html {
        let lang = args.report.language();
        let (name, model) = (&file.inspector.name, inspector.model());
        crate::report::evaluation::evaluation(lang, name, model, &quality, report)?;
        context.output.note(format!("wrote {}", report.display()));
    }
    let evaluation = Evaluation {
        inspector: file.inspector.name,
        version: file.inspector.version,
        quality,
    };
    if context.output.is_json() {
        context.output.json(&evaluation)?;
    } else {
        context.output.text(told(&evaluation.quality))?;
    }
    let quality = &evaluation.quality;
    let any_skipped = good_skipped || bad_skipped || !quality.skipped.is_empty();
    Ok(Outcome::skipped(any_skipped))
}

/// What masks of public data sets have after the photo's name.
const SUFFIX: &str = "_mask";

/// Masks of bad photos.
#[derive(Default)]
struct Masks {
    of_photos: HashMap<PathBuf, PathBuf>,
}

impl Masks {
    /// The masks of a folder that have the names of photos, and a word about those that have not: a mask that is
    /// not used would be missed by nobody.
    fn of(context: &Context, folder: &Path, bad: &[PathBuf]) -> Result<Masks> {
        let (files, _) = photos(context, &[folder.to_path_buf()]);
        if files.is_empty() {
            bail!("{}: no masks there", folder.display());
        }
        let mut named: HashMap<String, Named<'_>> = HashMap::new();
        for photo in bad {
            named.entry(stem(photo)).or_default().photos.push(photo);
        }
        for mask in &files {
            let own = stem(mask);
            let stripped = own.strip_suffix(SUFFIX).unwrap_or(&own);
            let of_photo = [own.as_str(), stripped]
                .into_iter()
                .find(|name| named.contains_key(*name));
            if let Some(known) = of_photo.and_then(|name| named.get_mut(name)) {
                known.masks.push(mask);
            }
        }
        let mut of_photos: HashMap<PathBuf, PathBuf> = HashMap::new();
        for known in named.values() {
            for (photo, mask) in known.pairs()? {
                of_photos.insert(photo.clone(), mask.clone());
            }
        }
        let used: HashSet<&PathBuf> = of_photos.values().collect();
        let unused: Vec<&PathBuf> = files.iter().filter(|file| !used.contains(file)).collect();
        let Some(example) = bad.first().filter(|_| used.is_empty()) else {
            let without = bad.len() - of_photos.len();
            context.output.note(format!(
                "{} of {} with a mask",
                of_photos.len(),
                count(bad.len(), "bad photo")
            ));
            if without > 0 || !unused.is_empty() {
                let example = unused
                    .first()
                    .map_or_else(String::new, |file| format!(", as {}", file.display()));
                context.output.warn(format!(
                    "{} without a mask, {} without a bad photo{example}",
                    count(without, "bad photo"),
                    count(unused.len(), "mask"),
                ));
            }
            return Ok(Masks { of_photos });
        };
        let own = stem(example);
        bail!(
            "{}: none of {} has the name of a bad photo; for {} it is to be called {own}.png or {own}{SUFFIX}.png",
            folder.display(),
            count(files.len(), "mask"),
            example.display()
        );
    }
}

/// A file's name without its ending.
fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or(file.as_os_str());
    stem.to_string_lossy().into_owned()
}

/// Bad photos and masks of one name.
#[derive(Default)]
struct Named<'p> {
    photos: Vec<&'p PathBuf>,
    masks: Vec<&'p PathBuf>,
}

impl<'p> Named<'p> {
    /// Which mask is whose. Where there are several of a name, those belong together that are in folders of one
    /// name, as kinds of defects with numbered photos are kept.
    fn pairs(&self) -> Result<Vec<(&'p PathBuf, &'p PathBuf)>> {
        if let ([photo], [mask]) = (&self.photos[..], &self.masks[..]) {
            return Ok(vec![(*photo, *mask)]);
        }
        let mut pairs = Vec::new();
        for mask in &self.masks {
            let beside = |photo: &&&PathBuf| folder(photo) == folder(mask);
            pairs.extend(
                self.photos
                    .iter()
                    .filter(beside)
                    .map(|photo| (*photo, *mask)),
            );
        }
        let photos: HashSet<&PathBuf> = pairs.iter().map(|(photo, _)| *photo).collect();
        match (&self.photos[..], &self.masks[..]) {
            ([photo, ..], [mask, ..]) if pairs.is_empty() || photos.len() < pairs.len() => {
                let (photos, masks) = (self.photos.len(), self.masks.len());
                bail!(
                    "{} and {} have one name, and it is not clear what belongs together: {}, {}; give them names \
                     of their own, or keep them in folders of the same names",
                    photo.display(),
                    mask.display(),
                    count(photos, "photo"),
                    count(masks, "mask")
                )
            }
            _ => Ok(pairs),
        }
    }
}

/// The name of the folder that a file is in.
fn folder(file: &Path) -> Option<&OsStr> {
    file.parent().and_then(Path::file_name)
}

fn told(quality: &Quality) -> String {
    let figure =
        |value: Option<f64>| value.map_or("–".to_string(), |value| format!("{value:.4}"));
    let rate = |rate: &Rate| match rate.value {
        Some(value) => format!(
            "{:.1} % (95 %: {:.1} to {:.1})",
            100.0 * value,
            100.0 * rate.interval.low,
            100.0 * rate.interval.high
        ),
        None => "–".to_string(),
    };
    format!(
        "{} good, {} bad\n\
         AUROC         {}\n\
         AUPR          {}\n\
         F1            {}\n\
         false alarms  {}\n\
         missed        {}\n\
         pixel AUROC   {}\n\
         PRO           {}\n\
         with masks    {}\n\
         a photo       {:.1} ms",
        quality.good,
        quality.bad,
        figure(quality.auroc),
        figure(quality.aupr),
        figure(quality.f1),
        rate(&quality.false_alarm),
        rate(&quality.miss),
        figure(quality.pixel_auroc),
        figure(quality.pro),
        quality.masks,
        quality.milliseconds_per_image.unwrap_or(0.0),
    )
}
