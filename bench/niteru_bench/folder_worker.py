"""One worker process of a folder's peer: Pillow and ONNX Runtime, one thread, one JSON document a line in and out.

Requests: `{"load": GRAPH, "batch": N, "preprocessing": {…}, "draft": BOOL}`, then for each file
`{"file": PATH, "index": N}`, at the end of the folder `{"flush": true}`, and `{"save": FILE.npz}` for the embeddings
since the last load or save.
"""

import json
import sys
from typing import Any

import numpy as np

from .pictures import Preprocessing, preprocess
from .worker import Network, OnnxRuntime, answers_to_parent


class _Worker:
    def __init__(self, work: dict[str, Any]) -> None:
        self._how = Preprocessing(**work["preprocessing"])
        self._draft: bool = work["draft"]
        self._batch = np.zeros((work["batch"], 3, self._how.crop, self._how.crop), np.float32)
        self._network = _load(work["load"], self._batch)
        # What is left at the end of the folder goes one by one, not as a batch that is padded.
        self._single = self._network if work["batch"] == 1 else _load(work["load"], self._batch[:1])
        self._waiting: list[int] = []
        self._indices: list[int] = []
        self._rows: list[np.ndarray] = []

    def take(self, path: str, index: int) -> None:
        """Decodes a file; embeds as soon as a batch is full."""
        self._batch[len(self._waiting)] = preprocess(path, self._how, self._draft)
        self._waiting.append(index)
        if len(self._waiting) == len(self._batch):
            self._keep(self._network.embed(self._batch))

    def flush(self) -> None:
        """Embeds what waits for a full batch."""
        if count := len(self._waiting):
            self._keep(np.concatenate([self._single.embed(self._batch[i : i + 1]) for i in range(count)]))

    def save(self, path: str) -> None:
        """Writes the embeddings with the files' indices, and forgets them."""
        np.savez(path, indices=self._indices, rows=np.concatenate(self._rows) if self._rows else np.zeros((0, 0)))
        self._indices, self._rows = [], []

    def _keep(self, rows: np.ndarray) -> None:
        self._indices += self._waiting
        self._rows.append(rows)
        self._waiting = []


def _load(graph: str, pixels: np.ndarray) -> Network:
    network = OnnxRuntime(graph, {"spinning": False}, 1, pixels)
    network.embed(pixels)
    return network


def main() -> None:
    answer = answers_to_parent()
    worker: _Worker | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if "load" in request:
            worker = None  # its memory goes before the next comes
            worker = _Worker(request)
        elif worker is None:
            raise ValueError("nothing is loaded")
        elif "file" in request:
            worker.take(request["file"], request["index"])
        elif "save" in request:
            worker.save(request["save"])
        else:
            worker.flush()
        answer({})


if __name__ == "__main__":
    main()
