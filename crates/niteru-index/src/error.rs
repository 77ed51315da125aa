/// Why an index refused a change or a query.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The query has another length than the index's vectors.
    #[error(
        "expected {expected} dimensions, got {found}: query with the model that made the collection"
    )]
    Dimensions {
        /// Dimensions of the index.
        expected: usize,
        /// Dimensions of the query.
        found: usize,
    },
    /// The flat vector slice does not hold one vector an id.
    #[error("expected {expected} values for {ids} vectors, got {found}")]
    Shape {
        /// Number of ids.
        ids: usize,
        /// Ids times dimensions.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
    /// The query has no direction: all zeros, or a value that is NaN or infinite.
    #[error("the query has no direction (all zeros, NaN or infinite): embed the image again")]
    DegenerateQuery,
    /// The vectors that a query is made of leave no direction.
    #[error("the images and examples to look for cancel out: there is no direction between them")]
    CancelsOut,
    /// A vector to be stored has no direction: all zeros, or a value that is NaN or infinite.
    #[error(
        "the embedding of image {id} has no direction (all zeros, NaN or infinite): embed the image again"
    )]
    DegenerateVector {
        /// Whose vector it is.
        id: u64,
    },
    /// The smallest wanted similarity is NaN.
    #[error("the smallest similarity is not a number")]
    DegenerateMinimum,
    /// Changes were applied out of order.
    #[error("the index is at change {current}, older change {found} cannot be applied")]
    OlderChange {
        /// Last change applied.
        current: u64,
        /// Change that was offered.
        found: u64,
    },
    /// The graph could not be made or searched.
    #[error("the index's graph failed: {reason}")]
    Graph {
        /// What USearch says.
        reason: String,
    },
    /// A cluster does not answer; the same may succeed later.
    #[error(
        "the index at {url} is unavailable: {reason}; see that Qdrant runs there and that \
         its gRPC port (6334) can be reached"
    )]
    Unavailable {
        /// The cluster, without parameters.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// A cluster answers, but not as it should.
    #[error("the index at {url} cannot be used: {reason}")]
    Cluster {
        /// The cluster, without parameters.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// A condition that only the database can apply was given to an index.
    #[error("the condition cannot be applied by the index")]
    Untranslatable,
}
