"""One peer in a process of its own: `python -m niteru_bench.worker`, one JSON document a line in and out.

The first line describes the work; the worker tries the candidates and keeps the fastest. Then each line is a request:
`{"measure": SECONDS}` or `{"embed": FILE.npy, "into": FILE.npy}`. Between requests it sleeps on its input.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np


class Network(Protocol):
    """A loaded network for one fixed batch size."""

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """One forward pass of exactly one batch."""

    def batch_seconds(self, seconds: float) -> list[float]:
        """Works for about `seconds`, and at least 3 batches; the seconds that each batch took."""


def _timed(run: Callable[[], object], seconds: float) -> list[float]:
    durations: list[float] = []
    end = time.perf_counter() + seconds
    while len(durations) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        durations.append(time.perf_counter() - start)
    return durations


class OnnxRuntime:
    """A session with its own optimiser at its highest level (the default)."""

    def __init__(self, graph: str, settings: dict[str, Any], threads: int, pixels: np.ndarray) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_free_dimension_override_by_name("N", len(pixels))
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if settings["spinning"] else "0")
        # Threads that still spin after a pass would take the cores from the contender whose turn is next.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._feed = {"pixels": pixels}

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        return self._session.run(None, {"pixels": pixels})[0]

    def batch_seconds(self, seconds: float) -> list[float]:
        return _timed(lambda: self._session.run(None, self._feed), seconds)


class OpenVino:
    """A compiled model; with more than one stream, that many batches are in flight."""

    def __init__(self, graph: str, settings: dict[str, Any], threads: int, pixels: np.ndarray) -> None:
        import openvino

        core = openvino.Core()
        model = core.read_model(graph)
        model.reshape({"pixels": list(pixels.shape)})
        properties = {
            "PERFORMANCE_HINT": settings["hint"],
            "INFERENCE_PRECISION_HINT": settings["precision"],
            "INFERENCE_NUM_THREADS": threads,
        }
        self._model = core.compile_model(model, "CPU", properties)
        self._streams = self._model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._pixels = openvino.Tensor(pixels, shared_memory=True)

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        return self._model(pixels)[0]

    def batch_seconds(self, seconds: float) -> list[float]:
        if self._streams == 1:
            request = self._model.create_infer_request()
            request.set_input_tensor(self._pixels)
            return _timed(request.infer, seconds)
        return self._stream_seconds(seconds)

    def _stream_seconds(self, seconds: float) -> list[float]:
        """A batch's seconds are those from one completion to the one `streams` later, over `streams`."""
        # No AsyncInferQueue: its callbacks can deadlock with the interpreter when the model is released.
        requests = [self._model.create_infer_request() for _ in range(self._streams)]
        for request in requests:
            request.set_input_tensor(self._pixels)
            request.start_async()
        done: list[float] = []
        end = time.perf_counter() + seconds
        while len(done) < 3 * self._streams or time.perf_counter() < end:
            request = requests[len(done) % self._streams]
            request.wait()
            done.append(time.perf_counter())
            request.start_async()
        for request in requests:
            request.wait()
        return [(later - first) / self._streams for first, later in zip(done, done[self._streams :])]


_RUNTIMES: dict[str, Callable[..., Network]] = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}


def _choose(work: dict[str, Any], pixels: np.ndarray) -> tuple[Network, dict[str, Any]]:
    """Loads the candidates one after another and keeps the fastest, by the 20th percentile of a batch's seconds."""
    best: tuple[float, Network | None, str] = (float("inf"), None, "")
    tried: dict[str, float] = {}
    for candidate in work["candidates"]:
        load = _RUNTIMES[work["runtime"]]
        network = load(candidate["graph"], candidate["settings"], work["threads"], pixels)
        network.embed(pixels)
        typical = float(np.percentile(network.batch_seconds(work["try_seconds"]), 20))
        tried[candidate["label"]] = round(len(pixels) / typical, 2)
        if typical < best[0]:
            best = (typical, network, candidate["label"])
    if best[1] is None:
        raise ValueError("no candidates")
    return best[1], {"chosen": best[2], "tried": tried}


def _embed(network: Network, pixels: np.ndarray, batch: int) -> np.ndarray:
    rows = []
    for start in range(0, len(pixels), batch):
        part = pixels[start : start + batch]
        padded = np.concatenate([part, np.repeat(part[-1:], batch - len(part), 0)])
        rows.append(network.embed(padded)[: len(part)].copy())
    return np.concatenate(rows)


def answers_to_parent() -> Callable[[dict[str, Any]], None]:
    """Takes standard output for answers alone: what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return lambda document: print(json.dumps(document), file=answers, flush=True)


def main() -> None:
    answer = answers_to_parent()
    work = json.loads(sys.stdin.readline())
    pixels = np.load(work["pixels"])
    network, choice = _choose(work, pixels)
    answer(choice)
    for line in sys.stdin:
        request = json.loads(line)
        if "measure" in request:
            seconds = statistics.median(network.batch_seconds(request["measure"]))
            answer({"images_per_second": len(pixels) / seconds, "batch_milliseconds": 1000 * seconds})
        else:
            np.save(request["into"], _embed(network, np.load(request["embed"]), len(pixels)))
            answer({})


if __name__ == "__main__":
    main()
