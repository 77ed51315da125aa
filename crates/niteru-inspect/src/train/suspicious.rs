//! Good pictures that look like none of the others: found, told, and what was asked for done with them.

use std::path::PathBuf;

use niteru_learn::Spread;

use super::options::{OnStep, Suspicious, TrainError, TrainStep, WithSuspicious};
use super::step;

/// A good picture whose score is so many robust standard deviations above the others' is suspicious: the bound
/// of Iglewicz and Hoaglin (*How to Detect and Handle Outliers*, 1993). Of good magnetic tiles none passes 2.4.
const FAR: f64 = 3.5;

/// The part of the good pictures that may be left out: what is more is no exception.
const MOST_LEFT_OUT: f64 = 0.1;

/// The places of good pictures with far higher scores than the others, the worst first.
fn far(scores: &[f64]) -> Vec<usize> {
    let spread = Spread::of(scores);
    let mut far: Vec<usize> = (0..scores.len())
        .filter(|&at| spread.z(scores[at]) > FAR)
        .collect();
    far.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    far
}

/// Suspicious pictures of a training.
pub(super) struct Found {
    /// Which of the pictures, the worst first.
    pub(super) places: Vec<usize>,
    pub(super) pictures: Vec<Suspicious>,
}

impl Found {
    /// Finds and tells them. `scores` are those of the pictures when each was held out.
    pub(super) fn told(
        paths: &[PathBuf],
        scores: &[f64],
        on_step: OnStep<'_>,
    ) -> Result<Found, TrainError> {
        let places = far(scores);
        let picture = |&at: &usize| Suspicious {
            path: paths[at].clone(),
            score: scores[at],
        };
        let pictures: Vec<Suspicious> = places.iter().map(picture).collect();
        if !pictures.is_empty() {
            step(on_step, TrainStep::Suspicious(&pictures))?;
        }
        Ok(Found { places, pictures })
    }

    /// Whether they are an exception among so many pictures.
    pub(super) fn are_few(&self, all: usize) -> bool {
        self.places.len() as f64 <= MOST_LEFT_OUT * all as f64
    }

    /// Which of so many pictures stay; `None` when all do.
    pub(super) fn kept(
        &self,
        all: usize,
        with: WithSuspicious,
    ) -> Result<Option<Vec<bool>>, TrainError> {
        let (found, of) = (self.pictures.clone(), all);
        match with {
            _ if self.places.is_empty() => Ok(None),
            WithSuspicious::Keep => Ok(None),
            WithSuspicious::Stop => Err(TrainError::Suspicious { found, of }),
            WithSuspicious::LeaveOut if !self.are_few(all) => Err(TrainError::Mixed { found, of }),
            WithSuspicious::LeaveOut => {
                let mut kept = vec![true; all];
                self.places.iter().for_each(|&at| kept[at] = false);
                Ok(Some(kept))
            }
        }
    }
}

/// What stays of the pictures.
pub(super) fn only_kept<T>(of: Vec<T>, kept: &[bool]) -> Vec<T> {
    let pairs = of.into_iter().zip(kept);
    pairs
        .filter_map(|(one, &kept)| kept.then_some(one))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` scores of which the last ones are far above.
    fn scores(count: usize, far: usize) -> Vec<f64> {
        let usual = (0..count - far).map(|at| (at % 7) as f64);
        usual.chain((0..far).map(|at| 100.0 + at as f64)).collect()
    }

    fn found(scores: &[f64]) -> Found {
        let paths: Vec<PathBuf> = (0..scores.len()).map(|at| at.to_string().into()).collect();
        Found::told(&paths, scores, &|_| std::ops::ControlFlow::Continue(())).unwrap()
    }

    #[test]
    fn a_tenth_may_be_left_out_and_not_more() {
        // pictures, suspicious ones, whether they can be left out
        let table = [
            (30, 3, true),
            (30, 4, false),
            (9, 1, false),
            (10, 1, true),
            (20, 0, true),
        ];
        for (count, far, can) in table {
            let found = found(&scores(count, far));
            assert_eq!(found.pictures.len(), far);
            let kept = found.kept(count, WithSuspicious::LeaveOut);
            assert_eq!(kept.is_ok(), can, "{count} {far}");
            if let Ok(kept) = kept {
                let left = kept.map_or(0, |kept| kept.iter().filter(|kept| !**kept).count());
                assert_eq!(left, far);
            }
        }
    }

    #[test]
    fn the_worst_comes_first_and_messages_end() {
        let found = found(&scores(400, 30));
        let first = &found.pictures[0];
        assert_eq!(
            (first.path.as_os_str(), first.score),
            ("399".as_ref(), 129.0)
        );
        assert!(found.kept(400, WithSuspicious::Keep).unwrap().is_none());
        let error = found
            .kept(400, WithSuspicious::Stop)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("30 of 400 good pictures"), "{error}");
        assert!(error.contains("399 (score 129.0), 398"), "{error}");
        assert!(
            error.contains("380 (score 110.0), and 10 more; "),
            "{error}"
        );
    }
}
