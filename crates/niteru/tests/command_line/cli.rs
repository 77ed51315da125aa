//! The command line without a model: help, usage, homes, model management.

use crate::support::Niteru;

#[test]
fn every_command_teaches_by_example() {
    let niteru = Niteru::empty();
    let commands = [
        "demo",
        "samples",
        "embed",
        "compare",
        "add",
        "search",
        "images",
        "collections",
        "completions",
        "images parts list",
        "images parts remove",
        "images parts show",
        "collections list",
        "collections remove",
        "models",
        "eval",
        "bench",
        "models list",
        "models pull",
        "models show",
        "models import",
        "models remove",
        "eval retrieval",
        "bench embed",
    ];
    let mut silent = Vec::new();
    for command in commands {
        let ran = niteru.run(command.split(' ').chain(["--help"]));
        if ran.code != Some(0) || !ran.stdout.contains("Examples:") {
            silent.push(command);
        }
    }
    assert!(silent.is_empty(), "no examples: {silent:?}");
}

#[test]
fn the_version_tells_the_kernels_and_a_set_can_be_forced() {
    let niteru = Niteru::empty();
    let version = niteru.run(["--version"]).stdout;
    assert!(version.contains("CPU kernels: "), "{version}");
    let version = |kernels: &str| {
        let mut command = niteru.command(["--version"]);
        let output = command.env("NITERU_KERNELS", kernels).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(version("portable").contains("CPU kernels: portable"));
    assert!(version("abacus").contains("abacus"));
}

#[test]
fn wrong_usage_is_code_2() {
    let niteru = Niteru::empty();
    let cases: &[&[&str]] = &[
        &["frobnicate"],
        &["compare", "one.jpg"],
        &["search", "parts"],
        &["search", "parts", "a.jpg", "--min-similarity", "2"],
        &["search", "parts", "a.jpg", "--text-weight", "-1"],
        &["search", "parts", "a.jpg", "-k", "0"],
        &["bench", "embed", "--random", "resnet"],
    ];
    for case in cases {
        let ran = niteru.run(*case);
        assert_eq!(ran.code, Some(2), "{case:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{case:?}");
    }
}

#[test]
fn what_is_not_there_is_named_with_the_way_out() {
    let niteru = Niteru::empty();
    let photo = niteru.picture("a.png", 1);
    let photo = photo.to_str().unwrap();
    niteru
        .run(["search", "parts", photo])
        .fails(1, &["parts", "add"]);
    niteru
        .run(["add", "parts", photo])
        .fails(1, &["efficientnet-lite0", "niteru models pull"]);
    niteru
        .run(["embed", "--model", "clip-vit-z", photo])
        .fails(1, &["clip-vit-z", "efficientnet-lite0"]);
    niteru
        .run(["models", "show", "nothing"])
        .fails(1, &["nothing"]);
    niteru
        .run(["models", "remove", "clip-vit-b-32"])
        .fails(1, &["clip-vit-b-32"]);
    let missing = niteru.file("no-such-folder");
    niteru
        .run(["models", "import", "mine", missing.to_str().unwrap()])
        .fails(1, &["mine", "no-such-folder"]);
}

#[test]
fn the_catalogue_is_listed_and_shown() {
    let niteru = Niteru::empty();
    let models = niteru.json(["models", "list"]);
    let names: Vec<&str> = models["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    assert_eq!(names[0], "efficientnet-lite0");
    assert!(names.contains(&"clip-vit-b-32-laion2b"), "{names:?}");
    let model = niteru.json(["models", "show", "clip-vit-b-32"]);
    assert_eq!(model["state"], "not installed");
    assert_eq!(model["dimensions"], 512);
    assert_eq!(model["reads_text"], true);
    assert_eq!(model["licence"], "MIT");
}

#[test]
fn completions_name_the_commands() {
    let niteru = Niteru::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = niteru.run(["completions", shell]);
        assert_eq!(ran.code, Some(0), "{shell}");
        assert!(ran.stdout.contains("collections"), "{shell}");
    }
}

#[test]
fn speed_is_measured_without_a_download() {
    let niteru = Niteru::empty();
    let arguments = ["bench", "embed", "--random", "clip-vit-b-32"];
    let options = ["--batch", "2", "--threads", "1", "--seconds", "0.1"];
    let measured = niteru.json(arguments.into_iter().chain(options));
    assert_eq!(measured["batch"], 2);
    assert_eq!(measured["threads"], 1);
    for field in ["images_per_second", "forward_images_per_second"] {
        assert!(measured[field].as_f64().unwrap() > 0.0, "{field}");
    }
    for stage in ["decode", "preprocess", "forward", "forward_batch"] {
        let time = measured["milliseconds"][stage].as_f64().unwrap();
        assert!(time > 0.0, "{stage}");
    }
}
