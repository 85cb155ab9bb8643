"""ONNX files, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import MissingDependencyError, ModelFileError, one_line
from ..tensors import Batch
from .base import Runtime
from .execution import AS_IS, Execution
from .fit import MAPPINGS, arranged, as_dtype, call_size, measured_output
from .onnx_file import parameters_of, provider_of, read_onnx, signature_of
from .onnx_providers import choose, configure, import_onnxruntime, what_runs


class OnnxRuntime(Runtime):
    """An ``.onnx`` model of any inputs that are tensors, and one of its outputs.

    A classifier of scikit-learn may give a mapping of classes to probabilities for each example; they come back as
    rows, in the order of the classes.
    """

    name: ClassVar[str] = "onnxruntime"

    def __init__(
        self,
        path: Path,
        *,
        threads: int,
        output: str | None = None,
        trusted: bool = False,
        execution: Execution = AS_IS,
    ) -> None:
        try:
            onnxruntime = import_onnxruntime()
        except ImportError as error:
            raise MissingDependencyError(f"opening {path}", str(error.name), extra="onnx") from error

        self.path, model = path, read_onnx(path, trusted=trusted)
        self.parameters, self.layers = parameters_of(model), len(model.graph.node)
        self.signature = signature_of(model)
        self.call_size = call_size(path, self.signature.inputs)
        outputs = self.signature.outputs
        self.output = outputs[measured_output(path, outputs, output)]
        choice = choose(onnxruntime, execution.provider or provider_of(path, model), threads)
        del model  # before the runtime has the weights too
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4
        configure(options, choice)
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=choice.providers, enable_fallback=False
            )
        except Exception as error:  # its errors share no base class, and a damaged file may end in others
            raise ModelFileError(f"{path}: not a model that ONNX Runtime can run: {one_line(error)}") from error
        self.threads = int(self._session.get_session_options().intra_op_num_threads)
        self._place = onnxruntime.OrtValue.ortvalue_from_numpy
        self._device = choice.device
        self.execution = what_runs(path, self._session, choice)
        # texts and mappings cannot be placed, nor read where they lie
        self._is_placed = not {"string", MAPPINGS} & {spec.dtype for spec in (*self.signature.inputs, self.output)}

    def to_device(self, batch: Batch) -> dict[str, Any]:
        """See ``Runtime.to_device``."""
        specs = self.signature.inputs
        given = zip(arranged(self.path, specs, batch), specs, strict=True)
        arrays = [as_dtype(self.path, array, spec) for array, spec in given]
        if self._is_placed:
            arrays = [self._place(np.ascontiguousarray(array), self._device) for array in arrays]
        return {spec.name: array for spec, array in zip(specs, arrays, strict=True)}

    def answer(self, placed: dict[str, Any]) -> Any:
        """See ``Runtime.answer``."""
        try:
            if self._is_placed:
                return np.asarray(self._session.run_with_ort_values([self.output.name], placed)[0].numpy())
            answer = self._session.run([self.output.name], placed)[0]
        except Exception as error:  # its errors share no base class
            raise ModelFileError(f"{self.path}: cannot answer for these examples: {one_line(error)}") from error
        return _rows(answer) if self.output.dtype == MAPPINGS else answer


def _rows(mappings: Sequence[Mapping[Any, float]]) -> npt.NDArray[Any]:
    """Figures (n, classes), in the order of the classes, of mappings from class to figure."""
    classes = sorted(mappings[0])
    return np.array([[mapping[name] for name in classes] for mapping in mappings], dtype=np.float32)
