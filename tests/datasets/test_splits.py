from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_opml import registry
from pytest_opml.case import Case
from pytest_opml.datasets import digits
from pytest_opml.datasets.splits import InputSet, RawData
from pytest_opml.errors import CaseDefinitionError, DatasetError
from pytest_opml.tensors import TensorSpec
from tests.support.inputs import prepared

MakeCase = Callable[..., Case]


def everything(images: InputSet) -> np.ndarray:
    return images.take(range(len(images)))


def with_own_test_part(data_dir: Path | None) -> RawData:
    raw = digits.load(data_dir)
    return RawData(raw.inputs[:1500], raw.labels[:1500], raw.classes, raw.inputs[1500:], raw.labels[1500:])


def data_below(data_dir: Path | None) -> RawData:
    assert data_dir == Path("somewhere")
    return digits.load(data_dir)


def test_digits_are_all_there_with_their_grey_levels_spread() -> None:
    raw = digits.load(None)
    assert raw.inputs.shape == (1797, 8, 8)
    assert (raw.inputs.min(), raw.inputs.max(), len(np.unique(raw.inputs))) == (0, 255, 17)
    assert raw.classes == tuple("0123456789")


def test_a_third_is_held_out_by_class(make_case: MakeCase) -> None:
    data = prepared(make_case(size=16))
    assert (len(data.x_train), len(data.x_test), data.x_train.specs) == (
        1198,
        599,
        (TensorSpec("", (16, 16, 3), "uint8"),),
    )
    shares = np.bincount(data.y_test) / np.bincount(np.concatenate([data.y_train, data.y_test]))
    assert np.all(np.abs(shares - 1 / 3) < 0.01)


@pytest.mark.tensorflow
def test_no_image_is_in_both_parts(make_case: MakeCase) -> None:
    data = prepared(make_case(size=8))
    train = {image.tobytes() for image in everything(data.x_train)}
    assert not any(image.tobytes() in train for image in everything(data.x_test))


@pytest.mark.tensorflow
def test_the_three_channels_are_the_same_grey(make_case: MakeCase) -> None:
    data = prepared(make_case(size=16))
    assert np.ptp(everything(data.x_test), axis=-1).max() == 0


def test_at_its_own_size_an_image_is_unchanged(make_case: MakeCase) -> None:
    raw, data = digits.load(None), prepared(make_case(size=8))
    originals = {image.tobytes() for image in raw.inputs}
    assert all(image[..., 0].tobytes() in originals for image in everything(data.x_test))


def test_the_split_follows_the_seed(make_case: MakeCase) -> None:
    one, again, other = (prepared(make_case(size=8, seed=seed)) for seed in (1, 1, 2))
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert one.test_digest == again.test_digest != other.test_digest


def test_the_digest_of_the_test_part_follows_its_pixels_and_labels_alone(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (20, 8, 8), dtype=np.uint8), np.arange(20) % 2

    def digest(*changed: str) -> str:
        parts = {"inputs": images, "labels": labels, "test_inputs": images, "test_labels": labels}
        parts |= {name: np.roll(parts[name], 1, axis=0) for name in changed}
        monkeypatch.setitem(registry._registered, ("dataset", "twenty"), lambda _: RawData(classes=("a", "b"), **parts))
        return prepared(make_case(dataset="twenty", size=8)).test_digest

    assert digest() == digest("inputs") == digest("labels")
    assert len({digest(), digest("test_inputs"), digest("test_labels")}) == 3


def test_percentages_set_the_split(make_case: MakeCase) -> None:
    assert len(prepared(make_case(size=8, split="90-10")).x_test) == 180


def test_a_test_part_of_its_own_is_kept(make_case: MakeCase) -> None:
    data = prepared(make_case(size=8, dataset="tests.datasets.test_splits:with_own_test_part"))
    assert (len(data.x_train), len(data.x_test)) == (1500, 297)


def test_percentages_replace_a_test_part_of_its_own(make_case: MakeCase) -> None:
    case = make_case(size=8, split="50-50", dataset="tests.datasets.test_splits:with_own_test_part")
    assert abs(len(prepared(case).x_test) - 1797 / 2) < 1


def test_the_data_folder_reaches_the_loader(make_case: MakeCase) -> None:
    case = make_case(size=8, dataset="tests.datasets.test_splits:data_below")
    assert len(prepared(case, Path("somewhere")).x_test) == 599


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("single_class", "train labels: 1 class; a classifier needs at least 2"),
        ("lonely_class", "labels: cannot be divided by class"),
        ("nothing_of_a_class", "train labels: no example of class 'maybe' (label 2)"),
        ("class_not_in_train", "train labels: no example of class 'maybe' (label 2)"),
        ("class_not_in_test", "test labels: no example of class 'maybe' (label 2)"),
        ("no_test_labels", "test labels: must be whole numbers or text (n,), "),
        ("label_out_of_range", "label 2 at index 2 is not in 0 to 1"),
        ("fewer_labels", "39 labels for 40 examples"),
        ("empty", "train inputs: must hold examples, the shape is (0, 8, 8)"),
        (
            "float_images",
            "tests.support.small:build takes images, uint8 (n, height, width[, 1 or 3]) or files; the data are float32",
        ),
        ("two_channels", "images have 2 channels, tests.support.small:build takes 3"),
        ("text_labels", "train labels: label 'maybe' at index 3 is no class; known: no, yes"),
        ("no_arrays", "inputs: must be an array of numbers or text, a list of paths of images, or an object"),
        ("no_raw_data", "its loader must return a RawData, or a tf.data.Dataset"),
    ],
)
def test_malformed_data_are_refused_by_field(make_case: MakeCase, fault: str, words: str) -> None:
    with pytest.raises(DatasetError) as caught:
        prepared(make_case(size=8, dataset=f"tests.support.faults:{fault}"))
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"data set tests.support.faults:{fault}: ")
    assert "\n" not in str(caught.value)


def test_parts_of_different_shapes_cannot_be_divided_anew(make_case: MakeCase) -> None:
    case = make_case(size=8, dataset="tests.support.faults:other_shape_in_test")
    assert len(prepared(case).x_test) == 40
    with pytest.raises(DatasetError, match=r"form is uint8 \(n, 8, 8\) in train and uint8 \(n, 7, 8\) in test"):
        prepared(case.model_copy(update={"split": "70-30"}))


def test_a_missing_file_is_named_at_once(make_case: MakeCase) -> None:
    with pytest.raises(DatasetError, match=r"^no such folder/\d+\.png: cannot be read: No such file"):
        prepared(make_case(size=8, dataset="tests.support.faults:missing_file"))


def test_without_a_size_images_get_that_of_the_builder(make_case: MakeCase) -> None:
    assert prepared(make_case(size="own")).x_train.specs[0].shape == (64, 64, 3)
    assert prepared(make_case(size="own", model="small_cnn")).x_train.specs[0].shape == (32, 32, 3)


def test_a_loader_that_is_not_there_is_named(make_case: MakeCase) -> None:
    with pytest.raises(CaseDefinitionError, match=r"'tests\.support\.faults:nothing' cannot be imported"):
        prepared(make_case(dataset="tests.support.faults:nothing"))
