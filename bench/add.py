#!/usr/bin/env python3
"""What `niteru add` spends its time and memory on.

    python3 bench/add.py stages FOLDER            share of the time in decode + preprocess + forward
    python3 bench/add.py memory --counts 1000,10000   peak memory for so many made-up images

Needs only Python's standard library and a release build of niteru (`--niteru FILE` names another) with
the default model in `--models HOME` (default: $NITERU_HOME).
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def add(niteru: str, models: Path, folder: Path, work: Path) -> tuple[dict, int]:
    """Adds a folder to a fresh home; returns the report and the peak memory in KiB."""
    home = work / "home"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(models / "models", home / "models")
    command = [niteru, "--home", str(home), "--json", "add", "bench", str(folder)]
    with tempfile.TemporaryFile(dir=work) as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        # wait4 gives this child's own peak, not that of all children so far.
        _, status, usage = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) not in (0, 3):
            sys.exit(f"{' '.join(command)} failed")
        out.seek(0)
        return json.load(out), usage.ru_maxrss


def png(seed: int, side: int = 64) -> bytes:
    """A small picture that differs from those of other seeds."""
    rows = b"".join(
        b"\0" + bytes((x * (seed % 97) + y * (seed % 89) + c * seed) & 255 for x in range(side) for c in range(3))
        for y in range(side)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    text = chunk(b"tEXt", b"seed\0" + str(seed).encode())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["stages", "memory"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--niteru", default=str(ROOT / "target/release/niteru"))
    parser.add_argument("--models", type=Path, default=os.environ.get("NITERU_HOME"))
    parser.add_argument("--counts", default="1000,10000")
    options = parser.parse_args()
    if options.models is None or not (Path(options.models) / "models").is_dir():
        sys.exit("name a home that holds the default model with --models HOME")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if options.what == "stages":
            if options.folder is None:
                sys.exit("name a folder of images")
            report, _ = add(options.niteru, Path(options.models), options.folder, work)
            stages = report["stages"]
            total = sum(stages.values())
            busy = sum(stages[stage] for stage in ("decode", "preprocess", "forward"))
            wall = report["seconds"] * (os.cpu_count() or 1)
            print(json.dumps({"added": report["added"], "seconds": report["seconds"], "stages": stages}))
            print(f"decode + preprocess + forward: {busy / total:.1%} of the work, {busy / wall:.1%} of cores × time")
            return
        folder = work / "images"
        folder.mkdir()
        made = 0
        peaks = []
        for count in sorted(int(count) for count in options.counts.split(",")):
            for seed in range(made, count):
                (folder / f"{seed}.png").write_bytes(png(seed))
            made = count
            report, peak = add(options.niteru, Path(options.models), folder, work)
            peaks.append((count, peak))
            print(f"{count:>8} images: peak {peak / 1024:.1f} MiB ({report['added']} added)")
        (few, low), (many, high) = peaks[0], peaks[-1]
        print(f"{(high - low) * 1024 / max(many - few, 1):.0f} bytes for each further image (an embedding in f16: 2560)")


if __name__ == "__main__":
    main()
