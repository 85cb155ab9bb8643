"""Computing in bfloat16, by the runtime that is faster for it here: which one that is, is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from ..errors import MissingDependencyError, ModelFileError, TechniqueError
from ..measure.arithmetic import NumberFormat, time_calls
from ..models.dtype_policy import under_policy
from ..runtimes.loader import open_artifact
from .artifact_file import write_artifact
from .base import Changes, ModelState, Technique, TrainingContext
from .model_function import Precision
from .onnx import to_onnx
from .openvino import to_openvino
from .tflite_converter import drawn

_POLICY = "mixed_bfloat16"
_EXAMPLES = 32

Candidate = Literal["openvino", "tensorflow"]


class _Timed(NamedTuple):
    """A candidate, and how its bfloat16 is beside its float32.

    Attributes:
        runtime: that computes.
        state: of the model in bfloat16.
        seconds: of a call in bfloat16.
        share: of the time of a call in float32.
    """

    runtime: Candidate
    state: ModelState
    seconds: float
    share: float


class Bfloat16(Technique):
    """``bfloat16``: computed in bfloat16 by OpenVINO or TensorFlow, where that measures faster than float32 here."""

    ends_chain: ClassVar[bool] = True
    preserves_answers: ClassVar[Precision | None] = "bfloat16"

    runtime: Literal["auto", "openvino", "tensorflow"] = Field(
        default="auto", description="that computes; auto is the fastest of those that are installed"
    )
    require: bool = Field(default=True, description="whether it is an error where none is faster than its own float32")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        timed, refused = [], []
        makers: dict[Candidate, Callable[[ModelState, TrainingContext], tuple[ModelState, ModelState]]] = {
            "openvino": _by_openvino,
            "tensorflow": _by_tensorflow,
        }
        for runtime, make in makers.items():
            if self.runtime not in ("auto", runtime):
                continue
            try:
                timed.append(_timed(runtime, *make(state, context), context))
            except (MissingDependencyError, ModelFileError, TechniqueError) as error:
                if self.runtime != "auto":
                    raise
                refused.append(f"{runtime}: {error}")
        if not timed:
            raise TechniqueError(f"bfloat16: nothing computes in it here: {'; '.join(refused)}")
        faster = [one for one in timed if one.share < 1]
        shares = ", ".join(f"{one.share:.2f} in {one.runtime}" for one in timed)
        if self.require and not faster:
            raise TechniqueError(
                f"bfloat16: not faster than float32 here, of whose time it takes {shares}; to measure it anyway: "
                "require=no"
            )
        best = min(faster or timed, key=lambda one: one.seconds)
        changes: Changes = {"bfloat16.runtime": best.runtime}
        changes |= {f"bfloat16.{one.runtime}_share_of_float32_time": round(one.share, 4) for one in timed}
        return replace(best.state, changes=best.state.changes | changes)

    def number_format(self) -> NumberFormat | None:
        """See ``Technique.number_format``."""
        return None if self.runtime == "auto" else NumberFormat(self.runtime, "bfloat16")


def _by_openvino(state: ModelState, context: TrainingContext) -> tuple[ModelState, ModelState]:
    """The model for OpenVINO, in float32 and in bfloat16."""
    proto = to_onnx("bfloat16", state.model, context)
    plain = to_openvino("bfloat16", proto, state, "f32", {})
    return plain, to_openvino("bfloat16", proto, state, "bf16", {})


def _by_tensorflow(state: ModelState, _: TrainingContext) -> tuple[ModelState, ModelState]:
    """The model for TensorFlow, in float32 and in bfloat16."""
    converted = under_policy(state.model, _POLICY)
    if not converted.layers:
        raise TechniqueError("bfloat16: no layer of the model computes in float32")
    return state, replace(state, model=converted.model)


def _timed(runtime: Candidate, plain: ModelState, reduced: ModelState, context: TrainingContext) -> _Timed:
    examples = context.x_train.take(drawn(context, _EXAMPLES))
    with TemporaryDirectory(prefix="opml-") as folder:
        both = []
        for name, state in (("plain", plain), ("reduced", reduced)):
            place = Path(folder) / name
            place.mkdir()
            opened = open_artifact(write_artifact(state, place))
            both.append((opened, opened.place(examples)))
        times = time_calls(*both)
    return _Timed(runtime, reduced, times.seconds, times.share)
