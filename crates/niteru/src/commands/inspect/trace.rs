//! `niteru inspect trace`.

use anyhow::Result;
use niteru_store::{DefectGroup, PastInspection, Trace, TraceQuery, rfc3339};

use crate::args::InspectTraceArgs;
use crate::commands::{Context, count};
use crate::output::Outcome;

pub(super) fn run(context: &Context, args: &InspectTraceArgs) -> Result<Outcome> {
    let mut query = TraceQuery {
        since: args.since,
        until: args.until,
        fields: args.fields.clone(),
        most_groups: args.groups.into(),
        utc_offset_minutes: args.utc_offset.0,
        ..TraceQuery::new(&args.name)
    };
    if let Some(similarity) = args.similarity {
        query.similarity = similarity;
    }
    let trace = context.home()?.trace(&query)?;
    let offset = args.utc_offset;
    context.output.note(format!(
        "hours and days are those of UTC{offset} (--utc-offset)"
    ));
    if let Some(report) = &args.html {
        let lang = args.report.language();
        let offset = query.utc_offset_minutes;
        crate::report::trace::trace(lang, &trace, offset, report)?;
        context.output.note(format!("wrote {}", report.display()));
    }
    if context.output.is_json() {
        context.output.json(&trace)?;
    } else {
        context.output.text(told(&trace))?;
    }
    Ok(Outcome::Done)
}

fn told(trace: &Trace) -> String {
    let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let mut text = format!(
        "{}: {} inspected, {} NG, {}",
        trace.inspector,
        count(number(trace.images), "photo"),
        trace.bad,
        count(trace.groups.len(), "group"),
    );
    for (at, group) in trace.groups.iter().enumerate() {
        text += &told_group(at + 1, group);
    }
    if trace.other_groups > 0 {
        text += &format!(
            "\nand {} in {} that are smaller",
            count(number(trace.in_other_groups), "photo"),
            count(number(trace.other_groups), "group")
        );
    }
    text
}

fn told_group(number: usize, group: &DefectGroup) -> String {
    let mut text = format!(
        "\n\n{number}. {} that look alike, {} to {}\n   typical: #{} {}",
        count(usize::try_from(group.count).unwrap_or(usize::MAX), "photo"),
        rfc3339(group.first),
        rfc3339(group.last),
        group.typical.inspection,
        group.typical.path.display(),
    );
    if group.causes.is_empty() {
        text += "\n   no value is more frequent here than chance explains";
    }
    for cause in &group.causes {
        let counts = &cause.counts;
        text += &format!(
            "\n   {} = {}: {} of {} here, {} of {} overall (p {:.1e}, odds × {:.1}, 95 %: {:.1} to {:.1})",
            cause.field,
            cause.value,
            counts.in_group_with_value,
            counts.in_group,
            counts.with_value,
            counts.all,
            cause.enrichment.adjusted,
            cause.enrichment.odds_ratio,
            cause.enrichment.interval.low,
            cause.enrichment.interval.high,
        );
    }
    for past in &group.past {
        text += &format!(
            "\n   before: #{} {} {} {}, similarity {:.3}{}",
            past.inspection,
            rfc3339(past.time),
            past.verdict.name(),
            past.path.display(),
            past.similarity,
            told_note(past),
        );
    }
    text
}

fn told_note(past: &PastInspection) -> String {
    match (&*past.note, &past.reviewer) {
        ("", _) => String::new(),
        (note, None) => format!(": {note}"),
        (note, Some(reviewer)) => format!(": {note} ({reviewer})"),
    }
}
