"""ONNX files, run by ONNX Runtime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import MissingDependencyError, ModelFileError, one_line
from .base import Runtime, refuse_shape

_TYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}


class OnnxRuntime(Runtime):
    """An ``.onnx`` model of one input, uint8 or float32, channels last or first, and one output of a row an image."""

    name: ClassVar[str] = "onnxruntime"

    def __init__(self, path: Path, *, threads: int) -> None:
        try:
            import onnx  # noqa: F401 - for the counts
            import onnxruntime
        except ImportError as error:
            raise MissingDependencyError(f"opening {path}", str(error.name), extra="onnx") from error

        self.parameters, self.layers = _counts(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=_providers(onnxruntime))
        except Exception as error:  # its errors share no base class
            if type(error).__module__.partition(".")[0] != "onnxruntime":
                raise
            raise ModelFileError(f"{path}: not a model that ONNX Runtime can run: {one_line(error)}") from error
        self._place = onnxruntime.OrtValue.ortvalue_from_numpy
        self._device = "cuda" if "CUDAExecutionProvider" in self._session.get_providers() else "cpu"
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            refuse_shape(path, f"{len(inputs)} inputs and {len(outputs)} outputs")
        self._input, self._output = inputs[0].name, outputs[0].name
        if inputs[0].type not in _TYPES or len(inputs[0].shape) != 4 or len(outputs[0].shape) != 2:
            refuse_shape(path, f"{inputs[0].type} {inputs[0].shape} to {outputs[0].shape}")
        self._dtype = _TYPES[inputs[0].type]
        batch, *rest = inputs[0].shape
        if isinstance(batch, int) and batch != 1:
            refuse_shape(path, f"a batch of exactly {batch}")
        self._channels_first = rest[0] == 3 and rest[-1] != 3
        if not self._channels_first and rest[-1] != 3:
            refuse_shape(path, f"{inputs[0].type} {inputs[0].shape}")
        side = rest[1] if self._channels_first else rest[0]
        self.image_size = side if isinstance(side, int) else None
        self.one_by_one = batch == 1

    def to_device(self, images: npt.NDArray[Any]) -> Any:
        """See ``Runtime.to_device``."""
        given = images.transpose(0, 3, 1, 2) if self._channels_first else images
        return self._place(np.ascontiguousarray(given, dtype=self._dtype), self._device)

    def answer(self, placed: Any) -> npt.NDArray[Any]:
        """See ``Runtime.answer``."""
        outputs = self._session.run_with_ort_values([self._output], {self._input: placed})
        return np.asarray(outputs[0].numpy())


def _providers(onnxruntime: Any) -> list[str]:
    """A GPU only where one is visible, since the device of a run is the user's choice."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") not in ("-1", "")
    usable = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return ["CUDAExecutionProvider", "CPUExecutionProvider"] if visible and usable else ["CPUExecutionProvider"]


def _counts(path: Path) -> tuple[int, int]:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except DecodeError as error:
        raise ModelFileError(f"{path}: not a model that ONNX Runtime can run: {one_line(error)}") from error
    outside = [constant.name for constant in graph.initializer if constant.data_location == onnx.TensorProto.EXTERNAL]
    if outside:
        raise ModelFileError(
            f"{path}: keeps {len(outside)} of its weights in other files, which an artifact of one file cannot;"
            " save it with the weights inside"
        )
    return sum(int(np.prod(constant.dims)) for constant in graph.initializer), len(graph.node)
