"""Fewer pixels inside: the network takes the images as they are, and works on a smaller copy of them.

Source: H. Touvron et al., "Fixing the train-test resolution discrepancy", 2019: a network that is to work at another
resolution than it was trained at is trained on at that one. The time falls with the number of pixels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..datasets.images import image_form
from ..errors import TechniqueError
from ..models.cloning import clone
from .base import Changes, ModelState, Technique, TrainingContext
from .channel_removal import multiply_accumulates

if TYPE_CHECKING:
    import keras

    from ..tensors import DataSpec

FINE_TUNING_RATE = 5e-4
FINE_TUNING_EPOCHS = 4
NAME = "smaller_images"


class Resolution(Technique):
    """``resolution-N``: the images are scaled to N x N pixels behind the input, and the network is trained on so.

    Its teacher is the trained model on the whole images. The network must take images of any size but for its input:
    one that flattens its features does not.
    """

    argument: ClassVar[str | None] = "pixels"

    pixels: int = Field(ge=8, le=4096, description="the sides of the images inside")
    epochs: int = Field(default=FINE_TUNING_EPOCHS, ge=0, le=1000, description="of fine-tuning")
    rate: float = Field(default=FINE_TUNING_RATE, gt=0, le=1, description="of AdamW at its height")

    def apply(self, state: ModelState, context: TrainingContext) -> ModelState:
        """See ``Technique.apply``."""
        name = f"resolution-{self.pixels}"
        sides = _sides(name, context.spec)
        if self.pixels >= min(sides):
            raise TechniqueError(
                f"{name}: the images are {sides[0]} x {sides[1]}, no larger than that; nothing would be saved"
            )
        model = with_smaller_images(name, state.model, self.pixels)
        tuning = context.fine_tune(model, epochs=self.epochs, learning_rate=self.rate)
        changes: Changes = {
            "resolution.pixels_before": f"{sides[0]}x{sides[1]}",
            "resolution.pixels_inside": f"{self.pixels}x{self.pixels}",
            "resolution.multiply_accumulates_before": multiply_accumulates(state.model),
            "resolution.multiply_accumulates_after": multiply_accumulates(model),
            "resolution.fine_tuning_epochs": tuning.epochs,
        }
        return replace(
            state, model=model, training_s=state.training_s + tuning.seconds, changes=state.changes | changes
        )


def _sides(name: str, spec: DataSpec) -> tuple[int, int]:
    form = image_form(spec.inputs[0]) if len(spec.inputs) == 1 else None
    if form is None or not form[0] or not form[1] or form[3]:
        raise TechniqueError(f"{name}: the data are no images of one size, channels last; nothing can be scaled")
    return form[0], form[1]


def with_smaller_images(name: str, model: keras.Model, pixels: int) -> keras.Model:
    """Return a copy of a model that scales its images first; it takes what the model takes.

    Args:
        name: of the technique, for the message.
        model: functional or sequential, with one input of images.
        pixels: the sides of the images inside.

    Raises:
        TechniqueError: it scales them so already, or it cannot work on images of that size.
    """
    import keras

    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    scaling = next((layer for layer in model.layers if layer.name == NAME), None)
    if scaling is not None and scaling.height <= pixels:
        raise TechniqueError(f"{name}: the images are {scaling.height} x {scaling.width} inside already")
    model_input = model.inputs[0]

    def resized(layer: keras.layers.Layer) -> keras.layers.Layer:
        return type(layer).from_config(
            layer.get_config() | ({"height": pixels, "width": pixels} if layer is scaling else {})
        )

    try:
        if scaling is not None:
            smaller = clone(model, resized)
        else:
            given = keras.Input(batch_shape=model_input.shape, dtype=model_input.dtype, name=model_input.name)
            scale = keras.layers.Resizing(pixels, pixels, interpolation="bilinear", antialias=False, name=NAME)
            # of whole numbers it would give whole numbers
            tensor: Any = scale(keras.layers.Rescaling(1.0, name=f"{NAME}_from")(given))
            copied = clone(model, input_tensors=keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype))
            # called so, its layers are those of the new model; cloned once more, they are part of no other
            smaller = clone(keras.Model(given, copied.call(tensor), name=model.name))
    except (ValueError, TypeError) as error:
        raise TechniqueError(
            f"{name}: {model.name} cannot work on images of another size: {str(error).splitlines()[0]}"
        ) from error
    fitting = [tuple(weight.shape) for weight in smaller.weights] == [tuple(weight.shape) for weight in model.weights]
    if not fitting:
        raise TechniqueError(f"{name}: {model.name} flattens its features, so it works on images of its own size only")
    return smaller
