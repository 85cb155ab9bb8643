"""A model in float32 whose weights are rounded to 4 bits, one layer after another, and the files made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .base import ModelState, TrainingContext
from .tflite_converter import CALIBRATION_EXAMPLES, conversion_of, converted
from .tflite_model import Layer, TfliteModel, rows_for
from .tflite_quantizer import dynamic, static
from .tflite_walk import Values, Walk, ranges_of
from .weight_grid import Rounding, round_layer

# Numbers of the largest tensor that are held at once, of all examples: 256 MB.
_MOST_NUMBERS = 64_000_000
_FEWEST_EXAMPLES, _MOST_EXAMPLES = 32, 600
# Rows of the inputs of a layer that its rounding looks at.
_MOST_ROWS = 40_000


@dataclass(frozen=True, kw_only=True)
class RoundedFile:
    """A quantised model, and how each layer with 4-bit weights was rounded, by its place."""

    content: bytes
    layers: tuple[Layer, ...]
    roundings: dict[int, Rounding]


class RoundedModel:
    """A model in float32, quantised with the weights of any of its layers in 4 bits.

    Args:
        name: of the technique, for messages.
        state: with the model.
        context: for calibration.

    Attributes:
        layers: those whose weights may have 4 bits: dense ones and convolutions, but for depthwise ones.
        examples: how many training examples the rounding looks at, the first of ``tflite_converter.drawn``.
        as_dense: how many of them are convolutions over single pixels, written as dense operations.

    Raises:
        TechniqueError: the format has no such model.
    """

    def __init__(self, name: str, state: ModelState, context: TrainingContext) -> None:
        self._name = name
        conversion = conversion_of(name, state.model, context)
        self._pixels = conversion.takes_pixels
        model = TfliteModel(converted(name, conversion.converter.convert))
        self.as_dense = model.write_pointwise_as_dense()
        self._content = model.content()
        self._exact = TfliteModel(self._content)
        self.layers = tuple(layer for layer in self._exact.layers() if layer.kind != "depthwise")
        largest = max((self._exact.numbers(layer.source) for layer in self.layers), default=1)
        most = max(_FEWEST_EXAMPLES, min(_MOST_EXAMPLES, _MOST_NUMBERS // largest))
        self.examples = min(most, len(context.x_train))
        examples = conversion.examples(self.examples)
        self._inputs: Values = {number: examples[name] for number, name in self._exact.inputs().items()}

    def inputs_of(self, layer: Layer) -> int:
        """How many weights each output of a layer has."""
        return int(np.prod(self._exact.graph.tensors[layer.weights].shape[1:]))

    def quantized(self, layers: Sequence[Layer]) -> RoundedFile:
        """Quantise, with the weights of some layers in 4 bits and those of the others in 8, and activations in 8.

        Raises:
            TechniqueError: the quantiser refuses the model.
        """
        rounded, roundings = self._rounded(layers, 0)
        ranges = ranges_of(rounded, {number: array[:CALIBRATION_EXAMPLES] for number, array in self._inputs.items()})
        file = TfliteModel(static(self._name, rounded, ranges, pixels=self._pixels))
        file.take_shapes_as_they_are()
        for layer, own in zip(rounded.layers(), list(file.layers()), strict=True):
            if layer.place in roundings:
                file.set_weights(own, roundings[layer.place].weights, roundings[layer.place].bias)
        return RoundedFile(content=file.content(), layers=tuple(layers), roundings=roundings)

    def quantized_in_blocks(self, layers: Sequence[Layer], block: int) -> RoundedFile:
        """Quantise the weights of some dense layers in blocks of inputs.

        Activations stay float; LiteRT rounds them to 8 bits before each of these layers.

        Raises:
            TechniqueError: the quantiser refuses the model.
        """
        rounded, roundings = self._rounded(layers, block)
        names = [rounded.name(layer.output) for layer in layers]
        file = TfliteModel(dynamic(self._name, rounded, names, block))
        own = {layer.output: layer for layer in file.layers()}
        for layer in layers:
            file.set_block_weights(own[layer.output], roundings[layer.place].weights)
        return RoundedFile(content=file.content(), layers=tuple(layers), roundings=roundings)

    def _rounded(self, layers: Sequence[Layer], block: int) -> tuple[TfliteModel, dict[int, Rounding]]:
        """The model with the weights of some layers on a grid, still in float32, and how each was rounded."""
        rounded = TfliteModel(self._content)
        before, now = Walk(self._exact, self._inputs), Walk(rounded, self._inputs)
        roundings: dict[int, Rounding] = {}
        for layer in layers:
            before.go_to(layer.place)
            now.go_to(layer.place)
            rounding = roundings[layer.place] = self._rounding(layer, before.values, now.values, block)
            rounded.set_floats(layer.weights, rounding.weights.values)
            if rounding.bias is not None:
                rounded.set_floats(layer.bias, rounding.bias)
        return rounded, roundings

    def _rounding(self, layer: Layer, before: Values, now: Values, block: int) -> Rounding:
        weights = self._exact.floats(layer.weights)
        bias = self._exact.floats(layer.bias) if layer.bias >= 0 else None
        flat = weights.reshape(len(weights), -1)
        rows = [rows_for(layer, weights.shape, values[layer.source]) for values in (before, now)]
        if len(rows[0]) > _MOST_ROWS:
            chosen = np.random.default_rng(0).choice(len(rows[0]), _MOST_ROWS, replace=False)
            rows = [array[chosen] for array in rows]
        return round_layer(flat, bias, rows[0], rows[1], bits=4, block=block)
