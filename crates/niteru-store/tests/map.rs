//! Maps: what is drawn, what came and went since, damage, and colours.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use niteru_store::{Collection, MapColours, MapOptions, MapStage, StoreError};
use support::{FakeEncoder, Place, Random, name};

/// Images of three kinds, told by their first letter, in three directions far from each other.
fn three_kinds(each: usize) -> Place {
    let place = Place::new();
    let mut random = Random::new(1);
    for number in 0..each * 3 {
        write(&place, number, &mut random);
    }
    place.add();
    place
}

fn write(place: &Place, number: usize, random: &mut Random) -> String {
    let kind = number % 3;
    let mut direction = [0.0; 8];
    direction[kind] = 10.0;
    for value in &mut direction {
        *value += random.below(1000) as f32 / 500.0;
    }
    let words: Vec<String> = direction.iter().map(f32::to_string).collect();
    let file = format!("{}{number:03}.jpg", ["a", "b", "c"][kind]);
    place.write(&file, &format!("FAKE {}", words.join(" ")));
    file
}

fn collection(place: &Place) -> Collection<'_> {
    place.home.collection("things").unwrap()
}

fn file(place: &Place) -> PathBuf {
    place.home.maps().join("1.map")
}

/// The kind of each image, by its id.
fn kinds(place: &Place) -> HashMap<u64, char> {
    let images = collection(place).images(None, 10_000).unwrap();
    let kind = |path| name(path).chars().next().unwrap();
    images
        .iter()
        .map(|image| (image.id, kind(&image.path)))
        .collect()
}

/// Share of points whose nearest point is of their kind.
fn together(place: &Place) -> f64 {
    let (points, kinds) = (collection(place).map_points().unwrap(), kinds(place));
    let far = |a: [u16; 2], b: [u16; 2]| {
        let along = |axis: usize| f64::from(a[axis]) - f64::from(b[axis]);
        along(0).hypot(along(1))
    };
    let count = points.ids.len();
    let right = (0..count).filter(|&own| {
        let nearest = (0..count).filter(|&other| other != own).min_by(|&a, &b| {
            let far = |other: usize| far(points.places[own], points.places[other]);
            far(a).total_cmp(&far(b))
        });
        kinds[&points.ids[own]] == kinds[&points.ids[nearest.unwrap()]]
    });
    right.count() as f64 / count as f64
}

#[test]
fn what_is_alike_lies_together_and_is_the_same_again() {
    let place = three_kinds(40);
    let things = collection(&place);
    let before = things.map_state().unwrap();
    assert_eq!((before.images, before.drawn, before.new), (120, None, 0));
    assert!(things.map_points().unwrap().ids.is_empty());

    let told: Mutex<Vec<(MapStage, usize, usize)>> = Mutex::default();
    let progress = |stage, done, total| told.lock().unwrap().push((stage, done, total));
    let mut options = MapOptions::default();
    options.progress = Some(&progress);
    let report = things.draw_map(options).unwrap();
    assert_eq!((report.images, report.cancelled), (120, false));
    let told = told.into_inner().unwrap();
    assert!(told.contains(&(MapStage::Neighbours, 0, 120)), "{told:?}");
    assert!(told.contains(&(MapStage::Arranging, 499, 500)));

    let state = things.map_state().unwrap();
    assert_eq!((state.images, state.new, state.gone), (120, 0, 0));
    assert!(state.drawn.is_some() && state.version != before.version);
    let points = things.map_points().unwrap();
    assert_eq!((points.ids.len(), points.drawn), (120, 120));
    assert_eq!(points.version, state.version);
    assert!(points.ids.is_sorted());
    assert!(together(&place) > 0.97, "{}", together(&place));

    things.draw_map(MapOptions::default()).unwrap();
    assert_eq!(things.map_points().unwrap().places, points.places);
    let mut other = MapOptions::default();
    other.seed = 1;
    things.draw_map(other).unwrap();
    assert_ne!(things.map_points().unwrap().places, points.places);
}

#[test]
fn what_came_since_lies_beside_its_like_and_what_went_is_left_out() {
    let place = three_kinds(40);
    collection(&place).draw_map(MapOptions::default()).unwrap();
    let drawn = collection(&place).map_points().unwrap();
    let mut random = Random::new(99);
    for number in 200..215 {
        write(&place, number, &mut random);
    }
    for gone in ["a000.jpg", "b001.jpg"] {
        std::fs::remove_file(place.pictures().join(gone)).unwrap();
    }
    place.add();
    let removed = drawn.ids[50];
    collection(&place).remove(&[removed]).unwrap();

    let state = collection(&place).map_state().unwrap();
    assert_eq!((state.images, state.new, state.gone), (132, 15, 3));
    assert_ne!(state.version, drawn.version);
    let points = collection(&place).map_points().unwrap();
    assert_eq!((points.ids.len(), points.drawn), (132, 117));
    assert!(!points.ids.contains(&removed));
    assert!(together(&place) > 0.95, "{}", together(&place));

    collection(&place).draw_map(MapOptions::default()).unwrap();
    let state = collection(&place).map_state().unwrap();
    assert_eq!((state.images, state.new, state.gone), (132, 0, 0));
}

#[test]
fn a_file_that_cannot_be_used_is_no_map() {
    let place = three_kinds(5);
    collection(&place).draw_map(MapOptions::default()).unwrap();
    let bytes = std::fs::read(file(&place)).unwrap();
    for wrong in [&bytes[..bytes.len() - 1], b"", b"something else"] {
        std::fs::write(file(&place), wrong).unwrap();
        assert_eq!(collection(&place).map_state().unwrap().drawn, None);
        assert!(collection(&place).map_points().unwrap().ids.is_empty());
    }
    std::fs::write(file(&place), &bytes).unwrap();
    assert!(collection(&place).map_state().unwrap().drawn.is_some());
    // A map goes with its collection, and is not the next one's.
    place.home.remove_collection("things").unwrap();
    assert!(!file(&place).exists());
}

#[test]
fn few_images_and_equal_ones_have_a_map() {
    for images in [0, 1, 2, 3, 5] {
        let place = Place::new();
        place
            .home
            .add_collection(
                "things",
                &niteru_store::ImageEncoder::identity(&FakeEncoder::default()),
            )
            .unwrap();
        for number in 0..images {
            place.write(&format!("{number}.jpg"), "FAKE 1 0 0");
        }
        place.add();
        let report = collection(&place).draw_map(MapOptions::default()).unwrap();
        assert_eq!(report.images, images);
        let mut places = collection(&place).map_points().unwrap().places;
        places.sort();
        places.dedup();
        assert_eq!(places.len(), images, "each has a place of its own");
    }
}

#[test]
fn drawing_stops_when_told_and_leaves_what_was_there() {
    let place = three_kinds(20);
    collection(&place).draw_map(MapOptions::default()).unwrap();
    let before = collection(&place).map_points().unwrap();
    let cancel = AtomicBool::new(false);
    let progress = |stage, done, _| {
        if (stage, done) == (MapStage::Arranging, 10) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let mut options = MapOptions::default();
    options.seed = 5;
    options.cancel = Some(&cancel);
    options.progress = Some(&progress);
    assert!(collection(&place).draw_map(options).unwrap().cancelled);
    assert_eq!(collection(&place).map_points().unwrap(), before);
}

#[test]
fn colours_are_the_values_of_the_points() {
    let place = three_kinds(10);
    let list: String = (0..30)
        .filter(|number| number % 10 != 9)
        .map(|number| {
            let file = format!("{}{number:03}.jpg", ["a", "b", "c"][number % 3]);
            format!(
                "{file},{},{number},v{number}\n",
                if number < 3 { "rare" } else { "usual" }
            )
        })
        .collect();
    place.add_metadata(format!("path,kind,length,many\n{list}").as_bytes());
    collection(&place).draw_map(MapOptions::default()).unwrap();
    let colours = |field: &str| collection(&place).map_colours(field).unwrap();
    let named = |colours: &MapColours| {
        let value = |colour: &niteru_store::MapColour| {
            (colour.value.clone().unwrap_or_default(), colour.images)
        };
        colours.colours.iter().map(value).collect::<Vec<_>>()
    };

    let kind = colours("kind");
    assert_eq!(named(&kind), [("usual".into(), 24), ("rare".into(), 3)]);
    assert_eq!((kind.other, kind.none, kind.points.len()), (0, 3, 30));
    assert_eq!(
        kind.version,
        collection(&place).map_points().unwrap().version
    );
    let many = colours("many");
    assert_eq!((many.colours.len(), many.other, many.none), (8, 19, 3));
    let length = colours("length");
    let images: Vec<u64> = length.colours.iter().map(|colour| colour.images).collect();
    assert_eq!(
        (images.len(), images.iter().sum::<u64>(), length.none),
        (6, 27, 3)
    );
    assert_eq!(length.colours[0].from, Some(0.0));
    let wrong = collection(&place).map_colours("weight").unwrap_err();
    assert!(matches!(wrong, StoreError::NoField { .. }), "{wrong}");
}
