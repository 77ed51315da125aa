"""Pictures to embed, and the preprocessing of each model done with Pillow."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps


@dataclass(frozen=True)
class Preprocessing:
    """Resize the shortest side (bicubic, antialiased), crop the centre, then (value − mean) / std per channel.

    `mean` and `std` are in grey levels, 0…255.
    """

    shortest_side: int
    crop: int
    round_sides: bool
    """The longer side is rounded to the nearest pixel; otherwise down, as Hugging Face does for CLIP."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

CLIP = Preprocessing(
    shortest_side=224,
    crop=224,
    round_sides=False,
    mean=tuple(255.0 * value for value in CLIP_MEAN),
    std=tuple(255.0 * value for value in CLIP_STD),
)
EFFICIENTNET_LITE0 = Preprocessing(shortest_side=256, crop=224, round_sides=True, mean=(127.0,) * 3, std=(128.0,) * 3)


def preprocess(path: Path | str, how: Preprocessing, draft: bool = False) -> np.ndarray:
    """One picture as f32 [3, crop, crop], channels RGB.

    With `draft` a JPEG file is decoded at 1/2, 1/4 or 1/8 of its size, as small as the resize allows.
    """
    with Image.open(path) as image:
        if draft:
            image.draft("RGB", (how.shortest_side, how.shortest_side))
        # Pillow copies where there is nothing to turn or convert; a peer should not pay for that.
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode in ("RGBA", "LA", "P"):
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        if image.mode != "RGB":
            image = image.convert("RGB")
        scale = how.shortest_side / min(image.size)
        sides = [round(side * scale) if how.round_sides else int(side * scale + 1e-9) for side in image.size]
        image = image.resize(tuple(sides), Image.Resampling.BICUBIC)
    left, top = (image.width - how.crop) // 2, (image.height - how.crop) // 2
    pixels = np.asarray(image.crop((left, top, left + how.crop, top + how.crop)), np.float32)
    normalised = (pixels - np.float32(how.mean)) / np.float32(how.std)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1))


def make_pictures(folder: Path, count: int = 8, size: tuple[int, int] = (640, 480)) -> list[Path]:
    """Draws `count` unlike pictures (JPEG and PNG in turn, landscape and portrait), the same ones every time."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(count):
        path = folder / f"picture-{index}.{'png' if index % 2 else 'jpg'}"
        paths.append(path)
        if not path.exists():
            image = _draw(np.random.default_rng(100 + index), size if index % 3 else size[::-1])
            image.save(path, **({} if index % 2 else {"quality": 92}))
    return paths


def _draw(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Coloured shapes on a smooth ground with a little noise: edges and textures as in a photo."""
    ground = rng.integers(0, 256, (4, 4, 3), np.uint8)
    image = Image.fromarray(ground).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = rng.integers(0, size[0]), rng.integers(0, size[1])
        width, height = rng.integers(20, min(size) // 2, 2)
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape((int(x), int(y), int(x + width), int(y + height)), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    noisy = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), np.float32) + rng.normal(0, 6, (*size[::-1], 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
