//! `niteru map`: where the images of a collection lie by similarity.

use anyhow::{Context as _, Result};
use niteru_store::{Collection, Image, MapOptions, MapPoints, MapStage};

use super::{Context, count};
use crate::args::MapArgs;
use crate::output::Outcome;
use crate::report::map;

/// Images read from the home at a time.
const PAGE: usize = 500;

pub(super) fn run(context: &Context, args: &MapArgs) -> Result<Outcome> {
    let home = context.home()?;
    let collection = home.collection(&args.collection)?;
    let bar = context.output.steps_bar();
    let progress = |stage: MapStage, done: usize, total: usize| {
        bar.set_message(stage.name());
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    };
    let mut options = MapOptions::default();
    options.seed = args.seed;
    options.progress = Some(&progress);
    let report = collection.draw_map(options);
    bar.finish_and_clear();
    let report = report?;
    context.tell(&home);
    if args.csv.is_some() || args.html.is_some() {
        let points = collection.map_points()?;
        if let Some(file) = &args.csv {
            let csv = csv(&collection, &points)?;
            std::fs::write(file, csv)
                .with_context(|| format!("cannot write {}", file.display()))?;
            context.output.note(format!("wrote {}", file.display()));
        }
        if let Some(file) = &args.html {
            let shown = shown(&collection, &points, args.field.as_deref())?;
            map::map(args.report.language(), &shown, file)?;
            context.output.note(format!("wrote {}", file.display()));
        }
    }
    if context.output.is_json() {
        context.output.json(&report)?;
    } else {
        let images = count(report.images, "image");
        context
            .output
            .text(format!("{images} on the map in {:.1} s", report.seconds))?;
    }
    Ok(Outcome::Done)
}

/// The points for the report, in their order.
fn shown<'c>(
    collection: &'c Collection<'_>,
    points: &MapPoints,
    field: Option<&str>,
) -> Result<map::Map<'c>> {
    let mut shown = Vec::with_capacity(points.ids.len());
    each_point(collection, points, &mut |image, place| {
        shown.push(map::Point {
            path: image.path.clone(),
            place,
        });
        Ok(())
    })?;
    Ok(map::Map {
        collection: collection.name(),
        model: &collection.identity().model,
        points: shown,
        // The points and their values are in the order of the ids, both of the map that was drawn just now.
        colours: field
            .map(|field| collection.map_colours(field))
            .transpose()?,
    })
}

/// Each image on the map, with its place from 0 to 1.
fn each_point(
    collection: &Collection<'_>,
    points: &MapPoints,
    take: &mut dyn FnMut(&Image, [f64; 2]) -> Result<()>,
) -> Result<()> {
    let mut after = None;
    loop {
        let page = collection.images(after, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        for image in &page {
            // All points were drawn just now, so their ids ascend.
            let Ok(point) = points.ids.binary_search(&image.id) else {
                continue;
            };
            let place = points.places.get(point).copied().unwrap_or_default();
            take(image, place.map(|at| f64::from(at) / f64::from(u16::MAX)))?;
        }
    }
}

/// The points as rows, with a mark at the beginning by which spreadsheet programs know UTF-8.
fn csv(collection: &Collection<'_>, points: &MapPoints) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(["id", "path", "x", "y"])?;
    each_point(collection, points, &mut |image, place| {
        let [x, y] = place.map(|share| format!("{share:.5}"));
        let path = image.path.display().to_string();
        writer.write_record([image.id.to_string(), path, x, y])?;
        Ok(())
    })?;
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}
