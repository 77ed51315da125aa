//! What the command line can, the server can, or there is a reason why not: every command, and every argument of it.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory as _;
use serde_json::Value;

use super::Cli;

/// Every command, and the route that does the same, or after a dash why there is none.
const COMMANDS: &str = "
add POST /api/collections/{name}/folder
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
index move POST /api/collections/{name}/index/move
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
search POST /api/collections/{name}/search/upload
serve - is the server itself
";

/// Every argument of a command that has a route: what the route calls it, another route that does it, or after a dash why
/// there is none. `path` is what stands in the address, `file` a part of the form.
const ARGUMENTS: &str = "
add COLLECTION path
add PATHS folder
add --metadata POST /api/collections/{name}/metadata/import
add --skip-duplicates skip_duplicates
add --watch watch
add --poll poll
add --settle settle
add --model POST /api/collections
add --precision POST /api/collections
add --exact-decode POST /api/collections
add --framing POST /api/collections
backup FILE - the server names it, and GET /api/backups/{name} gives it
backup --with-models with_models
backup --force - names are new
check --files files
collections remove NAME path
compare IMAGES file
compare --csv - who asks has the numbers
compare --plot GET /api/collections/{name}/matrix/picture
compare --model model
compare --precision precision
compare --exact-decode exact_decode
compare --framing framing
duplicates COLLECTION path
duplicates --threshold threshold
embed INPUTS file
embed --text texts
embed --model model
embed --precision precision
embed --exact-decode exact_decode
embed --framing framing
eval framing COLLECTION path
eval framing --label label
eval framing --filter filter
eval retrieval COLLECTION path
eval retrieval --label label
eval retrieval --filter filter
images list COLLECTION path
images list --missing missing
images list --filter filter
images list --limit limit
images remove COLLECTION path
images remove IMAGES ids
images show COLLECTION path
images show IMAGE path
index build COLLECTION path
index move COLLECTION path
index move PLACE place
index status COLLECTION path
index verify COLLECTION path
index verify --sample sample
inspect compare FIRST file
inspect compare SECOND file
inspect compare --area file
inspect compare --no-align align
inspect compare --tiles tiles
inspect compare --heatmaps - the answer has it
inspect compare --model model
inspect compare --precision precision
inspect compare --exact-decode exact_decode
inspect compare --framing framing
inspect drift NAME path
inspect drift --last last
inspect drift --inspector-version version
inspect eval NAME path
inspect eval --good good
inspect eval --bad bad
inspect eval --masks masks
inspect eval --inspector-version version
inspect history NAME inspector
inspect history --verdict verdict
inspect history --since since
inspect history --until until
inspect history --before after
inspect history --limit limit
inspect remove NAME path
inspect remove --with-history with_history
inspect replay ID path
inspect review ID path
inspect review --verdict verdict
inspect review --note note
inspect review --by - whoever is logged in says it
inspect run NAME path
inspect run PATHS file
inspect run --inspector-version version
inspect run --heatmaps GET /api/history/{id}/heat
inspect run --operator operator
inspect run --field metadata
inspect run --metadata metadata
inspect run --utc-offset - times say it
inspect trace NAME path
inspect trace --since since
inspect trace --until until
inspect trace --fields fields
inspect trace --similarity similarity
inspect trace --groups groups
inspect trace --utc-offset utc_offset
inspect train NAME path
inspect train --good good
inspect train --bad bad
inspect train --area area
inspect train --align align
inspect train --false-alarm false_alarm
inspect train --tiles tiles
inspect train --suspicious suspicious
inspect train --with-reviews with_reviews
inspect train --seed seed
inspect train --model model
inspect train --precision precision
inspect train --exact-decode exact_decode
inspect train --framing framing
inspect watch NAME path
inspect watch FOLDER folder
inspect watch --existing existing
inspect watch --operator operator
inspect watch --field metadata
map COLLECTION path
map --seed seed
map --csv GET /api/collections/{name}/map/points
map --field GET /api/collections/{name}/map/colours
models check NAME path
models check --images photos
models check --limit limit
models import NAME path
models import PATH file
models pull NAME path
models remove NAME path
models show NAME path
models show --verify POST /api/models/{name}/verify
restore FILE backup
restore --force confirm
search COLLECTION path
search IMAGES file
search --crop crop
search --text text
search --text-weight text_weight
search --like like
search --unlike unlike
search --filter filter
search --not not
search --group-by group_by
search --per-group per_group
search --k k
search --min-similarity min_similarity
search --explain POST /api/collections/{name}/explain
search --precision - is the collection's
search --exact-decode - is the collection's
search --framing - is the collection's
* --html - the page shows it
* --lang - answers have no language
* --threads - the server has the whole computer
";

/// The commands that do something, each with the words before it and all its arguments; some stand between the words.
fn commands(
    command: &clap::Command,
    before: &str,
    outer: &[String],
    all: &mut BTreeMap<String, Vec<String>>,
) {
    let own = [outer, &arguments(command)].concat();
    let inner = command
        .get_subcommands()
        .filter(|one| one.get_name() != "help");
    let mut any = false;
    for one in inner {
        any = true;
        commands(one, &format!("{before} {}", one.get_name()), &own, all);
    }
    if !any {
        all.insert(before.trim().to_owned(), own);
    }
}

/// The arguments of a command, as the table has them.
fn arguments(command: &clap::Command) -> Vec<String> {
    let own = command
        .get_arguments()
        .filter(|argument| !argument.is_global_set());
    own.map(
        |argument| match (argument.get_long(), argument.get_short()) {
            (Some(long), _) => format!("--{long}"),
            (None, Some(short)) => format!("--{short}"),
            (None, None) => argument.get_id().as_str().to_uppercase(),
        },
    )
    .collect()
}

/// A table: what stands before a route or a reason, and that.
fn table(text: &'static str, marks: &[&str]) -> BTreeMap<&'static str, &'static str> {
    let lines = text.lines().filter(|line| !line.is_empty());
    let split = lines.map(|line| {
        let at = marks.iter().filter_map(|mark| line.find(mark)).min();
        line.split_at(at.unwrap_or(line.rfind(' ').unwrap_or(line.len())))
    });
    split.map(|(name, rest)| (name, rest.trim())).collect()
}

const MARKS: [&str; 4] = [" GET /", " POST /", " DELETE /", " - "];

/// Whether the server has a route, as `METHOD /path`.
fn route<'d>(document: &'d Value, route: &str) -> Option<&'d Value> {
    let (method, path) = route.split_once(' ')?;
    let operation = &document["paths"][path][method.to_lowercase()];
    operation.is_object().then_some(operation)
}

/// The names of the fields of a shape.
fn fields<'d>(document: &'d Value, shape: &'d Value, names: &mut BTreeSet<&'d str>) {
    if let Some(name) = shape["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        fields(document, &document["components"]["schemas"][name], names);
    }
    let properties = shape["properties"].as_object().into_iter().flatten();
    names.extend(properties.map(|(name, _)| name.as_str()));
    for part in shape["allOf"].as_array().into_iter().flatten() {
        fields(document, part, names);
    }
}

/// All that a route takes.
fn takes<'d>(document: &'d Value, operation: &'d Value) -> BTreeSet<&'d str> {
    let mut names = BTreeSet::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        match parameter["in"] == "path" {
            true => names.insert("path"),
            false => names.insert(parameter["name"].as_str().unwrap_or_default()),
        };
    }
    let content = &operation["requestBody"]["content"];
    fields(document, &content["application/json"]["schema"], &mut names);
    let form = &content["multipart/form-data"]["schema"];
    fields(document, form, &mut names);
    let query = &form["properties"]["query"]["contentSchema"];
    fields(document, query, &mut names);
    names
}

#[test]
fn nothing_that_the_command_line_can_is_forgotten() {
    let table = table(COMMANDS, &MARKS);
    let cli = Cli::command();
    let mut all = BTreeMap::new();
    commands(&cli, "", &[], &mut all);
    let known: BTreeSet<&str> = all.keys().map(String::as_str).collect();
    let listed: BTreeSet<&str> = table.keys().copied().collect();
    assert_eq!(known, listed, "the commands, and the table");

    let document = niteru_server::description();
    let mut wrong = Vec::new();
    for (name, offered) in table {
        let reason = offered
            .strip_prefix("- ")
            .is_some_and(|reason| !reason.is_empty());
        if !reason && route(&document, offered).is_none() {
            wrong.push(format!("{name}: neither a route nor a reason: {offered}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_argument_is_forgotten_either() {
    let (commands_table, table) = (table(COMMANDS, &MARKS), table(ARGUMENTS, &MARKS));
    let cli = Cli::command();
    let mut all = BTreeMap::new();
    commands(&cli, "", &[], &mut all);
    let document = niteru_server::description();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (name, arguments) in all {
        // Without a route there is nothing to say it to.
        let Some(operation) = route(&document, commands_table[&*name]) else {
            continue;
        };
        let takes = takes(&document, operation);
        for argument in arguments {
            let own = format!("{name} {argument}");
            let common = format!("* {argument}");
            let Some((key, offered)) = table
                .get_key_value(&*own)
                .or_else(|| table.get_key_value(&*common))
            else {
                wrong.push(format!("{own}: is not in the table"));
                continue;
            };
            used.insert(*key);
            let reason = offered
                .strip_prefix("- ")
                .is_some_and(|reason| !reason.is_empty());
            if !reason && !takes.contains(offered) && route(&document, offered).is_none() {
                wrong.push(format!(
                    "{own}: the route takes no {offered:?}, but {takes:?}"
                ));
            }
        }
    }
    for key in table.keys().filter(|key| !used.contains(*key)) {
        wrong.push(format!("{key}: there is no such argument"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
