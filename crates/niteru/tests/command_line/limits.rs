//! What the system sets limits to: space, who may read a file, a reader of stdout that leaves.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Niteru, Ran};

/// Room for SQLite's shared memory (32 KiB), too little for the embeddings of `IMAGES`.
const LIMIT: u64 = 96 << 10;
const IMAGES: usize = 60;

/// Makes files beyond so many bytes fail to grow, as on a full disk.
fn with_file_limit(command: &mut Command, bytes: u64) -> &mut Command {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    let set = move || {
        // SAFETY: both calls are async-signal-safe, and `limit` lives through the second one.
        let set = unsafe {
            // The signal would kill the process; ignored, writing fails with EFBIG.
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit)
        };
        match set {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: `set` allocates nothing and takes no locks between fork and exec.
    unsafe { command.pre_exec(set) }
}

fn with_umask(command: &mut Command, mask: libc::mode_t) -> &mut Command {
    let set = move || {
        // SAFETY: umask is async-signal-safe and cannot fail.
        unsafe { libc::umask(mask) };
        Ok(())
    };
    // SAFETY: `set` allocates nothing and takes no locks between fork and exec.
    unsafe { command.pre_exec(set) }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_full_disk_in_the_middle_of_add() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    niteru.picture("photos/first.png", 1000);
    let folder = niteru.file("photos");
    let add = ["--json", "add", "parts", folder.to_str().unwrap()];
    assert_eq!(niteru.run(add).value()["added"], 1);
    for seed in 1..=IMAGES {
        niteru.picture(&format!("photos/{seed}.png"), seed as u32);
    }

    let full = ran(with_file_limit(&mut niteru.command(add), LIMIT));
    full.fails(1, &["cannot write", "niteru.sqlite3", "make room", "again"]);
    assert_eq!(full.stdout, "");
    // The home opens, and what was there before is there.
    let list = niteru.run(["--json", "images", "parts", "list"]).lines();
    assert!((1..=IMAGES).contains(&list.len()), "{}", list.len());
    assert!(list[0]["path"].as_str().unwrap().ends_with("first.png"));

    let rest = niteru.json(&add[1..]);
    assert_eq!(rest["added"], IMAGES + 1 - list.len(), "{rest}");
    assert_eq!(rest["unchanged"], list.len(), "{rest}");
    let list = niteru.run(["--json", "images", "parts", "list"]).lines();
    assert_eq!(list.len(), IMAGES + 1);

    // A report that does not fit: the one before it stays.
    let html = niteru.file("result.html");
    std::fs::write(&html, "the one before").unwrap();
    let photo = niteru.file("photos/1.png");
    let mut search = niteru.command(["search", "parts", "-k", "60", "--html"]);
    search.arg(&html).arg(&photo);
    ran(with_file_limit(&mut search, LIMIT)).fails(1, &["cannot write", "result.html", "raise it"]);
    assert_eq!(std::fs::read_to_string(&html).unwrap(), "the one before");
    assert_eq!(names(html.parent().unwrap()), ["photos", "result.html"]);
}

#[test]
fn a_full_disk_in_the_middle_of_an_import() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let models = niteru.home().join("models");
    let installed = models.join("efficientnet-lite0");
    let weights = names(&installed)
        .into_iter()
        .find(|name| name.ends_with(".pth"))
        .unwrap();
    let weights = installed.join(weights);
    let import = ["models", "import", "mine", weights.to_str().unwrap()];

    let full = ran(with_file_limit(&mut niteru.command(import), LIMIT));
    full.fails(
        1,
        &[
            "model mine",
            "cannot write",
            "weights.bin",
            "raise it",
            "again",
        ],
    );
    assert_eq!(names(&models), [".lock", "efficientnet-lite0"]);
    assert_eq!(
        niteru.json(["models", "show", "efficientnet-lite0"])["state"],
        "installed"
    );

    assert_eq!(niteru.json(import)["state"], "installed");
    niteru.json(["models", "show", "mine", "--verify"]);
}

#[test]
fn reports_follow_the_umask() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let images = [1, 2].map(|seed| niteru.picture(&format!("{seed}.png"), seed));
    for (mask, expected) in [(0o077, 0o600), (0o027, 0o640), (0o002, 0o664)] {
        let reports = ["csv", "png", "html"].map(|kind| niteru.file(format!("{mask:o}.{kind}")));
        let mut compare = niteru.command(["compare", "--csv"]);
        compare
            .arg(&reports[0])
            .arg("--plot")
            .arg(&reports[1])
            .args(&images);
        let mut add = niteru.command(["add", "parts"]);
        add.args(&images);
        let mut search = niteru.command(["search", "parts", "--html"]);
        search.arg(&reports[2]).arg(&images[0]);
        for command in [&mut compare, &mut add, &mut search] {
            let ran = ran(with_umask(command, mask));
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        }
        for report in reports {
            let mode = report.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, expected, "{mode:o} of {}", report.display());
        }
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let niteru = Niteru::empty();
    let mut child = niteru
        .command(["models", "list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Before anything is printed, or in the middle: never after it was read.
    drop(child.stdout.take());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stderr}");
    assert!(!stderr.contains("niteru:"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_printed_is_a_failure() {
    let niteru = Niteru::empty();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = niteru.command(["models", "list"]);
    ran(command.stdout(full)).fails(1, &["cannot print the result", "no space is left"]);
}
