"""What ``litert-quantizer`` writes, asked for without its talk."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import TechniqueError, one_line
from .base import shortened
from .tflite_model import TfliteModel


def static(name: str, model: TfliteModel, ranges: dict[int, tuple[float, float]], *, pixels: bool) -> bytes:
    """Return a file with weights and activations in 8 bits; operations without such a form stay in float.

    Args:
        name: of the technique, for messages.
        model: in float32.
        ranges: of its float tensors that are no constants, by their numbers.
        pixels: the float inputs are pixels from 0 to 255, and are given so; else they stay float.

    Raises:
        TechniqueError: it refuses the model.
    """
    from litert_quantizer.recipe_manager import AlgorithmName, RecipeManager

    recipe = RecipeManager()
    recipe.add_static_config(".*", "*", 8, 8)
    statistics = {
        model.name(number): {key: np.full((1,) * model.rank(number), value, np.float32) for key, value in ends.items()}
        for number, ends in ((number, dict(zip(("min", "max"), pair, strict=True))) for number, pair in ranges.items())
    }
    if pixels:
        for number in model.inputs():
            if number in ranges:
                limits = {"min": 0.0, "max": 255.0}
                shape = (1,) * model.rank(number)
                statistics[model.name(number)] = {key: np.full(shape, end, np.float32) for key, end in limits.items()}
    else:
        for end in ("INPUT", "OUTPUT"):
            recipe.add_quantization_config(".", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    return written(name, model.content(), recipe, statistics)


def dynamic(name: str, model: TfliteModel, outputs: Sequence[str], block: int) -> bytes:
    """Return a file with the weights of some dense layers in 4 bits, and those of other layers in half precision.

    LiteRT rounds what these dense layers take to 8 bits, row by row, while it runs.

    Args:
        name: of the technique, for messages.
        model: in float32.
        outputs: names of what the dense layers give.
        block: so many inputs each have a scale of their own.

    Raises:
        TechniqueError: it refuses the model.
    """
    from litert_quantizer.qtyping import (
        OpQuantizationConfig,
        QuantGranularity,
        TensorDataType,
        TensorQuantizationConfig,
    )
    from litert_quantizer.recipe_manager import AlgorithmName, RecipeManager

    recipe = RecipeManager()
    half = OpQuantizationConfig(
        weight_tensor_config=TensorQuantizationConfig(num_bits=16, dtype=TensorDataType.FLOAT),
        compute_precision="FLOAT",
        explicit_dequantize=True,
    )
    for operation in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        recipe.add_quantization_config(".*", operation, half, AlgorithmName.FLOAT_CASTING)
    for output in outputs:
        scope = f"^{re.escape(output)};?$"  # it puts a semicolon behind each name
        recipe.add_dynamic_config(scope, "FULLY_CONNECTED", 4, QuantGranularity[f"BLOCKWISE_{block}"])
    return written(name, model.content(), recipe, None)


def written(name: str, content: bytes, recipe: Any, statistics: dict[str, Any] | None) -> bytes:
    """Return what the quantiser makes of a file.

    Args:
        name: of the technique, for messages.
        content: of a file in float32.
        recipe: a ``RecipeManager``.
        statistics: what calibration gave, by the names of tensors; None where the recipe needs none.

    Raises:
        TechniqueError: it refuses the model.
    """
    from litert_quantizer.quantizer import Quantizer

    try:
        with _quiet():
            quantizer = Quantizer(bytearray(content), recipe.get_quantization_recipe())
            return bytes(quantizer.quantize(statistics).quantized_model)
    except (ValueError, RuntimeError, KeyError, NotImplementedError) as error:
        reason = shortened(one_line(error), 200)
        raise TechniqueError(f"{name}: litert-quantizer refuses this model: {reason}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """It reports its progress and the sizes of files on both streams, and warns of casts that it checks itself."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
