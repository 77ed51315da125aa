"""Niteru as its users run it: through its command line, in a home of its own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .environment import REPOSITORY, SetupError, child_environment
from .peers import Contender
from .subjects import Prepared


class NiteruError(Exception):
    """A command of Niteru failed, or its answer is not what docs/cli.md promises."""


def find_binary(given: Path | None) -> Path:
    """The release binary; built when none was named and none is there."""
    if given:
        if not given.is_file():
            raise SetupError(f"{given}: no such file; build it with `cargo build --release`")
        return given.resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    binary = target / "release" / ("niteru.exe" if os.name == "nt" else "niteru")
    if not binary.is_file():
        print("building niteru …", file=sys.stderr, flush=True)
        build = ["cargo", "build", "--release", "--package", "niteru"]
        if subprocess.run(build, cwd=REPOSITORY).returncode != 0:
            raise SetupError("cargo could not build niteru: see its message above")
    return binary


class Niteru:
    """A temporary home; closing it removes it."""

    def __init__(self, binary: Path, threads: int, random_weights: bool) -> None:
        self._binary = binary
        self._threads = threads
        self._random = random_weights
        self._home = tempfile.TemporaryDirectory(prefix="niteru-bench-")

    def __enter__(self) -> "Niteru":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._home.cleanup()

    def version(self) -> str:
        """One line."""
        return self._run(["--version"], {}).strip().replace("\n", "; ")

    def install(self, prepared: Prepared) -> None:
        """Puts the model into the home, unless it runs with random weights of its own."""
        if not self._random_name(prepared):
            self._run(*prepared.subject.niteru_setup(prepared))

    def measure(
        self, contender: Contender, prepared: Prepared, images: Path, batch: int, seconds: float | None = None
    ) -> dict[str, Any]:
        """The answer of one `bench embed`, which warms up and takes medians itself."""
        random = self._random_name(prepared)
        model = ["--random", random] if random else ["--model", prepared.subject.niteru_name]
        options = ["--images", str(images), "--batch", str(batch), "--threads", str(self._threads)]
        if seconds:
            options += ["--seconds", str(seconds)]
        text = self._run(["--json", "bench", "embed", *model, *options, *contender.arguments], contender.variables)
        try:
            answer: dict[str, Any] = json.loads(text)
            float(answer["forward_images_per_second"]), float(answer["images_per_second"])
        except (ValueError, KeyError, TypeError) as error:
            raise NiteruError(f"`niteru bench embed` answered without a number it must have: {error!r}") from error
        return answer

    def embed(self, contender: Contender, prepared: Prepared, paths: list[Path]) -> np.ndarray | None:
        """[images, dimensions]; None with random weights, which nobody else has."""
        if self._random_name(prepared):
            return None
        model = ["--model", prepared.subject.niteru_name, *contender.arguments]
        text = self._run(["--json", "embed", *map(str, paths), *model], contender.variables)
        rows = {row["input"]: row["embedding"] for row in map(json.loads, text.splitlines())}
        if missing := [str(path) for path in paths if str(path) not in rows]:
            raise NiteruError(f"`niteru embed` answered {len(rows)} of {len(paths)} pictures, not {missing[0]}")
        return np.array([rows[str(path)] for path in paths], np.float32)

    def embed_seconds(self, contender: Contender, prepared: Prepared, picture: Path) -> float:
        """How long the whole process takes that embeds one picture."""
        model = ["--model", prepared.subject.niteru_name, "--threads", str(self._threads), *contender.arguments]
        start = time.perf_counter()
        self._run(["--json", "embed", str(picture), *model], contender.variables)
        return time.perf_counter() - start

    def forget_packed(self, prepared: Prepared) -> None:
        """Removes the packed weights, which an import makes in f32; the next run makes them anew."""
        shutil.rmtree(Path(self._home.name, "models", prepared.subject.niteru_name, "packed"), ignore_errors=True)

    def _random_name(self, prepared: Prepared) -> str | None:
        return prepared.subject.niteru_random if self._random else None

    def _run(self, arguments: list[str], variables: dict[str, str]) -> str:
        command = [str(self._binary), "--home", self._home.name, *arguments]
        environment = child_environment() | variables
        done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=300)
        if done.returncode != 0:
            lines = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise NiteruError(f"`niteru {' '.join(arguments)}` ended with exit code {done.returncode}:\n{lines}")
        return done.stdout
