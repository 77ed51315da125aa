//! Filters: what SQL makes of a condition is what the plain evaluator makes of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use niteru_index::Condition;
use niteru_index::condition::{Date, Field, Literal, Order, Test, Value};
use niteru_store::{Collection, Image, StoreError};
use support::{Place, Random};

const FIELDS: [&str; 4] = ["kind", "長さ", "part no", "'); DROP TABLE images; --"];

/// Values that are hard to get right, as metadata and as literals.
fn values() -> Vec<String> {
    let same_start = "部品".repeat(30);
    let mut values: Vec<String> = [
        "bolt",
        "Bolt",
        "20",
        "20.0",
        "２０",
        "007",
        "7",
        "-1.5",
        "1e999",
        "NaN",
        "inf",
        "-0",
        "0",
        "1234567890123456",
        "1234567890123457",
        "true",
        "True",
        "tRUE",
        "FALSE",
        "2026-01-01",
        "2026/1/1 9:00",
        "2025年12月31日",
        "2026-02-30",
        "1969-12-31T23:59:59.999Z",
        "錆",
        "ｻﾋﾞ",
        "サビ",
        "か\u{3099}",
        "が",
        "' OR 1=1 --",
        "\"",
        "\\",
        "\\'",
        "%",
        "_",
        "?2",
        "@query",
        "and",
        "a\nb",
        "a\0b",
        "a\0c",
        "x'00'",
        "NULL",
        "🔩",
        " 20 ",
        ")",
    ]
    .map(String::from)
    .into();
    // Equal for longer than the index on text looks.
    values.extend(["", "a", "b"].map(|end| format!("{same_start}{end}")));
    values.push("錆".repeat(10_000));
    values
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A collection whose images have such values in random fields, some of them none.
fn place(random: &mut Random, images: usize) -> Place {
    let place = Place::new();
    let values = values();
    let mut csv = csv::Writer::from_writer(Vec::new());
    let header = ["path"].into_iter().chain(FIELDS);
    csv.write_record(header).unwrap();
    for i in 0..images {
        let name = format!("{i:03}.jpg");
        place.write(&name, &format!("FAKE number {i}"));
        let mut row = vec![name];
        for _ in FIELDS {
            let has = random.below(5) > 0;
            row.push(if has {
                random.of(&values).clone()
            } else {
                String::new()
            });
        }
        csv.write_record(&row).unwrap();
    }
    let report = place.add_metadata(&csv.into_inner().unwrap());
    assert_eq!(report.skipped.len(), 0, "{:?}", report.skipped);
    place
}

/// A literal, and how it is written if it can be.
fn literal(random: &mut Random, values: &[String]) -> (Value, Option<String>) {
    const DATES: [&str; 4] = ["2026-01-01", "2026-01-01T09:00", "2025/12/31", "1970-01-01"];
    match random.below(6) {
        0 => {
            let number = *random.of(&[20.0, 7.0, -1.5, 0.0, 1e300]);
            (Value::Number(number), Some(format!("{number:e}")))
        }
        1 => {
            let number = *random.of(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
            (Value::Number(number), None)
        }
        2 => {
            let date = *random.of(&DATES);
            (Value::Date(Date::parse(date).unwrap()), Some(date.into()))
        }
        3 => {
            let value = random.below(2) == 0;
            (Value::Boolean(value), Some(value.to_string()))
        }
        _ => {
            let text = random.of(values).clone();
            let written = quoted(&text);
            (Value::Text(text), Some(written))
        }
    }
}

/// A test of a field that is written as `name`, and its text if it can be written.
fn test(random: &mut Random, values: &[String], name: &str) -> (Test, Option<String>) {
    const ORDERS: [(Order, &str); 5] = [
        (Order::Equal, "="),
        (Order::Less, "<"),
        (Order::AtMost, "<="),
        (Order::Greater, ">"),
        (Order::AtLeast, ">="),
    ];
    match random.below(4) {
        0 => {
            let (value, written) = literal(random, values);
            let (order, sign) = *random.of(&ORDERS);
            let ordered = matches!(value, Value::Number(_) | Value::Date(_));
            let written = written.filter(|_| ordered || order == Order::Equal);
            let written = written.map(|written| format!("{name}{sign}{written}"));
            let literal = Literal::from(value);
            (Test::Compare { order, literal }, written)
        }
        1 => {
            let count = random.below(4) + 1;
            let literals = (0..count).map(|_| literal(random, values));
            let (literals, texts): (Vec<Value>, Vec<Option<String>>) = literals.unzip();
            let texts: Option<Vec<String>> = texts.into_iter().collect();
            let written = texts.map(|texts| format!("{name} in ({})", texts.join(", ")));
            let literals = literals.into_iter().map(Literal::from).collect();
            (Test::In(literals), written)
        }
        2 => {
            let text = random.of(values).clone();
            let written = format!("{name} contains {}", quoted(&text));
            (Test::Contains(text), Some(written))
        }
        _ => (Test::Exists, Some(format!("{name} exists"))),
    }
}

/// A condition, and its text if it can be written.
fn condition(random: &mut Random, values: &[String], depth: usize) -> (Condition, Option<String>) {
    match random.below(if depth == 0 { 1 } else { 5 }) {
        0 | 1 => {
            let field = Field::from(*random.of(&FIELDS));
            let (test, written) = test(random, values, &quoted(&field.name));
            (Condition::Field { field, test }, written)
        }
        2 => {
            let (inner, written) = condition(random, values, depth - 1);
            (
                inner.negated(),
                written.map(|written| format!("not ({written})")),
            )
        }
        join => {
            let parts = (0..random.below(2) + 2).map(|_| condition(random, values, depth - 1));
            let (parts, texts): (Vec<Condition>, Vec<Option<String>>) = parts.unzip();
            let texts: Option<Vec<String>> = texts.into_iter().collect();
            let (word, join): (_, fn(_) -> _) = match join {
                3 => (") and (", Condition::And),
                _ => (") or (", Condition::Or),
            };
            (
                join(parts),
                texts.map(|texts| format!("({})", texts.join(word))),
            )
        }
    }
}

/// The images that the plain evaluator lets through.
fn evaluated(images: &[Image], condition: &Condition) -> Vec<u64> {
    let pass = images
        .iter()
        .filter(|image| condition.matches(&|field| image.metadata.get(field)));
    pass.map(|image| image.id).collect()
}

fn selected(collection: &Collection<'_>, condition: &Condition) -> Vec<u64> {
    let selection = collection.select(condition).unwrap();
    let images = collection.images_in(&selection, None, usize::MAX).unwrap();
    images.iter().map(|image| image.id).collect()
}

#[test]
fn sql_equals_the_evaluator() {
    let random = &mut Random::new(4);
    let place = place(random, 120);
    let collection = place.home.collection("things").unwrap();
    let values = values();
    let images = collection.images(None, usize::MAX).unwrap();
    let (mut some, mut written) = (0, 0);
    for _ in 0..1000 {
        let (condition, text) = condition(random, &values, 3);
        let expected = evaluated(&images, &condition);
        assert_eq!(selected(&collection, &condition), expected, "{condition:?}");
        some += usize::from(!expected.is_empty() && expected.len() < 120);
        let Some(text) = text else { continue };
        written += 1;
        assert_eq!(Condition::parse(&text).as_ref(), Ok(&condition), "{text}");
    }
    assert!(
        some > 300 && written > 300,
        "{some} of use, {written} written"
    );
}

#[test]
fn filters_act_inside_the_search() {
    let random = &mut Random::new(5);
    let place = place(random, 150);
    let collection = place.home.collection("things").unwrap();
    let values = values();
    for _ in 0..200 {
        let (condition, _) = condition(random, &values, 2);
        let all = collection.search(&place.query(&[1.0], 1000)).unwrap();
        let expected: Vec<u64> = all
            .iter()
            .filter(|result| condition.matches(&|field| result.metadata.get(field)))
            .map(|result| result.id)
            .skip(1)
            .take(3)
            .collect();
        let mut query = place.query(&[1.0], 3);
        let first = all
            .iter()
            .find(|result| condition.matches(&|field| result.metadata.get(field)));
        query.exclude = first.map(|result| result.id).into_iter().collect();
        query.filter = Some(condition.clone());
        let results = collection.search(&query).unwrap();
        let ids: Vec<u64> = results.iter().map(|result| result.id).collect();
        assert_eq!(ids, expected, "{condition:?}");
    }
}

/// Against a real server: `NITERU_TEST_QDRANT=http://127.0.0.1:6334`.
#[test]
fn a_cluster_applies_the_same_conditions() {
    let Some(address) = niteru_testkit::qdrant() else {
        return;
    };
    let random = &mut Random::new(6);
    let mut place = place(random, 150);
    let url = format!("qdrant+{address}").parse().unwrap();
    let home = niteru_store::Home::open(place.home.directory()).unwrap();
    place.home = home.with_index_place(Some(url));
    let collection = place.home.collection("things").unwrap();
    let images = collection.images(None, usize::MAX).unwrap();
    let (values, mut translated) = (values(), 0);
    let mut wrong = Vec::new();
    for _ in 0..400 {
        let (condition, _) = condition(random, &values, 3);
        translated += usize::from(niteru_index::qdrant::translates(&condition));
        let mut query = place.query(&[1.0], 1000);
        query.filter = Some(condition.clone());
        let results = collection.search(&query).unwrap();
        let mut ids: Vec<u64> = results.iter().map(|result| result.id).collect();
        ids.sort_unstable();
        let expected = evaluated(&images, &condition);
        if ids != expected {
            wrong.push(format!("{condition:?}: {ids:?}, not {expected:?}"));
        }
    }
    place.home.remove_collection("things").unwrap();
    assert!(
        wrong.is_empty(),
        "{} wrong: {:#?}",
        wrong.len(),
        &wrong[..1]
    );
    assert!(translated > 100, "{translated} translated");
}

#[test]
fn a_search_sees_changed_metadata_and_no_missing_image() {
    let place = Place::new();
    for i in 0..4 {
        place.write(&format!("{i}.jpg"), &format!("FAKE 1 {i}"));
    }
    place.add_metadata(b"path,kind,length\n0.jpg,bolt,5\n1.jpg,nut,50\n2.jpg,bolt,500\n");
    let collection = place.home.collection("things").unwrap();
    let find = |text: &str| {
        let mut query = place.query(&[1.0], 9);
        query.filter = Some(Condition::parse(text).unwrap());
        let results = collection.search(&query).unwrap();
        results.iter().map(|result| result.id).collect::<Vec<_>>()
    };
    assert_eq!(find("kind = bolt"), [1, 3]);
    assert_eq!(find("length >= 50"), [2, 3]);
    assert_eq!(find("kind != bolt"), [2, 4]);
    place.add_metadata(b"path,kind,length\n0.jpg,nut,70\n1.jpg,,x\n");
    assert_eq!(find("kind = bolt"), [3]);
    assert_eq!(find("kind missing"), [2, 4]);
    assert_eq!(find("length >= 50"), [1, 3]);
    std::fs::remove_file(place.pictures().join("0.jpg")).unwrap();
    place.add();
    assert_eq!(find("length >= 50"), [3]);
    assert_eq!(find("not length >= 50"), [2, 4]);

    let condition = Condition::parse("length >= 50").unwrap();
    assert_eq!(
        selected(&collection, &condition),
        [1, 3],
        "listed, though missing"
    );
    let report = collection
        .evaluate_retrieval("kind", Some(&condition), None)
        .unwrap();
    assert_eq!((report.images, report.queries), (1, 0));
    let none = Condition::parse("length > 5000").unwrap();
    let error = collection
        .evaluate_retrieval("kind", Some(&none), None)
        .unwrap_err();
    assert!(matches!(error, StoreError::NothingPasses { .. }), "{error}");
}

#[test]
fn conditions_that_do_not_fit_the_collection() {
    let place = Place::new();
    place.write("0.jpg", "FAKE 1");
    let long = "錆".repeat(10_000);
    let csv = format!("path,category,length,分類,empty,note\n0.jpg,bolt,5 mm,座金,,{long}\n");
    place.add_metadata(csv.as_bytes());
    let collection = place.home.collection("things").unwrap();
    // text, position, parts of the message
    let table: &[(&str, usize, &[&str])] = &[
        (
            "categry = bolt",
            0,
            &[
                "no field \"categry\"",
                "there are category, length, 分類",
                "mean \"category\"",
            ],
        ),
        (
            "分類 = x or 分る = y",
            10,
            &["no field \"分る\"", "mean \"分類\""],
        ),
        ("not (zzz exists)", 5, &["no field \"zzz\": there are"]),
        (
            "length >= 20",
            10,
            &["no value of \"length\" is a number", "\"5 mm\""],
        ),
        (
            "category < 2026-01-01",
            11,
            &["no value of \"category\" is a date", "\"bolt\""],
        ),
        ("note > 5", 7, &["no value of \"note\"", "錆…"]),
    ];
    for (text, position, parts) in table {
        let error = collection
            .select(&Condition::parse(text).unwrap())
            .unwrap_err();
        let StoreError::Condition(error) = error else {
            panic!("{text}: {error}");
        };
        assert_eq!(error.position(), *position, "{text}");
        let message = error.to_string();
        let missing: Vec<_> = parts
            .iter()
            .filter(|part| !message.contains(**part))
            .collect();
        assert!(missing.is_empty(), "{missing:?} not in {message}");
        assert!(message.len() < 500 && message.contains('^'), "{message}");
    }
    for fine in ["category = 20", "length = 2026-01-01", "category in (1)"] {
        collection.select(&Condition::parse(fine).unwrap()).unwrap();
    }
    let other = Place::new();
    other.write("0.jpg", "FAKE 1");
    other.add();
    let collection = other.home.collection("things").unwrap();
    let condition = Condition::parse("a = b").unwrap();
    let error = collection.select(&condition).unwrap_err().to_string();
    assert!(error.contains("the collection has no metadata"), "{error}");
}

#[test]
fn a_file_is_found_by_path_or_contents() {
    let place = Place::new();
    place.write("0.jpg", "FAKE 1");
    place.write("1.jpg", "FAKE 1");
    place.write("2.jpg", "FAKE 2");
    place.add();
    let collection = place.home.collection("things").unwrap();
    let ids = |path: &std::path::Path| -> Vec<u64> {
        let images = collection.images_of_file(path).unwrap();
        images.iter().map(|image| image.id).collect()
    };
    assert_eq!(ids(&place.pictures().join("1.jpg")), [2]);
    let copy = place.folder.path().join("copy.jpg");
    std::fs::write(&copy, "FAKE 1").unwrap();
    assert_eq!(ids(&copy), [1, 2]);
    std::fs::write(&copy, "FAKE 3").unwrap();
    let error = collection.images_of_file(&copy).unwrap_err();
    assert!(matches!(error, StoreError::NoImage { .. }), "{error}");
    let error = collection
        .images_of_file(&copy.with_extension("none"))
        .unwrap_err();
    assert!(matches!(error, StoreError::Read { .. }), "{error}");
}
