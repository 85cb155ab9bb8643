"""TensorFlow's converter beside ``ai-edge-quantizer``, on real CIFAR-10: why the techniques use the former.

    pip install ai-edge-quantizer
    pytest bench/studies/bench_quantizers.py --opml-data-dir=DIR --opml-json=quantizers.json
    python bench/studies/table.py quantizers.json

The rival is a technique of this file's own, so both are trained, calibrated and measured alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from pytest_opml import Case, ModelState, Result, Technique, TrainingContext, matrix, register
from pytest_opml.techniques.tflite_converter import calibration, converted, converter_of


class _Edge(Technique):
    ends_chain: ClassVar[bool] = True
    recipe: ClassVar[str]
    calibrated: ClassVar[bool]

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        from ai_edge_litert.interpreter import Interpreter
        from ai_edge_quantizer import quantizer, recipe

        name = type(self).__name__
        floats = converted(name, converter_of(state.model).convert)
        work: Any = quantizer.Quantizer(bytearray(floats), getattr(recipe, self.recipe)())
        ranges = None
        if self.calibrated:
            ((signature, ends),) = Interpreter(model_content=floats).get_signature_list().items()
            images = [{ends["inputs"][0]: image} for (image,) in calibration(context)()]
            ranges = work.calibrate({signature: images})
        content = bytes(work.quantize(ranges).quantized_model)
        return replace(state, flatbuffer=content, suffix=".tflite", changes={f"{name}.bytes": len(content)})


@register("technique", "edge-dynamic-int8")
class EdgeDynamic(_Edge):
    """Weights in 8 bits."""

    recipe: ClassVar[str] = "dynamic_wi8_afp32"
    calibrated: ClassVar[bool] = False


@register("technique", "edge-int8")
class EdgeInt8(_Edge):
    """Weights and activations in 8 bits."""

    recipe: ClassVar[str] = "static_wi8_ai8"
    calibrated: ClassVar[bool] = True


@pytest.mark.parametrize(
    "case",
    matrix(
        models=["efficientnet_lite0"],
        dataset="cifar10",
        unfreeze=[10],
        techniques=["dynamic-int8", "edge-dynamic-int8", "int8", "edge-int8"],
        size=96,
        subset=12_000,
    ),
    ids=str,
)
def bench_quantizer(case: Case, opml: Callable[[Case], Result]) -> None:
    assert opml(case).test_samples == 2_000
