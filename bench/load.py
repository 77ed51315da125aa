#!/usr/bin/env python3
"""How soon a model is ready: the time of a whole `niteru embed` of one small picture, first and later.

The first run packs the weights and keeps the packed form; later runs find it, in a warm disk cache. The time is that
of the whole process (start, load, one picture, end), so it is an upper bound of the load alone.
Exit codes: 0 done; 1 something failed, or a later run takes longer than the limit; 2 wrong use, or something missing.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from niteru_bench.environment import SetupError, cores, describe_machine, enter_virtual_environment  # noqa: E402
from niteru_bench.options import MODELS, PRECISIONS, positive, some_of  # noqa: E402


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--models", type=some_of(MODELS), default=list(MODELS), metavar="M,…", help=f"some of {','.join(MODELS)}")
    add("--precision", type=some_of(PRECISIONS), default=list(PRECISIONS), metavar="P,…", help="which precisions")
    add("--runs", type=positive, default=7, metavar="N", help="later runs (default: %(default)s)")
    add("--limit", type=float, default=0.3, metavar="S", help="of the median later run (default: %(default)s)")
    add("--threads", type=positive, default=cores(), metavar="N", help="default: the cores, %(default)s")
    add("--niteru", type=Path, metavar="FILE", help="the binary (default: target/release/niteru, built when missing)")
    add("--markdown", type=Path, metavar="FILE", help="write the table there too")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    from niteru_bench.niteru_command import Niteru, find_binary
    from niteru_bench.peers import Contender
    from niteru_bench.pictures import make_pictures
    from niteru_bench.subjects import SUBJECTS, prepare

    rows = []
    with tempfile.TemporaryDirectory(prefix="niteru-bench-") as folder:
        # The second is a PNG file; small, so that its decoding takes no time worth naming.
        picture = make_pictures(Path(folder), count=2, size=(64, 48))[1]
        with Niteru(find_binary(options.niteru), options.threads, random_weights=False) as niteru:
            machine = describe_machine(()) | {"niteru": niteru.version()}
            for name in options.models:
                prepared = prepare(SUBJECTS[name])
                niteru.install(prepared)
                for precision in options.precision:
                    print(f"{name} {precision} …", file=sys.stderr, flush=True)
                    niteru.forget_packed(prepared)
                    contender = Contender(precision, "niteru", precision, None, ("--precision", precision))
                    first, *later = (
                        niteru.embed_seconds(contender, prepared, picture) for _ in range(1 + options.runs)
                    )
                    median = statistics.median(later)
                    rows.append(
                        {
                            "model": name,
                            "precision": precision,
                            "first_seconds": first,
                            "later_seconds": later,
                            "median_seconds": median,
                            "within_limit": median <= options.limit,
                        }
                    )
    return {"version": 1, "machine": machine, "limit_seconds": options.limit, "rows": rows}


def _markdown(document: dict[str, Any]) -> Iterator[str]:
    machine, limit = document["machine"], document["limit_seconds"]
    yield f"- processor: {machine['processor']}, {machine['cores']} cores; {machine['system']}"
    yield f"- niteru: {machine['niteru']}"
    yield f"- load average before the run {machine['load_average_before']}"
    yield ""
    yield f"| model | precision | first run, packs (s) | later run, median (s) | min–max | limit {limit} s |"
    yield "| --- | --- | ---: | ---: | ---: | --- |"
    for row in document["rows"]:
        later = row["later_seconds"]
        verdict = "kept" if row["within_limit"] else "**missed**"
        yield (
            f"| {row['model']} | {row['precision']} | {row['first_seconds']:.2f} | {row['median_seconds']:.3f}"
            f" | {min(later):.3f}–{max(later):.3f} | {verdict} |"
        )


def main() -> int:
    """The exit code; see the module's text."""
    options = _options()
    try:
        enter_virtual_environment()
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from niteru_bench.niteru_command import NiteruError

    try:
        document = _measure(options)
    except (SetupError, NiteruError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, SetupError) else 1
    text = "\n".join(_markdown(document)) + "\n"
    print(text, end="")
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if not all(row["within_limit"] for row in document["rows"]):
        print(f"error: not ready within {options.limit} s: see the rows in bold", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
