"""Conversion to a model of OpenVINO, in floats of a chosen precision or in 8 bits."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from pydantic import Field

from ..errors import TechniqueError
from ..measure.arithmetic import NumberFormat
from ..records.case_record import NumberPrecision
from ..runtimes.execution import PRECISION_KEY
from ..runtimes.openvino_file import openvino_core, reason_of
from .base import Changes, ModelState, Technique, TrainingContext, shortened
from .model_function import Precision
from .onnx import quantised, to_onnx

_PRESERVED: dict[NumberPrecision, Precision] = {
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "auto": "bfloat16",
}


def to_openvino(name: str, proto: Any, state: ModelState, precision: NumberPrecision, changes: Changes) -> ModelState:
    """Return a state whose file is the model of OpenVINO of an ONNX model.

    It is read by OpenVINO's own reader of ONNX: its converter would tell its maker of each use.

    Args:
        name: of the technique, for messages.
        proto: an ``onnx.ModelProto``.
        state: before the step.
        precision: that the file asks to be computed in.
        changes: of the step.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
        TechniqueError: OpenVINO cannot read the model.
    """
    core = openvino_core(f"technique {name}")
    import openvino

    with TemporaryDirectory(prefix="opml-") as folder:
        path = Path(folder) / "model.xml"
        try:
            model = core.read_model(io.BytesIO(proto.SerializeToString()))
            model.set_rt_info(precision, PRECISION_KEY)
            openvino.save_model(model, str(path), compress_to_fp16=False)
        except RuntimeError as error:
            reason = shortened(reason_of(error), 200)
            raise TechniqueError(f"{name}: OpenVINO cannot read this model: {reason}") from error
        return replace(
            state,
            flatbuffer=path.read_bytes(),
            suffix=".xml",
            beside={"model.bin": path.with_suffix(".bin").read_bytes()},
            changes=state.changes | changes,
        )


class OpenVino(Technique):
    """``openvino``: the same network for OpenVINO, computed in float32 or in a precision that is asked for."""

    ends_chain: ClassVar[bool] = True

    precision: NumberPrecision = Field(
        default="f32", description="in what its layers compute; auto leaves the choice to OpenVINO"
    )

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        openvino_core("technique openvino")
        proto = to_onnx("openvino", state.model, context)
        changes: Changes = {"openvino.precision": self.precision}
        return to_openvino("openvino", proto, state, self.precision, changes)

    def preserved_precision(self) -> Precision | None:
        """See ``Technique.preserved_precision``."""
        return _PRESERVED[self.precision]

    def number_format(self) -> NumberFormat | None:
        """See ``Technique.number_format``."""
        formats = {"f16": "float16", "bf16": "bfloat16"}
        return NumberFormat("openvino", formats[self.precision]) if self.precision in formats else None


class OpenVinoInt8(Technique):
    """``openvino-int8``: weights per channel and activations in 8 bits for OpenVINO, quantised as by ``onnx-int8``."""

    ends_chain: ClassVar[bool] = True
    computes_in: ClassVar[NumberFormat | None] = NumberFormat("openvino", "int8")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        openvino_core("technique openvino-int8")
        proto, changes = quantised("openvino-int8", state.model, context)
        return to_openvino("openvino-int8", proto, state, "f32", changes)
