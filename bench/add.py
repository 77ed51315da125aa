#!/usr/bin/env python3
"""What `niteru add` spends its time and memory on.

    python3 bench/add.py stages FOLDER                 share of the time in decode + preprocess + forward
    python3 bench/add.py memory --counts 1000,100000   peak memory for so many made-up images
    python3 bench/add.py clip-memory --precision bf16  peak memory with CLIP ViT-B/32 on 12-megapixel photos

Needs a release build of niteru (`--niteru FILE` names another). `stages` and `memory` need only Python's
standard library and the model in `--models HOME` (default: $NITERU_HOME); `clip-memory` takes the model and
the photos of compare.py, and makes them, with its virtual environment, when they are not there yet.
"""

import argparse
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from niteru_bench.environment import SetupError, enter_virtual_environment  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent

# The default model's embedding as it is stored: 1280 values in f16.
EMBEDDING_BYTES = 2560


def add(options: argparse.Namespace, folder: Path, work: Path) -> tuple[dict, int]:
    """Adds a folder to a fresh home; returns the report and the peak memory in KiB."""
    home = work / "home"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(Path(options.models) / "models", home / "models")
    command = [options.niteru, "--home", str(home), "--json", "add", "bench", str(folder), "--model", options.model]
    if options.precision:
        command += ["--precision", options.precision]
    return measured(command, work)


def measured(command: list[str], work: Path) -> tuple[dict, int]:
    """The JSON document that a command prints, and its peak memory in KiB."""
    with tempfile.TemporaryFile(dir=work) as out, tempfile.TemporaryFile(dir=work) as messages:
        process = subprocess.Popen(command, stdout=out, stderr=messages)
        # wait4 gives this child's own peak, not that of all children so far.
        _, status, usage = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) not in (0, 3):
            messages.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{messages.read().decode(errors='replace')}")
        out.seek(0)
        return json.load(out), usage.ru_maxrss


def png(seed: int, side: int = 16) -> bytes:
    """A small picture of vertical stripes whose colours are the seed's own."""
    row = b"\0" + hashlib.shake_128(seed.to_bytes(8, "big")).digest(3 * side)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(row * side, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def memory(options: argparse.Namespace, work: Path) -> None:
    """Adds more and more pictures, of one folder, to fresh homes; fails if the promise is not kept."""
    folder = work / "images"
    folder.mkdir()
    made = 0
    peaks = []
    for count in sorted(int(count) for count in options.counts.split(",")):
        for seed in range(made, count):
            (folder / f"{seed:07}.png").write_bytes(png(seed))
        made = count
        report, peak = add(options, folder, work)
        if report["added"] != count:
            sys.exit(f"{report['added']} of {count} were added")
        peaks.append((count, peak * 1024))
        print(f"{count:>8} images: peak {peak / 1024:.1f} MiB, {report['seconds']:.0f} s", flush=True)
    (few, low), (many, high) = peaks[0], peaks[-1]
    if many > few:
        each = (high - low) / (many - few)
        print(f"{each:.0f} bytes for each further image; an embedding of the default model takes {EMBEDDING_BYTES}")
        if each > EMBEDDING_BYTES:
            sys.exit("more than the embeddings take")


def clip_memory(options: argparse.Namespace, work: Path) -> None:
    """Adds the large photos to two homes, first without the packed weights, then with; fails on too much memory."""
    command = [sys.executable, "-m", "niteru_bench.prepare_clip"]
    done = subprocess.run(command, cwd=ROOT / "bench", stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("could not prepare the model and the photos: see the message above")
    prepared = json.loads(done.stdout)
    model = ["--model", "clip-bench", "--precision", options.precision or "bf16"]
    first, later = work / "first", work / "later"
    measured(
        [options.niteru, "--home", str(first), "--json", "models", "import", "clip-bench", prepared["model"]], work
    )
    over = []
    for home in (first, later):
        if home == later:
            # The model with its packed form, without the embeddings: a home embeds no photo twice.
            later.mkdir()
            (first / "models").rename(later / "models")
        command = [options.niteru, "--home", str(home), "--json", "add", "bench", prepared["photos"], *model]
        report, peak = measured(command, work)
        if report["stages"]["forward"] <= 0:
            sys.exit("nothing was embedded, so nothing was measured")
        megabytes = peak * 1024 / 1e6
        verdict = "missed" if megabytes > options.must else "kept" if megabytes > options.aim else "kept, and the aim"
        print(
            f"{home.name} run: {report['added']} photos of 12 megapixels in {report['seconds']:.1f} s,"
            f" peak {megabytes:.0f} MB (at most {options.must:.0f}, aim {options.aim:.0f}: {verdict})",
            flush=True,
        )
        if megabytes > options.must:
            over.append(f"the {home.name} run")
    if over:
        sys.exit(f"more than {options.must:.0f} MB: {' and '.join(over)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["stages", "memory", "clip-memory"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--niteru", default=str(ROOT / "target/release/niteru"))
    parser.add_argument("--models", type=Path, default=os.environ.get("NITERU_HOME"))
    parser.add_argument(
        "--model", default="efficientnet-lite0", help="a smaller network shows sooner what does not depend on it"
    )
    parser.add_argument("--precision", help="auto, f32, bf16 or int8 (default: niteru's; of clip-memory: bf16)")
    parser.add_argument("--must", type=float, default=450.0, metavar="MB", help="most peak memory in clip-memory")
    parser.add_argument("--aim", type=float, default=300.0, metavar="MB", help="wanted peak memory in clip-memory")
    parser.add_argument("--counts", default="1000,100000", help="100 000 images take about ten minutes on two cores")
    options = parser.parse_args()
    if not Path(options.niteru).is_file():
        sys.exit(f"{options.niteru}: no such file; build it with `cargo build --release`")
    if options.what == "clip-memory":
        try:
            enter_virtual_environment()
        except SetupError as error:
            sys.exit(f"error: {error}")
        with tempfile.TemporaryDirectory(prefix="niteru-bench-") as name:
            clip_memory(options, Path(name))
        return
    if options.models is None or not (Path(options.models) / "models").is_dir():
        sys.exit("name a home that holds the model with --models HOME")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if options.what == "stages":
            if options.folder is None:
                sys.exit("name a folder of images")
            report, _ = add(options, options.folder, work)
            stages = report["stages"]
            total = sum(stages.values())
            busy = sum(stages[stage] for stage in ("decode", "preprocess", "forward"))
            wall = report["seconds"] * (os.cpu_count() or 1)
            print(json.dumps({"added": report["added"], "seconds": report["seconds"], "stages": stages}))
            print(f"decode + preprocess + forward: {busy / total:.1%} of the work, {busy / wall:.1%} of cores × time")
            return
        memory(options, work)


if __name__ == "__main__":
    main()
