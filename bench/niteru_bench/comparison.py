"""The run itself: who takes part, do they agree, and the rounds in which they take turns."""

import argparse
import contextlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .environment import CACHE, SHARED, SetupError, describe_machine
from .folder import compare_folder
from .niteru_command import Niteru, NiteruError, find_binary
from .peers import CONTENDERS, Contender, Peer, why_not
from .pictures import make_pictures
from .report import Comparison, Report
from .subjects import SUBJECTS, Prepared, prepare, unit
from .turns import Turn, new_row, niteru_settings, say, take_turns, worst_cosine
from .worker_process import PeerError

_PACKAGES = ("onnxruntime", "openvino", "onnx", "numpy", "pillow")


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
            turns: list[Turn] = []
            for contender in self._contenders(prepared, absent):
                if contender.runtime == "niteru":
                    turns.append(self._niteru_turn(contender, prepared, batch, reference))
                else:
                    turns.append(self._peer_turn(stack, contender, prepared, input_file, batch, pixels, reference))
            if not turns:
                raise SetupError("no contender is left: see --precision and --only")
            take_turns(turns, self.options.rounds, f"{prepared.subject.name}, batch {batch}")
        rows = [turn.row for turn in turns]
        return Comparison(prepared.subject.name, "forward", batch, len(self.pictures), rows, absent)

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
    ) -> Turn:
        say(f"{prepared.subject.name}, batch {batch}: trying the ways to run {contender.name}")
        options = self.options
        peer = stack.enter_context(
            Peer(contender, prepared.graphs, input_file, batch, options.threads, options.seconds / 2)
        )
        row = new_row(contender, peer.chosen, worst_cosine(peer.embed(pixels), reference))
        row.tried = peer.tried
        return Turn(row, lambda: peer.measure(options.seconds)["images_per_second"])

    def _niteru_turn(self, contender: Contender, prepared: Prepared, batch: int, reference: np.ndarray) -> Turn:
        niteru = self.niteru
        assert niteru
        embeddings = niteru.embed(contender, prepared, self.pictures)
        worst = None if embeddings is None else worst_cosine(embeddings, reference)
        row = new_row(contender, niteru_settings(contender), worst)

        def measure() -> float:
            answer = niteru.measure(contender, prepared, self.pictures[0].parent, batch)
            row.answers.append(answer)
            return float(answer["forward_images_per_second"])

        return Turn(row, measure)


def _pictures() -> list[Path]:
    """Drawn pictures, and the photos of ../shared where they are."""
    photos = SHARED / "goldens" / "images"
    folder = CACHE / "pictures"
    drawn = make_pictures(folder)
    return drawn + (sorted(photos.iterdir()) if photos.is_dir() else [])


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
                name: getattr(options, name)
                for name in ("what", "threads", "rounds", "seconds", "precision", "random_weights")
            }
            report = Report(machine, settings)
            measured = _Run(options, niteru, _pictures())
            for name in options.models:
                prepared = prepare(SUBJECTS[name])
                if niteru:
                    niteru.install(prepared)
                if "forward" in options.what:
                    report.comparisons += [measured.compare(prepared, batch) for batch in options.batch]
                if "folder" in options.what:
                    report.comparisons.append(compare_folder(options, niteru, prepared))
    except SetupError as error:
        say(f"error: {error}")
        return 2
    except (NiteruError, PeerError) as error:
        say(f"error: {error}")
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
        say("error: embeddings disagree: see the cosines in bold")
        return 1
    return 0
