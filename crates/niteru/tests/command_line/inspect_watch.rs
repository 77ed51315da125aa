//! `inspect watch`, started, followed and stopped as a service manager does.

use std::path::Path;

use serde_json::Value;

use crate::inspect::{plates, text, trained};
use crate::watch::Watch;

fn ends(event: &Value, name: &str) -> bool {
    let path = event["path"].as_str().unwrap();
    Path::new(path).file_name().unwrap() == name
}

#[test]
fn photos_are_judged_as_they_come_and_none_twice() {
    let Some(niteru) = trained() else { return };
    let folder = plates(&niteru, "line", 100..101, false);
    let arguments = [
        "--json",
        "inspect",
        "watch",
        "plates",
        text(&folder),
        "--operator",
        "Sato",
        "--field",
        "lot=A12",
    ];
    let watch = Watch::start(&niteru, &arguments);
    assert_eq!(watch.event("watching")["inspector"], "plates");
    plates(&niteru, "line", 200..201, true);
    let judged = watch.event("judged");
    assert!(ends(&judged, "200.png"), "{judged}");
    assert_eq!(judged["verdict"], "NG", "{judged}");
    std::fs::write(niteru.file("line/notes.png"), "no picture").unwrap();
    assert!(ends(&watch.event("skipped"), "notes.png"));
    // What is trained anew judges the next one.
    let good = niteru.file("good");
    niteru.json(["inspect", "train", "plates", "--good", text(&good)]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    plates(&niteru, "line", 101..102, false);
    let judged = watch.event("judged");
    assert!(ends(&judged, "101.png"), "{judged}");
    watch.terminate();
    let stopped = watch.event("stopped");
    assert_eq!(
        (&stopped["judged"], &stopped["skipped"]),
        (&2.into(), &1.into())
    );
    assert_eq!(watch.end().0, Some(0));

    // With --existing, also what was there; what was judged before is not judged again.
    plates(&niteru, "line", 102..103, false);
    let arguments: Vec<&str> = arguments.into_iter().chain(["--existing"]).collect();
    let watch = Watch::start(&niteru, &arguments);
    let mut both = [watch.event("judged"), watch.event("judged")];
    both.sort_by_key(|one| one["path"].to_string());
    assert!(
        ends(&both[0], "100.png") && ends(&both[1], "102.png"),
        "{both:?}"
    );
    assert!(ends(&watch.event("skipped"), "notes.png"));
    watch.terminate();
    assert_eq!(watch.event("stopped")["judged"], 2);
    watch.end();
    let history = niteru
        .run(["--json", "inspect", "history", "plates"])
        .lines();
    let told = |at: usize| (&history[at]["version"], &history[at]["operator"]);
    assert_eq!(history.len(), 4, "{history:?}");
    assert_eq!(told(0), (&2.into(), &"Sato".into()));
    assert_eq!(told(3), (&1.into(), &"Sato".into()));
    assert_eq!(history[0]["metadata"]["lot"], "A12");

    let gone = niteru.file("gone");
    niteru
        .run(["inspect", "watch", "plates", text(&gone)])
        .fails(1, &["gone", "cannot read"]);
    niteru
        .run(["inspect", "watch", "nuts", text(&folder)])
        .fails(1, &["nuts", "plates"]);
}

#[test]
fn another_inspector_of_the_same_name_and_version_takes_over() {
    let Some(niteru) = trained() else { return };
    let folder = plates(&niteru, "line", 100..101, false);
    let arguments = ["--json", "inspect", "watch", "plates", text(&folder)];
    let watch = Watch::start(&niteru, &arguments);
    watch.event("watching");
    plates(&niteru, "line", 101..102, false);
    watch.event("judged");
    let home = niteru_store::Home::open(niteru.home()).unwrap();
    let file = home.inspector("plates", None).unwrap();
    let before = file.inspector;
    let new = niteru_store::NewInspector {
        model: &before.model,
        fingerprint: &before.fingerprint,
        settings: &before.settings,
        summary: &before.summary,
        bytes: &file.bytes,
    };
    // The watch does not look between the two.
    watch.hang();
    home.remove_inspector("plates", true).unwrap();
    let now = home.save_inspector("plates", &new).unwrap();
    watch.go_on();
    assert!(now.version == before.version && now.id != before.id);
    std::thread::sleep(std::time::Duration::from_secs(3));
    plates(&niteru, "line", 102..103, false);
    while !ends(&watch.event("judged"), "102.png") {}
    watch.terminate();
    watch.event("stopped");
    let (code, stderr) = watch.end();
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn that_photos_change_as_a_whole_is_told_while_the_line_runs() {
    let Some(niteru) = trained() else { return };
    let folder = plates(&niteru, "line", 200..230, true);
    let arguments = [
        "--json",
        "inspect",
        "watch",
        "plates",
        text(&folder),
        "--existing",
    ];
    let watch = Watch::start(&niteru, &arguments);
    let drift = watch.event("drift");
    assert_eq!(
        (&drift["direction"], &drift["drift"], &drift["decisions"]),
        (&"up".into(), &true.into(), &26.into()),
        "{drift}"
    );
    watch.terminate();
    watch.event("stopped");
    let (code, stderr) = watch.end();
    assert_eq!(code, Some(0));
    let told = "photos as a whole score higher";
    assert_eq!(stderr.matches(told).count(), 1, "{stderr}");
}
