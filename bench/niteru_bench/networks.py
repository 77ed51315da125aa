"""The networks that are compared: their weights, and the same weights as ONNX graphs.

Graphs take `pixels` [N, 3, 224, 224] and give `embedding` [N, dimensions], not normalised; N is symbolic.
"""

import itertools
import math
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Tensors = dict[str, np.ndarray]

IMAGE_SIZE = 224
_OPSET = 17
_OPSET_WITH_ATTENTION = 23
_MICROSOFT = "com.microsoft"


class _Graph:
    """Collects nodes and weights; `op` names the results so that callers can nest calls."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._numbers = itertools.count()

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: object) -> str | list[str]:
        names = [f"{kind.lower()}_{next(self._numbers)}" for _ in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def weight(self, name: str, values: np.ndarray) -> str:
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def integers(self, *values: int) -> str:
        return self.weight("int64_" + "_".join(map(str, values)), np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        return self.weight(f"float_{value}", np.array(value, np.float32))

    def model(self, output: str, dimensions: int, opset: int = _OPSET) -> onnx.ModelProto:
        self._nodes.append(helper.make_node("Identity", [output], ["embedding"]))
        shape = ["N", 3, IMAGE_SIZE, IMAGE_SIZE]
        graph = helper.make_graph(
            self._nodes,
            "niteru-bench",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", dimensions])],
            list(self._weights.values()),
        )
        domains = [helper.make_opsetid("", opset), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=domains)
        model.ir_version = 10
        return model


# ---------------------------------------------------------------------------------------------------------------------
# CLIP


@dataclass(frozen=True)
class Tower:
    """The sizes of one transformer tower."""

    hidden: int
    intermediate: int
    heads: int
    layers: int


@dataclass(frozen=True)
class ClipShape:
    """CLIP ViT-B/32: the vision tower in its real size; a small text tower, which is not measured."""

    vision: Tower = Tower(hidden=768, intermediate=3072, heads=12, layers=12)
    text: Tower = Tower(hidden=512, intermediate=1024, heads=8, layers=2)
    patch: int = 32
    projection: int = 512
    context: int = 77
    vocabulary: int = 514
    """Bytes, bytes that end a word, start and end token."""

    @property
    def positions(self) -> int:
        return (IMAGE_SIZE // self.patch) ** 2 + 1


LAYER_NORM_EPSILON = 1e-5


def random_clip_weights(shape: ClipShape, seed: int = 7) -> Tensors:
    """Weights under their Hugging Face names, random with the scales of a trained network.

    Every linear map keeps the variance of its input, so attention is neither flat nor saturated, and unlike pictures
    get unlike embeddings.
    """
    rng = np.random.default_rng(seed)
    tensors: Tensors = {}

    def normal(name: str, *dims: int, std: float) -> None:
        tensors[name] = rng.standard_normal(dims, np.float32) * np.float32(std)

    def linear(name: str, outputs: int, inputs: int, gain: float = 1.0) -> None:
        normal(f"{name}.weight", outputs, inputs, std=gain / math.sqrt(inputs))
        normal(f"{name}.bias", outputs, std=0.02)

    def norm(name: str, size: int) -> None:
        tensors[f"{name}.weight"] = 1 + rng.standard_normal(size, np.float32) * np.float32(0.1)
        normal(f"{name}.bias", size, std=0.05)

    def encoder(prefix: str, tower: Tower) -> None:
        for layer in (f"{prefix}.encoder.layers.{index}" for index in range(tower.layers)):
            for part in ("q", "k", "v", "out"):
                linear(f"{layer}.self_attn.{part}_proj", tower.hidden, tower.hidden)
            linear(f"{layer}.mlp.fc1", tower.intermediate, tower.hidden)
            linear(f"{layer}.mlp.fc2", tower.hidden, tower.intermediate)
            norm(f"{layer}.layer_norm1", tower.hidden)
            norm(f"{layer}.layer_norm2", tower.hidden)

    vision, text = shape.vision, shape.text
    embeddings = "vision_model.embeddings"
    normal(f"{embeddings}.class_embedding", vision.hidden, std=0.3)
    pixels = 3 * shape.patch**2
    normal(f"{embeddings}.patch_embedding.weight", vision.hidden, 3, shape.patch, shape.patch, std=pixels**-0.5)
    normal(f"{embeddings}.position_embedding.weight", shape.positions, vision.hidden, std=0.3)
    norm("vision_model.pre_layrnorm", vision.hidden)
    encoder("vision_model", vision)
    norm("vision_model.post_layernorm", vision.hidden)
    normal("visual_projection.weight", shape.projection, vision.hidden, std=vision.hidden**-0.5)

    normal("text_model.embeddings.token_embedding.weight", shape.vocabulary, text.hidden, std=1.0)
    normal("text_model.embeddings.position_embedding.weight", shape.context, text.hidden, std=0.3)
    encoder("text_model", text)
    norm("text_model.final_layer_norm", text.hidden)
    normal("text_projection.weight", shape.projection, text.hidden, std=text.hidden**-0.5)
    tensors["logit_scale"] = np.array(4.6052, np.float32)
    return tensors


class ClipStyle(Enum):
    """How the graph spells the same network; each runtime gets the spelling that it runs fastest."""

    PLAIN = "plain"
    """Standard operators as an exporter writes them."""
    ATTENTION = "attention"
    """The standard Attention operator (opset 23)."""
    FUSED = "fused"
    """ONNX Runtime's own fused operators: Attention, SkipLayerNormalization, QuickGelu."""


@dataclass
class _ClipBuilder:
    weights: Tensors
    shape: ClipShape
    style: ClipStyle
    graph: _Graph = field(default_factory=_Graph)

    def build(self) -> onnx.ModelProto:
        op, hidden = self.graph.op, self.shape.vision.hidden
        embeddings = "vision_model.embeddings"
        patches = op(
            "Conv",
            "pixels",
            self._weight(f"{embeddings}.patch_embedding.weight"),
            kernel_shape=[self.shape.patch] * 2,
            strides=[self.shape.patch] * 2,
        )
        patches = op("Transpose", op("Reshape", patches, self.graph.integers(0, hidden, -1)), perm=[0, 2, 1])
        # The class token is a zero row in front of the patches; its embedding is in the first row of the positions.
        positions = self.weights[f"{embeddings}.position_embedding.weight"].copy()
        positions[0] += self.weights[f"{embeddings}.class_embedding"]
        rows = op("Pad", patches, self.graph.integers(0, 1, 0, 0, 0, 0))
        rows = self._norm("vision_model.pre_layrnorm", op("Add", rows, self.graph.weight("positions", positions)))

        normed = self._norm("vision_model.encoder.layers.0.layer_norm1", rows)
        for index in range(self.shape.vision.layers):
            layer = f"vision_model.encoder.layers.{index}"
            rows, normed = self._add_norm(rows, self._attention(f"{layer}.self_attn", normed), f"{layer}.layer_norm2")
            last = index + 1 == self.shape.vision.layers
            following = None if last else f"vision_model.encoder.layers.{index + 1}.layer_norm1"
            rows, normed = self._add_norm(rows, self._mlp(f"{layer}.mlp", normed), following)

        first = op("Gather", rows, self.graph.weight("first_row", np.array(0, np.int64)), axis=1)
        projection = self.graph.weight("projection", self.weights["visual_projection.weight"].T)
        embedding = op("MatMul", self._norm("vision_model.post_layernorm", first), projection)
        opset = _OPSET_WITH_ATTENTION if self.style is ClipStyle.ATTENTION else _OPSET
        return self.graph.model(embedding, self.shape.projection, opset)

    def _weight(self, name: str) -> str:
        return self.graph.weight(name, self.weights[name])

    def _norm(self, name: str, rows: str) -> str:
        scale, bias = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self.graph.op("LayerNormalization", rows, scale, bias, axis=-1, epsilon=LAYER_NORM_EPSILON)

    def _add_norm(self, rows: str, change: str, norm: str | None) -> tuple[str, str]:
        """The residual sum, and its layer norm where one follows."""
        if norm is None:
            return self.graph.op("Add", rows, change), ""
        if self.style is not ClipStyle.FUSED:
            total = self.graph.op("Add", rows, change)
            return total, self._norm(norm, total)
        scale, bias = self._weight(f"{norm}.weight"), self._weight(f"{norm}.bias")
        normed, _, _, total = self.graph.op(
            "SkipLayerNormalization",
            rows,
            change,
            scale,
            bias,
            outputs=4,
            domain=_MICROSOFT,
            epsilon=LAYER_NORM_EPSILON,
        )
        return total, normed

    def _linear(self, name: str, rows: str) -> str:
        weight = self.graph.weight(f"{name}.weight", self.weights[f"{name}.weight"].T)
        return self.graph.op("Add", self.graph.op("MatMul", rows, weight), self._weight(f"{name}.bias"))

    def _mlp(self, name: str, rows: str) -> str:
        op, inner = self.graph.op, self._linear(f"{name}.fc1", rows)
        if self.style is ClipStyle.FUSED:
            inner = op("QuickGelu", inner, domain=_MICROSOFT, alpha=1.702)
        else:
            inner = op("Mul", inner, op("Sigmoid", op("Mul", inner, self.graph.scalar(1.702))))
        return self._linear(f"{name}.fc2", inner)

    def _attention(self, name: str, rows: str) -> str:
        op, heads, hidden = self.graph.op, self.shape.vision.heads, self.shape.vision.hidden
        if self.style is ClipStyle.FUSED:
            weight, bias = (self._packed(name, kind) for kind in ("weight", "bias"))
            mixed = op("Attention", rows, weight, bias, domain=_MICROSOFT, num_heads=heads)
            return self._linear(f"{name}.out_proj", mixed)
        if self.style is ClipStyle.ATTENTION:
            queries, keys, values = (self._linear(f"{name}.{part}_proj", rows) for part in "qkv")
            mixed = op("Attention", queries, keys, values, q_num_heads=heads, kv_num_heads=heads)
            return self._linear(f"{name}.out_proj", mixed)

        queries, keys, values = (self._linear(f"{name}.{part}_proj", rows) for part in "qkv")
        queries = op("Mul", queries, self.graph.scalar((hidden // heads) ** -0.5))
        split = self.graph.integers(0, 0, heads, hidden // heads)
        queries, values = (op("Transpose", op("Reshape", part, split), perm=[0, 2, 1, 3]) for part in (queries, values))
        keys = op("Transpose", op("Reshape", keys, split), perm=[0, 2, 3, 1])
        mixed = op("MatMul", op("Softmax", op("MatMul", queries, keys), axis=-1), values)
        mixed = op("Reshape", op("Transpose", mixed, perm=[0, 2, 1, 3]), self.graph.integers(0, 0, hidden))
        return self._linear(f"{name}.out_proj", mixed)

    def _packed(self, name: str, kind: str) -> str:
        """Queries, keys and values side by side: [inputs, 3 × outputs] or [3 × outputs]."""
        parts = [self.weights[f"{name}.{part}_proj.{kind}"].T for part in "qkv"]
        return self.graph.weight(f"{name}.packed.{kind}", np.concatenate(parts, -1))


def clip_vision(weights: Tensors, shape: ClipShape, style: ClipStyle) -> onnx.ModelProto:
    """The vision tower: quick_gelu is x · sigmoid(1.702 x); the class token goes through the projection."""
    return _ClipBuilder(weights, shape, style).build()


# ---------------------------------------------------------------------------------------------------------------------
# EfficientNet-Lite0


@dataclass(frozen=True)
class _Stage:
    repeats: int
    kernel: int
    stride: int
    expand: int
    inputs: int
    outputs: int


_LITE0_STAGES = (
    _Stage(1, 3, 1, 1, 32, 16),
    _Stage(2, 3, 2, 6, 16, 24),
    _Stage(2, 5, 2, 6, 24, 40),
    _Stage(3, 3, 2, 6, 40, 80),
    _Stage(3, 5, 1, 6, 80, 112),
    _Stage(4, 5, 2, 6, 112, 192),
    _Stage(1, 3, 1, 6, 192, 320),
)
_LITE0_FEATURES = 1280
_BATCH_NORM_EPSILON = 1e-3


@dataclass
class _EfficientNetBuilder:
    weights: Tensors
    graph: _Graph = field(default_factory=_Graph)
    size: int = IMAGE_SIZE

    def build(self) -> onnx.ModelProto:
        rows = self._conv("pixels", "_conv_stem", "_bn0", stride=2)
        block = 0
        for stage in _LITE0_STAGES:
            for repeat in range(stage.repeats):
                rows = self._block(rows, f"_blocks.{block}", stage, first=repeat == 0)
                block += 1
        rows = self._conv(rows, "_conv_head", "_bn1")
        pooled = self.graph.op("Flatten", self.graph.op("GlobalAveragePool", rows))
        return self.graph.model(pooled, _LITE0_FEATURES)

    def _block(self, rows: str, name: str, stage: _Stage, first: bool) -> str:
        inner = rows
        if stage.expand != 1:
            inner = self._conv(inner, f"{name}._expand_conv", f"{name}._bn0")
        stride = stage.stride if first else 1
        inner = self._conv(inner, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, depthwise=True)
        inner = self._conv(inner, f"{name}._project_conv", f"{name}._bn2", activate=False)
        keeps_shape = stride == 1 and (not first or stage.inputs == stage.outputs)
        return self.graph.op("Add", inner, rows) if keeps_shape else inner

    def _conv(
        self, rows: str, conv: str, norm: str, stride: int = 1, depthwise: bool = False, activate: bool = True
    ) -> str:
        weight = self.weights[f"{conv}.weight"]
        kernel = weight.shape[2]
        # "Same" padding as TensorFlow does it: what is odd goes to the bottom and the right.
        outputs = math.ceil(self.size / stride)
        padding = max((outputs - 1) * stride + kernel - self.size, 0)
        before, after = padding // 2, padding - padding // 2
        folded, bias = self._fold(weight, norm)
        rows = self.graph.op(
            "Conv",
            rows,
            self.graph.weight(f"{conv}.weight", folded),
            self.graph.weight(f"{conv}.bias", bias),
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=weight.shape[0] if depthwise else 1,
        )
        self.size = outputs
        return self.graph.op("Clip", rows, self.graph.scalar(0.0), self.graph.scalar(6.0)) if activate else rows

    def _fold(self, weight: np.ndarray, norm: str) -> tuple[np.ndarray, np.ndarray]:
        """Batch norm folded into the convolution before it, as every runtime does at load."""
        scale, shift, mean, variance = (
            self.weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + _BATCH_NORM_EPSILON)
        folded = weight * factor.reshape(-1, 1, 1, 1)
        return folded.astype(np.float32), (shift - mean * factor).astype(np.float32)


def efficientnet_lite0(weights: Tensors) -> onnx.ModelProto:
    """Up to the pooled 1280 features: what Niteru embeds; the classifier is left out."""
    return _EfficientNetBuilder(weights).build()


def efficientnet_classes(weights: Tensors, features: np.ndarray) -> np.ndarray:
    """The likeliest ImageNet class of each row of pooled features."""
    return (features @ weights["_fc.weight"].T + weights["_fc.bias"]).argmax(-1)


def save(model: onnx.ModelProto, path: Path) -> None:
    """Writes the graph; a half-written file never has the final name."""
    temporary = path.with_suffix(".partial")
    onnx.save(model, temporary)
    temporary.replace(path)
