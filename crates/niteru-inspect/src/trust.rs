//! How far an inspector can be trusted, by the good pictures that it was learnt from.

use niteru_learn::Promise;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Fewer good pictures than this show too little of how good parts vary.
const FEW: usize = 10;

/// How far to trust, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrustLevel {
    /// For a try: other good parts may be stopped, and defects missed.
    Low,
    /// To sort with a person looking at what is NG.
    Fair,
    /// The share of false alarms that was asked for is kept.
    Good,
}

/// What a [`Trust`] rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustReason {
    /// One good picture: what is no copy of it may be NG.
    OnePhoto,
    /// 2 to 9 good pictures.
    FewPhotos,
    /// Too few good pictures for the false-alarm rate that was asked for.
    PromiseNotKept,
    /// Enough of them, but the threshold is the score of one that looks like none of the others.
    SuspiciousPhotos,
    /// Enough of them.
    PromiseKept,
}

/// How far an inspector can be trusted before anything bad was seen. What it finds of defects is another
/// question: only bad pictures tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trust {
    /// In a word.
    pub level: TrustLevel,
    /// What it rests on.
    pub reason: TrustReason,
    /// Good pictures that it was learnt from.
    pub photos: usize,
    /// How many more it takes to the next level; 0 at the highest, `usize::MAX` when it can never be
    /// reached.
    pub more: usize,
}

impl Trust {
    /// Of an inspector that was learnt from so many good pictures, with this promise.
    pub fn of(photos: usize, promise: &Promise) -> Trust {
        let (level, reason) = match photos {
            0..=1 => (TrustLevel::Low, TrustReason::OnePhoto),
            2..FEW => (TrustLevel::Low, TrustReason::FewPhotos),
            _ if !promise.kept => (TrustLevel::Fair, TrustReason::PromiseNotKept),
            _ => (TrustLevel::Good, TrustReason::PromiseKept),
        };
        let more = match level {
            TrustLevel::Low => FEW.saturating_sub(photos),
            TrustLevel::Fair => promise.more_for_average,
            TrustLevel::Good => 0,
        };
        Trust {
            level,
            reason,
            photos,
            more,
        }
    }

    /// The same where the threshold is the score of a good picture that looks like none of the others: what is less
    /// unusual than that one passes, so it is trusted no further than to sort with a person looking.
    #[must_use]
    pub fn decided_by_suspicious(self) -> Trust {
        match self.reason {
            TrustReason::PromiseKept | TrustReason::PromiseNotKept => Trust {
                level: TrustLevel::Fair,
                reason: TrustReason::SuspiciousPhotos,
                more: 0,
                ..self
            },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use niteru_learn::Calibration;

    use super::*;

    #[test]
    fn more_pictures_are_trusted_more() {
        // pictures, false-alarm rate, level, reason, more
        let table = [
            (1, 0.05, TrustLevel::Low, TrustReason::OnePhoto, 9),
            (2, 0.05, TrustLevel::Low, TrustReason::FewPhotos, 8),
            (9, 0.5, TrustLevel::Low, TrustReason::FewPhotos, 1),
            (10, 0.05, TrustLevel::Fair, TrustReason::PromiseNotKept, 9),
            (18, 0.05, TrustLevel::Fair, TrustReason::PromiseNotKept, 1),
            (19, 0.05, TrustLevel::Good, TrustReason::PromiseKept, 0),
            (10, 0.2, TrustLevel::Good, TrustReason::PromiseKept, 0),
            (98, 0.01, TrustLevel::Fair, TrustReason::PromiseNotKept, 1),
            (99, 0.01, TrustLevel::Good, TrustReason::PromiseKept, 0),
        ];
        for (photos, false_alarm, level, reason, more) in table {
            let scores = (0..photos).map(|at| at as f64).collect();
            let promise = Calibration::new(scores).unwrap().promise(false_alarm, 0.95);
            let expected = Trust {
                level,
                reason,
                photos,
                more,
            };
            assert_eq!(Trust::of(photos, &promise), expected);
        }
    }

    #[test]
    fn a_suspicious_picture_that_decides_takes_trust_away_and_never_adds_some() {
        let table = [
            (1, TrustLevel::Low, TrustReason::OnePhoto, 9),
            (9, TrustLevel::Low, TrustReason::FewPhotos, 1),
            (12, TrustLevel::Fair, TrustReason::SuspiciousPhotos, 0),
            (99, TrustLevel::Fair, TrustReason::SuspiciousPhotos, 0),
        ];
        for (photos, level, reason, more) in table {
            let scores = (0..photos).map(|at| at as f64).collect();
            let promise = Calibration::new(scores).unwrap().promise(0.01, 0.95);
            let trust = Trust::of(photos, &promise).decided_by_suspicious();
            let expected = Trust {
                level,
                reason,
                photos,
                more,
            };
            assert_eq!(trust, expected);
        }
    }
}
