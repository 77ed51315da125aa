//! Which values are over-represented in a group.

use niteru_learn::{Counts, Enrichment, adjust, enrichment};
use serde::Serialize;
use utoipa::ToSchema;

use super::images::Column;

/// Groups with fewer members are not asked about, and neither are values that fewer images have: a serial
/// number is no cause.
const LEAST: usize = 3;

/// The corrected p-value below which a value is reported.
const SIGNIFICANT: f64 = 0.05;

/// A value that is more frequent in a group than chance explains.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Cause {
    /// The field.
    pub field: String,
    /// The value.
    pub value: String,
    /// How often it was seen, among the images that have a value of the field: others tell nothing.
    #[serde(flatten)]
    pub counts: Counts,
    /// How sure, and how much. `adjusted` is below 0.05.
    #[serde(flatten)]
    pub enrichment: Enrichment,
}

/// What was found out about the groups.
pub(super) struct Findings {
    /// By group, the strongest first.
    pub(super) causes: Vec<Vec<Cause>>,
    /// Number of questions that were asked, and corrected for.
    pub(super) tests: u64,
}

/// A question: is a value of a column over-represented in a group?
struct Question {
    group: usize,
    column: usize,
    value: usize,
    counts: Counts,
}

/// Asks about every value in every group, and corrects for the number of questions. Which ones are asked
/// does not depend on how often a value is in a group: that would favour chance.
pub(super) fn find(groups: &[Vec<usize>], columns: &[Column]) -> Findings {
    let mut questions = Vec::new();
    let mut answers = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let all = occurrences(column, 0..column.of.len());
        let known: u64 = all.iter().sum();
        for (group, members) in groups.iter().enumerate() {
            if members.len() < LEAST {
                continue;
            }
            let inside = occurrences(column, members.iter().copied());
            let in_group = inside.iter().sum();
            for (value, &with_value) in all.iter().enumerate() {
                // What all have, all have by no chance.
                if with_value < LEAST as u64 || with_value == known {
                    continue;
                }
                let counts = Counts {
                    in_group_with_value: inside[value],
                    in_group,
                    with_value,
                    all: known,
                };
                // They are counted, so they do not contradict each other.
                if let Ok(answer) = enrichment(counts) {
                    answers.push(answer);
                    questions.push(Question {
                        group,
                        column: at,
                        value,
                        counts,
                    });
                }
            }
        }
    }
    adjust(&mut answers);
    let mut causes = vec![Vec::new(); groups.len()];
    for (question, enrichment) in questions.iter().zip(&answers) {
        if enrichment.adjusted < SIGNIFICANT {
            let column = &columns[question.column];
            causes[question.group].push(Cause {
                field: column.field.clone(),
                value: column.values[question.value].clone(),
                counts: question.counts,
                enrichment: *enrichment,
            });
        }
    }
    for causes in &mut causes {
        causes.sort_by(strongest_first);
    }
    Findings {
        causes,
        tests: answers.len() as u64,
    }
}

/// How many of these images have each value of a column.
fn occurrences(column: &Column, images: impl Iterator<Item = usize>) -> Vec<u64> {
    let mut counts = vec![0; column.values.len()];
    for value in images.filter_map(|image| column.of[image]) {
        counts[value as usize] += 1;
    }
    counts
}

fn strongest_first(a: &Cause, b: &Cause) -> std::cmp::Ordering {
    let (x, y) = (&a.enrichment, &b.enrichment);
    x.p.total_cmp(&y.p)
        .then_with(|| y.odds_ratio.total_cmp(&x.odds_ratio))
        .then_with(|| (&a.field, &a.value).cmp(&(&b.field, &b.value)))
}
