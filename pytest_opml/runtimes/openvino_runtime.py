"""Models of OpenVINO, run by OpenVINO on the CPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError
from ..records.case_record import NumberPrecision
from ..tensors import Batch
from .base import Runtime
from .execution import AS_IS, Execution
from .fit import arranged, as_dtype, call_size, measured_output
from .openvino_file import openvino_core, read_openvino, reason_of

# Layers that compute; the others move and reshape what these gave.
_COMPUTING = frozenset(("Convolution", "Deconvolution", "FullyConnected", "MatMul", "RNNCell", "RNNSeq"))


class OpenVinoRuntime(Runtime):
    """A model of OpenVINO, of any inputs that are tensors of numbers, and one of its outputs.

    Its layers compute in float32 unless the case or the file say otherwise: left to itself OpenVINO takes bfloat16 on
    processors that have it. What it took is asked of the compiled model.
    """

    name: ClassVar[str] = "openvino"

    def __init__(
        self,
        path: Path,
        *,
        threads: int,
        output: str | None = None,
        trusted: bool = False,
        execution: Execution = AS_IS,
    ) -> None:
        read = read_openvino(path, trusted=trusted)
        self.path, self.signature = path, read.signature
        self.call_size = call_size(path, self.signature.inputs)
        outputs = self.signature.outputs
        self._number = measured_output(path, outputs, output)
        self.output = outputs[self._number]
        nodes = read.model.get_ops()
        constants = [node for node in nodes if node.get_type_name() == "Constant"]
        self.parameters = int(sum(np.prod(list(node.get_output_shape(0))) for node in constants))
        self.layers = len(nodes) - len(constants) - len(self.signature.inputs) - len(outputs)
        wanted = execution.precision or read.precision or "f32"
        try:
            compiled = openvino_core(f"opening {path}").compile_model(read.model, "CPU", _settings(threads, wanted))
            self._request = compiled.create_infer_request()
        except Exception as error:  # its errors share no base class
            raise ModelFileError(f"{path}: not a model that OpenVINO can run: {reason_of(error)}") from error
        self.threads = int(compiled.get_property("INFERENCE_NUM_THREADS"))
        self.execution = _what_runs(path, compiled, wanted)
        self._has_state = bool(self._request.query_state())

    def to_device(self, batch: Batch) -> list[npt.NDArray[Any]]:
        """See ``Runtime.to_device``."""
        specs = self.signature.inputs
        given = zip(arranged(self.path, specs, batch), specs, strict=True)
        return [np.ascontiguousarray(as_dtype(self.path, array, spec)) for array, spec in given]

    def answer(self, placed: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """See ``Runtime.answer``."""
        try:
            if self._has_state:  # else an answer would depend on the examples before it
                self._request.reset_state()
            answers = self._request.infer(dict(enumerate(placed)), share_inputs=True, share_outputs=True)
            return np.array(answers[self._number])  # the next call writes into what it shares
        except Exception as error:  # its errors share no base class
            raise ModelFileError(f"{self.path}: cannot answer for these examples: {reason_of(error)}") from error


def _settings(threads: int, precision: NumberPrecision) -> dict[str, str | int]:
    """One stream of so many threads, which may run on any core."""
    settings: dict[str, str | int] = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": "1",
        "ENABLE_CPU_PINNING": "NO",
        "ENABLE_HYPER_THREADING": "YES",
        "SCHEDULING_CORE_TYPE": "ANY_CORE",
    }
    return settings if precision == "auto" else settings | {"INFERENCE_PRECISION_HINT": precision}


def _what_runs(path: Path, compiled: Any, wanted: NumberPrecision) -> Mapping[str, str]:
    """What the compiled model says of itself: device, precision, and in what its layers compute.

    Raises:
        ModelFileError: it computes in another precision than was asked for.
    """
    ran = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
    if wanted not in ("auto", ran):
        raise ModelFileError(
            f"{path}: precision={wanted}: OpenVINO computes in {ran} instead, for this processor has no {wanted}"
        )
    device = ", ".join(compiled.get_property("EXECUTION_DEVICES"))
    layers: Counter[str] = Counter()
    for node in compiled.get_runtime_model().get_ops():
        said = node.get_rt_info()
        if "layerType" in said and said["layerType"].value in _COMPUTING:
            layers[str(said["runtimePrecision"].value).lower()] += 1
    counts = ", ".join(f"{kind} {count}" for kind, count in layers.most_common())
    return {"device": device.lower(), "precision": ran} | ({"layers": counts} if counts else {})
