//! `niteru search`: the images of a collection most like images, a text, examples, or all of them.

use anyhow::Result;
use niteru_encoder::Encoder;
use niteru_store::{Collection, GroupBy, Query, SearchResult, Searched};

use super::explain::{Explained, explain};
use super::query::Asked;
use super::{Context, count};
use crate::args::{ModelArgs, SearchArgs};
use crate::output::Outcome;
use crate::report::{Found, Report, Shown};

pub(super) fn run(context: &Context, args: &SearchArgs) -> Result<Outcome> {
    let home = context.home()?;
    let collection = home.collection(&args.collection)?;
    let model = ModelArgs {
        model: None,
        numbers: args.numbers.clone(),
        threads: args.threads,
    };
    let own = collection.identity();
    let encoder = match Asked::needs_encoder(args) {
        true => Some(context.encoder(Some(own), &model)?),
        false => None,
    };
    let mut asked = Asked::new(&collection, encoder.as_ref(), args)?;
    let looked = args.explain.then(|| asked.looked_for(args)).transpose()?;
    let query = Query {
        encoder: encoder.as_ref().map_or_else(|| own.clone(), Into::into),
        embedding: std::mem::take(&mut asked.embedding),
        k: args.k.get(),
        min_similarity: args.min_similarity,
        exclude: std::mem::take(&mut asked.examples),
        filter: asked.filter.take(),
    };
    let (results, ungrouped) = find(&collection, &query, args)?;
    context.tell(&home);
    let mut results: Vec<Explained> = match (&encoder, looked) {
        (Some(encoder), Some(looked)) => explain(encoder, &looked, results, args.html.is_some()),
        _ => results.into_iter().map(Explained::without).collect(),
    };
    if let Some(file) = &args.html {
        let mut report = Report::of_search(args.report.lang, &args.collection, &own.model);
        report.search(
            &asked.shown(args),
            &asked.restrictions(args),
            &results.iter_mut().map(explained).collect::<Vec<_>>(),
        );
        if let Some(images @ 1..) = ungrouped {
            report.ungrouped(images);
        }
        report.write(file)?;
        context.output.note(format!("wrote {}", file.display()));
    }
    if context.output.is_json() {
        context.output.json(&Searched {
            collection: args.collection.clone(),
            model: own.model.clone(),
            results,
            ungrouped,
        })?;
    } else if results.is_empty() {
        context.output.text("nothing found")?;
        context.output.note(why_nothing(&collection, &query)?);
    } else {
        context.output.text(explained_table(&results))?;
    }
    if let (Some(images @ 1..), Some(field)) = (ungrouped, &args.group_by) {
        let images = count(usize::try_from(images).unwrap_or(usize::MAX), "image");
        context.output.note(format!(
            "{images} without {field:?} left out: they form no group"
        ));
    }
    Ok(Outcome::Done)
}

/// The results; of groups, also how many images form none.
fn find(
    collection: &Collection<'_>,
    query: &Query,
    args: &SearchArgs,
) -> Result<(Vec<SearchResult>, Option<u64>)> {
    let Some(field) = &args.group_by else {
        return Ok((collection.search(query)?, None));
    };
    let by = GroupBy {
        field: field.clone(),
        per_group: args.per_group.get(),
    };
    let found = collection.search_groups(query, &by)?;
    Ok((found.results, Some(found.ungrouped)))
}

/// The `k` images most like an embedding of `encoder`'s.
pub(super) fn nearest(
    collection: &Collection<'_>,
    encoder: &Encoder,
    embedding: Vec<f32>,
    k: usize,
) -> Result<Vec<SearchResult>> {
    Ok(collection.search(&Query {
        encoder: encoder.into(),
        embedding,
        k,
        min_similarity: None,
        exclude: Vec::new(),
        filter: None,
    })?)
}

/// Results for a report, with their thumbnails.
pub(super) fn found(results: &[SearchResult]) -> Vec<Found> {
    results.iter().map(found_one).collect()
}

fn found_one(result: &SearchResult) -> Found {
    Found {
        image: Shown::open(&result.path),
        rank: result.rank,
        similarity: result.similarity,
        metadata: result
            .metadata
            .iter()
            .map(|(f, v)| (f.to_string(), v.to_string()))
            .collect(),
        group: result
            .group
            .as_ref()
            .map(|group| (group.value.clone(), group.images)),
        why: None,
    }
}

fn explained(explained: &mut Explained) -> Found {
    Found {
        why: explained.shown.take(),
        ..found_one(&explained.result)
    }
}

/// As [`table`], with the reasons under each line where they were asked for.
fn explained_table(results: &[Explained]) -> String {
    let lines = |explained: &Explained| {
        let line = table([&explained.result]);
        [Some(line), explained.line()].into_iter().flatten()
    };
    results
        .iter()
        .flat_map(lines)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Rank, similarity with 3 decimals, number, path, metadata and, of a group, its number of images.
pub(super) fn table<'a>(results: impl IntoIterator<Item = &'a SearchResult>) -> String {
    let line = |result: &SearchResult| {
        let metadata: Vec<String> = result
            .metadata
            .iter()
            .map(|(field, value)| format!("{field}={value}"))
            .collect();
        let group = result.group.as_ref().map(|group| {
            let images = usize::try_from(group.images).unwrap_or(usize::MAX);
            format!("  [{} of {}]", count(images, "image"), group.value)
        });
        let line = format!(
            "{:>3}  {:.3}  {:>6}  {}  {}{}",
            result.rank,
            result.similarity,
            format!("#{}", result.id),
            result.path.display(),
            metadata.join(", "),
            group.unwrap_or_default()
        );
        line.trim_end().to_string()
    };
    results.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn why_nothing(collection: &Collection<'_>, query: &Query) -> Result<String> {
    if collection.images(None, 1)?.is_empty() {
        return Ok(format!(
            "collection {:?} holds no image; add some with `niteru add`",
            collection.name()
        ));
    }
    if let Some(filter) = &query.filter {
        let selection = collection.select(filter)?;
        if collection.images_in(&selection, None, 1)?.is_empty() {
            return Ok("no image passes --filter and --not".to_string());
        }
    }
    Ok(match query.min_similarity {
        Some(least) => {
            format!("no image has a similarity of {least:.3} or more; try a lower --min-similarity")
        }
        None => {
            "no image is left: examples are no results, and neither are images whose files have \
                 vanished (`niteru add` them again)"
                .to_string()
        }
    })
}
