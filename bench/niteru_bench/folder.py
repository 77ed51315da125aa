"""A folder of large JPEG files to embeddings: Niteru against worker processes with Pillow and ONNX Runtime."""

import argparse
import contextlib
import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .niteru_command import Niteru
from .peers import Contender
from .photos import describe, large_photos
from .report import Comparison, Row
from .subjects import Prepared, unit
from .turns import Turn, new_row, niteru_settings, say, take_turns, worst_cosine
from .worker_process import WorkerProcess

# The reference of the cosines is the first: Pillow's full decode, and the network in f32.
_DRAFT = Contender("pillow-draft+onnxruntime-f32", "pillow", "f32", None)
_CONTENDERS = (
    Contender("pillow+onnxruntime-f32", "pillow", "f32", 0.9999),
    _DRAFT,
    Contender("niteru-f32", "niteru", "f32", 0.999, ("--precision", "f32")),
    Contender("niteru-default", "niteru", "auto", None),
)
_BATCHES = (8, 1)
_TRIED_FILES = 16
_NITERU_BATCH = 8
# Niteru runs over the whole folder five times a turn, however short the time; the stages alone need not take long.
_NITERU_SECONDS = 0.5


class Crew:
    """Worker processes, as many as threads, each with one thread, that share the files of a folder."""

    def __init__(self, contender: Contender, prepared: Prepared, processes: int) -> None:
        self._draft = contender is _DRAFT
        self._prepared = prepared
        self._workers = [WorkerProcess(contender.name, "niteru_bench.folder_worker") for _ in range(processes)]
        self.tried: dict[str, float] = {}
        """Images per second of each way in the try-out."""

    def choose(self, paths: list[Path]) -> str:
        """Tries every graph in batches of 8 and 1, and loads the fastest way; its name."""
        ways = {
            f"{style} graph, {len(self._workers)} processes, batch {batch}": (graph, batch)
            for style, graph in self._prepared.graphs.items()
            if not style.endswith("-int8")
            for batch in _BATCHES
        }
        for label, (graph, batch) in ways.items():
            self._load(graph, batch)
            self.tried[label] = round(self.images_per_second(paths[:_TRIED_FILES]), 2)
        best = max(self.tried, key=lambda label: self.tried[label])
        self._load(*ways[best])
        self.images_per_second(paths[: len(self._workers)])
        return best

    def embed(self, paths: list[Path]) -> np.ndarray:
        """[images, dimensions], not normalised."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, "embeddings.npz")
            for worker in self._workers:
                worker.ask({"save": str(target)})
            self.images_per_second(paths)
            rows: dict[int, np.ndarray] = {}
            for worker in self._workers:
                worker.ask({"save": str(target)})
                with np.load(target) as saved:
                    rows |= dict(zip(saved["indices"].tolist(), saved["rows"], strict=True))
        return np.stack([rows[index] for index in range(len(paths))])

    def images_per_second(self, paths: list[Path]) -> float:
        """Files over the time from the first file's start to the last embedding."""
        waiting = deque(enumerate(map(str, paths)))

        def serve(worker: WorkerProcess) -> None:
            # Whoever is free takes the next file, so that all end at about the same time.
            while True:
                try:
                    index, path = waiting.popleft()
                except IndexError:
                    break
                worker.ask({"file": path, "index": index})
            worker.ask({"flush": True})

        with ThreadPoolExecutor(len(self._workers)) as threads:
            start = time.perf_counter()
            list(threads.map(serve, self._workers))
            return len(paths) / (time.perf_counter() - start)

    def close(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            worker.close()

    def _load(self, graph: Path, batch: int) -> None:
        request = {
            "load": str(graph),
            "batch": batch,
            "preprocessing": asdict(self._prepared.subject.preprocessing),
            "draft": self._draft,
        }
        with ThreadPoolExecutor(len(self._workers)) as threads:
            list(threads.map(lambda worker: worker.ask(request), self._workers))


def compare_folder(options: argparse.Namespace, niteru: Niteru | None, prepared: Prepared) -> Comparison:
    """One model over the folder of large photos."""
    what = f"{prepared.subject.name}, folder"
    paths = large_photos()
    say(f"{what}: reference embeddings")
    reference = unit(prepared.reference(prepared.pixels(paths)))
    absent: dict[str, str] = {}
    turns: list[Turn] = []
    with contextlib.ExitStack() as stack:
        for contender in _CONTENDERS:
            if contender.runtime == "pillow":
                say(f"{what}: trying the ways to run {contender.name}")
                crew = stack.enter_context(contextlib.closing(Crew(contender, prepared, options.threads)))
                turns.append(_peer_turn(crew, contender, paths, reference))
            elif niteru is None:
                absent[contender.name] = "only the peers were asked for"
            else:
                turns.append(_niteru_turn(niteru, contender, prepared, paths, reference))
        take_turns(turns, options.rounds, what)
    rows = [turn.row for turn in turns]
    return Comparison(prepared.subject.name, "folder", _NITERU_BATCH, len(paths), rows, absent, describe(paths))


def _peer_turn(crew: Crew, contender: Contender, paths: list[Path], reference: np.ndarray) -> Turn:
    chosen = crew.choose(paths)
    row = new_row(contender, chosen, worst_cosine(crew.embed(paths), reference))
    row.tried = crew.tried
    return Turn(row, lambda: crew.images_per_second(paths))


def _niteru_turn(
    niteru: Niteru, contender: Contender, prepared: Prepared, paths: list[Path], reference: np.ndarray
) -> Turn:
    embeddings = niteru.embed(contender, prepared, paths)
    worst = None if embeddings is None else worst_cosine(embeddings, reference)
    row = new_row(contender, niteru_settings(contender), worst)
    return Turn(row, lambda: _measure_niteru(niteru, contender, prepared, paths, row))


def _measure_niteru(niteru: Niteru, contender: Contender, prepared: Prepared, paths: list[Path], row: Row) -> float:
    answer = niteru.measure(contender, prepared, paths[0].parent, _NITERU_BATCH, _NITERU_SECONDS)
    row.answers.append(answer)
    return float(answer["images_per_second"])
