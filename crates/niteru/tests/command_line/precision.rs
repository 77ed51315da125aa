//! Precisions and decoding from the outside: asked for, remembered by collections, compared.

use niteru_imaging::Picture;
use serde_json::Value;

use crate::support::Niteru;

fn cosine(a: &Value, b: &Value) -> f64 {
    let numbers = |value: &Value| -> Vec<f64> {
        let values = value["embedding"].as_array().unwrap();
        values.iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let pairs = numbers(a).into_iter().zip(numbers(b));
    pairs.map(|(a, b)| a * b).sum()
}

#[test]
fn embeddings_differ_little_between_precisions() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let picture = niteru.picture("a.png", 3);
    let embed = |precision: &str| {
        let picture = picture.to_str().unwrap();
        niteru.json(["embed", picture, "--precision", precision])
    };
    let reference = embed("f32");
    for (precision, least) in [("auto", 0.999), ("bf16", 0.999), ("int8", 0.95)] {
        let cosine = cosine(&reference, &embed(precision));
        assert!(cosine >= least, "{precision}: {cosine}");
    }
    let ran = niteru.run(["embed", picture.to_str().unwrap(), "--precision", "fp16"]);
    ran.fails(2, &["fp16", "bf16"]);
}

#[test]
fn a_collection_goes_on_as_it_began() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let picture = niteru.picture("photos/1.png", 1);
    let (picture, folder) = (picture.to_str().unwrap(), niteru.file("photos"));
    let folder = folder.to_str().unwrap();
    niteru.json([
        "add",
        "parts",
        folder,
        "--precision",
        "int8",
        "--exact-decode",
    ]);
    let collection = || niteru.json(["collections"])["collections"][0].clone();
    let made = collection();
    assert_eq!(made["precision"], "int8", "{made}");
    assert_eq!(made["exact_decode"], true, "{made}");

    // Unasked, adding and searching use what the collection has.
    niteru.picture("photos/2.png", 2);
    let added = niteru.json(["add", "parts", folder]);
    assert_eq!(
        (&added["added"], &added["unchanged"]),
        (&1.into(), &1.into())
    );
    let found = niteru.json(["search", "parts", picture]);
    let best = found["results"][0]["similarity"].as_f64().unwrap();
    assert!(best > 0.999, "{found}");

    // Another precision is another model: refused, with both named.
    for command in ["add", "search"] {
        let input = if command == "add" { folder } else { picture };
        let ran = niteru.run([command, "parts", input, "--precision", "f32"]);
        ran.fails(1, &["parts", "int8, exact decoding", "(f32"]);
    }
    assert_eq!(collection()["fingerprint"], made["fingerprint"]);
}

#[test]
fn models_check_compares_precisions_on_photos() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    for seed in 1..=4 {
        niteru.picture(&format!("photos/{seed}.png"), seed);
    }
    std::fs::write(niteru.file("photos/broken.jpg"), "no picture").unwrap();
    // What cannot even be looked at is skipped too, and counts for nothing.
    let mut skipped = 1;
    #[cfg(unix)]
    for name in ["photos/gone1.png", "photos/gone2.png"] {
        std::os::unix::fs::symlink("/nowhere", niteru.file(name)).unwrap();
        skipped += 1;
    }
    let photos = niteru.file("photos");
    let name = "efficientnet-lite0";
    let check = [
        "models",
        "check",
        name,
        "--images",
        photos.to_str().unwrap(),
    ];
    let ran = niteru.run(std::iter::once("--json").chain(check));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let checked = ran.value();
    assert_eq!(checked["images"], 4, "{checked}");
    assert_eq!(
        checked["skipped"].as_array().unwrap().len(),
        skipped,
        "{checked}"
    );
    let rows = checked["precisions"].as_array().unwrap();
    let of = |row: &Value, field: &str| row[field].as_f64().unwrap();
    for (row, (precision, least)) in
        rows.iter()
            .zip([("f32", 0.999_99), ("bf16", 0.99), ("int8", 0.9)])
    {
        assert_eq!(row["precision"], precision, "{checked}");
        assert!(of(row, "worst_cosine") >= least, "{checked}");
        assert!(
            of(row, "mean_cosine") >= of(row, "worst_cosine"),
            "{checked}"
        );
        assert!(of(row, "images_per_second") > 0.0, "{checked}");
    }
    let auto = checked["auto"].as_str().unwrap();
    assert!(["f32", "bf16"].contains(&auto), "{checked}");

    let text = niteru.run(check).stdout;
    for part in ["precision", "bf16", "int8", "--precision auto takes"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let empty = niteru.file("empty/x");
    let empty = empty.parent().unwrap().to_str().unwrap();
    let ran = niteru.run(["models", "check", name, "--images", empty]);
    ran.fails(1, &["no image below"]);
    let ran = niteru.run(["models", "check", "clip-vit-b-32", "--images", empty]);
    ran.fails(1, &["niteru models pull clip-vit-b-32"]);
}

/// Four squares of two sizes, in corners: alike by their size once the square alone is seen.
#[test]
fn a_collection_keeps_its_framing() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let folder = niteru.file("squares");
    std::fs::create_dir_all(&folder).unwrap();
    let mut csv = String::from("path,kind\n");
    for (name, left, top, grey) in [
        ("a.png", 10, 10, 60),
        ("b.png", 150, 120, 60),
        ("c.png", 150, 10, 180),
        ("d.png", 10, 120, 180),
    ] {
        let pixels = (0..240 * 200).flat_map(|at: u32| {
            let (x, y) = (at % 240, at / 240);
            let on = (left..left + 60).contains(&x) && (top..top + 60).contains(&y);
            let ring = (left + 20..left + 40).contains(&x) && (top + 20..top + 40).contains(&y);
            [if on && !(ring && grey == 180) {
                grey as u8
            } else {
                245
            }; 3]
        });
        let picture = Picture::from_rgb(240, 200, pixels.collect()).unwrap();
        std::fs::write(folder.join(name), picture.to_png().unwrap()).unwrap();
        csv += &format!("{name},{grey}\n");
    }
    let manifest = folder.join("kinds.csv");
    std::fs::write(&manifest, csv).unwrap();
    let (folder, manifest) = (folder.to_str().unwrap(), manifest.to_str().unwrap());
    let added = niteru.json([
        "add",
        "squares",
        folder,
        "--metadata",
        manifest,
        "--framing",
        "object",
    ]);
    assert_eq!(added["added"], 4, "{added}");
    assert_eq!(
        niteru.json(["collections"])["collections"][0]["framing"],
        "object"
    );
    // Unasked, a search frames as the collection does: wherever it lies, it is the same square.
    let query = format!("{folder}/a.png");
    let found = niteru.json(["search", "squares", &query]);
    let second = found["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|result| !result["path"].as_str().unwrap().ends_with("a.png"))
        .unwrap();
    assert!(
        second["path"].as_str().unwrap().ends_with("b.png")
            && second["similarity"].as_f64().unwrap() > 0.95,
        "{found}"
    );
    let ran = niteru.run(["search", "squares", &query, "--framing", "fit"]);
    ran.fails(1, &["squares", "framing object", "framing fit"]);
    let ran = niteru.run(["search", "squares", &query, "--framing", "center"]);
    ran.fails(2, &["center", "object-handed"]);

    let report = niteru.json(["eval", "framing", "squares", "--label", "kind"]);
    let names: Vec<_> = report["framings"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 4, "{report}");
    assert_eq!(report["current"], "object", "{report}");
    assert_eq!(names[2]["framing"], "object", "{report}");
    assert_eq!(names[2]["recall_at_1"], 1.0, "{report}");
    let ran = niteru.run(["eval", "framing", "squares", "--label", "nothing"]);
    ran.fails(1, &["nothing", "kind"]);
}
