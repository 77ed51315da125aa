#!/usr/bin/env python3
"""What `niteru duplicates` finds, and how long it takes.

    python3 bench/duplicates.py found FOLDER --models HOME    share of made variants that are found, by kind
    python3 bench/duplicates.py scale --images 100000         seconds for so many made-up images

`found` needs Pillow (`.venv-bench` of compare.py has it) and the model in HOME: it saves every photo below
FOLDER (at most --limit) anew in several ways, adds all of them, and counts the variants that stand in a group
with their original, and the pairs of different photos that stand in one. `scale` writes rows of a made-up
collection into a fresh home: a tenth of the images are near duplicates of another one.
"""

import argparse
import json
import random
import struct
import subprocess
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIMENSIONS = 512


def run(options: argparse.Namespace, home: Path, *arguments: str) -> dict:
    """The JSON document that a command prints."""
    command = [options.niteru, "--home", str(home), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def variants(picture) -> dict:
    """Each way of saving a picture anew: the picture, and the JPEG quality (None: PNG)."""
    from PIL import Image, ImageEnhance

    width, height = picture.size

    def cropped(share: float):
        x, y = int(width * share), int(height * share)
        return picture.crop((x, y, width - x, height - y))

    def resized(factor: float):
        return picture.resize((max(1, int(width * factor)), max(1, int(height * factor))), Image.BICUBIC)

    def turned(degrees: float):
        return picture.rotate(degrees, Image.BICUBIC, fillcolor=picture.getpixel((0, 0)))

    return {
        "JPEG, quality 85": (picture, 85),
        "JPEG, quality 50": (picture, 50),
        "half the size": (resized(0.5), None),
        "two thirds, JPEG 80": (resized(2 / 3), 80),
        "2 % cropped off each side": (cropped(0.02), None),
        "5 % cropped off each side": (cropped(0.05), None),
        "brightness × 0.8": (ImageEnhance.Brightness(picture).enhance(0.8), None),
        "brightness × 1.2": (ImageEnhance.Brightness(picture).enhance(1.2), None),
        "contrast × 0.8": (ImageEnhance.Contrast(picture).enhance(0.8), None),
        "turned by 2°": (turned(2), None),
        "turned by 90°": (picture.transpose(Image.ROTATE_90), None),
        "mirrored": (picture.transpose(Image.FLIP_LEFT_RIGHT), None),
    }


def found(options: argparse.Namespace) -> None:
    from PIL import Image

    photos = [p for p in sorted(Path(options.folder).rglob("*")) if p.suffix.lower() in (".jpg", ".jpeg", ".png")]
    random.Random(1).shuffle(photos)
    photos = photos[: options.limit]
    with tempfile.TemporaryDirectory() as work:
        home, originals = Path(work) / "home", Path(work) / "originals"
        home.mkdir()
        (home / "models").symlink_to((Path(options.models) / "models").resolve())
        originals.mkdir()
        kinds = []
        for number, path in enumerate(photos):
            picture = Image.open(path).convert("RGB")
            picture.save(originals / f"{number}.png", compress_level=1)
            for kind, (variant, quality) in variants(picture).items():
                if kind not in kinds:
                    kinds.append(kind)
                folder = Path(work) / str(kinds.index(kind))
                folder.mkdir(exist_ok=True)
                if quality is None:
                    variant.save(folder / f"{number}.png", compress_level=1)
                else:
                    variant.save(folder / f"{number}.jpg", quality=quality)
        run(options, home, "add", "originals", str(originals))
        threshold = ["--threshold", options.threshold] if options.threshold else []
        groups = run(options, home, "duplicates", "originals", *threshold)["groups"]
        pairs = sum(len(group["images"]) * (len(group["images"]) - 1) // 2 for group in groups)
        count = len(photos)
        print(f"{count} photos; of {count * (count - 1) // 2} pairs of different photos, {pairs} stand in one group")
        for place, kind in enumerate(kinds):
            name = f"variant{place}"
            # One way at a time: each variant must be found beside its original, not through a third picture.
            run(options, home, "add", name, str(originals), str(Path(work) / str(place)))
            groups = run(options, home, "duplicates", name, *threshold)["groups"]
            numbers = Counter()
            for group in groups:
                stems = Counter(Path(image["path"]).stem for image in group["images"])
                numbers["found"] += sum(stem_count > 1 for stem_count in stems.values())
            print(f"{kind:28} {numbers['found'] / count:6.1%}")


def scale(options: argparse.Namespace) -> None:
    chance = random.Random(1)
    vectors = []
    for _ in range(2000):
        values = [chance.gauss(0, 1) for _ in range(DIMENSIONS)]
        length = sum(value * value for value in values) ** 0.5
        vectors.append(struct.pack(f"<{DIMENSIONS}e", *(value / length for value in values)))
    with tempfile.TemporaryDirectory() as work:
        home = Path(work) / "home"
        run(options, home, "collections")
        database = sqlite3.connect(home / "niteru.sqlite3")
        database.execute("INSERT INTO encoders VALUES (1, ?, 'made-up', ?, 'f32', 1)", ("0" * 64, DIMENSIONS))
        database.execute("INSERT INTO collections VALUES (1, 'made-up', 1, 0)")
        images, embeddings, likenesses = [], [], []
        structure, rest, vector = 0, b"", b""
        for number in range(1, options.images + 1):
            if number % 10 == 0:
                structure ^= (1 << chance.randrange(64)) | (1 << chance.randrange(64))
            else:
                structure = sum(1 << bit for bit in chance.sample(range(64), 32))
                rest, vector = chance.randbytes(256) + bytes(8), chance.choice(vectors)
            images.append((number, 1, b"/made-up/%d.jpg" % number, chance.randbytes(32), 1, 640, 480, 0, number))
            embeddings.append((number, 1, vector))
            likenesses.append((number, structure.to_bytes(8, "little") + rest))
        database.executemany(
            "INSERT INTO images (id, collection, path, sha256, bytes, width, height, added, change)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            images,
        )
        database.executemany("INSERT INTO embeddings (image, encoder, vector) VALUES (?, ?, ?)", embeddings)
        database.executemany("INSERT INTO likenesses VALUES (?, ?)", likenesses)
        database.execute("UPDATE home SET change = ?", (options.images,))
        database.commit()
        database.close()
        started = time.monotonic()
        groups = run(options, home, "duplicates", "made-up")["groups"]
        seconds = time.monotonic() - started
        print(f"{options.images} images: {len(groups)} groups of {options.images // 10} in {seconds:.2f} s")
        if len(groups) < options.images // 10 * 0.99:
            sys.exit("duplicates are missing")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--niteru", default=str(ROOT / "target/release/niteru"))
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("found")
    command.add_argument("folder")
    command.add_argument("--models", required=True)
    command.add_argument("--limit", type=int, default=300)
    command.add_argument("--threshold")
    command.set_defaults(run=found)
    command = commands.add_parser("scale")
    command.add_argument("--images", type=int, default=100_000)
    command.set_defaults(run=scale)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
