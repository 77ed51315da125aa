//! The similarity of every pair of some images.

use niteru_kernels::Kernels;

use crate::home::kernels;
use crate::{Collection, StoreError};

impl Collection<'_> {
    /// Cosine similarities of the images' embeddings, row by row: images down and across. The diagonal is
    /// exactly 1, and the matrix is symmetric to the last bit.
    ///
    /// # Errors
    /// [`StoreError::NoImage`], and those of the database.
    pub fn similarities(&self, ids: &[u64]) -> Result<Vec<Vec<f32>>, StoreError> {
        let kernels = kernels();
        let mut embeddings = Vec::with_capacity(ids.len());
        for &id in ids {
            // Rounded to f16 they are not quite of unit length.
            let mut embedding = self.embedding(id)?;
            kernels.normalize(&mut embedding);
            embeddings.push(embedding);
        }
        Ok(similarity_matrix(kernels, &embeddings))
    }
}

/// Cosine similarities of unit vectors, row by row. The diagonal is exactly 1, and the matrix is symmetric to
/// the last bit.
pub fn similarity_matrix(kernels: Kernels, embeddings: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let cell = |i: usize, j: usize| match i == j {
        true => 1.0,
        // The pair in one order, so that the matrix is symmetric.
        false => kernels
            .dot(&embeddings[i.min(j)], &embeddings[i.max(j)])
            .clamp(-1.0, 1.0),
    };
    (0..embeddings.len())
        .map(|i| (0..embeddings.len()).map(|j| cell(i, j)).collect())
        .collect()
}
