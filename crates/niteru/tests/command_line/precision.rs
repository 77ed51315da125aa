//! Precisions and decoding from the outside: asked for, remembered by collections, compared.

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
