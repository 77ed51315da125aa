//! What can go wrong with a weight file.

use std::io;
use std::path::PathBuf;

/// Why a weight file cannot be opened or a tensor of it cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused to open or map the file.
    #[error("cannot read weights {}: {source}", path.display())]
    Io {
        /// The weight file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is truncated, damaged, of an unknown kind, or not harmless.
    #[error("cannot use weights {}: {reason}", path.display())]
    Format {
        /// The weight file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor that the network needs is not in the file.
    #[error(
        "weights {} have no tensor {name:?} among their {tensors}: is this the file of another model?",
        path.display()
    )]
    Missing {
        /// The weight file.
        path: PathBuf,
        /// The tensor that was asked for.
        name: String,
        /// How many tensors the file holds.
        tensors: usize,
    },
    /// A tensor's shape is not the one that the network needs.
    #[error(
        "tensor {name:?} of weights {} does not fit: expected shape {expected:?}, got {got:?}",
        path.display()
    )]
    Shape {
        /// The weight file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape that was asked for.
        expected: Vec<usize>,
        /// The shape in the file.
        got: Vec<usize>,
    },
    /// A tensor's values cannot be used as weights.
    #[error("tensor {name:?} of weights {} {reason}", path.display())]
    Values {
        /// The weight file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What is wrong with the values.
        reason: String,
    },
}
