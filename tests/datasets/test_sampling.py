from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_opml.case import Case
from pytest_opml.datasets.sampling import SampledExamples, sample
from pytest_opml.datasets.splits import RawData
from pytest_opml.errors import CaseDefinitionError, DatasetError
from pytest_opml.measure.quality import assess
from pytest_opml.tensors import Task
from tests.support.inputs import prepared

MakeCase = Callable[..., Case]
TASK: Task = "classification"
CLASSES = tuple("abcdefghij")
TRAIN, TEST = np.arange(5_000) % 10, np.arange(1_000) % 10


def twelve_per_class(data_dir: Path | None) -> RawData:
    """Ten classes with twelve images each in train and six in test; an image's pixels are its number."""
    images = np.arange(180, dtype=np.uint8)[:, None, None] * np.ones((8, 8), dtype=np.uint8)
    return RawData(images[:120], np.arange(120) % 10, CLASSES, images[120:], np.arange(60) % 10)


def counts(selection: SampledExamples) -> tuple[np.ndarray, np.ndarray]:
    return np.bincount(TRAIN[selection.train], minlength=10), np.bincount(TEST[selection.test], minlength=10)


def test_without_settings_everything_is_kept(make_case: MakeCase) -> None:
    selection = sample(make_case(), TASK, CLASSES, TRAIN, TEST)
    assert np.array_equal(selection.train, np.arange(5_000))
    assert np.array_equal(selection.test, np.arange(1_000))


@pytest.mark.parametrize("size", [60, 61, 126, 600, 999, 1_234, 6_000])
def test_a_subset_has_so_many_images_and_classes_of_one_size(make_case: MakeCase, size: int) -> None:
    selection = sample(make_case(subset=size), TASK, CLASSES, TRAIN, TEST)
    assert len(selection.train) + len(selection.test) == size
    assert abs(len(selection.test) - size / 6) <= 0.5
    of_train, of_test = counts(selection)
    assert max(np.ptp(of_train), np.ptp(of_test), np.ptp(of_train + of_test)) <= 1
    assert len(np.unique(selection.train)) == len(selection.train)


def test_a_subset_of_an_uneven_set_is_even(make_case: MakeCase) -> None:
    train = np.repeat(np.arange(3), (500, 50, 20))
    selection = sample(make_case(subset=72), TASK, tuple("abc"), train, train)
    assert np.bincount(train[selection.train]).tolist() == np.bincount(train[selection.test]).tolist() == [12, 12, 12]


@pytest.mark.parametrize("setting", [{"subset": 600}, {"label_skew": 1.0}, {"quantity_skew": 5.0}])
def test_the_choice_follows_the_seed(make_case: MakeCase, setting: dict[str, float]) -> None:
    one, again, other = (sample(make_case(seed=seed, **setting), TASK, CLASSES, TRAIN, TEST) for seed in (1, 1, 2))
    assert np.array_equal(one.train, again.train)
    assert np.array_equal(one.test, again.test)
    assert not np.array_equal(one.train, other.train)


@pytest.mark.parametrize("alpha", [1e-6, 0.1, 1.0, 100.0, 1e6])
@pytest.mark.parametrize("seed", range(5))
def test_label_skew_gives_both_parts_the_same_shares(make_case: MakeCase, alpha: float, seed: int) -> None:
    of_train, of_test = counts(sample(make_case(label_skew=alpha, seed=seed), TASK, CLASSES, TRAIN, TEST))
    assert min(of_train.min(), of_test.min()) >= 2
    assert (of_train.max(), of_test.max()) == (500, 100)  # the largest class is whole
    assert np.all((np.abs(of_train / 5 - of_test) <= 0.6) | (of_test == 2))


def test_the_smaller_the_concentration_the_less_even(make_case: MakeCase) -> None:
    def spread(alpha: float) -> float:
        drawn = [
            counts(sample(make_case(label_skew=alpha, seed=seed), TASK, CLASSES, TRAIN, TEST))[0] for seed in range(10)
        ]
        return float(np.mean([np.std(count / count.sum()) for count in drawn]))

    assert spread(0.1) > spread(1.0) > spread(10.0) > spread(1000.0)


@pytest.mark.parametrize("ratio", [1.0, 2.0, 10.0, 50.0])
def test_quantity_skew_is_the_ratio_of_largest_to_smallest(make_case: MakeCase, ratio: float) -> None:
    of_train, of_test = counts(sample(make_case(quantity_skew=ratio), TASK, CLASSES, TRAIN, TEST))
    for count, largest in ((of_train, 500), (of_test, 100)):
        exponential = largest * ratio ** (-np.arange(10) / 9)
        assert np.allclose(np.sort(count)[::-1], exponential, atol=0.5)
    assert np.array_equal(np.argsort(-of_train, kind="stable"), np.argsort(-of_test, kind="stable"))


def test_quantity_skew_orders_classes_by_the_seed(make_case: MakeCase) -> None:
    orders = {
        tuple(np.argsort(-counts(sample(make_case(quantity_skew=10.0, seed=seed), TASK, CLASSES, TRAIN, TEST))[0]))
        for seed in range(5)
    }
    assert len(orders) == 5


def test_a_skew_thins_out_the_subset(make_case: MakeCase) -> None:
    subset = sample(make_case(subset=600), TASK, CLASSES, TRAIN, TEST)
    skewed = sample(make_case(subset=600, quantity_skew=5.0), TASK, CLASSES, TRAIN, TEST)
    assert set(skewed.train) < set(subset.train)
    assert [int(count.max()) for count in counts(skewed)] == [50, 10]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"subset": 181}, r"subset = 181: class '.' has 12 train examples, 13 are needed"),
        ({"subset": 20}, r"subset = 20: gives 7 test examples to 10 classes, each needs at least 1"),
        ({"quantity_skew": 5.0}, r"quantity_skew = 5\.0: class '.' would have 1 test examples, it needs at least 2"),
        (
            {"label_skew": 1.0, "subset": 30},
            r"label_skew = 1\.0: class '.' would have 1 test examples, it needs at least 2",
        ),
    ],
)
def test_too_few_images_are_refused_by_class_and_number(
    make_case: MakeCase, setting: dict[str, float], words: str
) -> None:
    case = make_case(dataset="tests.datasets.test_sampling:twelve_per_class", size=8, **setting)
    with pytest.raises(DatasetError, match=f"^data set {case.dataset}: {words}$"):
        prepared(case)


@pytest.mark.tensorflow
def test_a_prepared_subset_keeps_images_with_their_labels(make_case: MakeCase) -> None:
    data = prepared(make_case(dataset="tests.datasets.test_sampling:twelve_per_class", size=8, subset=90))
    assert (len(data.x_train), len(data.x_test)) == (60, 30)
    numbers = data.x_train.take(range(60))[:, 0, 0, 0]
    assert np.array_equal(numbers % 10, data.y_train)
    assert np.array_equal((data.x_test.take(range(30))[:, 0, 0, 0] - 120) % 10, data.y_test)


def test_each_setting_has_a_fingerprint_of_its_own(make_case: MakeCase) -> None:
    settings = [{}, {"subset": 400}, {"label_skew": 1.0}, {"quantity_skew": 4.0}, {"quantity_skew": 4.0, "seed": 1}]
    assert len({prepared(make_case(size=8, **setting)).fingerprint for setting in settings}) == 5


def test_under_a_skew_macro_recall_and_precision_part_from_accuracy(make_case: MakeCase) -> None:
    # One classifier, by its confusion: a is always found, every other class is taken for a in half of its images.
    def of(labels: np.ndarray) -> tuple[float, float, float]:
        even = np.concatenate([np.arange(np.sum(labels == number)) % 2 == 0 for number in range(10)])
        ordered = np.sort(labels)
        predicted = np.where(even, ordered, 0)
        quality = assess(np.eye(10, dtype=np.float32)[predicted], ordered, TASK, CLASSES)
        assert quality.accuracy
        assert quality.recall
        assert quality.precision
        return quality.accuracy.value, quality.recall, quality.precision

    balanced = of(TEST)
    assert balanced[0] == pytest.approx(balanced[1])
    case = make_case(quantity_skew=50.0)
    accuracy, recall, precision = of(TEST[sample(case, TASK, CLASSES, TRAIN, TEST).test])
    assert abs(accuracy - recall) > 0.005
    assert abs(precision - balanced[2]) > 0.005


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"subset": 1}, "subset = 1: "),
        ({"subset": 10.5}, "subset = 10.5: "),
        ({"label_skew": 0.0}, "label_skew = 0.0: "),
        ({"label_skew": float("nan")}, "label_skew = nan: "),
        ({"quantity_skew": 0.9}, "quantity_skew = 0.9: "),
        ({"quantity_skew": float("inf")}, "quantity_skew = inf: "),
        ({"label_skew": 1.0, "quantity_skew": 2.0}, "label_skew and quantity_skew cannot both be set"),
    ],
)
def test_impossible_settings_are_refused(make_case: MakeCase, fields: dict[str, float], words: str) -> None:
    with pytest.raises(CaseDefinitionError) as caught:
        make_case(**fields)
    assert words in str(caught.value)


@pytest.mark.parametrize("fields", [{"subset": 500}, {"label_skew": 0.5}, {"label_skew": 1e-5}, {"quantity_skew": 100}])
def test_an_id_holds_the_settings(make_case: MakeCase, fields: dict[str, float]) -> None:
    case = make_case(**fields)
    assert Case.parse(case.id) == case
    assert f"{next(iter(fields))}=" in case.id
