use crate::IndexError;

/// Shortest sum of unit vectors that still has a direction. What is shorter is the rounding of
/// vectors that cancel out.
const MIN_LENGTH: f64 = 1e-3;

/// Weight of the mean of good examples and of the mean of bad ones, beside a query of weight 1. In
/// text retrieval bad examples count less (0.15 is usual); embeddings of one model lie close together,
/// and so little would not be noticed.
const EXAMPLES: f64 = 0.75;

/// The direction between several: the mean of unit vectors, normalised. One vector stays as it is.
///
/// All have the same length.
///
/// # Errors
/// [`IndexError::DegenerateQuery`] when there are none or one is not finite,
/// [`IndexError::CancelsOut`], [`IndexError::Dimensions`].
pub fn mean_direction(vectors: &[Vec<f32>]) -> Result<Vec<f32>, IndexError> {
    match vectors {
        [] => Err(IndexError::DegenerateQuery),
        [only] => Ok(only.clone()),
        [first, ..] => {
            let mut sum = vec![0.0; first.len()];
            add_mean(&mut sum, vectors, 1.0)?;
            unit(&sum)
        }
    }
}

/// A query moved towards good examples and away from bad ones, normalised:
/// `query + 0.75 · mean(like) − 0.75 · mean(unlike)` (J. J. Rocchio, *Relevance feedback in information
/// retrieval*, 1971). Without a query, `mean(like)` is the query. All are unit vectors of one length.
///
/// # Errors
/// [`IndexError::DegenerateQuery`] when there is neither a query nor a good example, or one is not
/// finite; [`IndexError::CancelsOut`], [`IndexError::Dimensions`].
pub fn rocchio(
    query: Option<&[f32]>,
    like: &[Vec<f32>],
    unlike: &[Vec<f32>],
) -> Result<Vec<f32>, IndexError> {
    let query: Vec<Vec<f32>> = match query {
        Some(query) => vec![query.to_vec()],
        None => like.to_vec(),
    };
    let Some(first) = query.first() else {
        return Err(IndexError::DegenerateQuery);
    };
    let mut sum = vec![0.0; first.len()];
    add_mean(&mut sum, &query, 1.0)?;
    add_mean(&mut sum, like, EXAMPLES)?;
    add_mean(&mut sum, unlike, -EXAMPLES)?;
    unit(&sum)
}

/// Adds the mean of the vectors, times the weight.
fn add_mean(sum: &mut [f64], vectors: &[Vec<f32>], weight: f64) -> Result<(), IndexError> {
    let weight = weight / vectors.len() as f64;
    for vector in vectors {
        if vector.len() != sum.len() {
            let (expected, found) = (sum.len(), vector.len());
            return Err(IndexError::Dimensions { expected, found });
        }
        for (sum, x) in sum.iter_mut().zip(vector) {
            *sum += weight * f64::from(*x);
        }
    }
    Ok(())
}

fn unit(sum: &[f64]) -> Result<Vec<f32>, IndexError> {
    let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    if !length.is_finite() {
        return Err(IndexError::DegenerateQuery);
    }
    if length < MIN_LENGTH {
        return Err(IndexError::CancelsOut);
    }
    Ok(sum.iter().map(|x| (x / length) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn means_and_examples() {
        let (x, y) = (vec![1.0, 0.0], vec![0.0, 1.0]);
        let half = std::f32::consts::FRAC_1_SQRT_2;
        assert_eq!(mean_direction(std::slice::from_ref(&x)), Ok(x.clone()));
        let mean = mean_direction(&[x.clone(), y.clone()]).unwrap();
        assert!(near(&mean, &[half, half]), "{mean:?}");
        // Direction x + 0.75 · y − 0.75 · x, and without a query 1.75 · y − 0.75 · x.
        let (good, bad) = (std::slice::from_ref(&y), std::slice::from_ref(&x));
        let table = [(Some(&x[..]), [0.25_f32, 0.75]), (None, [-0.75, 1.75])];
        for (query, [a, b]) in table {
            let (moved, length) = (rocchio(query, good, bad).unwrap(), a.hypot(b));
            assert!(near(&moved, &[a / length, b / length]), "{moved:?}");
        }
        assert!(near(
            &rocchio(None, std::slice::from_ref(&y), &[]).unwrap(),
            &y
        ));
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        let (x, minus) = (vec![1.0, 0.0], vec![-1.0, 1e-5]);
        let degenerate = Err(IndexError::DegenerateQuery);
        assert_eq!(mean_direction(&[]), degenerate);
        let cancels_out = Err(IndexError::CancelsOut);
        assert_eq!(mean_direction(&[x.clone(), minus.clone()]), cancels_out);
        assert_eq!(
            mean_direction(&[x.clone(), vec![f32::NAN, 0.0]]),
            degenerate
        );
        assert_eq!(rocchio(None, &[], std::slice::from_ref(&x)), degenerate);
        assert_eq!(rocchio(None, &[x.clone(), minus], &[]), cancels_out);
        let (expected, found) = (2, 1);
        let other = Err(IndexError::Dimensions { expected, found });
        assert_eq!(rocchio(Some(&x), &[vec![1.0]], &[]), other);
    }
}
