//! `map`.

use crate::support::Niteru;

#[test]
fn images_are_arranged_and_written_as_a_table() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    for number in 0..6 {
        let picture = niteru.picture(&format!("{number}.png"), number);
        niteru.json(["add", "parts", picture.to_str().unwrap()]);
    }
    let file = niteru.file("map.csv");
    let told = niteru.json(["map", "parts", "--csv", file.to_str().unwrap()]);
    assert_eq!(
        (&told["images"], &told["cancelled"]),
        (&6.into(), &false.into()),
        "{told}"
    );
    let table = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = table.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!((lines.len(), lines[0]), (7, "id,path,x,y"), "{table}");
    let numbers = lines[1..].iter().flat_map(|line| line.rsplit(',').take(2));
    assert!(
        numbers
            .map(|x| x.parse::<f64>().unwrap())
            .all(|x| (0.0..=1.0).contains(&x))
    );
    niteru.json(["map", "parts", "--csv", file.to_str().unwrap()]);
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        table,
        "the same again"
    );
    let report = niteru.file("map.html");
    let report = report.to_str().unwrap();
    for (language, title) in [("en", "Map of parts"), ("ja", "「parts」のマップ")] {
        niteru.json(["map", "parts", "--html", report, "--lang", language]);
        let page = std::fs::read_to_string(report).unwrap();
        assert!(page.contains(title), "{page:.300}");
        let points = page
            .split(" d=\"M")
            .nth(1)
            .and_then(|path| path.split('"').next());
        assert_eq!(points.unwrap().matches("h0").count(), 6, "{language}");
        assert!(
            page.contains("<image href=\"data:image/jpeg;base64,"),
            "{language}"
        );
    }
    niteru
        .run(["map", "parts", "--html", report, "--field", "lot"])
        .fails(1, &["lot"]);
    niteru
        .run(["map", "parts", "--field", "lot"])
        .fails(2, &["--html"]);
    niteru.run(["map", "nothing"]).fails(1, &["no collection"]);
    niteru.run(["map"]).fails(2, &["COLLECTION"]);
}
