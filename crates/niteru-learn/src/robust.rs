//! Middle and spread that a few odd values do not move.

use serde::{Deserialize, Serialize};

/// The largest [`z`](Spread::z), and with a minus the smallest.
pub const Z_LIMIT: f64 = 1e9;

/// MAD → standard deviation, for normally distributed values.
const MAD_TO_DEVIATION: f64 = 1.4826;
/// Mean absolute deviation → standard deviation, for normally distributed values.
const MEAN_TO_DEVIATION: f64 = 1.253_314;

/// Median and scale of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Spread {
    /// The middle value, finite.
    median: f64,
    /// Finite, above 0.
    scale: f64,
}

#[derive(Deserialize)]
struct Stored {
    median: f64,
    scale: f64,
}

impl TryFrom<Stored> for Spread {
    type Error = &'static str;

    fn try_from(Stored { median, scale }: Stored) -> Result<Self, Self::Error> {
        match median.is_finite() && scale.is_finite() && scale > 0.0 {
            true => Ok(Self { median, scale }),
            false => Err("a spread needs a finite median and a finite scale above 0"),
        }
    }
}

impl Spread {
    /// As [`of`](Self::of), where the scale is known about before there are values: they weigh as much as
    /// `weight` values of the scale `prior`. So a few values that happen to agree do not make everything
    /// else look unusual.
    pub fn with_prior(values: &[f64], prior: f64, weight: f64) -> Self {
        let own = Self::of(values);
        let count = values.iter().filter(|x| x.is_finite()).count() as f64;
        let square = (count * own.scale * own.scale + weight * prior * prior) / (count + weight);
        match square.is_finite() && square > 0.0 && count > 0.0 {
            true => Self {
                scale: square.sqrt(),
                ..own
            },
            false => own,
        }
    }

    /// Of the finite values among these; 0 and 1 when there is none.
    ///
    /// The scale is 1.4826 times the median absolute deviation (MAD). Where more than half of the
    /// values are equal, and the MAD is 0, it is 1.2533 times the mean absolute deviation (Iglewicz
    /// and Hoaglin, 1993). It is at least a billionth of the median, and at least 1e-12.
    pub fn of(values: &[f64]) -> Self {
        let mut values: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        let Some(median) = median(&mut values) else {
            return Self {
                median: 0.0,
                scale: 1.0,
            };
        };
        let least = (median.abs() * 1e-9).max(1e-12);
        for value in &mut values {
            *value = (*value - median).abs().min(f64::MAX);
        }
        let count = values.len() as f64;
        let mean = values
            .iter()
            .map(|deviation| deviation / count)
            .sum::<f64>();
        let scale = match self::median(&mut values) {
            Some(mad) if mad > 0.0 => MAD_TO_DEVIATION * mad,
            _ => MEAN_TO_DEVIATION * mean,
        };
        Self {
            median,
            scale: scale.clamp(least, f64::MAX),
        }
    }

    /// The middle value; the mean of the two middle ones of an even number.
    pub fn median(&self) -> f64 {
        self.median
    }

    /// About the standard deviation, for values that are normally distributed but for a few.
    /// Finite, above 0.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// How many scales `value` lies above the median: −[`Z_LIMIT`]…[`Z_LIMIT`], never NaN. A value
    /// that is NaN is as far above as can be.
    pub fn z(&self, value: f64) -> f64 {
        let z = (value - self.median) / self.scale;
        match z.is_nan() {
            true => Z_LIMIT,
            false => z.clamp(-Z_LIMIT, Z_LIMIT),
        }
    }
}

/// Sorts finite values and gives their middle.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let (below, above) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some(f64::midpoint(values[below], values[above]))
}
