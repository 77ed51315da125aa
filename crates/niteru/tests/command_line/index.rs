//! `index` and `bench search`.

use crate::support::Niteru;

#[test]
fn small_collections_need_no_index() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let picture = niteru.picture("a.png", 1);
    let picture = picture.to_str().unwrap();
    niteru.json(["add", "parts", picture]);
    let status = niteru.json(["index", "status", "parts"]);
    assert_eq!(status["state"], "exact", "{status}");
    assert_eq!(status["images"], 1);
    let built = niteru.json(["index", "build", "parts"]);
    assert_eq!(built["built"], false, "{built}");
    let shown = niteru.run(["index", "build", "parts"]);
    assert!(shown.stdout.contains("need no index"), "{}", shown.stdout);

    // What lies where an index would be is told of once, and costs nothing else.
    let file = std::path::PathBuf::from(status["file"].as_str().unwrap());
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "not an index").unwrap();
    let found = niteru.run(["search", "parts", picture]);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    let lines: Vec<_> = found
        .stderr
        .lines()
        .filter(|line| line.contains("index"))
        .collect();
    assert_eq!(lines.len(), 1, "{}", found.stderr);
    assert!(
        lines[0].contains("cannot be used") && lines[0].contains("damaged"),
        "{}",
        lines[0]
    );
    assert!(found.stdout.contains("a.png"), "{}", found.stdout);

    niteru
        .run(["index", "status", "nothing"])
        .fails(1, &["no collection"]);
    niteru.run(["index", "build"]).fails(2, &["COLLECTION"]);
}

#[test]
fn searches_are_measured() {
    let niteru = Niteru::empty();
    let folder = niteru.file("vectors");
    let measured = niteru.json([
        "bench",
        "search",
        "--vectors",
        "6000",
        "--dimensions",
        "32",
        "--queries",
        "20",
        "--write",
        folder.to_str().unwrap(),
    ]);
    let recall = |of: &serde_json::Value| of["recall_at_10"].as_f64().unwrap();
    assert_eq!(recall(&measured["exact"]), 1.0);
    assert_eq!(
        recall(&measured["hnsw"]["filtered"]),
        1.0,
        "60 vectors are compared"
    );
    assert!(recall(&measured["hnsw"]["search"]) >= 0.98, "{measured}");
    let length = |name: &str| std::fs::metadata(folder.join(name)).unwrap().len();
    assert_eq!(
        (length("vectors"), length("queries")),
        (6000 * 32 * 4, 20 * 32 * 4)
    );
    let shown = niteru.run([
        "bench",
        "search",
        "--vectors",
        "500",
        "--dimensions",
        "8",
        "--exact-only",
    ]);
    assert!(shown.stdout.contains("recall@10"), "{}", shown.stdout);
}
