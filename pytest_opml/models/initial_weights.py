"""Fresh weights that deep networks without normalisation can be trained from.

With the initial weights of Keras, the features of VGG hardly differ from image to image, and 16 layers learn nothing in
some hundred steps. So each convolution is scaled and moved by what it gives for a batch of data: every channel then has
mean 0 and variance 1 before its activation, as batch normalisation would have it. Method: T. Salimans and D. P. Kingma,
"Weight normalization", 2016, section 3; P. Krähenbühl et al., "Data-dependent initializations of convolutional neural
networks", 2016.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

# Of a channel that gives the same for all of the batch.
_LEAST_DEVIATION = 1e-3


def needs_data(model: keras.Model) -> bool:
    """Whether a network has convolutions and nothing that normalises what they give."""
    import keras

    layers = model._flatten_layers()
    kinds = (keras.layers.BatchNormalization, keras.layers.LayerNormalization, keras.layers.GroupNormalization)
    return any(map(_is_convolution, layers)) and not any(isinstance(layer, kinds) for layer in layers)


def initialise_by_data(model: keras.Model, images: Any, seed: int) -> None:
    """Give each convolution weights under which its channels have mean 0 and variance 1 on some images.

    Args:
        model: one flat functional model with one input; changed in place.
        images: a batch, as the model takes it.
        seed: of the weights, which are drawn as He et al. do (2015) and then scaled.
    """
    import keras

    for place, layer in enumerate(filter(_is_convolution, model.layers)):
        kernel = np.array(keras.initializers.HeNormal(seed + place)(layer.kernel.shape))
        layer.set_weights([kernel, np.zeros(kernel.shape[-1], kernel.dtype)])
        activation, layer.activation = layer.activation, keras.activations.linear
        given = np.asarray(keras.Model(model.inputs[0], layer.output)(images))
        layer.activation = activation
        axes = tuple(range(given.ndim - 1))
        deviation = np.maximum(given.std(axis=axes), _LEAST_DEVIATION)
        layer.set_weights([kernel / deviation, -given.mean(axis=axes) / deviation])


def _is_convolution(layer: Any) -> bool:
    import keras

    return type(layer) is keras.layers.Conv2D and layer.use_bias
