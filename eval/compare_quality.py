#!/usr/bin/env python3
"""What `niteru inspect compare` finds, and what it must not: pairs of photos with known differences.

Photos come from the folder `shared` beside the repository, or $NITERU_TEST_SHARED; numpy and Pillow, which make
the pairs, are installed into a virtual environment of their own. Exit codes: 0 done; 1 a bound is not kept; 2
something is missing.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("NITERU_TEST_SHARED") or REPOSITORY.parent / "shared")
BINARY = REPOSITORY / "target" / "release" / ("niteru.exe" if os.name == "nt" else "niteru")
PACKAGES = ["numpy>=2,<3", "pillow>=11,<13"]

# Share of pairs without a difference in which none must be told, and of differences that must be found.
LEAST_CLEAN = 0.95
LEAST_FOUND = 0.90


class Missing(Exception):
    """Something that the evaluation needs is not there; the message says what to do."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--photos", type=int, default=20, metavar="N", help="of each set (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="which photos and differences (default: %(default)s)")
    add("--sets", default="magnetic-tile,parts,coco", help="which photos (default: %(default)s)")
    add("--model", default="efficientnet-lite0", help="default: %(default)s")
    add("--home", type=Path, help="a home that has the model (default: a new one, which fetches it)")
    add("--keep", type=Path, metavar="DIR", help="keep the pairs there")
    add("--json", type=Path, metavar="FILE", help="write what was found in each pair there")
    return parser.parse_args()


def _with_packages() -> None:
    """Goes on in an environment that has numpy and Pillow."""
    try:
        import compare_pairs  # noqa: F401
    except ImportError:
        environment = REPOSITORY / ".venv-compare"
        if Path(sys.prefix).resolve() == environment.resolve():
            raise Missing(f"{environment.name} is not whole; remove it and run this again") from None
        if not environment.is_dir():
            venv.create(environment, with_pip=True)
        python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES]).returncode != 0:
            raise Missing("pip could not install " + " and ".join(PACKAGES))
        sys.exit(subprocess.run([python, *sys.argv]).returncode)


def _photos(name: str, count: int, chance: random.Random) -> list[Path]:
    manifest = SHARED / "data" / name / "manifest.csv"
    if not manifest.is_file():
        raise Missing(f"no {manifest.relative_to(SHARED)} in $NITERU_TEST_SHARED")
    rows = [row for row in csv.DictReader(manifest.open()) if row.get("label", "good") == "good"]
    return [SHARED / "data" / row["path"] for row in chance.sample(rows, min(count, len(rows)))]


def _pairs(files: list[Path], folder: Path, name: str, chance: random.Random) -> list[tuple[Path, Any]]:
    """First photos and their second ones."""
    from PIL import Image

    import compare_pairs as pairs

    made = []
    for number, file in enumerate(files):
        photo = Image.open(file).convert("RGB")
        stem = f"{name}-{number:03}"
        first = folder / f"{stem}.png"
        pairs.first(photo).save(first)
        for kind in pairs.CLEAN:
            made.append((first, pairs.second(photo, kind, [], folder / f"{stem}-{kind}", chance)))
        for difference in pairs.DIFFERENCES:
            other = Image.open(chance.choice(files)).convert("RGB")
            changed = pairs.different(photo, difference, other, chance)
            for kind in ("as it lies", "stand", "hand") if changed else ():
                file = folder / f"{stem}-{difference}-{kind.replace(' ', '-')}"
                pair = pairs.second(changed[0], kind, changed[1], file, chance)
                pair.kind = f"{difference}, {kind}"
                made.append((first, pair))
    return made


def _compared(home: Path, model: str, first: Path, second: Path) -> dict[str, Any]:
    command = [BINARY, "--home", home, "--json", "--quiet", "inspect", "compare", first, second, "--model", model]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing(f"niteru inspect compare {first.name} {second.name} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def _overlaps(region: dict[str, Any], box: tuple[float, float, float, float]) -> bool:
    return (
        region["x"] < box[2]
        and region["x"] + region["w"] > box[0]
        and region["y"] < box[3]
        and region["y"] + region["h"] > box[1]
    )


def _judged(name: str, pair: Any, found: dict[str, Any], seconds: float) -> dict[str, Any]:
    hits = [any(_overlaps(region, box) for box in pair.boxes) for region in found["regions"]]
    return {
        "set": name,
        "kind": pair.kind,
        "file": pair.file.name,
        "different": bool(pair.boxes),
        "certain": found["alignment"]["certain"],
        "regions": len(hits),
        "others": hits.count(False),
        "found": any(hits),
        "right": any(hits) if pair.boxes else not hits,
        "scores": [round(region["score"], 2) for region in found["regions"]],
        "seconds": seconds,
    }


def _share(rows: list[dict[str, Any]], field: str = "right") -> float:
    return sum(row[field] for row in rows) / max(len(rows), 1)


def _table(rows: list[dict[str, Any]], sets: list[str]) -> None:
    print(f"| pairs | {' | '.join(sets)} | all |\n| --- |{' ---: |' * (len(sets) + 1)}")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of_kind = [row for row in rows if row["kind"] == kind]
        shares = [_share([row for row in of_kind if row["set"] == name]) for name in sets]
        print(f"| {kind} | {' | '.join(f'{share:.2f}' for share in [*shares, _share(of_kind)])} |")


def main() -> int:
    options = _options()
    _with_packages()
    if not BINARY.is_file():
        raise Missing(f"{BINARY.name} is not built: cargo build --release")
    sets = options.sets.split(",")
    rows = []
    with tempfile.TemporaryDirectory(prefix="niteru-compare-") as temporary:
        home = options.home or Path(temporary) / "home"
        if not options.home:
            subprocess.run([BINARY, "--home", home, "models", "pull", options.model], check=True)
        folder = options.keep or Path(temporary) / "pairs"
        folder.mkdir(parents=True, exist_ok=True)
        for name in sets:
            chance = random.Random(f"{options.seed} {name}")
            files = _photos(name, options.photos, chance)
            for first, pair in _pairs(files, folder, name, chance):
                begin = time.monotonic()
                found = _compared(home, options.model, first, pair.file)
                rows.append(_judged(name, pair, found, time.monotonic() - begin))
            print(f"{name}: {sum(row['set'] == name for row in rows)} pairs", file=sys.stderr, flush=True)
    if options.json:
        options.json.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    clean = [row for row in rows if not row["different"]]
    different = [row for row in rows if row["different"]]
    _table(rows, sets)
    print(f"\nclean pairs without a place: {_share(clean):.3f} of {len(clean)} (at least {LEAST_CLEAN})")
    print(f"differences found: {_share(different):.3f} of {len(different)} (at least {LEAST_FOUND})")
    others = sum(row["others"] for row in different) / max(len(different), 1)
    print(f"places told beside a difference: {others:.3f} a pair")
    print(f"pairs that lie too uncertain to be aligned: {1 - _share(rows, 'certain'):.3f}")
    print(f"seconds a pair, from file to result: {sum(row['seconds'] for row in rows) / max(len(rows), 1):.2f}")
    return 0 if _share(clean) >= LEAST_CLEAN and _share(different) >= LEAST_FOUND else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Missing as missing:
        print(f"compare_quality: {missing}", file=sys.stderr)
        sys.exit(2)
