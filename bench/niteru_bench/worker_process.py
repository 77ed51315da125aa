"""A process that works when it is asked to: one JSON document a line in and out."""

import json
import subprocess
import sys
from typing import Any

from .environment import BENCH, child_environment


class PeerError(Exception):
    """A peer stopped; its own message is on standard error."""


class WorkerProcess:
    """`python -m MODULE`; idle but for the time of its requests."""

    def __init__(self, name: str, module: str) -> None:
        self._name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=BENCH,
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request."""
        assert self._process.stdin and self._process.stdout
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            pass  # it stopped: there is no answer to read either
        line = self._process.stdout.readline()
        if not line:
            raise PeerError(f"{self._name} stopped with exit code {self._process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        """Ends the worker."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
