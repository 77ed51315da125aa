//! Every index runs the same suite.

use niteru_index::{ExactIndex, conformance};
use niteru_kernels::Kernels;

#[test]
fn exact_index_conforms_with_every_kernel_set() {
    for kernels in Kernels::available() {
        conformance::all(&|dimensions| Box::new(ExactIndex::new(dimensions, kernels)));
    }
}
