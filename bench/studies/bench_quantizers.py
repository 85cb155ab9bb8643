"""The recipes of ``litert-quantizer`` and TensorFlow's converter beside our techniques, on real CIFAR-10.

    pytest bench/studies/bench_quantizers.py --opml-data-dir=DIR --opml-json=quantizers.json
    python bench/studies/table.py quantizers.json

The rivals are techniques of this file's own, so all are trained, calibrated and measured alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Literal

import pytest

from pytest_opml import Case, ModelState, Result, Technique, TrainingContext, matrix, register
from pytest_opml.techniques.tflite_converter import conversion_of, converted


@register("technique", "litert")
class Litert(Technique):
    """A recipe of ``litert_quantizer.recipe`` as it is, on the converter's float file."""

    ends_chain: ClassVar[bool] = True
    argument: ClassVar[str | None] = "recipe"

    recipe: Literal["dynamic_wi8_afp32", "dynamic_wi4_afp32", "weight_only_wi4_afp32", "static_wi8_ai8"]

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
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


@pytest.mark.parametrize(
    "case",
    matrix(
        models=["efficientnet_lite0"],
        dataset="cifar10",
        unfreeze=[10],
        techniques=[
            *("baseline", "tflite"),
            *("dynamic-int8", "litert-dynamic_wi8_afp32", "int8", "equalize+int8", "litert-static_wi8_ai8"),
            *("int4", "equalize+int4", "mixed-4-8", "int4-block-32"),
            *("litert-dynamic_wi4_afp32", "litert-weight_only_wi4_afp32"),
        ],
        size=96,
        subset=12_000,
    ),
    ids=str,
)
def bench_quantizer(case: Case, opml: Callable[[Case], Result]) -> None:
    assert opml(case).test_samples == 2_000
