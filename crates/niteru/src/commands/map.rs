//! `niteru map`: where the images of a collection lie by similarity.

use std::path::Path;

use anyhow::{Context as _, Result};
use niteru_store::{Collection, MapOptions, MapPoints, MapStage};

use super::{Context, count};
use crate::args::MapArgs;
use crate::output::Outcome;

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
    if let Some(file) = &args.csv {
        let points = collection.map_points()?;
        let csv = csv(&collection, &points)?;
        std::fs::write(file, csv).with_context(|| format!("cannot write {}", file.display()))?;
        context.output.note(format!("wrote {}", file.display()));
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

/// The points as rows, with a mark at the beginning by which spreadsheet programs know UTF-8.
fn csv(collection: &Collection<'_>, points: &MapPoints) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(["id", "path", "x", "y"])?;
    let mut after = None;
    loop {
        let page = collection.images(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for image in &page {
            // All points were drawn just now, so their ids ascend.
            let Ok(point) = points.ids.binary_search(&image.id) else {
                continue;
            };
            let share = |axis: usize| {
                let at = points.places.get(point).map_or(0, |place| place[axis]);
                format!("{:.5}", f64::from(at) / f64::from(u16::MAX))
            };
            let path = Path::new(&image.path).display().to_string();
            writer.write_record([image.id.to_string(), path, share(0), share(1)])?;
        }
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}
