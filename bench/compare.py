#!/usr/bin/env python3
"""Measures Niteru beside ONNX Runtime and OpenVINO: same networks, same weights, one interleaved run.

Needs Python 3.10 or newer with pip, and Rust where Niteru is not built yet. See bench/README.md.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from niteru_bench.environment import SetupError, cores, enter_virtual_environment  # noqa: E402
from niteru_bench.options import MODELS, PRECISIONS, positive, some_of  # noqa: E402

WORK = ("forward", "folder")


def _batches(text: str) -> list[int]:
    return [positive(part) for part in text.split(",")]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--models", type=some_of(MODELS), default=list(MODELS), metavar="M,…", help=f"some of {','.join(MODELS)}")
    add(
        "--what",
        type=some_of(WORK),
        default=list(WORK),
        metavar="W,…",
        help="forward (pixels to embeddings), folder (12-megapixel JPEG files to embeddings); default: both",
    )
    add(
        "--batch", type=_batches, default=[8], metavar="N,…", help="images a forward pass; several are measured in turn"
    )
    add(
        "--threads",
        type=positive,
        default=cores(),
        metavar="N",
        help="of each contender (default: the cores, %(default)s)",
    )
    add("--rounds", type=positive, default=7, metavar="N", help="turns of each contender (default: %(default)s)")
    add("--seconds", type=float, default=1.0, metavar="S", help="of work a peer's turn (default: %(default)s)")
    add(
        "--precision",
        type=some_of(PRECISIONS),
        default=list(PRECISIONS),
        metavar="P,…",
        help="which contenders of the forward pass",
    )
    add("--only", choices=("peers",), help="leave Niteru out")
    add("--niteru", type=Path, metavar="FILE", help="the binary (default: target/release/niteru, built when missing)")
    add("--random-weights", action="store_true", help="Niteru makes CLIP's weights itself; embeddings are not compared")
    add("--quick", action="store_true", help="3 rounds of 0.3 s: does it work, not how fast is it")
    add("--markdown", type=Path, metavar="FILE", help="write the table there too")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 3, 0.3
    if options.seconds <= 0:
        parser.error(f"--seconds {options.seconds}: expected a number above 0")
    return options


def main() -> int:
    """The exit code: 0; 1 when something failed or embeddings disagree; 2 for wrong use or something missing."""
    options = _options()
    try:
        enter_virtual_environment()
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from niteru_bench.comparison import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
