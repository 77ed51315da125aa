"""Who takes part, and the peers as processes that wait for their turn."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .worker_process import PeerError, WorkerProcess


@dataclass(frozen=True)
class Contender:
    """One row of the comparison."""

    name: str
    runtime: str
    """`onnxruntime`, `openvino` or `niteru`."""
    precision: str
    least_cosine: float | None
    """To the f32 reference, for every picture; None: reported only."""
    arguments: tuple[str, ...] = ()
    """For Niteru: added to its commands."""
    variables: dict[str, str] = field(default_factory=dict)
    """For Niteru: environment variables."""


# One line adds a contender. Niteru's embeddings come from its own decoder and resizer, so its bound is wider.
CONTENDERS = (
    Contender("onnxruntime-f32", "onnxruntime", "f32", 0.9999),
    Contender("openvino-f32", "openvino", "f32", 0.9999),
    Contender("niteru-f32", "niteru", "f32", 0.999, ("--precision", "f32")),
    Contender("niteru-f32-avx2", "niteru", "f32", 0.999, ("--precision", "f32"), {"NITERU_KERNELS": "avx2"}),
    Contender("openvino-bf16", "openvino", "bf16", None),
    Contender("niteru-bf16", "niteru", "bf16", 0.999, ("--precision", "bf16")),
    Contender("onnxruntime-int8", "onnxruntime", "int8", None),
    Contender("niteru-int8", "niteru", "int8", None, ("--precision", "int8")),
)


def why_not(contender: Contender, graphs: dict[str, Path]) -> str | None:
    """Why a contender cannot take part here, or None."""
    if contender.runtime == "niteru":
        return None
    if contender.runtime == "openvino" and contender.precision == "bf16":
        import openvino

        if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            return "this processor has no bf16 instructions"
    if not _graphs_for(contender, graphs):
        return "there is no such form of this network"
    return None


def _graphs_for(contender: Contender, graphs: dict[str, Path]) -> dict[str, Path]:
    int8 = contender.precision == "int8"
    styles = {style: path for style, path in graphs.items() if style.endswith("-int8") == int8}
    if contender.runtime == "openvino":
        styles.pop("fused", None)  # ONNX Runtime's own operators
    return styles


def _candidates(contender: Contender, graphs: dict[str, Path], batch: int) -> list[dict[str, Any]]:
    """Every way to run the contender that is worth a try; the fastest is measured."""
    styles = _graphs_for(contender, graphs)
    if contender.runtime == "onnxruntime":
        ways = {f"{'spinning' if on else 'blocking'} threads": {"spinning": on} for on in (False, True)}
    else:
        # At batch 1 the question is how soon an image is done; streams would answer another one.
        hints = ("LATENCY", "THROUGHPUT") if batch > 1 else ("LATENCY",)
        ways = {hint: {"hint": hint, "precision": contender.precision} for hint in hints}
    return [
        {"label": f"{style} graph, {way}", "graph": str(path), "settings": settings}
        for style, path in styles.items()
        for way, settings in ways.items()
    ]


class Peer:
    """A contender's worker process, loaded and warm; idle but for the time of its requests."""

    def __init__(
        self, contender: Contender, graphs: dict[str, Path], pixels: Path, batch: int, threads: int, try_seconds: float
    ) -> None:
        self._process = WorkerProcess(contender.name, "niteru_bench.worker")
        work = {
            "runtime": contender.runtime,
            "candidates": _candidates(contender, graphs, batch),
            "threads": threads,
            "pixels": str(pixels),
            "try_seconds": try_seconds,
        }
        try:
            choice = self._process.ask(work)
        except PeerError:
            self.close()
            raise
        self.chosen: str = choice["chosen"]
        self.tried: dict[str, float] = choice["tried"]

    def measure(self, seconds: float) -> dict[str, float]:
        """`images_per_second` and `batch_milliseconds`, from the median batch of about `seconds` of work."""
        return self._process.ask({"measure": seconds})

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """[images, dimensions], not normalised."""
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "pixels.npy"), Path(folder, "embeddings.npy")
            np.save(source, pixels)
            self._process.ask({"embed": str(source), "into": str(target)})
            return np.load(target)

    def close(self) -> None:
        """Ends the worker."""
        self._process.close()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
