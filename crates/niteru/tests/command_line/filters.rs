//! Filters, groups, crops and examples from the outside.

use std::path::Path;

use crate::support::Niteru;
use serde_json::Value;

const CSV: &str = "path,part_number,category,length,taken,note
1.png,A-1,bolt,20,2026-01-05,
2.png,A-1,bolt,25.5,2025-12-31,ｻﾋﾞあり
3.png,A-2,bolt,0,2026/1/1,
4.png,A-2,nut,7,,赤錆
5.png,' OR 1=1 --,nut,8,2024-02-29,
6.png,,washer,9,,
";

/// A collection `parts` of eight photos, six of them with metadata.
fn parts() -> Option<Niteru> {
    let niteru = Niteru::with_model()?;
    for seed in 1..=8 {
        niteru.picture(&format!("photos/{seed}.png"), seed);
    }
    let csv = niteru.file("photos/parts.csv");
    std::fs::write(&csv, CSV).unwrap();
    let folder = niteru.file("photos");
    let added = niteru.json(["add", "parts", text(&folder), "--metadata", text(&csv)]);
    assert_eq!(added["added"], 8, "{added}");
    Some(niteru)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The numbers of the photos found, which are the images' too.
fn found(report: &Value) -> Vec<u64> {
    let results = report["results"].as_array().unwrap();
    results.iter().map(|r| r["id"].as_u64().unwrap()).collect()
}

fn sorted(mut ids: Vec<u64>) -> Vec<u64> {
    ids.sort_unstable();
    ids
}

#[test]
fn filters_let_through_what_they_say() {
    let Some(niteru) = parts() else { return };
    let query = niteru.file("photos/1.png");
    let search = |options: &[&str]| {
        let search = ["search", "parts", text(&query)].into_iter();
        niteru.json(search.chain(options.iter().copied()))
    };
    let table: &[(&[&str], &[u64])] = &[
        (&["--filter", "category=bolt"], &[1, 2, 3]),
        (&["--filter", "category = bolt and length >= 20"], &[1, 2]),
        (
            &["--filter", "category=bolt", "--filter", "length<=20"],
            &[1, 3],
        ),
        (
            &[
                "--filter",
                "part_number in (A-1, A-2)",
                "--not",
                "category = nut",
            ],
            &[1, 2, 3],
        ),
        (&["--filter", "taken < 2026-01-01"], &[2, 5]),
        (&["--filter", "taken >= 2026-01-01"], &[1, 3]),
        (
            &["--filter", "note contains サビ or note contains 錆"],
            &[2, 4],
        ),
        (&["--filter", "category missing"], &[7, 8]),
        (&["--filter", "part_number = @query"], &[1, 2]),
        (&["--not", "part_number = @query"], &[3, 4, 5, 6, 7, 8]),
        (
            &[
                "--filter",
                "part_number exists",
                "--not",
                "part_number=@query",
            ],
            &[3, 4, 5],
        ),
        (&["--filter", "part_number = \"' OR 1=1 --\""], &[5]),
        (
            &[
                "--filter",
                "category = \"') OR 1=1; DROP TABLE images; --\"",
            ],
            &[],
        ),
    ];
    for (options, expected) in table {
        assert_eq!(sorted(found(&search(options))), *expected, "{options:?}");
    }
    // Inside the search: two come back if two exist, whatever ranks before them.
    let two = search(&["--filter", "category = nut", "-k", "2"]);
    assert_eq!(sorted(found(&two)), [4, 5], "{two}");
    assert_eq!(two["results"][0]["rank"], 1);
    let all = search(&["-k", "8"]);
    let order: Vec<u64> = found(&all)
        .into_iter()
        .filter(|id| [4, 5].contains(id))
        .collect();
    assert_eq!(found(&two), order, "the same order as without the filter");

    let none = ["search", "parts", text(&query), "--filter", "category=none"];
    let ran = niteru.run(none);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("no image passes"), "{}", ran.stderr);
}

#[test]
fn images_and_eval_are_filtered_too() {
    let Some(niteru) = parts() else { return };
    let list = ["--json", "images", "parts", "list", "--filter"];
    let ids = |more: &[&str]| -> Vec<u64> {
        let ran = niteru.run(list.into_iter().chain(more.iter().copied()));
        let lines = ran.lines();
        lines
            .iter()
            .map(|image| image["id"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(ids(&["category != bolt"]), [4, 5, 6, 7, 8]);
    assert_eq!(ids(&["category != bolt", "--limit", "2"]), [4, 5]);
    let eval = [
        "eval",
        "retrieval",
        "parts",
        "--label",
        "part_number",
        "--filter",
    ];
    let report = niteru.json(eval.into_iter().chain(["category = bolt"]));
    assert_eq!(
        (&report["images"], &report["queries"]),
        (&3.into(), &2.into()),
        "{report}"
    );
}

#[test]
fn wrong_conditions_are_pointed_at() {
    let empty = Niteru::empty();
    let usage: &[(&[&str], &[&str])] = &[
        (
            &["search", "parts", "x.png", "--filter", "length >= abc"],
            &["a number such as 20", "  length >= abc\n            ^"],
        ),
        (
            &["search", "parts", "x.png", "--not", "分類 == 座金"],
            &["write =", "  分類 == 座金\n       ^"],
        ),
        (
            &["search", "parts", "x.png", "--filter", "taken < 2026-02-30"],
            &["2026-02 has 28 days"],
        ),
        (
            &["search", "parts", "x.png", "--filter", "a = 'x'' or b = c"],
            &["not closed", "        ^"],
        ),
        (&["search", "parts", "x.png", "--filter", ""], &["empty"]),
        (
            &["images", "parts", "list", "--filter", "a = @query"],
            &["no query image"],
        ),
        (
            &[
                "eval",
                "retrieval",
                "parts",
                "--label",
                "a",
                "--filter",
                "(a",
            ],
            &["^"],
        ),
        (
            &["search", "parts", "x.png", "--per-group", "2"],
            &["--group-by"],
        ),
        (
            &[
                "search",
                "parts",
                "x.png",
                "--group-by",
                "a",
                "--per-group",
                "0",
            ],
            &["--per-group"],
        ),
        (&["search", "parts", "--unlike", "1"], &["IMAGE"]),
        (
            &["search", "parts", "x.png", "--crop", "1,2,3"],
            &["x,y,width,height"],
        ),
        (
            &["search", "parts", "x.png", "--crop", "-1,0,1,1"],
            &["0 or more"],
        ),
        (
            &["search", "parts", "x.png", "--crop", "0.5,0,0.6,1"],
            &["at most 1"],
        ),
    ];
    for (arguments, parts) in usage {
        empty.run(*arguments).fails(2, parts);
    }

    let Some(niteru) = self::parts() else { return };
    let query = niteru.file("photos/1.png");
    let new = niteru.picture("new.png", 99);
    let six = niteru.file("photos/6.png");
    let search = |image: &Path, options: &[&str]| {
        let search = ["search", "parts", text(image)].into_iter();
        niteru.run(search.chain(options.iter().copied()))
    };
    search(&query, &["--filter", "length > 3 and categry = x"]).fails(
        1,
        &[
            "no field \"categry\"",
            "did you mean \"category\"",
            "                 ^",
        ],
    );
    search(&query, &["--filter", "category >= 3"])
        .fails(1, &["no value of \"category\" is a number"]);
    search(&query, &["--group-by", "part"]).fails(1, &["\"part\"", "part_number"]);
    search(&query, &["--not", "part=@query"]).fails(1, &["no field \"part\""]);
    search(&new, &["--not", "part_number=@query"]).fails(
        1,
        &["new.png is not in collection \"parts\"", "            ^"],
    );
    search(&six, &["--not", "part_number=@query"])
        .fails(1, &["the query image has no value for \"part_number\""]);
    search(&query, &["--crop", "90,0,10,10"]).fails(1, &["1.png", "96 x 72"]);
    let two = [
        "search",
        "parts",
        text(&query),
        text(&six),
        "--crop",
        "0,0,1,1",
    ];
    niteru
        .run(two)
        .fails(1, &["--crop takes a rectangle of one image"]);
    search(&query, &["--like", "77"]).fails(1, &["no image 77"]);
    search(&query, &["--unlike", "none.png"]).fails(1, &["none.png"]);
}

#[test]
fn the_best_of_each_part() {
    let Some(niteru) = parts() else { return };
    let query = niteru.file("photos/1.png");
    let search = |options: &[&str]| {
        let group = ["search", "parts", text(&query), "--group-by", "part_number"].into_iter();
        niteru.json(group.chain(options.iter().copied()))
    };
    let best = search(&[]);
    let results = best["results"].as_array().unwrap();
    let mut parts: Vec<&str> = results
        .iter()
        .map(|r| r["group"]["value"].as_str().unwrap())
        .collect();
    assert_eq!(
        results[0]["group"],
        serde_json::json!({"field": "part_number", "value": "A-1", "images": 2})
    );
    let ranks: Vec<&Value> = results.iter().map(|result| &result["rank"]).collect();
    assert_eq!(ranks, [1, 2, 3], "{best}");
    parts.sort_unstable();
    assert_eq!(parts, ["' OR 1=1 --", "A-1", "A-2"], "{best}");
    assert_eq!(best["ungrouped"], 3, "{best}");
    assert!(
        results
            .iter()
            .all(|result| result["metadata"]["part_number"] == result["group"]["value"])
    );

    assert_eq!(found(&search(&["-k", "1"])), [1]);
    let several = search(&["--per-group", "5"]);
    assert_eq!(several["results"].as_array().unwrap().len(), 5, "{several}");
    assert_eq!(
        sorted(found(&several)[..2].to_vec()),
        [1, 2],
        "group after group: {several}"
    );

    // Alternatives: parts that look like this one but have another number.
    let others = search(&["--not", "part_number=@query"]);
    let first = &others["results"][0];
    assert!(
        first["metadata"]["part_number"] != "A-1" && first["rank"] == 1,
        "{others}"
    );
    assert_eq!(others["results"].as_array().unwrap().len(), 2);
    // A copy under another name is known by its contents.
    let copy = niteru.file("copy.png");
    std::fs::copy(&query, &copy).unwrap();
    let of_copy = [
        "search",
        "parts",
        text(&copy),
        "--not",
        "part_number=@query",
    ];
    let group = ["--group-by", "part_number"];
    assert_eq!(niteru.json(of_copy.into_iter().chain(group)), others);

    let html = niteru.file("groups.html");
    let filter = ["--filter", "category in (bolt, '<b>')", "--lang", "ja"];
    let shown = ["search", "parts", text(&query), "--html", text(&html)];
    let ran = niteru.run(shown.into_iter().chain(group).chain(filter));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("[2 images of A-1]"), "{}", ran.stdout);
    let page = std::fs::read_to_string(html).unwrap();
    for part in ["絞り込み", "A-1 · 2 枚", "&lt;b&gt;", "data:image/jpeg"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn several_photos_a_crop_and_examples() {
    let Some(niteru) = parts() else { return };
    let (a, b) = (niteru.file("photos/1.png"), niteru.file("photos/2.png"));
    let similarity = |report: &Value, id: u64| {
        let results = report["results"].as_array().unwrap();
        let result = results.iter().find(|result| result["id"] == id);
        result.map(|result| result["similarity"].as_f64().unwrap())
    };
    let near = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 2e-3);
    let one = niteru.json(["search", "parts", text(&a)]);
    let between = similarity(&one, 2).unwrap();

    // The mean of two unit vectors, normalised, is this far from each of them.
    let both = niteru.json(["search", "parts", text(&a), text(&b)]);
    let expected = ((1.0 + between) / 2.0).sqrt();
    assert!(near(similarity(&both, 1), expected), "{both}");
    assert!(near(similarity(&both, 2), expected), "{both}");
    assert_eq!(
        niteru.json(["search", "parts", text(&a), text(&a)])["results"][0]["id"],
        1
    );

    let crop = |region: &str| niteru.json(["search", "parts", text(&a), "--crop", region]);
    assert!(near(
        similarity(&crop("0,0,1,1"), 1),
        similarity(&one, 1).unwrap()
    ));
    assert_eq!(crop("0.5,0.5,0.5,0.5"), crop("48,36,48,36"));
    assert_ne!(crop("0.5,0.5,0.5,0.5"), one);

    let liked = niteru.json(["search", "parts", "--like", "1"]);
    assert_eq!(
        similarity(&liked, 1),
        None,
        "an example is no result: {liked}"
    );
    assert!(near(similarity(&liked, 2), between), "{liked}");
    assert_eq!(niteru.json(["search", "parts", "--like", text(&a)]), liked);
    let away = niteru.json([
        "search", "parts", "--like", "1", "--unlike", "2", "--unlike", "#3",
    ]);
    assert_eq!(sorted(found(&away)), [4, 5, 6, 7, 8], "{away}");
    let own = niteru.json([
        "search",
        "parts",
        "--like",
        "1",
        "--filter",
        "part_number=@query",
    ]);
    assert_eq!(
        found(&own),
        [2],
        "the other image of the example's part: {own}"
    );
    // 1.0 · a + 0.75 · b, normalised.
    let moved = niteru.json(["search", "parts", text(&a), "--like", "2"]);
    let length = (1.0 + 0.75 * 0.75 + 1.5 * between).sqrt();
    assert!(
        near(similarity(&moved, 1), (1.0 + 0.75 * between) / length),
        "{moved}"
    );

    let html = niteru.file("examples.html");
    let report = [
        "search",
        "parts",
        "--like",
        "1",
        "--unlike",
        "2",
        "--html",
        text(&html),
        "--lang",
        "en",
    ];
    niteru.json(report);
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("Unlike: ") && page.contains("Looked for: 1.png"));
}

#[test]
fn explain_shows_places_of_both_images() {
    let Some(niteru) = parts() else { return };
    let query = niteru.file("photos/1.png");
    let html = niteru.file("why.html");
    let gone = niteru.file("photos/3.png");
    std::fs::remove_file(&gone).unwrap();
    let command = [
        "search",
        "parts",
        text(&query),
        "--explain",
        "--html",
        text(&html),
    ];
    let found = niteru.json(command);
    let results = found["results"].as_array().unwrap();
    assert_eq!(results.len(), 8);
    for result in results {
        let why = &result["why"];
        assert_eq!(why["image"], text(&query), "{why}");
        let places = why["places"].as_array().unwrap();
        if result["id"] == 3 {
            assert!(places.is_empty(), "{why}");
            assert!(why["problem"].as_str().unwrap().contains("3.png"), "{why}");
            continue;
        }
        for place in places
            .iter()
            .flat_map(|pair| [&pair["query"], &pair["result"]])
        {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|name| place[name].as_f64().unwrap());
            let inside = x >= 0.0 && y >= 0.0 && x + w <= 1.0 + 1e-9 && y + h <= 1.0 + 1e-9;
            assert!(inside && w > 0.0 && h > 0.0, "{place}");
        }
    }
    // The image itself: the same places on both sides.
    let own = &results[0]["why"]["places"][0];
    assert_eq!(own["query"], own["result"], "{own}");
    assert!(own["similarity"].as_f64().unwrap() > 0.999, "{own}");
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("class=\"marked\""), "frames are drawn");
    // Without being asked, nothing is explained; examples can be.
    let plain = niteru.json(["search", "parts", text(&query)]);
    assert!(plain["results"][0].get("why").is_none());
    let example = niteru.json(["search", "parts", "--like", "2", "--explain", "-k", "1"]);
    assert!(
        example["results"][0]["why"]["image"]
            .as_str()
            .unwrap()
            .ends_with("2.png")
    );
}
