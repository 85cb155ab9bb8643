from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_opml import registry
from pytest_opml.case import Case
from pytest_opml.datasets import digits
from pytest_opml.datasets.splits import InputSet, RawData, prepare
from pytest_opml.errors import CaseDefinitionError, DatasetError

MakeCase = Callable[..., Case]


def everything(images: InputSet) -> np.ndarray:
    return images.take(range(len(images)))


def with_own_test_part(data_dir: Path | None) -> RawData:
    raw = digits.load(data_dir)
    return RawData(raw.images[:1500], raw.labels[:1500], raw.classes, raw.images[1500:], raw.labels[1500:])


def data_below(data_dir: Path | None) -> RawData:
    assert data_dir == Path("somewhere")
    return digits.load(data_dir)


def test_digits_are_all_there_with_their_grey_levels_spread() -> None:
    raw = digits.load(None)
    assert raw.images.shape == (1797, 8, 8)
    assert (raw.images.min(), raw.images.max(), len(np.unique(raw.images))) == (0, 255, 17)
    assert raw.classes == tuple("0123456789")


def test_a_third_is_held_out_by_class(make_case: MakeCase) -> None:
    data = prepare(make_case(size=16), None)
    assert (len(data.x_train), len(data.x_test), data.x_train.size) == (1198, 599, 16)
    shares = np.bincount(data.y_test) / np.bincount(np.concatenate([data.y_train, data.y_test]))
    assert np.all(np.abs(shares - 1 / 3) < 0.01)


@pytest.mark.tensorflow
def test_no_image_is_in_both_parts(make_case: MakeCase) -> None:
    data = prepare(make_case(size=8), None)
    train = {image.tobytes() for image in everything(data.x_train)}
    assert not any(image.tobytes() in train for image in everything(data.x_test))


@pytest.mark.tensorflow
def test_the_three_channels_are_the_same_grey(make_case: MakeCase) -> None:
    data = prepare(make_case(size=16), None)
    assert np.ptp(everything(data.x_test), axis=-1).max() == 0


def test_at_its_own_size_an_image_is_unchanged(make_case: MakeCase) -> None:
    raw, data = digits.load(None), prepare(make_case(size=8), None)
    originals = {image.tobytes() for image in raw.images}
    assert all(image[..., 0].tobytes() in originals for image in everything(data.x_test))


def test_the_split_follows_the_seed(make_case: MakeCase) -> None:
    one, again, other = (prepare(make_case(size=8, seed=seed), None) for seed in (1, 1, 2))
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert one.test_digest == again.test_digest != other.test_digest


def test_the_digest_of_the_test_part_follows_its_pixels_and_labels_alone(
    make_case: MakeCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (20, 8, 8), dtype=np.uint8), np.arange(20) % 2

    def digest(*changed: str) -> str:
        parts = {"images": images, "labels": labels, "test_images": images, "test_labels": labels}
        parts |= {name: np.roll(parts[name], 1, axis=0) for name in changed}
        monkeypatch.setitem(registry._registered, ("dataset", "twenty"), lambda _: RawData(classes=("a", "b"), **parts))
        return prepare(make_case(dataset="twenty", size=8), None).test_digest

    assert digest() == digest("images") == digest("labels")
    assert len({digest(), digest("test_images"), digest("test_labels")}) == 3


def test_percentages_set_the_split(make_case: MakeCase) -> None:
    assert len(prepare(make_case(size=8, split="90-10"), None).x_test) == 180


def test_a_test_part_of_its_own_is_kept(make_case: MakeCase) -> None:
    data = prepare(make_case(size=8, dataset="tests.datasets.test_splits:with_own_test_part"), None)
    assert (len(data.x_train), len(data.x_test)) == (1500, 297)


def test_percentages_replace_a_test_part_of_its_own(make_case: MakeCase) -> None:
    case = make_case(size=8, split="50-50", dataset="tests.datasets.test_splits:with_own_test_part")
    assert abs(len(prepare(case, None).x_test) - 1797 / 2) < 1


def test_the_data_folder_reaches_the_loader(make_case: MakeCase) -> None:
    case = make_case(size=8, dataset="tests.datasets.test_splits:data_below")
    assert len(prepare(case, Path("somewhere")).x_test) == 599


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("single_class", "train labels: 1 class; a classifier needs at least 2"),
        ("lonely_class", "labels: cannot be divided by class"),
        ("nothing_of_a_class", "train labels: no image of class 'maybe' (label 2)"),
        ("class_not_in_train", "train labels: no image of class 'maybe' (label 2)"),
        ("class_not_in_test", "test labels: no image of class 'maybe' (label 2)"),
        ("no_test_labels", "test labels: must be a one-dimensional array of whole numbers"),
        ("label_out_of_range", "label 2 at index 2 is not in 0 to 1"),
        ("fewer_labels", "39 labels for 40 images"),
        ("empty", "must hold images"),
        (
            "float_images",
            "must be a uint8 array (n, height, width[, 1 or 3]) or a list of paths, not float64 (40, 8, 8)",
        ),
        ("two_channels", "1 or 3 channels, the shape is (40, 8, 8, 2)"),
        ("text_labels", "array of whole numbers"),
        ("no_arrays", "must be a uint8 array (n, height, width[, 1 or 3]) or a list of paths, not list"),
        ("no_raw_data", "its loader must return a RawData, not str"),
    ],
)
def test_malformed_data_are_refused_by_field(make_case: MakeCase, fault: str, words: str) -> None:
    with pytest.raises(DatasetError) as caught:
        prepare(make_case(size=8, dataset=f"tests.support.faults:{fault}"), None)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"data set tests.support.faults:{fault}: ")
    assert "\n" not in str(caught.value)


def test_parts_of_different_shapes_cannot_be_divided_anew(make_case: MakeCase) -> None:
    case = make_case(size=8, dataset="tests.support.faults:other_shape_in_test")
    assert len(prepare(case, None).x_test) == 40
    with pytest.raises(DatasetError, match=r"shape is \(8, 8, 1\) in train and \(7, 8, 1\) in test"):
        prepare(case.model_copy(update={"split": "70-30"}), None)


def test_a_missing_file_is_named_at_once(make_case: MakeCase) -> None:
    with pytest.raises(DatasetError, match=r"^no such folder/\d+\.png: cannot be read: No such file"):
        prepare(make_case(size=8, dataset="tests.support.faults:missing_file"), None)


def test_an_unsettled_size_is_refused(make_case: MakeCase) -> None:
    with pytest.raises(CaseDefinitionError, match="size = 'own': is settled by the model"):
        prepare(make_case(size="own"), None)


def test_a_loader_that_is_not_there_is_named(make_case: MakeCase) -> None:
    with pytest.raises(CaseDefinitionError, match=r"'tests\.support\.faults:nothing' cannot be imported"):
        prepare(make_case(dataset="tests.support.faults:nothing"), None)
