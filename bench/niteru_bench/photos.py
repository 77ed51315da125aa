"""A folder of large JPEG files as a camera writes them, made once and kept in the cache."""

import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .environment import CACHE, SHARED
from .pictures import make_pictures

SIZE = (4000, 3000)
COUNT = 32
"""Two batches of eight for each of two workers."""
_QUALITY = 90
_SUBSAMPLING = "4:2:0"

# Grain in grey levels. With these a file takes 3 to 6 MB, as from a camera.
_DETAIL = 1.2
_GRAIN = 3.5
_CHROMA_GRAIN = 1.5
# To be raised when `_enlarge` changes, so that the cache is made anew.
_RECIPE = 1


def large_photos() -> list[Path]:
    """`COUNT` JPEG files of 12 megapixels, quality 90, 4:2:0, in a folder of their own."""
    photos = _photos()
    # Every so-manyth of them, so that motives are unlike each other.
    sources = photos[:: max(1, len(photos) // COUNT)] or make_pictures(CACHE / "pictures")
    key = hashlib.sha256(f"{_RECIPE} {_DETAIL} {_GRAIN} {_CHROMA_GRAIN} {sources[0].name}".encode()).hexdigest()[:16]
    folder = CACHE / f"photos-{key}"
    if not folder.is_dir():
        print(f"making {COUNT} photos of {SIZE[0]} × {SIZE[1]} pixels …", file=sys.stderr, flush=True)
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for index in range(COUNT):
            path = partial / f"photo-{index:02}.jpg"
            with Image.open(sources[index % len(sources)]) as source:
                photo = _enlarge(source.convert("RGB"), np.random.default_rng(1000 + index))
            photo.save(path, quality=_QUALITY, subsampling=_SUBSAMPLING)
        partial.rename(folder)
    return sorted(folder.iterdir())


def describe(paths: list[Path]) -> str:
    """Pixels and bytes, for the report."""
    megabytes = sum(path.stat().st_size for path in paths) / len(paths) / 1e6
    made = "enlarged photos" if _photos() else "enlarged drawings"
    return (
        f"{len(paths)} JPEG files of {SIZE[0]} × {SIZE[1]} pixels ({made} with grain; quality {_QUALITY},"
        f" {_SUBSAMPLING}), {megabytes:.1f} MB each"
    )


def _photos() -> list[Path]:
    return sorted((SHARED / "data" / "coco" / "images").glob("*.jpg"))


def _enlarge(source: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The photo at the large size, with the detail and the grain that enlarging alone would lack.

    The detail is the photo's own: what a blur takes from it, laid side by side, mirrored, at the large photo's scale.
    The grain is that of a sensor: brightness more than colour, and neighbours alike, since colours are interpolated.
    """
    pixels = np.asarray(ImageOps.fit(source, SIZE, Image.Resampling.BICUBIC), np.float32)
    grey = source.convert("L")
    blurred = grey.reduce(4).resize(grey.size, Image.Resampling.BICUBIC)
    detail = np.asarray(grey, np.float32) - np.asarray(blurred, np.float32)
    tile = np.block([[detail, detail[:, ::-1]], [detail[::-1], detail[::-1, ::-1]]])
    width, height = SIZE
    rows, columns = -(-height // tile.shape[0]), -(-width // tile.shape[1])
    detail = np.tile(tile, (rows, columns))[:height, :width]
    pixels += (_DETAIL * detail + _grain(rng, _GRAIN))[..., None]
    for channel in (0, 2):  # red and blue have half the sensor's points of green
        pixels[..., channel] += _grain(rng, _CHROMA_GRAIN)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _grain(rng: np.random.Generator, deviation: float) -> np.ndarray:
    """[height, width]; neighbours correlate by a half."""
    width, height = SIZE
    noise = rng.standard_normal((height + 1, width + 1), np.float32)
    return (noise[1:, 1:] + noise[:-1, 1:] + noise[1:, :-1] + noise[:-1, :-1]) * np.float32(deviation / 2)
