"""What the scripts' options have in common. Standard library only."""

import argparse
from collections.abc import Callable

MODELS = ("clip-vit-b-32", "efficientnet-lite0")
PRECISIONS = ("f32", "bf16", "int8")


def some_of(names: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Parses names with commas between them."""

    def parse(text: str) -> list[str]:
        given = [name for name in text.split(",") if name]
        if not given or not set(given) <= set(names):
            raise argparse.ArgumentTypeError(f"{text!r}: expected some of {','.join(names)}")
        return given

    return parse


def positive(text: str) -> int:
    """Parses a whole number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number above 0")
    return int(text)
