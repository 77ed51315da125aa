#!/usr/bin/env python3
"""How well inspectors tell good from bad: magnetic tiles (public, with masks) and simulated textiles.

Tiles come from the folder `shared` beside the repository, or $NITERU_TEST_SHARED; textiles from the Python
package `conformal-clip-data`, which is installed into a virtual environment of its own. Inspectors are trained
from good photos alone, but in the part `bad`. Exit codes: 0 done; 1 a bound is not kept; 2 something is missing.
"""

import argparse
import csv
import json
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import venv
import zlib
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("NITERU_TEST_SHARED") or REPOSITORY.parent / "shared")
BINARY = REPOSITORY / "target" / "release" / ("niteru.exe" if os.name == "nt" else "niteru")
PARTS = ("tiles", "few", "splits", "bad", "hidden", "groups", "drift", "textiles", "time")
PACKAGE = "conformal-clip-data==0.1.4"


class Missing(Exception):
    """Something that the evaluation needs is not there; the message says what to do."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--parts", default=",".join(PARTS), help="which to measure (default: %(default)s)")
    add("--splits", type=int, default=20, metavar="N", help="of the false-alarm rate (default: %(default)s)")
    add("--draws", type=int, default=10, metavar="N", help="of the bad photos that are learnt from (default: %(default)s)")
    add("--model", default="efficientnet-lite0", help="default: %(default)s")
    add("--home", type=Path, help="a home that has the model (default: a new one, which fetches it)")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser.parse_args()


class Niteru:
    """The program with a home of its own."""

    def __init__(self, home: Path, options: argparse.Namespace) -> None:
        if not BINARY.is_file():
            raise Missing(f"{BINARY.name} is not built: cargo build --release")
        self.home = home
        self.model = options.model
        if options.home:
            (home / "models").symlink_to((options.home / "models").resolve())
        else:
            self.run("models", "pull", options.model)

    def run(self, *arguments: str | Path, threads: int | None = None) -> dict[str, Any]:
        """The last of what a command prints."""
        return (self.lines(*arguments, threads=threads) or [{}])[-1]

    def lines(self, *arguments: str | Path, threads: int | None = None) -> list[dict[str, Any]]:
        environment = dict(os.environ) | ({"RAYON_NUM_THREADS": str(threads)} if threads else {})
        command = [BINARY, "--home", self.home, "--json", "--quiet", *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
        if done.returncode not in (0, 3):
            raise Missing(f"niteru {arguments[0]} {arguments[1]} failed with {done.returncode}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def train(self, name: str, good: Path, false_alarm: float, bad: Path | None = None) -> dict[str, Any]:
        rate = ["--false-alarm", str(false_alarm), "--model", self.model]
        return self.run("inspect", "train", name, "--good", good, *rate, *(["--bad", bad] if bad else []))

    def evaluate(self, name: str, good: Path, bad: Path, *more: str | Path, threads: int | None = None) -> dict[str, Any]:
        return self.run("inspect", "eval", name, "--good", good, "--bad", bad, *more, threads=threads)


def _folder(parent: Path, name: str, files: list[Path]) -> Path:
    """A folder of links to files, whose names differ."""
    folder = parent / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in files:
        (folder / file.name).symlink_to(file.resolve())
    return folder


class Tiles:
    """The public set of magnetic tiles."""

    def __init__(self, work: Path) -> None:
        manifest = SHARED / "data" / "magnetic-tile" / "manifest.csv"
        if not manifest.is_file():
            raise Missing(f"no {manifest.relative_to(SHARED)} in $NITERU_TEST_SHARED")
        rows = list(csv.DictReader(manifest.open()))
        at = lambda path: SHARED / "data" / path  # noqa: E731
        self.work = work
        self.good = [at(row["path"]) for row in rows if row["label"] == "good"]
        bad = [row for row in rows if row["label"] != "good"]
        self.bad_files = [at(row["path"]) for row in bad]
        self.bad = _folder(work, "bad", self.bad_files)
        self.kinds = {at(row["path"]).name: row["label"] for row in rows}
        self.masks = _folder(work, "masks", [at(row["mask"]) for row in bad if row["mask"]])

    def split(self, seed: int, count: int | None = None) -> tuple[Path, Path]:
        """80 % of the good ones to train with, or so many, and 20 % to test with."""
        shuffled = list(self.good)
        random.Random(seed).shuffle(shuffled)
        cut = len(shuffled) * 4 // 5
        learnt = shuffled[:cut][: count or cut]
        return _folder(self.work, "learnt", learnt), _folder(self.work, "held-out", shuffled[cut:])


def _tiles(niteru: Niteru, tiles: Tiles) -> dict[str, Any]:
    runs = []
    for seed in range(3):
        learnt, held_out = tiles.split(seed)
        trained = niteru.train("tiles", learnt, 0.05)
        runs.append(niteru.evaluate("tiles", held_out, tiles.bad, "--masks", tiles.masks))
    one_core = niteru.evaluate("tiles", held_out, tiles.bad, "--threads", "1", threads=1)
    mean = lambda field: statistics.mean(run[field] for run in runs)  # noqa: E731
    return {
        "tiles: image AUROC, mean of 3 splits": mean("auroc"),
        "tiles: least image AUROC": min(run["auroc"] for run in runs),
        "tiles: pixel AUROC": mean("pixel_auroc"),
        "tiles: PRO": mean("pro"),
        "tiles: ms a photo, one core": one_core["milliseconds_per_image"],
        "tiles: MB of the inspector": trained["memory_bytes"] / 1e6,
    }


def _few(niteru: Niteru, tiles: Tiles) -> dict[str, Any]:
    aurocs = []
    for seed in range(10):
        learnt, held_out = tiles.split(seed, 4)
        niteru.train("few", learnt, 0.05)
        aurocs.append(niteru.evaluate("few", held_out, tiles.bad)["auroc"])
    return {"4 good photos: image AUROC, mean of 10": statistics.mean(aurocs), "4 good photos: least": min(aurocs)}


def _splits(niteru: Niteru, tiles: Tiles, count: int) -> dict[str, Any]:
    rates = []
    for seed in range(100, 100 + count):
        learnt, held_out = tiles.split(seed)
        niteru.train("splits", learnt, 0.05)
        rates.append(niteru.evaluate("splits", held_out, tiles.bad)["false_alarm"]["value"])
        print(f"split {seed - 99} of {count}: {rates[-1]:.3f}", file=sys.stderr, flush=True)
    error = statistics.stdev(rates) / len(rates) ** 0.5 if len(rates) > 1 else 0.0
    return {f"false alarms at 0.05, mean of {count} splits": statistics.mean(rates), "its standard error": error}


def _bad(niteru: Niteru, tiles: Tiles, count_of_draws: int) -> dict[str, Any]:
    """What bad photos to learn from bring, on bad photos that were not learnt from; the same for every count."""
    figures: dict[str, Any] = {}
    draws = range(count_of_draws)
    for count in (0, 3, 5, 10, 30):
        runs = []
        for seed in draws:
            learnt, held_out = tiles.split(200 + seed)
            shuffled = list(tiles.bad_files)
            random.Random(seed).shuffle(shuffled)
            shown = _folder(tiles.work, "shown", shuffled[:count]) if count else None
            niteru.train("bad", learnt, 0.05, shown)
            runs.append(niteru.evaluate("bad", held_out, _folder(tiles.work, "others", shuffled[30:])))
        figures |= _said({
            f"{count} bad photos learnt from: image AUROC, mean of {len(draws)}": statistics.mean(run["auroc"] for run in runs),
            f"{count} bad photos learnt from: found": 1 - statistics.mean(run["miss"]["value"] for run in runs),
            f"{count} bad photos learnt from: false alarms": statistics.mean(run["false_alarm"]["value"] for run in runs),
        })
    # The promise beside few good photos, where what they have in common is known least.
    for good in (12, 20, 40):
        rates = []
        for seed in range(2 * len(draws)):
            learnt, held_out = tiles.split(300 + seed, good)
            shown = _folder(tiles.work, "shown", random.Random(seed).sample(tiles.bad_files, 10))
            allowed = niteru.train("bad", learnt, 0.05, shown)["expected"]
            rates.append(niteru.evaluate("bad", held_out, shown)["false_alarm"]["value"] - allowed)
        figures |= _said({
            f"{good} good and 10 bad photos: false alarms beyond the promise, mean of {len(rates)}": statistics.mean(rates),
            f"{good} good and 10 bad photos: standard error": statistics.stdev(rates) / len(rates) ** 0.5,
        })
    return figures


def _said(figures: dict[str, Any]) -> dict[str, Any]:
    """The same, said as soon as they are known: all of them take a while."""
    for name, value in figures.items():
        print(f"{name}: {value:.3f}", file=sys.stderr, flush=True)
    return figures


def _picture(file: Path, side: int, seed: int) -> None:
    """A square PNG picture of grain on a slope, a different one for each seed."""
    grain = random.Random(seed).randbytes(side * side)
    slope = [bytes((row // 8 + value // 16) % 256 for value in range(256)) for row in range(side)]
    rows = (b"\0" + grain[row * side : (row + 1) * side].translate(slope[row]) for row in range(side))
    chunks = {b"IHDR": struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0), b"IDAT": zlib.compress(b"".join(rows), 1), b"IEND": b""}
    with file.open("wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n")
        for name, data in chunks.items():
            out.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))


def _time(niteru: Niteru, work: Path) -> dict[str, Any]:
    """200 photos of 1 megapixel, on two threads."""
    work.mkdir()
    for seed in range(200):
        _picture(work / f"{seed:03}.png", 1000, seed)
    began = time.monotonic()
    niteru.run("inspect", "train", "large", "--good", work, "--model", niteru.model, threads=2)
    return {"200 photos of 1 megapixel: seconds to train, two threads": time.monotonic() - began}


def _hidden(niteru: Niteru, tiles: Tiles) -> dict[str, Any]:
    """Defective tiles among good ones that are learnt from, one at a time; and what is suspicious of good ones."""
    learnt, _ = tiles.split(0)
    good = len(niteru.train("hidden", learnt, 0.05)["suspicious"])
    found = wrong = 0
    hidden = tiles.bad_files[::6]
    for at, bad in enumerate(hidden):
        folder, _ = tiles.split(at, 24)
        (folder / bad.name).symlink_to(bad.resolve())
        names = [Path(one["path"]).name for one in niteru.train("hidden", folder, 0.05)["suspicious"]]
        found += bad.name in names
        wrong += len(set(names) - {bad.name})
    return {
        "good tiles, 380: suspicious": good,
        f"{len(hidden)} times 24 good tiles with a defective one: found": found,
        "… good ones suspicious beside it": wrong,
    }


def _groups(niteru: Niteru, tiles: Tiles) -> dict[str, Any]:
    """Whether tracing brings defects of one kind together, as inspections see them: the share of NG photos that are of
    their group's most frequent kind, and the adjusted Rand index (Hubert and Arabie, 1985)."""
    learnt, held_out = tiles.split(0)
    niteru.train("groups", learnt, 0.05)
    niteru.run("inspect", "run", "groups", held_out, tiles.bad)
    decisions = niteru.lines("inspect", "history", "groups", "--limit", "1000")
    kind_of = {decision["id"]: tiles.kinds[Path(decision["path"]).name] for decision in decisions}
    figures: dict[str, Any] = {}
    for similarity in (0.2, 0.25, 0.3, 0.35, 0.4, 0.5):
        traced = niteru.run("inspect", "trace", "groups", "--similarity", str(similarity), "--groups", "1000")
        kinds = [[kind_of[number] for number in group["inspections"]] for group in traced["groups"]]
        large = [group for group in kinds if len(group) >= 3]
        name = f"groups at {similarity}"
        figures[f"{name}: of 3 photos and more"] = len(large)
        figures[f"{name}: share of NG photos in these"] = sum(map(len, large)) / traced["bad"]
        figures[f"{name}: share of the most frequent kind there"] = (
            sum(max(map(group.count, group)) for group in large) / max(1, sum(map(len, large)))
        )
        figures[f"{name}: adjusted Rand index"] = _adjusted_rand(kinds)
    return figures


def _adjusted_rand(groups: list[list[str]]) -> float:
    pairs = lambda count: count * (count - 1) / 2  # noqa: E731
    everything = [kind for group in groups for kind in group]
    together = sum(pairs(group.count(kind)) for group in groups for kind in set(group))
    grouped = sum(pairs(len(group)) for group in groups)
    labelled = sum(pairs(everything.count(kind)) for kind in set(everything))
    expected = grouped * labelled / pairs(len(everything))
    return (together - expected) / ((grouped + labelled) / 2 - expected)


def _drift(niteru: Niteru, tiles: Tiles) -> dict[str, Any]:
    """How often fresh photos score above the good ones of the training, alone and with a fifth of NG."""
    figures: dict[str, Any] = {}
    for name, counts in {"2 or 3": (2, 3), "4 to 6": (4, 5, 6), "10 to 40": (10, 20, 40)}.items():
        good, mixed = [], []
        for count, seed in ((count, seed) for count in counts for seed in range(5)):
            learnt, held_out = tiles.split(seed, count)
            niteru.train("drift", learnt, 0.05)
            fresh = sorted(held_out.iterdir())[:50]
            bad = random.Random(seed).sample(tiles.bad_files, 10)
            for told, files in ((good, fresh), (mixed, fresh[:40] + bad)):
                niteru.run("inspect", "run", "drift", _folder(tiles.work, f"day-{len(told)}", files))
                told.append(niteru.run("inspect", "drift", "drift"))
            print(f"drift, {count} good: {good[-1]['superiority']:.2f}, p {good[-1]['p_value']:.1g}", file=sys.stderr, flush=True)
        superiority = [one["superiority"] for one in good]
        figures |= {
            f"drift, {name} good photos: least superiority": min(superiority),
            f"drift, {name} good photos: largest": max(superiority),
            f"drift, {name} good photos: largest with a fifth of NG": max(one["superiority"] for one in mixed),
            f"drift, {name} good photos: warnings": sum(one["drift"] for one in good + mixed),
        }
    return figures


def _textiles(niteru: Niteru, work: Path) -> dict[str, Any]:
    environment = REPOSITORY / ".venv-textiles"
    if not environment.is_dir():
        venv.create(environment, with_pip=True)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", PACKAGE]
    if subprocess.run(install).returncode != 0:
        raise Missing(f"pip could not install {PACKAGE}")
    found = list(environment.rglob("conformal_clip_data/data/textile_images/simulated"))
    if not found:
        raise Missing(f"{PACKAGE} has no textile images")
    kinds = {kind: sorted((found[0] / kind).glob("*.jpg")) for kind in ("nominal", "local", "global")}
    nominal = list(kinds["nominal"])
    random.Random(0).shuffle(nominal)
    learnt, held_out = _folder(work, "nominal", nominal[:400]), _folder(work, "nominal-held-out", nominal[400:])
    niteru.train("textiles", learnt, 0.05)
    figures = {}
    for kind in ("local", "global"):
        bad = _folder(work, kind, kinds[kind])
        figures[f"textiles: AUROC, {kind} defects"] = niteru.evaluate("textiles", held_out, bad)["auroc"]
    return figures


# What must be shown.
LEAST = {
    "tiles: image AUROC, mean of 3 splits": 0.95,
    "tiles: pixel AUROC": 0.75,
    "tiles: PRO": 0.60,
    "4 good photos: image AUROC, mean of 10": 0.80,
    "textiles: AUROC, local defects": 0.65,
    "textiles: AUROC, global defects": 0.97,
}
MOST = {"tiles: ms a photo, one core": 60.0, "tiles: MB of the inspector": 60.0, "200 photos of 1 megapixel: seconds to train, two threads": 60.0}


def _kept(figures: dict[str, Any], name: str) -> bool:
    if name.startswith("false alarms"):
        return figures[name] <= 0.05 + figures["its standard error"]
    if "beyond the promise" in name:
        return figures[name] <= 2 * figures[name.split(":")[0] + ": standard error"]
    value = figures[name]
    most = 0 if name.endswith(": warnings") else MOST.get(name, value)
    return LEAST.get(name, value) <= value <= most


def _bound(name: str) -> str:
    if name.startswith("false alarms"):
        return "≤ 0.05 + its standard error"
    if "beyond the promise" in name:
        return "≤ 2 standard errors"
    if name.endswith(": warnings"):
        return "0"
    return f"≥ {LEAST[name]}" if name in LEAST else f"≤ {MOST[name]}" if name in MOST else ""


def main() -> int:
    options = _options()
    parts = options.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        raise Missing(f"there is no part {', '.join(sorted(unknown))}; parts are {','.join(PARTS)}")
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="niteru-eval-") as folder:
        work = Path(folder)
        (work / "home").mkdir()
        niteru = Niteru(work / "home", options)
        tiles = Tiles(work / "tiles") if set(parts) - {"textiles", "time"} else None
        if tiles and "tiles" in parts:
            figures |= _tiles(niteru, tiles)
        if tiles and "few" in parts:
            figures |= _few(niteru, tiles)
        if tiles and "splits" in parts:
            figures |= _splits(niteru, tiles, options.splits)
        if tiles and "bad" in parts:
            figures |= _bad(niteru, tiles, options.draws)
        if tiles and "hidden" in parts:
            figures |= _hidden(niteru, tiles)
        if tiles and "groups" in parts:
            figures |= _groups(niteru, tiles)
        if tiles and "drift" in parts:
            figures |= _drift(niteru, tiles)
        if "textiles" in parts:
            figures |= _textiles(niteru, work / "textiles")
        if "time" in parts:
            figures |= _time(niteru, work / "large")
    print("| what | must show | measured | |\n| --- | --- | ---: | --- |")
    for name, value in figures.items():
        print(f"| {name} | {_bound(name)} | {value:.4g} | {'' if _kept(figures, name) else 'not kept'} |")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if all(_kept(figures, name) for name in figures) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Missing as missing:
        print(f"inspect_quality: {missing}", file=sys.stderr)
        sys.exit(2)
