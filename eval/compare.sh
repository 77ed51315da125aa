#!/usr/bin/env bash
# The figures of docs/inspection.md on comparisons: `eval/compare.sh` measures all of them, `--help` tells of parts.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet
exec python3 eval/compare_quality.py "$@"
