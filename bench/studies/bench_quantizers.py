"""The recipes of ``litert-quantizer`` and TensorFlow's converter beside our techniques, on real CIFAR-10.

    pytest bench/studies/bench_quantizers.py --opml-data-dir=DIR --opml-json=quantizers.json
    python bench/studies/table.py quantizers.json

The rivals are techniques of this file's own, so all are trained, calibrated and measured alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest

from pytest_opml import Case, ModelState, Result, Technique, TrainingContext, matrix, register
from pytest_opml.techniques.tflite_converter import conversion_of, converted


class _Recipe(Technique):
    """A recipe of ``litert_quantizer.recipe`` as it is, on the converter's float file."""

    ends_chain: ClassVar[bool] = True
    recipe: ClassVar[str]

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        from ai_edge_litert.interpreter import Interpreter
        from litert_quantizer import quantizer, recipe

        conversion = conversion_of(self.recipe, state.model, context)
        floats = converted(self.recipe, conversion.converter.convert)
        work = quantizer.Quantizer(bytearray(floats), getattr(recipe, self.recipe)())
        ranges = None
        if work.need_calibration:
            ((signature, _),) = Interpreter(model_content=floats).get_signature_list().items()
            ranges = work.calibrate({signature: list(conversion.calibration())}, num_threads=1)
        content = bytes(work.quantize(ranges).quantized_model)
        return replace(state, flatbuffer=content, suffix=".tflite", changes={f"{self.recipe}.bytes": len(content)})


@register("technique", "litert-dynamic-8")
class LitertDynamic8(_Recipe):
    """Weights in 8 bits."""

    recipe: ClassVar[str] = "dynamic_wi8_afp32"


@register("technique", "litert-static-8")
class LitertStatic8(_Recipe):
    """Weights and activations in 8 bits."""

    recipe: ClassVar[str] = "static_wi8_ai8"


@register("technique", "litert-dynamic-4")
class LitertDynamic4(_Recipe):
    """Weights in 4 bits, activations in 8 while the model runs."""

    recipe: ClassVar[str] = "dynamic_wi4_afp32"


@register("technique", "litert-weights-4")
class LitertWeights4(_Recipe):
    """Weights in 4 bits, computed in float32."""

    recipe: ClassVar[str] = "weight_only_wi4_afp32"


@pytest.mark.parametrize(
    "case",
    matrix(
        models=["efficientnet_lite0"],
        dataset="cifar10",
        unfreeze=[10],
        techniques=[
            *("baseline", "tflite", "dynamic-int8", "litert-dynamic-8", "int8", "equalize+int8", "litert-static-8"),
            *("int4", "equalize+int4", "mixed-4-8", "int4-block-32", "litert-dynamic-4", "litert-weights-4"),
        ],
        size=96,
        subset=12_000,
    ),
    ids=str,
)
def bench_quantizer(case: Case, opml: Callable[[Case], Result]) -> None:
    assert opml(case).test_samples == 2_000
