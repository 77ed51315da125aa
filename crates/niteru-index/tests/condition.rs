//! The language of conditions: what is read, what is refused and where, what it means.
#![allow(clippy::unwrap_used)]

use niteru_index::condition::{Date, Field, Literal, MAX_CHARS, MAX_DEPTH, MAX_TESTS, MAX_VALUES};
use niteru_index::condition::{Order, Test, Value};
use niteru_index::{Condition, ConditionError};

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn date(text: &str) -> Value {
    Value::Date(Date::parse(text).unwrap())
}

fn condition(field: &str, test: Test) -> Condition {
    let field = Field::from(field);
    Condition::Field { field, test }
}

fn compare(field: &str, order: Order, value: Value) -> Condition {
    let literal = value.into();
    condition(field, Test::Compare { order, literal })
}

fn equal(field: &str, value: Value) -> Condition {
    compare(field, Order::Equal, value)
}

fn contains(field: &str, text: &str) -> Condition {
    condition(field, Test::Contains(text.into()))
}

fn is_in(field: &str, values: Vec<Value>) -> Condition {
    let literals = values.into_iter().map(Literal::from).collect();
    condition(field, Test::In(literals))
}

fn exists(field: &str) -> Condition {
    condition(field, Test::Exists)
}

#[test]
fn what_is_read() {
    use Condition::{And, Or};
    let (a, b, c) = (
        || equal("a", text("x")),
        || equal("b", text("y")),
        || equal("c", text("z")),
    );
    let table: &[(&str, Condition)] = &[
        ("category=bolt", equal("category", text("bolt"))),
        (" category =\n\tbolt ", equal("category", text("bolt"))),
        ("category!=bolt", equal("category", text("bolt")).negated()),
        ("分類=六角ボルト", equal("分類", text("六角ボルト"))),
        ("分類＝六角ボルト", equal("分類", text("六角ボルト"))),
        ("分類　！＝　座金", equal("分類", text("座金")).negated()),
        ("'part no'=\"A 1\"", equal("part no", text("A 1"))),
        (r#"a = "\"\\\'\n\t'""#, equal("a", text("\"\\'\n\t'"))),
        ("a = ''", equal("a", text(""))),
        ("a = 'and'", equal("a", text("and"))),
        ("'in' = x", equal("in", text("x"))),
        ("a = andes", equal("a", text("andes"))),
        ("a = C:\\x", equal("a", text("C:\\x"))),
        ("a = 20", equal("a", Value::Number(20.0))),
        ("a = ２０", equal("a", Value::Number(20.0))),
        ("a = '20'", equal("a", text("20"))),
        ("a = 0020", equal("a", text("0020"))),
        ("a = 1234567890123456", equal("a", text("1234567890123456"))),
        ("a = nan", equal("a", text("nan"))),
        ("a = true", equal("a", Value::Boolean(true))),
        ("a = FALSE", equal("a", Value::Boolean(false))),
        ("a = 'true'", equal("a", text("true"))),
        ("a = tRUE", equal("a", text("tRUE"))),
        ("a = 2026-01-01", equal("a", date("2026-01-01"))),
        ("a = 2026-01-01-B", equal("a", text("2026-01-01-B"))),
        ("a = '2026-01-01'", equal("a", text("2026-01-01"))),
        ("a < -1.5", compare("a", Order::Less, Value::Number(-1.5))),
        ("a<=1e3", compare("a", Order::AtMost, Value::Number(1000.0))),
        ("a ≦ 1", compare("a", Order::AtMost, Value::Number(1.0))),
        (
            "a > 2026/1/5",
            compare("a", Order::Greater, date("2026-01-05")),
        ),
        (
            "a＞＝'2026-01-05 10:00'",
            compare("a", Order::AtLeast, date("2026-01-05 10:00")),
        ),
        (
            "a >= '20'",
            compare("a", Order::AtLeast, Value::Number(20.0)),
        ),
        (
            "a in (A, 3,'and')",
            is_in("a", vec![text("A"), Value::Number(3.0), text("and")]),
        ),
        ("a IN （A、B）", is_in("a", vec![text("A"), text("B")])),
        ("a not in (A)", is_in("a", vec![text("A")]).negated()),
        ("note contains 錆", contains("note", "錆")),
        ("note CONTAINS 2026-99-99", contains("note", "2026-99-99")),
        ("note not contains 'a b'", contains("note", "a b").negated()),
        ("a exists", exists("a")),
        ("a missing", exists("a").negated()),
        ("not a exists", exists("a").negated()),
        ("not not a=x", a().negated().negated()),
        ("a=x and b=y and c=z", And(vec![a(), b(), c()])),
        ("a=x or b=y and c=z", Or(vec![a(), And(vec![b(), c()])])),
        ("(a=x or b=y) and c=z", And(vec![Or(vec![a(), b()]), c()])),
        ("not a=x and b=y", And(vec![a().negated(), b()])),
        (
            "NOT (a=x AND b=y)Or c=z",
            Or(vec![And(vec![a(), b()]).negated(), c()]),
        ),
        ("((a=x))", a()),
        ("a='x'and'b'=y", And(vec![a(), b()])),
        (
            "a = \"'); DROP TABLE images; --\"",
            equal("a", text("'); DROP TABLE images; --")),
        ),
    ];
    let mut wrong = Vec::new();
    for (written, expected) in table {
        match Condition::parse(written) {
            Ok(found) if found == *expected => {}
            found => wrong.push(format!("{written}: {found:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_refused_and_where() {
    // text, position, part of the reason
    let table: &[(&str, usize, &str)] = &[
        ("", 0, "empty"),
        (" \u{3000}", 2, "empty"),
        ("category", 8, "what to ask of \"category\""),
        ("category =", 10, "a value"),
        ("category bolt", 9, "what to ask of"),
        ("= bolt", 0, "a field"),
        ("and = 3", 0, "quote \"and\""),
        ("'' = 3", 0, "a field"),
        ("a = and", 4, "quote \"and\""),
        ("a = b c", 6, "expected and, or"),
        ("分類 = 六角 ボルト", 8, "expected and, or"),
        ("a == b", 2, "write ="),
        ("a <> b", 2, "write !="),
        ("a =! b", 2, "there is no =!"),
        ("! a = b", 0, "write not"),
        ("a = (b)", 4, "a value"),
        ("a = b)", 5, "no parenthesis is open"),
        ("(a = b", 0, "not closed"),
        ("a = b and (c = d or (e = f)", 10, "not closed"),
        ("(a = b c = d)", 7, "closing parenthesis"),
        ("a = b and", 9, "a field"),
        ("a = b or or c = d", 9, "a field"),
        ("not", 3, "a field"),
        ("()", 1, "a field"),
        ("a in b", 5, "a list"),
        ("a in ()", 6, "a value"),
        ("a in (b", 5, "not closed"),
        ("a in (b c)", 8, "a comma"),
        ("a in (b,)", 8, "a value"),
        ("a not = b", 6, "what to ask of"),
        ("a not exists", 6, "what to ask of"),
        ("a contains", 10, "a value"),
        ("a contains ''", 11, "not empty"),
        ("a contains @query", 11, "@query works with"),
        ("a = 'b", 4, "not closed"),
        ("a = \"b'", 4, "not closed"),
        ("a = 'b\\x'", 6, "there is no \\x"),
        ("a = 'b\\", 6, "ends after this backslash"),
        ("a = 2026-02-29", 4, "2026-02 has 28 days"),
        ("a = 2026-13-01", 4, "no month 13"),
        ("a < 2026-01-01T25:00", 4, "as a time"),
        ("長さ >= 1e999", 6, "too large"),
        ("length >= abc", 10, "texts have no order"),
        ("length >= nan", 10, "texts have no order"),
        ("length > inf", 9, "texts have no order"),
        ("length > true", 9, "texts have no order"),
        ("length > 'x y'", 9, "texts have no order"),
        ("length > 00012", 9, "texts have no order"),
        ("length > @query", 9, "@query works with"),
        ("a = @query", 4, "no query image"),
        ("a = @other", 4, "only @query"),
    ];
    let mut wrong = Vec::new();
    for (written, position, reason) in table {
        let found = Condition::parse(written).map_err(|e| (e.position(), e.reason().to_owned()));
        match found {
            Err((at, why)) if at == *position && why.contains(reason) => {}
            found => wrong.push(format!("{written}: {found:?}, not {position}, {reason}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn limits_hold() {
    let not = |count| format!("{}a = b", "not ".repeat(count));
    let parentheses = |count| format!("{}a = b{}", "(".repeat(count), ")".repeat(count));
    let tests = |count: usize| vec!["a = b"; count].join(" and ");
    let values = |count: usize| format!("a in ({})", vec!["b"; count].join(","));
    let long = |count: usize| format!("a = {}", "錆".repeat(count - 4));
    let table = [
        ("not", not(MAX_DEPTH), not(MAX_DEPTH + 1)),
        (
            "parentheses",
            parentheses(MAX_DEPTH),
            parentheses(MAX_DEPTH + 1),
        ),
        ("deep", parentheses(MAX_DEPTH), parentheses(30_000)),
        ("tests", tests(MAX_TESTS), tests(MAX_TESTS + 1)),
        ("values", values(MAX_VALUES), values(MAX_VALUES + 1)),
        ("length", long(MAX_CHARS), long(MAX_CHARS + 1)),
        ("a long value", long(10_004), long(1_000_000)),
    ];
    for (what, good, bad) in table {
        assert!(Condition::parse(&good).is_ok(), "{what}");
        let error = Condition::parse(&bad).unwrap_err();
        assert!(error.to_string().len() < 1000, "{what}: {error}");
    }
}

fn shown(text: &str) -> String {
    Condition::parse(text).unwrap_err().to_string()
}

#[test]
fn errors_point_at_the_character() {
    assert_eq!(
        shown("length >= abc"),
        "expected a number such as 20 or a date such as 2026-01-31 here: texts have no order\n  \
         length >= abc\n            ^"
    );
    // Full-width characters take two columns.
    assert_eq!(
        shown("分類 == 座金"),
        "there is no ==; write =\n  分類 == 座金\n       ^"
    );
    assert_eq!(shown("").lines().count(), 1);
    // The line, not the whole text; no control characters.
    let error = shown("a = b and\n\u{1b}[2Jc == d\nor e = f");
    assert!(error.ends_with("\n   [2Jc == d\n        ^"), "{error:?}");
    // A long line is cut on both sides.
    let long = format!("a = {} == {}", "錆".repeat(500), "x".repeat(500));
    let error = shown(&long);
    let lines: Vec<&str> = error.lines().collect();
    assert!(
        lines[1].starts_with("  …") && lines[1].ends_with('…'),
        "{error}"
    );
    assert_eq!(lines[2].find('^'), Some(2 + 1 + 59), "{error}");
}

#[test]
fn the_query_images_own_values() {
    let query = |field: &str| match field {
        "part" => Ok(vec!["A 1".to_owned()]),
        "both" => Ok(vec!["x".to_owned(), "2".to_owned()]),
        _ => Err(format!("the query image has no {field}")),
    };
    let parse = |text: &str| Condition::parse_for_query(text, &query);
    let table: &[(&str, Condition)] = &[
        ("part = @query", equal("part", text("A 1"))),
        ("part != @query", equal("part", text("A 1")).negated()),
        ("both = @query", is_in("both", vec![text("x"), text("2")])),
        (
            "part in (B, @query)",
            is_in("part", vec![text("B"), text("A 1")]),
        ),
        ("part = '@query'", equal("part", text("@query"))),
    ];
    for (written, expected) in table {
        assert_eq!(parse(written).as_ref(), Ok(expected), "{written}");
    }
    let error: ConditionError = parse("not colour = @query").unwrap_err();
    assert_eq!(
        (error.position(), error.reason()),
        (13, "the query image has no colour")
    );
}

#[test]
fn what_it_means() {
    let image = |field: &str| match field {
        "kind" => Some("bolt"),
        "number" => Some("20.0"),
        "code" => Some("0020"),
        "day" => Some("2026/1/5"),
        "time" => Some("2026-01-05T10:30:00+09:00"),
        "ok" => Some("True"),
        "note" => Some("ﾈｼﾞに サビ RUST"),
        "odd" => Some("NaN"),
        _ => None,
    };
    let table: &[(&str, bool)] = &[
        ("kind = bolt", true),
        ("kind = Bolt", false),
        ("kind != nut", true),
        ("kind in (nut, bolt)", true),
        ("kind not in (nut, bolt)", false),
        ("number = 20", true),
        ("number = 2e1", true),
        ("number = '20'", false),
        ("number = '20.0'", true),
        ("number in (1, 20)", true),
        ("number < 20", false),
        ("number <= 20", true),
        ("number >= 20 and number > 19.99", true),
        ("code = 20", false),
        ("code = 0020", true),
        ("code >= 1 or code <= 1", false),
        ("day = 2026-01-05", true),
        ("day < 2026-01-05 or day > 2026-01-05", false),
        ("day <= 2026-01-05 and day >= 2026-01-05", true),
        ("time = 2026-01-05", true),
        ("time = 2026-01-05T01:30Z", true),
        ("time > 2026-01-05T01:30Z", false),
        ("time > 2026-01-05T01:29:59Z", true),
        ("time <= 2026-01-05", true),
        ("day < 5", false),
        ("ok = true", true),
        ("ok = false", false),
        ("ok = 'true'", false),
        ("note contains ネジ", true),
        ("note contains ｻﾋﾞ", true),
        ("note contains Rust", true),
        ("note contains さび", false),
        ("odd >= 0 or odd < 0", false),
        ("odd = nan", false),
        ("odd = NaN", true),
        ("none = x", false),
        ("none != x", true),
        ("not none = x", true),
        ("none < 3", false),
        ("not none < 3", true),
        ("none contains x", false),
        ("none exists", false),
        ("none missing and kind exists", true),
    ];
    let matches = |text: &str| Condition::parse(text).unwrap().matches(&image);
    let wrong: Vec<_> = table
        .iter()
        .filter(|(text, expected)| matches(text) != *expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(Condition::And(vec![]).matches(&image) && !Condition::Or(vec![]).matches(&image));
    for (order, value) in [
        (Order::Equal, Value::Number(f64::NAN)),
        (Order::Less, text("zzz")),
        (Order::AtLeast, Value::Boolean(true)),
    ] {
        for field in ["kind", "number", "ok"] {
            let condition = compare(field, order, value.clone());
            assert!(!condition.matches(&image), "{condition:?}");
        }
    }
}
