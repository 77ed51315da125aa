//! What the command line can, the server can, or there is a reason why not.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory as _;

use super::Cli;

/// Every command, and the route that does the same, or after a dash why there is none.
const TABLE: &str = "
add POST /api/collections/{name}/images
backup POST /api/backups
bench embed - measures the computer alone, without others on it
bench search - measures the computer alone, without others on it
check POST /api/check
collections list GET /api/collections
collections remove DELETE /api/collections/{name}
compare POST /api/similarities
completions - is for the shell
demo - makes a report on the own disk; the page is the demonstration
duplicates GET /api/collections/{name}/duplicates
embed POST /api/embeddings
eval framing POST /api/collections/{name}/evaluations
eval retrieval POST /api/collections/{name}/evaluations
images list GET /api/collections/{name}/images
images remove POST /api/collections/{name}/images/remove
images show GET /api/collections/{name}/images/{id}
index build POST /api/collections/{name}/index
index move - takes the address of a cluster and its key from who runs the server
index status GET /api/collections/{name}/index
index verify POST /api/collections/{name}/index/verify
inspect compare POST /api/compare-photos
inspect drift GET /api/inspectors/{name}/drift
inspect eval POST /api/inspectors/{name}/evaluations
inspect history GET /api/history
inspect list GET /api/inspectors
inspect remove DELETE /api/inspectors/{name}
inspect replay POST /api/history/{id}/replay
inspect review POST /api/history/{id}/reviews
inspect run POST /api/inspectors/{name}/inspect
inspect trace GET /api/inspectors/{name}/trace
inspect train POST /api/inspectors/{name}/train
inspect watch POST /api/inspectors/{name}/watch
map POST /api/collections/{name}/map
models check POST /api/models/{name}/check
models import POST /api/models/{name}/files
models list GET /api/models
models pull POST /api/models/{name}/pull
models remove DELETE /api/models/{name}
models show GET /api/models/{name}
restore POST /api/restore
samples POST /api/samples
search POST /api/collections/{name}/search
serve - is the server itself
";

/// The commands that do something, each with the words before it.
fn commands(command: &clap::Command, before: &str, all: &mut BTreeSet<String>) {
    let inner = command
        .get_subcommands()
        .filter(|one| one.get_name() != "help");
    let mut any = false;
    for one in inner {
        any = true;
        commands(one, &format!("{before} {}", one.get_name()), all);
    }
    if !any {
        all.insert(before.trim().to_owned());
    }
}

/// The table: commands, each with the route or the reason.
fn table() -> BTreeMap<&'static str, &'static str> {
    let lines = TABLE.lines().filter(|line| !line.is_empty());
    let split = lines.map(|line| {
        let at = [" GET /", " POST /", " DELETE /", " - "]
            .iter()
            .find_map(|mark| line.find(mark));
        line.split_at(at.unwrap_or(line.len()))
    });
    split.map(|(name, rest)| (name, rest.trim())).collect()
}

#[test]
fn nothing_that_the_command_line_can_is_forgotten() {
    let table = table();
    let mut all = BTreeSet::new();
    commands(&Cli::command(), "", &mut all);
    let listed: BTreeSet<String> = table.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(all, listed, "the commands, and the table");

    let document = niteru_server::description();
    let mut wrong = Vec::new();
    for (name, offered) in table {
        match offered.split_once(' ') {
            Some(("-", reason)) if !reason.is_empty() => {}
            Some((method, path)) => {
                if document["paths"][path][method.to_lowercase()].is_null() {
                    wrong.push(format!("{name}: the server has no {method} {path}"));
                }
            }
            None => wrong.push(format!("{name}: neither a route nor a reason")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
