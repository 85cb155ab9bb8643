"""Full-integer quantisation in which the layers that suffer most stay in floating point."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ..errors import TechniqueError
from ..measure.arithmetic import NumberFormat
from ..tensors import plain_name
from .base import Changes, ModelState, Technique, TrainingContext
from .lost_accuracy import LostAccuracy
from .tflite_converter import contents_of, conversion_of, converted
from .tflite_model import compacted

_BATCH = 100
_METRIC = "noise"
# Share of the layers left in floating point, tried in turn: more than half of them would be no quantisation.
_SHARES = (0.03, 0.06, 0.1, 0.2, 0.35, 0.5)


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """A file, how many of its layers are in floating point, and the accuracy that it loses."""

    flatbuffer: bytes
    floats: int
    drop: float


class Int8Tuned(Technique):
    """``int8-tuned``: int8, with layers given back to float32 until the accuracy lost is within ``drop``.

    The loss is that against the float model on up to 1,000 training examples that were not used for calibration: of
    accuracy, of the share of examples with all labels right, or of the variance that a regression explains. The
    layers are ranked by the error that quantisation leaves in their output, against the step of its scale and, where
    giving those back does not help, against the variance of each channel.
    """

    ends_chain: ClassVar[bool] = True
    computes_in: ClassVar[NumberFormat | None] = NumberFormat("litert", "int8")

    drop: float = Field(default=0.005, ge=0, le=1, description="accuracy that may be lost")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        lost = LostAccuracy(state, context)
        quantizer = _Quantizer(state, context)

        attempts = []
        for layers in quantizer.candidates():
            flatbuffer = quantizer.with_floats(layers)
            attempts.append(_Attempt(flatbuffer=flatbuffer, floats=len(layers), drop=lost.of(flatbuffer)))
            if attempts[-1].drop <= self.drop:
                break
        best = attempts[-1]
        if best.drop > self.drop:
            best = min(attempts, key=lambda attempt: attempt.drop)
            raise TechniqueError(
                f"int8-tuned: with {best.floats} of {quantizer.layers} layers in floating point the accuracy lost is "
                f"{best.drop:.4f} on training data, and drop = {self.drop:g}"
            )
        contents = contents_of(best.flatbuffer)
        if np.int8 not in contents.constants:
            raise TechniqueError("int8-tuned: no weight was quantised; nothing changed")
        changes: Changes = {
            "int8_tuned.layers_in_float": best.floats,
            "int8_tuned.layers": quantizer.layers,
            "int8_tuned.share_of_weights": contents.share(np.int8),
            "int8_tuned.drop": round(best.drop, 4),
            "int8_tuned.drop_of_int8": round(attempts[0].drop, 4),
            "int8_tuned.conversions": len(attempts),
        }
        return replace(state, flatbuffer=best.flatbuffer, suffix=".tflite", changes=state.changes | changes)


def noise(exact: Any, quantised: Any, scale: float, zero_point: int) -> float:
    """The error in a layer's output against its variance, channel by channel.

    One channel that reaches far gives all of them a coarse scale; the mean over the channels shows what the others
    lose, which the error against the step of that scale does not.

    Args:
        exact: the output in floating point (..., channels).
        quantised: the same in 8 bits.
        scale: of ``quantised``.
        zero_point: likewise.
    """
    channels = exact.shape[-1]
    floats = exact.reshape(-1, channels).astype(np.float64)
    errors = (quantised.reshape(-1, channels).astype(np.float64) - zero_point) * scale - floats
    variance = floats.var(axis=0)
    alive = variance > 0
    return float(np.mean((errors[:, alive] ** 2).mean(axis=0) / variance[alive])) if alive.any() else 0.0


class _Quantizer:
    """The model calibrated once, and quantised with any of its layers left out."""

    def __init__(self, state: ModelState, context: TrainingContext) -> None:
        import tensorflow as tf

        self._options = tf.lite.experimental.QuantizationDebugOptions
        conversion = conversion_of("int8-tuned", state.model, context)
        converter, some = conversion.converter, conversion.calibration
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = some

        def few() -> Iterator[list[Any]]:
            # it takes them in the order of the file, which the converter chose
            details = self._debugger._quant_interpreter.get_input_details()
            names = [plain_name(detail["name"]) for detail in details]
            for _, example in zip(range(_BATCH), some(), strict=False):
                by_name = {plain_name(name): array for name, array in example.items()}
                yield [by_name[name] for name in names]

        def begin() -> bytes:
            self._debugger = tf.lite.experimental.QuantizationDebugger(
                converter=converter,
                debug_dataset=few,
                debug_options=self._options(layer_direct_compare_metrics={_METRIC: noise}),
            )
            self._debugger.run()
            return b""

        converted("int8-tuned", begin)
        table = io.StringIO()
        self._debugger.layer_statistics_dump(table)
        table.seek(0)
        self._rows = list(csv.DictReader(table))
        self.layers = len(self._rows)

    def _ranked(self, error: Callable[[dict[str, str]], float]) -> list[str]:
        """Names of the layers' outputs, the one of the largest error first."""
        return [row["tensor_name"] for row in sorted(self._rows, key=error, reverse=True)]

    def candidates(self) -> Iterator[list[str]]:
        """Layers to leave in floating point: none, then more and more of each ranking."""
        rankings = [self._ranked(_in_steps), self._ranked(lambda row: float(row[_METRIC]))]
        yield []
        for count in sorted({max(1, round(share * self.layers)) for share in _SHARES}):
            for ranking in rankings:
                yield ranking[:count]

    def with_floats(self, layers: list[str]) -> bytes:
        """The model with some of its layers left in floating point."""
        self._debugger.options = self._options(denylisted_nodes=layers)

        def convert() -> bytes:
            return compacted(self._debugger.get_nondebug_quantized_model())

        return converted("int8-tuned", convert)


def _in_steps(row: dict[str, str]) -> float:
    """Root-mean-square error of an output in steps of its scale."""
    scale = float(row["scale"])
    return float(row["mean_squared_error"]) ** 0.5 / scale if scale else 0.0
