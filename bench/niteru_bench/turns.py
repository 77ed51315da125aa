"""Contenders take turns: what a turn is, and the rounds."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .niteru_command import NiteruError
from .peers import Contender
from .report import Row
from .subjects import unit


@dataclass
class Turn:
    """A contender that is ready: its row, and how to measure it once."""

    row: Row
    measure: Callable[[], float]


def take_turns(turns: list[Turn], rounds: int, what: str) -> None:
    """Adds a figure for each round to the turns' rows."""
    for number in range(rounds):
        say(f"{what}: round {number + 1} of {rounds}")
        first = number % len(turns)  # nobody always follows the same neighbour
        for turn in turns[first:] + turns[:first]:
            turn.row.rounds.append(turn.measure())


def new_row(contender: Contender, chosen: str, worst: float | None) -> Row:
    """A row without figures yet."""
    return Row(
        name=contender.name,
        runtime=contender.runtime,
        precision=contender.precision,
        chosen=chosen,
        worst_cosine=worst,
        least_cosine=contender.least_cosine,
    )


def niteru_settings(contender: Contender) -> str:
    """What Niteru was told, for the table."""
    settings = [f"{name}={value}" for name, value in contender.variables.items()]
    return " ".join([*settings, *contender.arguments]) or "as it comes"


def worst_cosine(embeddings: np.ndarray, reference: np.ndarray) -> float:
    """Of each row to the reference's, which has length 1; −1 where something is not a number."""
    if embeddings.shape != reference.shape:
        raise NiteruError(f"expected embeddings of shape {reference.shape}, got {embeddings.shape}")
    cosines = (unit(embeddings) * reference).sum(-1)
    return float(cosines.min()) if np.isfinite(cosines).all() else -1.0


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)
