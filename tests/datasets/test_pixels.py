"""What a Preprocess does to pixels, beside Pillow, NumPy and the formulas of torchvision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_opml import Preprocess
from pytest_opml.case import Case
from pytest_opml.datasets.images import FileSource, ImageSource
from pytest_opml.datasets.input_set import InputSet, read_inputs
from pytest_opml.datasets.model_inputs import fitted
from pytest_opml.datasets.sources import ArraySource, Source
from pytest_opml.errors import CaseDefinitionError
from pytest_opml.tensors import Signature, TensorSpec
from tests.support.builders import make_case

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (3, 40, 31, 3), dtype=np.uint8)
WIDE = np.ascontiguousarray(COLOUR.transpose(0, 2, 1, 3))
ALL = np.arange(3)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def sources(case: Case, images: Any, *shape: int | None, dtype: str = "float32") -> dict[str, Source]:
    source: Source = ArraySource(images) if isinstance(images, np.ndarray) else FileSource(images)
    return fitted(case, {"": source}, Signature((TensorSpec("image", shape, dtype),)))


@pytest.fixture
def treated() -> Callable[..., np.ndarray]:
    """Images as a model of an input's shape gets them after a treatment."""

    def treat(images: Any, shape: tuple[int | None, ...], **treatment: Any) -> np.ndarray:
        source = sources(make_case(preprocess=Preprocess(**treatment)), images, *shape)[""]
        pixels = source.read(ALL)
        assert (pixels.shape[1:], pixels.dtype.name) == (source.spec.shape, source.spec.dtype)
        return pixels

    return treat


def pillow(images: np.ndarray, height: int, width: int, method: str = "BILINEAR") -> np.ndarray:
    size = (width, height)
    return np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling[method])) for one in images])


def test_the_arithmetic_is_that_of_the_formula_in_single_precision(treated: Callable[..., np.ndarray]) -> None:
    pixels = treated(COLOUR, (40, 31, 3), scale=1 / 255, mean=MEAN, std=STD)
    scale, mean, std = (np.asarray(figures, np.float32) for figures in (1 / 255, MEAN, STD))
    np.testing.assert_array_equal(pixels, (COLOUR.astype(np.float32) * scale - mean) / std)
    # torchvision: ToTensor, then Normalize, on an image of channels first
    torch = (np.moveaxis(COLOUR, -1, 1) / 255 - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    np.testing.assert_allclose(treated(COLOUR, (3, 40, 31), scale=1 / 255, mean=MEAN, std=STD), torch, atol=1e-6)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_resizing_is_pillow_s_bit_by_bit(treated: Callable[..., np.ndarray], interpolation: str) -> None:
    for height, width in ((16, 12), (64, 80)):
        pixels = treated(COLOUR, (height, width, 3), interpolation=interpolation)
        np.testing.assert_array_equal(pixels, pillow(COLOUR, height, width, interpolation.upper()))
        grey = treated(COLOUR[..., 0], (height, width, 1), interpolation=interpolation)
        np.testing.assert_array_equal(grey[..., 0], pillow(COLOUR[..., 0], height, width, interpolation.upper()))


@pytest.mark.parametrize("images", [COLOUR, WIDE])
def test_a_crop_is_torchvision_s_resize_and_centre_crop(treated: Callable[..., np.ndarray], images: np.ndarray) -> None:
    pixels = treated(images, (14, 14, 3), resize="crop", crop_share=0.875)
    height, width = images.shape[1:3]
    short, long = 16, int(16 * max(height, width) / min(height, width))  # torchvision's Resize(16)
    inner = (long, short) if height > width else (short, long)
    scaled = pillow(images, *inner)
    top, left = (round((side - 14) / 2.0) for side in inner)  # and its CenterCrop(14)
    np.testing.assert_array_equal(pixels, scaled[:, top : top + 14, left : left + 14])


def test_a_crop_of_another_shape_covers_both_sides(treated: Callable[..., np.ndarray]) -> None:
    pixels = treated(COLOUR, (20, 30, 3), resize="crop")  # 31 wide: 38 x 30 covers it
    np.testing.assert_array_equal(pixels, pillow(COLOUR, 38, 30)[:, 9:29])
    same = treated(COLOUR, (40, 31, 3), resize="crop")
    np.testing.assert_array_equal(same, COLOUR)


def test_padding_is_black_on_both_sides_and_is_worked_out_as_pixels_are(treated: Callable[..., np.ndarray]) -> None:
    pixels = treated(COLOUR, (20, 20, 3), resize="pad")
    np.testing.assert_array_equal(pixels[:, :, 2:18], pillow(COLOUR, 20, 16))
    assert pixels[:, :, :2].max() == pixels[:, :, 18:].max() == 0
    worked_out = treated(WIDE, (20, 20, 3), resize="pad", mean=127.5, std=127.5)
    np.testing.assert_array_equal(worked_out[:, :2], np.full((3, 2, 20, 3), -1.0, np.float32))


def test_channels_come_in_the_order_of_the_model_and_lists_go_by_it(treated: Callable[..., np.ndarray]) -> None:
    mean = (104.0, 117.0, 123.0)  # blue first
    pixels = treated(COLOUR, (3, 40, 31), channels="bgr", mean=mean, layout="nchw")
    np.testing.assert_array_equal(pixels, np.moveaxis(COLOUR[..., ::-1].astype(np.float32) - np.float32(mean), -1, 1))
    plain = treated(COLOUR, (40, 31, 3), channels="bgr")
    assert plain.dtype == np.uint8
    np.testing.assert_array_equal(plain, COLOUR[..., ::-1])


def test_grey_is_pillow_s_with_and_without_an_axis(treated: Callable[..., np.ndarray]) -> None:
    pixels = treated(COLOUR, (40, 31, 1), channels="grey")
    convert = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in COLOUR])
    assert np.abs(pixels[..., 0].astype(int) - convert).max() <= 1
    flat = treated(COLOUR, (40, 31), channels="grey", scale=1 / 255)
    np.testing.assert_allclose(flat, pixels[..., 0] / 255, atol=1e-6)
    np.testing.assert_array_equal(treated(COLOUR[..., 0], (40, 31, 1), channels="grey"), COLOUR[..., :1])


def test_pixels_of_other_types_are_not_rounded_to_8_bits(treated: Callable[..., np.ndarray]) -> None:
    deep = (COLOUR.astype(np.uint16) * 257)[..., :1]
    pixels = treated(deep, (40, 31, 1), scale=1 / 65535)
    np.testing.assert_allclose(pixels, deep / 65535, atol=1e-7)
    floats = COLOUR.astype(np.float32) / 255
    np.testing.assert_allclose(treated(floats, (40, 31, 3), mean=0.5), floats - 0.5, atol=1e-7)


@pytest.mark.parametrize(
    ("shape", "treatment", "words"),
    [
        ((40, 31, 3), {"channels": "grey"}, r"takes image float32 \(n, 40, 31, 3\), and gets 1 channel$"),
        ((40, 31, 1), {"mean": MEAN}, "and gets 3 channels$"),
        ((40, 31, 3), {"layout": "nchw"}, "which is not nchw$"),
        ((3, 40, 31), {"layout": "nhwc"}, "which is not nhwc$"),
        ((40,), {"scale": 0.1}, "digits has no images that efficientnet_lite0 takes as such$"),
    ],
)
def test_what_the_model_cannot_take_is_refused(
    shape: tuple[int, ...], treatment: dict[str, Any], words: str, treated: Callable[..., np.ndarray]
) -> None:
    with pytest.raises(CaseDefinitionError, match=f"^case: preprocess: .*{words}"):
        treated(COLOUR, shape, **treatment)


def test_a_layout_decides_where_the_shape_does_not(treated: Callable[..., np.ndarray]) -> None:
    tiny = RNG.integers(0, 256, (3, 3, 3, 3), dtype=np.uint8)
    first = treated(tiny, (3, 3, 3), layout="nchw")
    np.testing.assert_array_equal(first, np.moveaxis(tiny, -1, 1))
    np.testing.assert_array_equal(treated(tiny, (3, 3, 3), layout="nhwc"), tiny)
    case = make_case(size=10, preprocess=Preprocess(layout="nchw"))
    assert sources(case, COLOUR, None, None, None)[""].read(ALL).shape == (3, 3, 10, 10)


def test_a_model_that_is_built_for_the_data_gets_them_treated_too() -> None:
    case = make_case(preprocess=Preprocess(scale=1 / 255, channels="grey"))
    source = fitted(case, {"": ArraySource(COLOUR)}, None)[""]
    assert (source.spec.shape, source.spec.dtype) == ((40, 31, 1), "float32")


def test_another_process_gets_the_same_pixels_and_the_test_set_stays_the_same(tmp_path: Path) -> None:
    def inputs(preprocess: Preprocess | None) -> InputSet:
        return InputSet(sources(make_case(preprocess=preprocess, size="16x12"), COLOUR, 16, 12, 3))

    treatment = Preprocess(scale=1 / 255, mean=MEAN, channels="bgr", resize="crop", crop_share=0.9)
    written = inputs(treatment)
    written.write(tmp_path)
    np.testing.assert_array_equal(read_inputs(tmp_path).take(ALL), written.take(ALL))
    assert written.digest() == inputs(None).digest() != InputSet({"": ArraySource(COLOUR)}).digest()


@pytest.mark.parametrize(
    ("shape", "dtype", "implied", "is_done"),
    [
        ((40, 31, 3), "float32", Preprocess(mean=127.5, std=127.5), True),
        ((40, 31, 3), "int8", Preprocess(mean=127.5, std=127.5), True),
        ((40, 31, 3), "uint8", Preprocess(mean=127.5, std=127.5), False),
        ((40, 31, 3), "uint8", Preprocess(channels="rgb"), True),
        ((40, 31, 3), "float32", Preprocess(channels="grey"), False),
        ((3, 40, 31), "float32", Preprocess(mean=MEAN), True),
        ((40, 31, 1), "float32", Preprocess(mean=MEAN), False),
        ((40, 31, 3), "float32", Preprocess(layout="nchw"), False),
    ],
)
def test_what_a_file_says_is_done_where_it_fits(
    shape: tuple[int, ...], dtype: str, implied: Preprocess, is_done: bool
) -> None:
    signature = Signature((TensorSpec("image", shape, dtype),))
    source = fitted(make_case(), {"": ArraySource(COLOUR)}, signature, implied)[""]
    assert InputSet({"": source}).treatments == ((implied,) if is_done else ())
    own = fitted(make_case(preprocess=Preprocess()), {"": ArraySource(COLOUR)}, signature, implied)[""]
    assert InputSet({"": own}).treatments == (Preprocess(),)


def test_files_get_what_arrays_get(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in ALL]
    for path, image in zip(files, COLOUR, strict=True):
        Image.fromarray(image).save(path)
    case = make_case(preprocess=Preprocess(scale=1 / 255, resize="pad", interpolation="bicubic"))
    by_file, by_array = (sources(case, images, 20, 20, 3)[""] for images in (files, COLOUR))
    assert isinstance(by_file, ImageSource)
    np.testing.assert_array_equal(by_file.read(ALL), by_array.read(ALL))
