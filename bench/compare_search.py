#!/usr/bin/env python3
"""Niteru's searches beside FAISS (flat), hnswlib and USearch: the same vectors, one core, one run.

Vectors are made by `niteru bench search`. The exact scans of Niteru and FAISS take turns; the ratio is the median of
the rounds. Exit codes: 0 done; 1 a bound is not kept (see `--help`); 2 wrong use, or something missing.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from niteru_bench.environment import REPOSITORY, SetupError, cores, enter_virtual_environment  # noqa: E402
from niteru_bench.options import positive  # noqa: E402

K = 10
# What Niteru's graph has.
LINKS, BUILD_WIDTH, SEARCH_WIDTH = 16, 128, 128


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--vectors", type=positive, default=100_000, metavar="N", help="default: %(default)s")
    add("--dimensions", type=positive, default=512, metavar="D", help="default: %(default)s")
    add("--queries", type=positive, default=200, metavar="N", help="default: %(default)s")
    add("--rounds", type=positive, default=3, metavar="N", help="turns of the exact scans (default: %(default)s)")
    add("--seed", type=int, default=1, metavar="N", help="default: %(default)s")
    add("--least-recall", type=float, default=0.98, metavar="R", help="of Niteru's graph (default: %(default)s)")
    add("--most-exact", type=float, default=1.0, metavar="X", help="Niteru's exact scan ÷ FAISS (default: %(default)s)")
    add("--niteru", type=Path, metavar="FILE", help="the binary (default: target/release/niteru)")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser.parse_args()


def _niteru(options: argparse.Namespace, *more: str) -> dict[str, Any]:
    binary = options.niteru or REPOSITORY / "target" / "release" / ("niteru.exe" if os.name == "nt" else "niteru")
    if not binary.is_file():
        raise SetupError(f"{binary}: no such file; build it with `cargo build --release`")
    command = [binary, "--json", "bench", "search", *more]
    for name in ("vectors", "dimensions", "queries", "seed"):
        command += [f"--{name}", str(getattr(options, name))]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _row(name: str, times: list[float], recall: float, build: float | None = None) -> dict[str, Any]:
    times = sorted(times)
    p99 = times[min(len(times) - 1, len(times) * 99 // 100)]
    return {"name": name, "p50": statistics.median(times), "p99": p99, "recall": recall, "build": build}


def _own(name: str, times: dict[str, float], build: float | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "p50": times["p50_milliseconds"],
        "p99": times["p99_milliseconds"],
        "recall": times["recall_at_10"],
        "build": build,
    }


class Peers:
    """The other libraries, on the vectors of a folder."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        import faiss
        import numpy as np

        faiss.omp_set_num_threads(1)
        load = lambda name: np.fromfile(folder / name, dtype="<f4").reshape(-1, dimensions)  # noqa: E731
        self.vectors, self.queries = load("vectors"), load("queries")
        self.flat = faiss.IndexFlatIP(dimensions)
        self.flat.add(self.vectors)
        self.right = [set(self.flat.search(query[None], K)[1][0].tolist()) for query in self.queries]

    def _timed(self, name: str, search: Any, build: float | None = None) -> dict[str, Any]:
        times, same = [], 0
        for query, right in zip(self.queries, self.right, strict=True):
            started = time.perf_counter()
            ids = search(query)
            times.append(1e3 * (time.perf_counter() - started))
            same += len(right.intersection(int(i) for i in ids))
        return _row(name, times, same / (K * len(self.right)), build)

    def faiss(self) -> dict[str, Any]:
        """The exact scan of f32 vectors."""
        return self._timed("FAISS flat f32", lambda query: self.flat.search(query[None], K)[1][0])

    def hnswlib(self) -> dict[str, Any]:
        """A graph over f32 vectors."""
        import hnswlib

        index = hnswlib.Index(space="ip", dim=self.vectors.shape[1])
        index.init_index(max_elements=len(self.vectors), M=LINKS, ef_construction=BUILD_WIDTH)
        started = time.perf_counter()
        index.add_items(self.vectors, num_threads=cores())
        build = time.perf_counter() - started
        index.set_ef(SEARCH_WIDTH)
        search = lambda query: index.knn_query(query, k=K, num_threads=1)[0][0]  # noqa: E731
        return self._timed("hnswlib f32", search, build)

    def usearch(self) -> dict[str, Any]:
        """A graph over f16 vectors, with USearch's own distances."""
        import numpy as np
        from usearch.index import Index

        index = Index(
            ndim=self.vectors.shape[1],
            metric="ip",
            dtype="f16",
            connectivity=LINKS,
            expansion_add=BUILD_WIDTH,
            expansion_search=SEARCH_WIDTH,
        )
        started = time.perf_counter()
        index.add(np.arange(len(self.vectors), dtype=np.uint64), self.vectors, threads=cores())
        build = time.perf_counter() - started
        return self._timed("USearch f16", lambda query: index.search(query, K, threads=1).keys, build)


def _measure(options: argparse.Namespace, folder: Path) -> tuple[list[dict[str, Any]], list[float]]:
    own = _niteru(options, "--write", str(folder))
    graph = own["hnsw"]
    rows = [
        _own("Niteru exact, filter of 1 %", own["exact_filtered"]),
        _own("Niteru HNSW", graph["search"], graph["build_seconds"]),
        _own("Niteru HNSW, filter of 1 %", graph["filtered"]),
    ]
    peers = Peers(folder, options.dimensions)
    turns = [(_niteru(options, "--exact-only")["exact"], peers.faiss()) for _ in range(options.rounds)]
    ratios = [exact["p50_milliseconds"] / faiss["p50"] for exact, faiss in turns]
    rows = [_own("Niteru exact f16", turns[-1][0]), turns[-1][1], *rows, peers.hnswlib(), peers.usearch()]
    return rows, ratios


def _table(rows: list[dict[str, Any]]) -> str:
    lines = ["| what | p50 (ms) | p99 (ms) | recall@10 | build (s) |", "| --- | ---: | ---: | ---: | ---: |"]
    for row in rows:
        build = "" if row["build"] is None else f"{row['build']:.1f}"
        lines.append(f"| {row['name']} | {row['p50']:.3f} | {row['p99']:.3f} | {row['recall']:.4f} | {build} |")
    return "\n".join(lines)


def main() -> int:
    """Runs the comparison."""
    options = _options()
    try:
        enter_virtual_environment(REPOSITORY / ".venv-search", Path(__file__).parent / "requirements-search.txt")
        with tempfile.TemporaryDirectory(prefix="niteru-search-") as folder:
            rows, ratios = _measure(options, Path(folder))
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    ratio = statistics.median(ratios)
    print(f"{options.vectors} vectors of {options.dimensions} dimensions, {options.queries} queries on one core\n")
    print(_table(rows))
    print(f"\nNiteru's exact scan ÷ FAISS flat: {ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "exact_ratios": ratios}, indent=1))
    recall = next(row["recall"] for row in rows if row["name"] == "Niteru HNSW")
    return 0 if recall >= options.least_recall and ratio <= options.most_exact else 1


if __name__ == "__main__":
    sys.exit(main())
