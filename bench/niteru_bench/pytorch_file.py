"""Reads the tensors of an old PyTorch checkpoint (the stream written before version 1.6) without PyTorch.

Such a file is five pickles (a magic number, the format's version, a description of the machine, the state dictionary,
the keys of the storages), then each storage as an element count (u64) and its numbers. Only the names that a state
dictionary needs can be looked up by the pickles; everything else is refused.
"""

import collections
import pickle
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass
class _Storage:
    dtype: np.dtype
    length: int
    values: np.ndarray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class _View:
    """A tensor as it is stored: offset and strides count elements of the storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def tensor(self) -> np.ndarray:
        """A copy in C order."""
        if len(self.shape) != len(self.strides) or min((self.offset, *self.shape, *self.strides)) < 0:
            raise pickle.UnpicklingError(f"offset {self.offset}, shape {self.shape}, strides {self.strides}")
        if 0 in self.shape:
            return np.zeros(self.shape, self.storage.dtype)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides))
        if last >= self.storage.length:
            raise pickle.UnpicklingError(f"a tensor that ends at element {last} of {self.storage.length}")
        strides = tuple(step * self.storage.dtype.itemsize for step in self.strides)
        return np.lib.stride_tricks.as_strided(self.storage.values[self.offset :], self.shape, strides).copy()


class _TensorUnpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _View(storage, offset, shape, strides)
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"the file asks for {module}.{name}, which a list of tensors does not need")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, length, view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or view is not None:
            raise pickle.UnpicklingError(f"a stored object of kind {kind!r}")
        return self.storages.setdefault(key, _Storage(dtype, length))


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Every tensor of the checkpoint's state dictionary, by name."""
    with path.open("rb") as file:
        if (found := _TensorUnpickler(file).load()) != _MAGIC:
            raise ValueError(f"{path}: not a PyTorch checkpoint of the old kind (starts with {found!r})")
        if (found := _TensorUnpickler(file).load()) != _VERSION:
            raise ValueError(f"{path}: format version {found!r}, expected {_VERSION}")
        _TensorUnpickler(file).load()
        unpickler = _TensorUnpickler(file)
        views = unpickler.load()
        for key in _TensorUnpickler(file).load():
            storage = unpickler.storages[key]
            (length,) = struct.unpack("<Q", file.read(8))
            if length != storage.length:
                raise ValueError(f"{path}: storage {key}: expected {storage.length} elements, got {length}")
            storage.values = np.frombuffer(file.read(length * storage.dtype.itemsize), storage.dtype)
    return {name: view.tensor() for name, view in views.items()}
