//! The command line: arguments, progress, output, exit codes.

fn main() {}
