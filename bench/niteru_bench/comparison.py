"""The run itself: who takes part, do they agree, and the rounds in which they take turns."""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .environment import CACHE, SHARED, SetupError, describe_machine
from .niteru_command import Niteru, NiteruError, find_binary
from .peers import CONTENDERS, Contender, Peer, PeerError, why_not
from .pictures import make_pictures
from .report import Comparison, Report, Row
from .subjects import SUBJECTS, Prepared, prepare, unit

_PACKAGES = ("onnxruntime", "openvino", "onnx", "numpy", "pillow")


@dataclass
class _Turn:
    """A contender that is ready: its row, and how to measure it once."""

    row: Row
    measure: Callable[[], float]


@dataclass(frozen=True)
class _Run:
    options: argparse.Namespace
    niteru: Niteru | None
    pictures: list[Path]

    def compare(self, prepared: Prepared, batch: int) -> Comparison:
        pixels = prepared.pixels(self.pictures)
        reference = unit(prepared.reference(pixels))
        absent: dict[str, str] = {}
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="niteru-bench-"))
            input_file = Path(folder, "pixels.npy")
            np.save(input_file, np.resize(pixels, (batch, *pixels.shape[1:])))
            turns = []
            for contender in self._contenders(prepared, absent):
                if contender.runtime == "niteru":
                    turns.append(self._niteru_turn(contender, prepared, batch, reference))
                else:
                    turns.append(self._peer_turn(stack, contender, prepared, input_file, batch, pixels, reference))
            if not turns:
                raise SetupError("no contender is left: see --precision and --only")
            for number in range(self.options.rounds):
                _say(f"{prepared.subject.name}, batch {batch}: round {number + 1} of {self.options.rounds}")
                first = number % len(turns)  # nobody always follows the same neighbour
                for turn in turns[first:] + turns[:first]:
                    turn.row.rounds.append(turn.measure())
        rows = [turn.row for turn in turns]
        return Comparison(prepared.subject.name, batch, len(self.pictures), rows, absent)

    def _contenders(self, prepared: Prepared, absent: dict[str, str]) -> list[Contender]:
        chosen = []
        for contender in CONTENDERS:
            if contender.precision not in self.options.precision:
                continue
            if contender.runtime == "niteru" and self.niteru is None:
                absent[contender.name] = "only the peers were asked for"
            elif reason := why_not(contender, prepared.graphs):
                absent[contender.name] = reason
            else:
                chosen.append(contender)
        return chosen

    def _peer_turn(
        self,
        stack: contextlib.ExitStack,
        contender: Contender,
        prepared: Prepared,
        input_file: Path,
        batch: int,
        pixels: np.ndarray,
        reference: np.ndarray,
    ) -> _Turn:
        _say(f"{prepared.subject.name}, batch {batch}: trying the ways to run {contender.name}")
        options = self.options
        peer = stack.enter_context(
            Peer(contender, prepared.graphs, input_file, batch, options.threads, options.seconds / 2)
        )
        row = _row(contender, peer.chosen, _worst_cosine(peer.embed(pixels), reference))
        row.tried = peer.tried
        return _Turn(row, lambda: peer.measure(options.seconds)["images_per_second"])

    def _niteru_turn(self, contender: Contender, prepared: Prepared, batch: int, reference: np.ndarray) -> _Turn:
        niteru = self.niteru
        assert niteru
        embeddings = niteru.embed(contender, prepared, self.pictures)
        worst = None if embeddings is None else _worst_cosine(embeddings, reference)
        settings = [f"{name}={value}" for name, value in contender.variables.items()]
        row = _row(contender, " ".join([*settings, *contender.arguments]) or "as it comes", worst)

        def measure() -> float:
            answer = niteru.measure(contender, prepared, self.pictures[0].parent, batch)
            row.answers.append(answer)
            return float(answer["forward_images_per_second"])

        return _Turn(row, measure)


def _row(contender: Contender, chosen: str, worst_cosine: float | None) -> Row:
    return Row(
        name=contender.name,
        runtime=contender.runtime,
        precision=contender.precision,
        chosen=chosen,
        worst_cosine=worst_cosine,
        least_cosine=contender.least_cosine,
    )


def _worst_cosine(embeddings: np.ndarray, reference: np.ndarray) -> float:
    if embeddings.shape != reference.shape:
        raise NiteruError(f"expected embeddings of shape {reference.shape}, got {embeddings.shape}")
    cosines = (unit(embeddings) * reference).sum(-1)
    return float(cosines.min()) if np.isfinite(cosines).all() else -1.0


def _pictures() -> list[Path]:
    """Drawn pictures, and the photos of ../shared where they are."""
    photos = SHARED / "goldens" / "images"
    folder = CACHE / "pictures"
    drawn = make_pictures(folder)
    return drawn + (sorted(photos.iterdir()) if photos.is_dir() else [])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> int:
    """The exit code: 0; 1 when something failed or embeddings disagree; 2 when something is missing."""
    try:
        with contextlib.ExitStack() as stack:
            niteru = None
            if options.only != "peers":
                binary = find_binary(options.niteru)
                niteru = stack.enter_context(Niteru(binary, options.threads, options.random_weights))
            machine = describe_machine(_PACKAGES)
            if niteru:
                machine["niteru"] = niteru.version()
            settings: dict[str, Any] = {
                name: getattr(options, name) for name in ("threads", "rounds", "seconds", "precision", "random_weights")
            }
            report = Report(machine, settings)
            measured = _Run(options, niteru, _pictures())
            for name in options.models:
                prepared = prepare(SUBJECTS[name])
                if niteru:
                    niteru.install(prepared)
                for batch in options.batch:
                    report.comparisons.append(measured.compare(prepared, batch))
    except SetupError as error:
        _say(f"error: {error}")
        return 2
    except (NiteruError, PeerError) as error:
        _say(f"error: {error}")
        return 1
    return _write(report, options)


def _write(report: Report, options: argparse.Namespace) -> int:
    text = report.markdown()
    print(text, end="")
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    if options.json:
        document = json.dumps(report.document(), indent=2, ensure_ascii=False)
        options.json.write_text(document + "\n", encoding="utf-8")
    if not report.agrees:
        _say("error: embeddings disagree: see the cosines in bold")
        return 1
    return 0
