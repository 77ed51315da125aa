//! Indexes in a Qdrant cluster: `--index`, `index move`, `index verify`.

use crate::support::{Niteru, Ran};

/// Nothing listens there.
const CLOSED: &str = "qdrant+http://127.0.0.1:9";

#[test]
fn secrets_in_a_url_are_refused_and_not_repeated() {
    let niteru = Niteru::empty();
    let urls = [
        "qdrant+http://user:hush@127.0.0.1:9",
        "qdrant+http://127.0.0.1:9?api_key=hush",
        "http://user:hush@127.0.0.1:9",
    ];
    let check = |ran: &Ran, url: &str| {
        ran.fails(2, &["NITERU_QDRANT_API_KEY"]);
        assert!(
            !format!("{}{}", ran.stdout, ran.stderr).contains("hush"),
            "{url}"
        );
    };
    for url in urls {
        check(&niteru.run(["--index", url, "collections"]), url);
        check(&niteru.run(["index", "move", "parts", url]), url);
        let by_environment = niteru
            .command(["collections"])
            .env("NITERU_INDEX", url)
            .output()
            .unwrap();
        check(&Ran::from(by_environment), url);
        let help = niteru.command(["--help"]).env("NITERU_INDEX", url).output();
        assert!(!Ran::from(help.unwrap()).stdout.contains("hush"), "{url}");
    }
    niteru
        .run(["--index", "postgres://somewhere", "collections"])
        .fails(2, &["qdrant+http://"]);
}

#[test]
fn with_the_cluster_down_add_succeeds_and_search_says_so() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let picture = niteru.picture("a.png", 1);
    let picture = picture.to_str().unwrap();
    let added = niteru.run(["--index", CLOSED, "add", "parts", picture]);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    let told: Vec<_> = added
        .stderr
        .lines()
        .filter(|line| line.contains("index"))
        .collect();
    assert_eq!(told.len(), 1, "{}", added.stderr);
    for part in ["unavailable", "1 changed image wait", "next `niteru add`"] {
        assert!(told[0].contains(part), "{}", told[0]);
    }
    let unavailable = format!("the index at {CLOSED} is unavailable");
    let search = niteru.run(["--index", CLOSED, "search", "parts", picture]);
    search.fails(1, &[&unavailable, "see that Qdrant runs"]);
    assert_eq!(search.stdout, "");
    niteru
        .run(["index", "move", "parts", CLOSED])
        .fails(1, &[&unavailable]);
    niteru
        .run(["--index", CLOSED, "index", "verify", "parts"])
        .fails(1, &[&unavailable]);
    let status = niteru.json(["--index", CLOSED, "index", "status", "parts"]);
    assert_eq!(
        (&status["behind"], &status["points"]),
        (&1.into(), &().into()),
        "{status}"
    );

    // It was not moved, and this machine has everything.
    let found = niteru.json(["search", "parts", picture]);
    assert_eq!(
        found["results"].as_array().map(Vec::len),
        Some(1),
        "{found}"
    );
    let same = niteru.json(["index", "verify", "parts"]);
    assert_eq!(
        (&same["images"], &same["differing"]),
        (&1.into(), &0.into()),
        "{same}"
    );
}

#[test]
fn an_index_moves_into_a_cluster_and_back() {
    let Some(address) = niteru_testkit::qdrant() else {
        return;
    };
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let url = format!("qdrant+{address}");
    let pictures: Vec<_> = (1..=6)
        .map(|i| niteru.picture(format!("{i}.png").as_str(), i))
        .collect();
    let folder = pictures[0].parent().unwrap().to_str().unwrap().to_owned();
    let query = pictures[2].to_str().unwrap();
    niteru.json(["add", "parts", &folder]);
    let found = || {
        let found = niteru.json(["search", "parts", query, "-k", "4"]);
        let results = found["results"].as_array().unwrap().iter();
        results
            .map(|result| result["id"].as_u64())
            .collect::<Vec<_>>()
    };
    let expected = found();
    let moved = niteru.json(["index", "move", "parts", &url]);
    assert_eq!(
        (&moved["from"], &moved["images"]),
        (&"local".into(), &6.into()),
        "{moved}"
    );
    assert_eq!(found(), expected);
    let status = niteru.json(["index", "status", "parts"]);
    assert_eq!(
        (&status["points"], &status["behind"]),
        (&6.into(), &0.into()),
        "{status}"
    );
    niteru.json(["images", "parts", "remove", "1"]);
    assert_eq!(niteru.json(["index", "status", "parts"])["behind"], 1);
    let verified = niteru.json(["index", "verify", "parts"]);
    assert_eq!(
        (&verified["points"], &verified["missing"]),
        (&5.into(), &0.into()),
        "{verified}"
    );
    let built = niteru.json(["index", "build", "parts"]);
    assert_eq!(built["images"], 5, "{built}");
    let back = niteru.json(["index", "move", "parts", "local"]);
    assert_eq!(back["to"], "local", "{back}");
    let left = niteru.json(["--index", &url, "index", "status", "parts"]);
    assert!(left["points"].is_null(), "removed where it was: {left}");
}
