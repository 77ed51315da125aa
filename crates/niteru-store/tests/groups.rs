//! Searching for groups, held against grouping the list of all results.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;

use niteru_index::Condition;
use niteru_store::{Group, GroupBy, GroupedResults, Query, SearchResult, StoreError};
use support::{Place, Random};

fn by(per_group: usize) -> GroupBy {
    let field = "part".into();
    GroupBy { field, per_group }
}

/// Grouping as defined: all results in order, gathered by their value.
fn grouped(place: &Place, query: &Query, by: &GroupBy) -> GroupedResults {
    let collection = place.home.collection("things").unwrap();
    let everything = |min_similarity| Query {
        k: usize::MAX,
        min_similarity,
        ..query.clone()
    };
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for result in collection.search(&everything(None)).unwrap() {
        if let Some(value) = result.metadata.get(&by.field) {
            *sizes.entry(value.into()).or_default() += 1;
        }
    }
    let mut groups: Vec<(String, Vec<SearchResult>)> = Vec::new();
    let mut ungrouped = 0;
    for result in collection
        .search(&everything(query.min_similarity))
        .unwrap()
    {
        match result.metadata.get(&by.field).map(str::to_owned) {
            None => ungrouped += u64::from(groups.len() < query.k),
            Some(value) => match groups.iter_mut().find(|(own, _)| *own == value) {
                Some((_, members)) => members.push(result),
                None => groups.push((value, vec![result])),
            },
        }
    }
    let mut results = Vec::new();
    for (i, (value, members)) in groups.into_iter().take(query.k).enumerate() {
        results.extend(
            members
                .into_iter()
                .take(by.per_group)
                .map(|member| SearchResult {
                    rank: i + 1,
                    group: Some(Group {
                        field: by.field.clone(),
                        images: sizes[&value],
                        value: value.clone(),
                    }),
                    ..member
                }),
        );
    }
    GroupedResults { results, ungrouped }
}

#[test]
fn groups_equal_their_definition() {
    let random = &mut Random::new(6);
    let place = Place::new();
    let mut csv = String::from("path,part,kind\n");
    for i in 0..300 {
        // Few different contents: many equal similarities. One large group near the query.
        let contents = match i {
            0..100 => format!("FAKE 1 0.{:02}", i % 20),
            _ => format!("FAKE number {}", random.below(120)),
        };
        place.write(&format!("{i:03}.jpg"), &contents);
        let part = match i {
            0..100 => "large".into(),
            _ if random.below(4) == 0 => String::new(),
            _ => format!("A-{}", random.below(40)),
        };
        csv += &format!("{i:03}.jpg,{part},{}\n", random.below(3));
    }
    place.add_metadata(csv.as_bytes());
    let collection = place.home.collection("things").unwrap();
    let filters = [
        None,
        Some("kind = 1"),
        Some("kind != 1"),
        Some("part != large"),
    ];
    for round in 0..150 {
        let mut query = place.query(&[1.0, random.below(3) as f32 - 1.0], random.below(60));
        query.filter = random
            .of(&filters)
            .map(|text| Condition::parse(text).unwrap());
        query.min_similarity = *random.of(&[None, Some(0.2), Some(0.9), Some(1.5)]);
        query.exclude = (0..random.below(5))
            .map(|_| random.below(301) as u64)
            .collect();
        let by = by(*random.of(&[0, 1, 1, 2, 5, 1000]));
        let found = collection.search_groups(&query, &by).unwrap();
        let expected = match by.per_group {
            // Nothing is looked for.
            0 => GroupedResults {
                results: vec![],
                ungrouped: 0,
            },
            _ => grouped(&place, &query, &by),
        };
        assert_eq!(found, expected, "round {round}: {query:?} {by:?}");
    }
}

#[test]
fn groups_and_their_order() {
    let place = Place::new();
    for (name, contents) in [
        ("1", "FAKE 1 0.3"),
        ("2", "FAKE 1 0.1"),
        ("3", "FAKE 1 0.2"),
        ("4", "FAKE 1 0.1 "),
        ("5", "FAKE 1 0"),
        ("6", "FAKE -1"),
        ("7", "FAKE 1 0.15"),
    ] {
        place.write(&format!("{name}.jpg"), contents);
    }
    // 2 and 4 are equally similar: the smaller number comes first. 5 and 7 have no part.
    let csv = b"path,part\n1.jpg,A\n2.jpg,B\n3.jpg,B\n4.jpg,A\n6.jpg,' OR 1=1 --\n";
    place.add_metadata(csv);
    let collection = place.home.collection("things").unwrap();
    let shown = |k, per_group| {
        let query = place.query(&[1.0], k);
        let found = collection.search_groups(&query, &by(per_group)).unwrap();
        let shown = found.results.iter().map(|result| {
            let group = result.group.as_ref().unwrap();
            (result.rank, result.id, group.value.clone(), group.images)
        });
        (shown.collect::<Vec<_>>(), found.ungrouped)
    };
    let (a, b, quote) = ("A".to_owned(), "B".to_owned(), "' OR 1=1 --".to_owned());
    let both = vec![(1, 2, b.clone(), 2), (2, 4, a.clone(), 2)];
    assert_eq!(shown(2, 1), (both.clone(), 1));
    let all = [both, vec![(3, 6, quote.clone(), 1)]].concat();
    assert_eq!(shown(9, 1), (all, 2));
    let several = vec![
        (1, 2, b.clone(), 2),
        (1, 3, b, 2),
        (2, 4, a.clone(), 2),
        (2, 1, a, 2),
        (3, 6, quote, 1),
    ];
    assert_eq!(shown(9, 5), (several, 2));
    assert_eq!(shown(0, 1), (vec![], 0));

    let result = &collection.search(&place.query(&[1.0], 1)).unwrap()[0];
    assert!(!serde_json::to_string(result).unwrap().contains("group"));
    let found = collection
        .search_groups(&place.query(&[1.0], 1), &by(1))
        .unwrap();
    let json = serde_json::to_value(&found.results[0]).unwrap();
    let group = serde_json::json!({"field": "part", "value": "B", "images": 2});
    assert_eq!(json["group"], group);

    let mut unknown = by(1);
    unknown.field = "prat".into();
    let error = collection
        .search_groups(&place.query(&[1.0], 1), &unknown)
        .unwrap_err();
    assert!(matches!(error, StoreError::NoField { .. }), "{error}");
    let mut degenerate = place.query(&[], 1);
    degenerate.embedding.fill(0.0);
    let error = collection.search_groups(&degenerate, &by(1)).unwrap_err();
    assert!(matches!(error, StoreError::Index(_)), "{error}");
}

#[test]
fn a_field_that_no_image_carries_any_more_gives_no_group() {
    let place = Place::new();
    place.write("1.jpg", "FAKE 1");
    place.add_metadata(b"path,part\n1.jpg,A\n");
    place.add_metadata(b"path,part\n1.jpg,\n");
    let collection = place.home.collection("things").unwrap();
    let found = collection
        .search_groups(&place.query(&[1.0], 5), &by(1))
        .unwrap();
    assert_eq!((found.results, found.ungrouped), (vec![], 1));
}
