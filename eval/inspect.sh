#!/usr/bin/env bash
# The figures of docs/inspection.md: `eval/inspect.sh` measures all of them, `--help` tells of parts.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet
exec python3 eval/inspect_quality.py "$@"
