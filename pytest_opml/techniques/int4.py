"""Quantisation to 4-bit weights: of most layers, in blocks, or of the layers that bear it.

``litert-quantizer`` writes the files, from ranges found here; the weights that it gets are rounded here (see
``weight_grid``), since nearest steps of 4 bits lose most of the accuracy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from ..errors import TechniqueError
from ..measure.arithmetic import NumberFormat
from .base import Changes, ModelState, Technique, TrainingContext
from .lost_accuracy import LostAccuracy
from .rounded_model import RoundedFile, RoundedModel
from .tflite_model import Layer, TfliteModel

# Share of the layers with 8-bit weights, tried in turn.
_SHARES = (0.0, 0.06, 0.12, 0.25, 0.5, 1.0)


def _described(key: str, file: RoundedFile, model: RoundedModel) -> Changes:
    """What a file holds, read from it.

    Raises:
        TechniqueError: no weight has 4 bits.
    """
    written = TfliteModel(file.content)
    weights, activations = written.counts()
    if not weights["int4"]:
        raise TechniqueError(f"{key.replace('_', '-')}: no layer has weights of 4 bits; nothing changed")
    slow = sum(layer.kind == "convolution" for layer in file.layers)
    total = max(1, sum(weights.values()))
    return {
        f"{key}.layers_in_4_bits": len(file.layers),
        f"{key}.share_of_weights_in_4_bits": round(weights["int4"] / total, 4),
        f"{key}.share_of_weights_in_8_bits": round(weights["int8"] / total, 4),
        f"{key}.activations_in_8_bits": activations["int8"],
        f"{key}.activations_in_float": activations["float32"],
        f"{key}.examples": model.examples,
        f"{key}.convolutions_written_as_dense": model.as_dense,
        f"{key}.layers_without_fast_kernels": slow,
        f"{key}.largest_noise": float(f"{max(rounding.noise for rounding in file.roundings.values()):.3g}"),
    }


class Int4(Technique):
    """``int4``: weights in 4 bits, rounded so that each layer computes much the same; activations in 8, calibrated.

    Depthwise convolutions keep 8 bits, and by default the first and the last layer.
    """

    ends_chain: ClassVar[bool] = True
    computes_in: ClassVar[NumberFormat | None] = NumberFormat("litert", "int4 weights")

    skip: Literal["ends", "first", "last", "none"] = Field(
        default="ends", description="layers whose weights keep 8 bits"
    )

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        model = RoundedModel("int4", state, context)
        first, last = int(self.skip in ("ends", "first")), int(self.skip in ("ends", "last"))
        layers = model.layers[first : len(model.layers) - last]
        if not layers:
            raise TechniqueError("int4: no layer is left for 4 bits; see skip=none")
        file = model.quantized(layers)
        changes = _described("int4", file, model)
        return replace(state, flatbuffer=file.content, suffix=".tflite", changes=state.changes | changes)


class Int4Block(Technique):
    """``int4-block-N``: weights of dense layers in 4 bits, each N inputs of an output with a scale of their own.

    Convolutions over single pixels count as dense. What takes a number of inputs that N does not divide, and all other
    convolutions, keep their weights in half precision; activations are rounded to 8 bits while the model runs.
    """

    argument: ClassVar[str | None] = "block"
    ends_chain: ClassVar[bool] = True

    block: Literal[32, 64, 128, 256] = Field(description="inputs of a block")

    @field_validator("block", mode="before")
    @classmethod
    def _is_whole(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        name = f"int4-block-{self.block}"
        model = RoundedModel(name, state, context)
        dense = [layer for layer in model.layers if layer.kind == "dense"]
        layers = [layer for layer in dense if model.inputs_of(layer) % self.block == 0]
        if not layers:
            raise TechniqueError(f"{name}: no dense layer takes a multiple of {self.block} inputs; nothing changed")
        file = model.quantized_in_blocks(layers, self.block)
        changes = _described("int4_block", file, model) | {"int4_block.dense_layers_left": len(dense) - len(layers)}
        return replace(state, flatbuffer=file.content, suffix=".tflite", changes=state.changes | changes)


class Mixed48(Technique):
    """``mixed-4-8``: the weights of each layer in 4 bits, or in 8 where 4 would lose more than ``drop`` of accuracy.

    The loss is measured as that of ``int8-tuned`` is. The layers that rounding adds the most noise to are given 8 bits
    first.
    """

    ends_chain: ClassVar[bool] = True
    computes_in: ClassVar[NumberFormat | None] = NumberFormat("litert", "int4 weights")

    drop: float = Field(default=0.005, ge=0, le=1, description="accuracy that may be lost")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        model = RoundedModel("mixed-4-8", state, context)
        lost = LostAccuracy(state, context, skip=model.examples)
        ranking: list[Layer] = []
        drops: list[float] = []
        for count in sorted({round(share * len(model.layers)) for share in _SHARES}):
            spared = {layer.place for layer in ranking[:count]}
            file = model.quantized([layer for layer in model.layers if layer.place not in spared])
            ranking = ranking or sorted(file.layers, key=lambda layer: -file.roundings[layer.place].noise)
            drops.append(lost.of(file.content))
            if drops[-1] <= self.drop:
                break
        else:
            raise TechniqueError(
                f"mixed-4-8: with all weights in 8 bits the accuracy lost is {drops[-1]:.4f} on training data, and"
                f" drop = {self.drop:g}"
            )
        changes = _described("mixed_4_8", file, model) | {
            "mixed_4_8.layers_in_8_bits": len(model.layers) - len(file.layers),
            "mixed_4_8.drop": round(drops[-1], 4),
            "mixed_4_8.drop_of_4_bits": round(drops[0], 4),
            "mixed_4_8.files_tried": len(drops),
        }
        return replace(state, flatbuffer=file.content, suffix=".tflite", changes=state.changes | changes)
