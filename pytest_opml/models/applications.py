"""The networks of ``keras.applications`` as backbones that take uint8 pixels.

Each is one flat model: the preprocessing that its ImageNet weights were trained with, the network, global average
pooling. Architectures and weights: https://keras.io/api/applications/.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from ..addresses import environment_secrets, without_secrets
from ..datasets.locations import keras_home
from ..errors import CaseDefinitionError, ModelFileError, one_line
from .builders import sides
from .weights import load_weights

# "caffe": BGR, means subtracted; "torch": 0 to 1, then standardised; "tf": -1 to 1; "inside": the network does it.
Preprocessing = Literal["caffe", "torch", "tf", "inside"]

_SMALLEST = 32
_CAFFE_MEANS_RGB = (123.68, 116.779, 103.939)
_TORCH_MEANS, _TORCH_DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SERVER = "https://storage.googleapis.com/"
_MOBILENETV2_SIZES = (96, 128, 160, 192, 224)


@dataclass(frozen=True)
class Application:
    """The builder of one network.

    Attributes:
        name: as in a case.
        class_name: in ``keras.applications``.
        preprocessing: what its pixels go through first.
        own_size: height and width that the ImageNet weights were trained at, pixels.
        file: name of the file of its ImageNet weights without the classifier; ``{size}`` stands for a size in pixels.
        published_in: the folder of the server that Keras fetches this file from.
    """

    name: str
    class_name: str
    preprocessing: Preprocessing
    own_size: int
    file: str
    published_in: str
    any_shape: ClassVar[bool] = True

    def __call__(self, keras: Any, size: int | tuple[int, int], channels: int, *, weights: str = "imagenet") -> Any:
        """Build the network without its classifier.

        Args:
            keras: the module to build with: Keras 3 or ``tf_keras``.
            size: of the images, or their height and width, at least 32 pixels each.
            channels: must be 3.
            weights: ``imagenet`` (Keras downloads them once), ``none`` (random), or the path of a ``.weights.h5`` or
                ``.h5`` file of the same ``keras.applications`` network without its classifier.

        Returns:
            A model from uint8 images (n, height, width, 3) in RGB order to pooled features (n, k).

        Raises:
            CaseDefinitionError: the images are too small.
            ModelFileError: the weights cannot be had, or are not those of the architecture.
        """
        if min(sides(size)) < _SMALLEST or channels != 3:
            raise CaseDefinitionError(
                f"case: size = {size}: {self.name} takes images of 3 channels and at least {_SMALLEST} pixels"
            )
        if weights not in ("none", "imagenet"):
            self._check_is_no_published_file(weights)
        model = self._download(keras, size) if weights == "imagenet" else self._network(keras, size, None)
        if weights not in ("none", "imagenet"):
            load_weights(model, self.name, weights)
        if self.preprocessing == "caffe":
            _fold_channel_order(model)
        return model

    def weights_file(self, size: int | tuple[int, int]) -> Path:
        """Return where Keras keeps the ImageNet weights for images of this size in pixels."""
        return keras_home() / "models" / self.file.format(size=size if size in _MOBILENETV2_SIZES else 224)

    def url(self, size: int | tuple[int, int]) -> str:
        """Return where Keras fetches the ImageNet weights for images of this size in pixels from."""
        return f"{_SERVER}{self.published_in}{self.weights_file(size).name}"

    def restore_channel_order(self, model: Any) -> None:
        """Give a network that was built here the first convolution that its files of weights have.

        Args:
            model: without its classifier, changed in place.
        """
        if self.preprocessing == "caffe":
            _fold_channel_order(model)

    def weights_files(self) -> list[Path]:
        """Return the files of its ImageNet weights that Keras has downloaded, for whatever size of images."""
        return sorted((keras_home() / "models").glob(self.file.format(size="*")))

    def _network(self, keras: Any, size: int | tuple[int, int], weights: str | None) -> Any:
        inputs = keras.Input((*sides(size), 3), dtype="uint8", name="image")
        more = {"include_preprocessing": True} if self.class_name.startswith(("EfficientNetV2", "MobileNetV3")) else {}
        return getattr(keras.applications, self.class_name)(
            include_top=False,
            weights=weights,
            input_tensor=_preprocessed(keras, inputs, self.preprocessing),
            input_shape=(*sides(size), 3),
            pooling="avg",
            **more,
        )

    def _download(self, keras: Any, size: int | tuple[int, int]) -> Any:
        try:
            return self._network(keras, size, "imagenet")
        except Exception as error:
            # Keras raises a bare Exception where there is no network
            file = self.weights_file(size)
            why = without_secrets(one_line(error), environment_secrets())  # a proxy's password may stand in it
            raise ModelFileError(
                f"model {self.name}: no ImageNet weights: {why}; put {file.name} into {file.parent}, "
                "or write weights='none', 'opml' (trained here: opml paper pretrain) or a path"
            ) from error

    def _check_is_no_published_file(self, weights: str) -> None:
        # With these, Keras scales EfficientNet's input once more than without.
        if self.class_name.startswith("EfficientNetB") and Path(weights).name == self.file:
            folder = self.weights_file(self.own_size).parent
            raise ModelFileError(f"{weights}: the ImageNet weights; put it into {folder} and write weights='imagenet'")


def _preprocessed(keras: Any, inputs: Any, mode: Preprocessing) -> Any:
    if mode == "inside":
        return inputs
    if mode == "tf":
        scale, offset = [1 / 127.5] * 3, [-1.0] * 3
    elif mode == "torch":
        scale = [1 / 255 / deviation for deviation in _TORCH_DEVIATIONS]
        offset = [-mean / deviation for mean, deviation in zip(_TORCH_MEANS, _TORCH_DEVIATIONS, strict=True)]
    else:
        scale, offset = [1.0] * 3, [-mean for mean in _CAFFE_MEANS_RGB]
    return keras.layers.Rescaling(scale, offset, name="preprocess")(inputs)


def _fold_channel_order(model: Any) -> None:
    """Turn a first convolution made for BGR into one for RGB, which saves reversing each image."""
    first = next(layer for layer in model.layers if layer.weights)
    kernel, *others = first.get_weights()
    first.set_weights([kernel[:, :, ::-1, :], *others])


_KERNELS = "_weights_tf_dim_ordering_tf_kernels_"
_KERAS = "tensorflow/keras-applications/"


def _old(name: str, class_name: str, preprocessing: Preprocessing, published_in: str) -> Application:
    file = f"{name}{_KERNELS}notop.h5"
    return Application(name, class_name, preprocessing, 224, file, f"{_KERAS}{published_in}/")


def _efficientnet(number: int, size: int) -> Application:
    name = f"efficientnetb{number}"
    return Application(name, f"EfficientNetB{number}", "inside", size, f"{name}_notop.h5", "keras-applications/")


def _efficientnetv2(variant: str, size: int) -> Application:
    name = f"efficientnetv2{variant}"
    file, published_in = f"efficientnetv2-{variant}_notop.h5", f"{_KERAS}efficientnet_v2/"
    return Application(name, f"EfficientNetV2{variant.upper()}", "inside", size, file, published_in)


def _mobilenetv3(variant: str) -> Application:
    file = f"weights_mobilenet_v3_{variant}_224_1.0_float_no_top_v2.h5"
    class_name, published_in = f"MobileNetV3{variant.capitalize()}", f"{_KERAS}mobilenet_v3/"
    return Application(f"mobilenetv3{variant}", class_name, "inside", 224, file, published_in)


resnet50 = _old("resnet50", "ResNet50", "caffe", "resnet")
resnet101 = _old("resnet101", "ResNet101", "caffe", "resnet")
resnet152 = _old("resnet152", "ResNet152", "caffe", "resnet")
resnet50v2 = _old("resnet50v2", "ResNet50V2", "tf", "resnet")
resnet101v2 = _old("resnet101v2", "ResNet101V2", "tf", "resnet")
resnet152v2 = _old("resnet152v2", "ResNet152V2", "tf", "resnet")
vgg16 = _old("vgg16", "VGG16", "caffe", "vgg16")
vgg19 = _old("vgg19", "VGG19", "caffe", "vgg19")
densenet121 = _old("densenet121", "DenseNet121", "torch", "densenet")
densenet169 = _old("densenet169", "DenseNet169", "torch", "densenet")
densenet201 = _old("densenet201", "DenseNet201", "torch", "densenet")
efficientnetb0 = _efficientnet(0, 224)
efficientnetb1 = _efficientnet(1, 240)
efficientnetb2 = _efficientnet(2, 260)
efficientnetb3 = _efficientnet(3, 300)
efficientnetb4 = _efficientnet(4, 380)
efficientnetb5 = _efficientnet(5, 456)
efficientnetb6 = _efficientnet(6, 528)
efficientnetb7 = _efficientnet(7, 600)
efficientnetv2b0 = _efficientnetv2("b0", 224)
efficientnetv2b1 = _efficientnetv2("b1", 240)
efficientnetv2b2 = _efficientnetv2("b2", 260)
efficientnetv2b3 = _efficientnetv2("b3", 300)
efficientnetv2s = _efficientnetv2("s", 384)
efficientnetv2m = _efficientnetv2("m", 480)
efficientnetv2l = _efficientnetv2("l", 480)
mobilenetv2 = Application(
    *("mobilenetv2", "MobileNetV2", "tf", 224),
    f"mobilenet_v2{_KERNELS}1.0_{{size}}_no_top.h5",
    f"{_KERAS}mobilenet_v2/",
)
mobilenetv3small = _mobilenetv3("small")
mobilenetv3large = _mobilenetv3("large")

APPLICATIONS: dict[str, Application] = {
    value.name: value for value in list(globals().values()) if isinstance(value, Application)
}
