//! The rooms and their order: a crate may use only the rooms below it that DESIGN names.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Each room with the rooms that it may use.
const ROOMS: &[(&str, &[&str])] = &[
    ("niteru-kernels", &[]),
    ("niteru-imaging", &["niteru-kernels"]),
    ("niteru-encoder", &["niteru-kernels", "niteru-imaging"]),
    ("niteru-index", &["niteru-kernels"]),
    ("niteru-learn", &["niteru-kernels"]),
    (
        "niteru-inspect",
        &[
            "niteru-kernels",
            "niteru-imaging",
            "niteru-encoder",
            "niteru-learn",
        ],
    ),
    (
        "niteru-store",
        &[
            "niteru-kernels",
            "niteru-imaging",
            "niteru-encoder",
            "niteru-index",
            "niteru-learn",
            "niteru-inspect",
        ],
    ),
    ("niteru-server", &["niteru-store"]),
    (
        "niteru",
        &[
            "niteru-kernels",
            "niteru-imaging",
            "niteru-encoder",
            "niteru-index",
            "niteru-learn",
            "niteru-inspect",
            "niteru-store",
            "niteru-server",
        ],
    ),
    // Not a room: only tests use it.
    ("niteru-testkit", &[]),
];

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let metadata = MetadataCommand::new()
        .manifest_path(niteru_testkit::repository().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_string()])
        .exec()
        .unwrap();
    let names: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let known: BTreeSet<&str> = ROOMS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, known, "rooms in the workspace, rooms in this table");

    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let allowed = ROOMS
            .iter()
            .find(|(name, _)| *name == package.name.as_str())
            .unwrap()
            .1;
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let testing = dependency.kind == DependencyKind::Development;
            // A test may also use its own crate again, with features that only tests need.
            let for_tests = testing && (name == "niteru-testkit" || name == package.name.as_str());
            let room = known.contains(name) && !for_tests;
            if room && !allowed.contains(&name) {
                wrong.push(format!("{} uses {name}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
