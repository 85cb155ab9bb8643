"""The published tables beside what was measured: each figure with its own, and the ratio of the two.

A row of a table takes the result of the same network, technique, layers, data and split that is nearest to the paper's:
its own network and data before what stands for them, its own GPU before other hardware. Times are scaled to as many
images as the paper has; in tables of times alone other data stand for the paper's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..records.result import Result
from .figures import BASELINE, TITLES, UNITS, Figure, Place, figures_of
from .measured import Measured, is_of_papers_data, place_of, training_examples
from .stand_ins import dataset_of, network_of, short_name

# Images of the paper: of CIFAR's training part, of its test part, and both.
_TRAINING, _TEST, _ALL = 50_000, 10_000, 60_000
_EPOCHS = 10  # of training and of testing, in table 4
RANKINGS = (5, 6)
_QUALITIES = 2
_ANSWERS = (_QUALITIES, *RANKINGS)  # tables of what models answer, which those with random layers cannot stand in
_ANYWHERE = Place("")  # of a figure that does not depend on the place
_TIMES = (3, 4)  # tables of times alone, for which the number of images counts and not what they show


class Cell(NamedTuple):
    """One quantity of a row.

    Attributes:
        quantity: one of ``figures.UNITS``.
        published: as printed; empty where the paper has none.
        value: the published number; None for none.
        measured: here, in the same unit; None for none.
    """

    quantity: str
    published: str
    value: float | None
    measured: float | None

    @property
    def unit(self) -> str:
        """The unit of both."""
        return UNITS[self.quantity]

    @property
    def ratio(self) -> float | None:
        """Measured by published; None where one is missing, and of a score, which has no zero."""
        if self.value is None or self.measured is None or self.quantity == "op_score":
            return None
        return self.measured / self.value


class Row(NamedTuple):
    """A row of a published table, or of what was measured besides.

    Attributes:
        title: of what it is, in the paper's words.
        cells: in the order of the table's columns.
        result: that stands beside it; None where nothing was measured.
    """

    title: str
    cells: tuple[Cell, ...]
    result: Result | None


class ComparedTable(NamedTuple):
    """A published table beside what was measured."""

    number: int
    title: str
    rows: tuple[Row, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """Those that stand beside its rows, each once."""
        return tuple({row.result.key: row.result for row in self.rows if row.result}.values())


def compare(number: int, measured: Measured) -> ComparedTable:
    """Set a table of the paper beside what was measured.

    Args:
        number: of the table, 1 to 7.
        measured: all results.
    """
    by_place: dict[Place, list[Figure]] = {}
    for figure in figures_of(number):
        by_place.setdefault(figure.place, []).append(figure)
    measured = measured.trained if number in _ANSWERS else measured
    same_data = len({place.dataset for place in by_place}) == 1
    rows = tuple(
        _row(place, figures, _nearest(number, place, measured), same_data) for place, figures in by_place.items()
    )
    if number in RANKINGS:
        rows += tuple(_further_rows(number, rows, measured))
    if number == _QUALITIES:
        rows += tuple(_further_networks(rows, measured))
    return ComparedTable(number, TITLES[number], rows)


def measured_value(quantity: str, result: Result, place: Place) -> float | None:
    """Return a figure of a result as the paper's tables have it; None where it was not measured.

    Args:
        quantity: one of ``figures.UNITS``.
        result: of the case.
        place: of the published figure, whose split says how many images a time is for.
    """
    value = _VALUES[quantity](result, place)
    return value if value is None or math.isfinite(value) else None  # of a record with times beyond all measure


def _row(place: Place, figures: list[Figure], result: Result | None, same_data: bool) -> Row:
    cells = tuple(
        Cell(
            figure.quantity,
            figure.printed,
            figure.value,
            measured_value(figure.quantity, result, place) if result else None,
        )
        for figure in figures
    )
    return Row(place._replace(dataset=None).title if same_data else place.title, cells, result)


def _nearest(number: int, place: Place, measured: Measured) -> Result | None:
    """Return the result that stands beside a published place of a table; None where there is none."""
    wanted = place._replace(dataset=None) if number in _TIMES else place
    candidates = [result for result in measured.results if _stands_for(result, wanted)]
    return max(candidates, key=lambda result: _nearness(result, place), default=None)


def _stands_for(result: Result, place: Place) -> bool:
    own = place_of(result)
    if own is None or own.network != place.network or own.technique != place.technique or own.split != place.split:
        return False
    return all(
        wanted is None or wanted == its
        for wanted, its in ((place.dataset, own.dataset), (place.unfreeze, own.unfreeze))
    )


def _nearness(result: Result, place: Place) -> tuple[object, ...]:
    """How near a result is to the paper's, the weightiest first."""
    case = result.case
    network, dataset = network_of(case.model), dataset_of(case.dataset)
    return (
        network is not None and network.is_itself,
        dataset is not None and dataset.name == place.dataset,
        dataset is not None and dataset.is_itself,
        result.device.profile == place.profile,
        case.weights == "imagenet",
        case.weights != "none",
        case.subset is None,
        result.test_samples,
    )


def _further_rows(number: int, rows: tuple[Row, ...], measured: Measured) -> Iterator[Row]:
    """Yield techniques that the paper has not, on the test sets and machines of the rows that were measured."""
    quantities = [cell.quantity for cell in rows[0].cells]
    baselines = {row.result.key: row.result for row in rows if row.result and row.result.case.technique == BASELINE}
    published = {figure.place.technique for figure in figures_of(number)}
    for baseline in baselines.values():
        for result in measured.results:
            place = place_of(result)
            if place and place.technique not in published and measured.reference_of(result) is baseline:
                cells = (Cell(quantity, "", None, measured_value(quantity, result, place)) for quantity in quantities)
                yield Row(place._replace(profile=None, dataset=None).title, tuple(cells), result)


def _further_networks(rows: tuple[Row, ...], measured: Measured) -> Iterator[Row]:
    """Yield other networks with as many trained layers as table 2 has, and the reference that answers at random."""
    quantities = dict.fromkeys(cell.quantity for row in rows for cell in row.cells)
    present = [row.result for row in rows]
    layers = {figure.place.unfreeze for figure in figures_of(_QUALITIES)}
    for result in measured.references:
        case = result.case
        is_alike = case.model == "random" or case.unfreeze in layers
        if is_alike and is_of_papers_data(case) and result not in present:
            names = short_name(case.model), short_name(case.dataset)
            cells = (Cell(name, "", None, measured_value(name, result, _ANYWHERE)) for name in quantities)
            yield Row(" ".join(names), tuple(cells), result)


def _epoch_s(result: Result, images: int) -> float | None:
    """Return the seconds of one epoch over so many images; None where it is not known how many it had."""
    examples = training_examples(result)
    if not examples or result.training_s <= 0:
        return None
    return result.training_s / result.case.epochs * images / examples


def _inference_s(result: Result, images: int) -> float:
    return result.inference_s.value * images / result.reference_samples


def _train_s(result: Result, place: Place) -> float | None:
    return _epoch_s(result, _images(place)[0])


def _test_s(result: Result, place: Place) -> float:
    return _inference_s(result, _images(place)[1])


def _images(place: Place) -> tuple[int, int]:
    """Return the paper's training and test images of a split."""
    if place.split == "own":
        return _TRAINING, _TEST
    share = int(place.split.partition("-")[0]) / 100
    return round(_ALL * share), round(_ALL * (1 - share))


def _total_s(result: Result, place: Place) -> float | None:
    train = _train_s(result, place)
    if train is None:
        return None
    total = train + _test_s(result, place)
    return total if place.split != "own" else _EPOCHS * total


_VALUES: dict[str, Callable[[Result, Place], float | None]] = {
    "size_mb": lambda result, _: result.size_mb,
    "layers": lambda result, _: result.artifact.layers,
    "recall": lambda result, _: result.recall,
    "precision": lambda result, _: result.precision,
    "f1": lambda result, _: result.f1,
    "accuracy": lambda result, _: result.accuracy.value if result.accuracy else None,
    "train_s": _train_s,
    "test_s": _test_s,
    "total_s": _total_s,
    "training_s_per_epoch": lambda result, _: _epoch_s(result, _TRAINING),
    "inference_s": lambda result, _: _inference_s(result, _TEST),
    "op_score": lambda result, _: result.op_score.value,
    "clustering_s": lambda result, _: result.preparation_s,
}
