//! Collections from the outside, with the default model: adding, searching, bad input, a kill.

use std::path::Path;
use std::time::Duration;

use crate::support::Niteru;
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap();
    values.iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn add_search_list_remove() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    for seed in 1..=6 {
        niteru.picture(&format!("photos/{seed}.png"), seed);
    }
    // Windows and Linux both allow Japanese names; the CSV is what Excel in Japan saves.
    std::fs::rename(niteru.file("photos/6.png"), niteru.file("photos/部品.png")).unwrap();
    let csv = niteru.file("photos/meta.csv");
    let shift_jis =
        b"path,kind,\x94\xf5\x8dl\n1.png,bolt,\x8eK\n\x95\x94\x95i.png,nut,x\nnone.png,y,z\n";
    std::fs::write(&csv, shift_jis).unwrap();
    let folder = niteru.file("photos");

    let add = [
        "--json",
        "add",
        "parts",
        text(&folder),
        "--metadata",
        text(&csv),
    ];
    let ran = niteru.run(add);
    assert_eq!(
        ran.code,
        Some(3),
        "a row names a file that is not there: {}",
        ran.stderr
    );
    let added = ran.value();
    assert_eq!(added["added"], 6, "{added}");
    assert_eq!(added["model"], "efficientnet-lite0");
    assert_eq!(added["metadata"]["encoding"], "Shift_JIS", "{added}");
    let skipped = added["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 1, "{added}");
    assert!(
        skipped[0]["reason"].as_str().unwrap().contains("none.png"),
        "{added}"
    );

    let again = niteru.json(["add", "parts", text(&folder)]);
    assert_eq!(
        (&again["added"], &again["unchanged"]),
        (&0.into(), &6.into()),
        "{again}"
    );

    let query = niteru.file("photos/部品.png");
    let found = niteru.json(["search", "parts", text(&query), "-k", "3"]);
    let results = found["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(results[0]["rank"], 1);
    assert!(
        results[0]["similarity"].as_f64().unwrap() > 0.999,
        "{found}"
    );
    assert!(results[0]["path"].as_str().unwrap().ends_with("部品.png"));
    assert_eq!(results[0]["metadata"]["kind"], "nut");
    let similarities: Vec<f64> = results
        .iter()
        .map(|result| result["similarity"].as_f64().unwrap())
        .collect();
    assert!(similarities.is_sorted_by(|a, b| a >= b), "{similarities:?}");

    let first = niteru.json([
        "images",
        "parts",
        "show",
        text(&niteru.file("photos/1.png")),
    ]);
    assert_eq!(first["metadata"]["備考"], "錆", "{first}");
    let id = first["id"].to_string();
    niteru.json(["images", "parts", "remove", &id]);
    niteru
        .run(["images", "parts", "show", &id])
        .fails(1, &[&id, "parts"]);
    let list = niteru.run(["--json", "images", "parts", "list"]).lines();
    assert_eq!(list.len(), 5);

    // Changed and vanished files.
    std::fs::copy(niteru.file("photos/2.png"), niteru.file("photos/3.png")).unwrap();
    std::fs::remove_file(niteru.file("photos/4.png")).unwrap();
    std::fs::remove_file(niteru.file("photos/1.png")).unwrap();
    let changed = niteru.json(["add", "parts", text(&folder)]);
    assert_eq!(changed["updated"], 1, "{changed}");
    assert_eq!(changed["missing"].as_array().unwrap().len(), 1, "{changed}");

    let html = niteru.file("result.html");
    let search = [
        "search",
        "parts",
        text(&query),
        "--html",
        text(&html),
        "--lang",
        "ja",
    ];
    assert_eq!(niteru.run(search).code, Some(0));
    let page = std::fs::read_to_string(html).unwrap();
    assert!(
        page.contains("「parts」の検索結果")
            && page.contains("部品.png")
            && page.contains("似ている")
            && page.contains("data:image/jpeg")
    );
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));

    let collections = niteru.json(["collections"]);
    assert_eq!(collections["collections"][0]["name"], "parts");
    niteru.json(["collections", "remove", "parts"]);
    niteru
        .run(["search", "parts", text(&query)])
        .fails(1, &["parts"]);
}

#[test]
fn bad_files_cost_themselves_alone() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let good = niteru.picture("in/good.png", 3);
    let png = std::fs::read(&good).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(niteru.file(name), bytes).unwrap();
    write("in/empty.jpg", b"");
    write("in/text.jpg", "これは画像ではありません".as_bytes());
    write("in/cut.png", &png[..png.len() / 2]);
    // The header of a PNG of 60 000 × 60 000 pixels, and nothing behind it.
    let mut bomb = png[..33].to_vec();
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    write("in/bomb.png", &bomb);
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"in/\xff\xfe.png");
        std::fs::copy(&good, niteru.file(name)).unwrap();
    }
    let folder = niteru.file("in");
    let ran = niteru.run(["--json", "add", "parts", text(&folder)]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let report = ran.value();
    // The photo, and on Unix its copy under a name that is not Unicode.
    let expected = if cfg!(unix) { 2 } else { 1 };
    assert_eq!(report["added"], expected, "{report}");
    let mut skipped: Vec<String> = report["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|skipped| {
            let path = Path::new(skipped["path"].as_str().unwrap());
            let name = path.file_name().unwrap().to_string_lossy();
            format!("{name} {}", skipped["kind"].as_str().unwrap_or_default())
        })
        .collect();
    skipped.sort();
    assert_eq!(
        skipped,
        [
            "bomb.png file_damaged",
            "cut.png file_cut_off",
            "empty.jpg file_empty",
            "text.jpg not_an_image"
        ],
        "{report}"
    );

    let embed = niteru.run(["embed", text(&folder)]);
    assert_eq!(embed.code, Some(3));
    assert_eq!(embed.lines().len(), expected);
    let cut = niteru.file("in/cut.png");
    niteru
        .run(["compare", text(&good), text(&cut)])
        .fails(1, &["cut.png", "fewer than two"]);
    niteru
        .run(["search", "parts", text(&cut)])
        .fails(1, &["cut.png"]);
}

#[test]
fn compare_prints_draws_and_writes() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let images: Vec<_> = (1..=3)
        .map(|seed| niteru.picture(&format!("{seed}.png"), seed))
        .collect();
    let paths = images.iter().map(|path| text(path));
    let compared = niteru.json(["compare"].into_iter().chain(paths.clone()));
    let matrix: Vec<Vec<f64>> = compared["matrix"]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers)
        .collect();
    for (i, row) in matrix.iter().enumerate() {
        assert_eq!(row[i], 1.0);
        let column: Vec<f64> = matrix.iter().map(|row| row[i]).collect();
        assert_eq!(*row, column, "not symmetric");
    }
    let (csv, png, svg) = (
        niteru.file("m.csv"),
        niteru.file("m.png"),
        niteru.file("m.svg"),
    );
    let table = niteru.run(
        ["compare", "--csv", text(&csv), "--plot", text(&png)]
            .into_iter()
            .chain(paths.clone()),
    );
    assert_eq!(table.code, Some(0), "{}", table.stderr);
    assert!(
        table.stdout.contains(&format!("{:.3}", matrix[0][1])),
        "{}",
        table.stdout
    );
    let drawn = niteru.run(
        ["compare", "--plot", text(&svg)]
            .into_iter()
            .chain(paths.clone()),
    );
    assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
    let csv = std::fs::read_to_string(&csv).unwrap();
    assert!(
        csv.starts_with('\u{feff}') && csv.lines().count() == 4,
        "{csv}"
    );
    assert!(std::fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg"));
    let other = niteru.file("m.pdf");
    niteru
        .run(["compare", "--plot", text(&other)].into_iter().chain(paths))
        .fails(1, &["m.pdf", ".png or .svg"]);
}

#[test]
fn embeddings_are_unit_vectors_and_texts_need_another_model() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let image = niteru.picture("a.png", 5);
    let lines = niteru.run(["embed", text(&image)]).lines();
    assert_eq!(lines[0]["input"], text(&image));
    let embedding = numbers(&lines[0]["embedding"]);
    assert_eq!(embedding.len(), 1280);
    let norm = embedding.iter().map(|x| x * x).sum::<f64>();
    assert!((norm - 1.0).abs() < 1e-4, "{norm}");
    niteru
        .run(["embed", "--text", "a cat", text(&image)])
        .fails(1, &["efficientnet-lite0", "clip-vit-b-32"]);
}

#[test]
fn images_and_texts_share_a_space_and_models_are_not_mixed() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let Some(tiny) = niteru_testkit::shared("goldens/clip-tiny") else {
        return;
    };
    niteru.json(["models", "import", "clip-tiny", text(&tiny)]);
    for seed in 1..=4 {
        niteru.picture(&format!("photos/{seed}.png"), seed);
    }
    let folder = niteru.file("photos");
    niteru.json(["add", "photos", text(&folder), "--model", "clip-tiny"]);
    let text_only = niteru.json(["search", "photos", "--text", "a photo of a cat"]);
    assert_eq!(text_only["model"], "clip-tiny");
    assert_eq!(text_only["results"].as_array().unwrap().len(), 4);

    let image = niteru.file("photos/2.png");
    let search = |weight: &str| {
        let both = [
            "search",
            "photos",
            text(&image),
            "--text",
            "a photo of a cat",
        ];
        niteru.json(both.into_iter().chain(["--text-weight", weight]))["results"].clone()
    };
    let image_only = niteru.json(["search", "photos", text(&image)])["results"].clone();
    assert_eq!(search("0"), image_only);
    assert_eq!(search("1"), text_only["results"]);
    assert_ne!(search("0.5"), image_only);

    niteru
        .run([
            "add",
            "photos",
            text(&folder),
            "--model",
            "efficientnet-lite0",
        ])
        .fails(1, &["clip-tiny", "efficientnet-lite0", "new collection"]);
}

/// SIGKILL in the middle of `add`, again and again: what was stored stays, and the run after it
/// finds everything, once.
#[cfg(unix)]
#[test]
fn a_killed_add_loses_and_doubles_nothing() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    /// Pictures for a run to add; and how often it is to be killed, of so many times that it is started.
    const MORE: u32 = 400;
    const KILLS: usize = 2;
    const STARTS: usize = 10;
    /// Longest wait for a run to store something.
    const PATIENCE: Duration = Duration::from_secs(300);
    let folder = niteru.file("photos");
    // Each time as one who has just come: a home that a killed process left is opened anew.
    let stored = || {
        let home = niteru_store::Home::open(niteru.home()).unwrap();
        let all = home.collections().unwrap();
        all.first().map_or(0, |own| own.images)
    };
    let (mut pictures, mut before, mut kills) = (0, 0, 0);
    for _ in 0..STARTS {
        // Also after a run that had ended before it was killed.
        if before == u64::from(pictures) {
            for seed in pictures + 1..=pictures + MORE {
                niteru.picture(&format!("photos/{seed}.png"), seed);
            }
            pictures += MORE;
        }
        let mut child = niteru
            .command(["--quiet", "add", "parts", text(&folder)])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let started = std::time::Instant::now();
        while stored() == before && child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < PATIENCE, "nothing was stored");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        let was_killed = child.wait().unwrap().code().is_none();
        let after = stored();
        assert!(after > before, "{after} images after {before}");
        before = after;
        kills += usize::from(was_killed);
        if kills == KILLS {
            break;
        }
    }
    assert_eq!(kills, KILLS, "most runs ended before they were killed");
    let pictures = u64::from(pictures);
    let last = niteru.json(["add", "parts", text(&folder)]);
    assert_eq!(last["unchanged"], before, "{last}");
    assert_eq!(last["added"], pictures - before, "{last}");
    let list = niteru.run(["--json", "images", "parts", "list"]).lines();
    let mut paths: Vec<&str> = list
        .iter()
        .map(|image| image["path"].as_str().unwrap())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let counted = (list.len() as u64, paths.len() as u64);
    assert_eq!(counted, (pictures, pictures));
}
