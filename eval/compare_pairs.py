"""Pairs of photos of the same thing whose differences are known. Needs numpy and Pillow.

The second photo of a pair is made from a larger part of the same photo than the first one shows, so that what
comes in at its edges is real. Differences are as long as 3 to 10 % of the shorter side.
"""

import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

# Share of a photo's sides that a pair shows.
SHOWN = 0.84

# How a second photo differs without a difference of the thing: one at a time, and all that a camera on a
# stand has; then what another standpoint, lens or lamp has.
STAND = ("shift", "turn", "light", "noise", "jpeg")
HAND = ("tilt", "blur", "lamp", "noise", "jpeg")
CLEAN = {kind: (kind,) for kind in (*STAND, "zoom", "tilt", "blur", "gamma", "lamp")} | {"stand": STAND, "hand": HAND}

# A difference that changes less, in grey levels on average, is none that anybody sees.
LEAST_CHANGE = 12.0
LEAST_SCRATCH = 30.0

Box = tuple[float, float, float, float]
Matrix = np.ndarray


@dataclass
class Pair:
    """The second photo of a pair; the places that differ are in its pixels. A moved thing has two."""

    kind: str
    file: Path
    boxes: list[Box]


def shown_size(photo: Image.Image) -> tuple[int, int]:
    return int(photo.width * SHOWN), int(photo.height * SHOWN)


def first(photo: Image.Image) -> Image.Image:
    """The first photo of all pairs of a photo."""
    return _view(photo, np.eye(3))[0]


def _view(photo: Image.Image, motion: Matrix) -> tuple[Image.Image, Matrix]:
    """The middle of a photo after a motion of coordinates from its centre, and how its pixels come from the photo's."""
    width, height = shown_size(photo)
    if np.array_equal(motion, np.eye(3)):
        left, top = (photo.width - width) // 2, (photo.height - height) // 2
        return photo.crop((left, top, left + width, top + height)), _moved(left, top)
    matrix = _moved(photo.width / 2, photo.height / 2) @ motion @ _moved(-width / 2, -height / 2)
    numbers = (matrix / matrix[2, 2]).flatten()[:8]
    return photo.transform((width, height), Image.Transform.PERSPECTIVE, tuple(numbers), Image.Resampling.BICUBIC), matrix


def _moved(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], float)


def _motion(how: tuple[str, ...], size: tuple[int, int], chance: random.Random) -> Matrix:
    motion, shorter = np.eye(3), min(size)
    if "shift" in how:
        far, angle = chance.uniform(0, 0.05) * shorter, chance.uniform(0, 2 * math.pi)
        motion = _moved(far * math.cos(angle), far * math.sin(angle))
    if "turn" in how:
        angle = math.radians(chance.uniform(-5, 5))
        turn = [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
        motion = motion @ np.array(turn)
    if "zoom" in how:
        scale = chance.choice([0.985, 0.99, 1.01, 1.015])
        motion = motion @ np.diag([scale, scale, 1])
    if "tilt" in how:
        motion = motion @ _tilt(size, chance)
    return motion


def _tilt(size: tuple[int, int], chance: random.Random) -> Matrix:
    """Each corner lies off by up to 1.2 % of the shorter side."""
    far = 0.012 * min(size)
    rows, values = [], []
    for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        x, y = x * size[0], y * size[1]
        u, v = x + chance.uniform(-far, far), y + chance.uniform(-far, far)
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1).reshape(3, 3)


def _taken(photo: Image.Image, how: tuple[str, ...], chance: random.Random) -> Image.Image:
    """What light, lens and sensor do to a photo."""
    if "light" in how:
        factor = chance.choice([chance.uniform(0.9, 0.95), chance.uniform(1.05, 1.1)])
        photo = photo.point(lambda value: min(255, round(value * factor)))
    if "gamma" in how:
        gamma = chance.choice([0.85, 1.18])
        photo = photo.point(lambda value: round(255 * (value / 255) ** gamma))
    if "blur" in how:
        photo = photo.filter(ImageFilter.GaussianBlur(chance.uniform(0.6, 1.1)))
    values = np.asarray(photo).astype(float)
    if "lamp" in how:
        angle = chance.uniform(0, 2 * math.pi)
        y, x = np.mgrid[0 : photo.height, 0 : photo.width]
        along = (x / photo.width - 0.5) * math.cos(angle) + (y / photo.height - 0.5) * math.sin(angle)
        values *= (1 + 0.3 * along)[..., None]
    if "noise" in how:
        values += np.random.default_rng(chance.randrange(1 << 30)).normal(0, 3 if "blur" not in how else 6, values.shape)
    return _picture(values)


def _picture(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


def second(photo: Image.Image, kind: str, boxes: list[Box], file: Path, chance: random.Random) -> Pair:
    """Writes the second photo of a pair; `boxes` are in pixels of `photo`. Its name's ending is added."""
    how = CLEAN.get(kind, ())
    view, matrix = _view(photo, _motion(how, shown_size(photo), chance))
    file = file.with_suffix(".jpg" if "jpeg" in how else ".png")
    _taken(view, how, chance).save(file, **({"quality": 60} if "jpeg" in how else {}))
    return Pair(kind, file, [_seen(box, np.linalg.inv(matrix)) for box in boxes])


def _seen(box: Box, matrix: Matrix) -> Box:
    left, top, right, bottom = box
    corners = matrix @ np.array([[left, right, left, right], [top, top, bottom, bottom], [1, 1, 1, 1]])
    x, y = corners[0] / corners[2], corners[1] / corners[2]
    return (float(x.min()), float(y.min()), float(x.max()), float(y.max()))


# --- differences ---------------------------------------------------------------------------------------------------


def different(photo: Image.Image, kind: str, other: Image.Image, chance: random.Random) -> tuple[Image.Image, list[Box]] | None:
    """The photo with a difference that can be seen, and where; None where none was found room for."""
    for _ in range(60):
        side = lambda: max(4, round(min(shown_size(photo)) * chance.uniform(0.03, 0.10)))  # noqa: E731
        width, height = side(), side()
        edge = int(0.2 * photo.width), int(0.2 * photo.height)
        x = chance.randrange(edge[0], photo.width - edge[0] - width)
        y = chance.randrange(edge[1], photo.height - edge[1] - height)
        made = DIFFERENCES[kind](photo, (x, y, x + width, y + height), other, chance)
        if made and all(_is_seen(photo, made[0], box, kind) for box in made[1]):
            return made
    return None


def _is_seen(photo: Image.Image, changed: Image.Image, box: Box, kind: str) -> bool:
    part = [np.asarray(picture.crop(tuple(map(int, box)))).astype(float) for picture in (photo, changed)]
    change = np.abs(part[0] - part[1]).mean(2)
    return np.percentile(change, 95) >= LEAST_SCRATCH if kind == "scratch" else change.mean() >= LEAST_CHANGE


def _shape(size: tuple[int, int], chance: random.Random) -> Image.Image:
    mask = Image.new("L", size, 0)
    draw = ImageDraw.Draw(mask)
    (draw.ellipse if chance.random() < 0.5 else draw.rectangle)((0, 0, size[0] - 1, size[1] - 1), fill=255)
    return mask


def _added(photo, box, other, chance):
    """A piece of another photo."""
    size = (box[2] - box[0], box[3] - box[1])
    x, y = chance.randrange(max(1, other.width - size[0])), chance.randrange(max(1, other.height - size[1]))
    changed = photo.copy()
    changed.paste(other.crop((x, y, x + size[0], y + size[1])), box[:2], _shape(size, chance).filter(ImageFilter.GaussianBlur(0.6)))
    return changed, [box]


def _ground(photo, box):
    """What may lie behind a box: its rim, carried on inwards (Laplace's equation), with a little noise."""
    left, top, right, bottom = box
    part = np.asarray(photo).astype(float)[top - 1 : bottom + 1, left - 1 : right + 1].copy()
    for _ in range(400):
        part[1:-1, 1:-1] = (part[:-2, 1:-1] + part[2:, 1:-1] + part[1:-1, :-2] + part[1:-1, 2:]) / 4
    inside = part[1:-1, 1:-1]
    return _picture(inside + np.random.default_rng(1).normal(0, 1.5, inside.shape))


def _removed(photo, box, other, chance):
    changed = photo.copy()
    changed.paste(_ground(photo, box), box[:2])
    return changed, [box]


def _moved_away(photo, box, other, chance):
    """A piece lies beside where it lay."""
    width, height = box[2] - box[0], box[3] - box[1]
    angle, far = chance.uniform(0, 2 * math.pi), max(width, height) * chance.uniform(1.0, 1.5)
    x, y = int(box[0] + far * math.cos(angle)), int(box[1] + far * math.sin(angle))
    edge = int(0.2 * photo.width), int(0.2 * photo.height)
    if not (edge[0] <= x < photo.width - edge[0] - width and edge[1] <= y < photo.height - edge[1] - height):
        return None
    changed = photo.copy()
    changed.paste(_ground(photo, box), box[:2])
    changed.paste(photo.crop(box), (x, y))
    return changed, [box, (x, y, x + width, y + height)]


def _mixed(photo, mask, change: Callable[[np.ndarray], np.ndarray]):
    share = np.asarray(mask).astype(float)[..., None] / 255
    values = np.asarray(photo).astype(float)
    return _picture(values * (1 - share) + change(values) * share)


def _scratch(photo, box, other, chance):
    fine = 4
    left, top, right, bottom = (fine * at for at in box)
    line = (left, top, right, bottom) if chance.random() < 0.5 else (left, bottom, right, top)
    mask = Image.new("L", (fine * photo.width, fine * photo.height), 0)
    ImageDraw.Draw(mask).line(line, fill=255, width=round(fine * max(1.5, 0.006 * min(shown_size(photo)))))
    amount = chance.choice([-1, 1]) * chance.uniform(40, 80)
    return _mixed(photo, mask.resize(photo.size, Image.Resampling.BOX), lambda values: values + amount), [box]


def _stain(photo, box, other, chance):
    size = (box[2] - box[0], box[3] - box[1])
    mask = Image.new("L", photo.size, 0)
    mask.paste(_shape(size, chance), box[:2])
    mask = mask.filter(ImageFilter.GaussianBlur(max(0.8, 0.12 * min(size))))
    colour = np.array([chance.uniform(0.55, 0.8) for _ in range(3)])
    if chance.random() < 0.3:
        colour[:] = colour.mean()
    return _mixed(photo, mask, lambda values: values * colour), [box]


DIFFERENCES = {"added": _added, "removed": _removed, "moved": _moved_away, "scratch": _scratch, "stain": _stain}
