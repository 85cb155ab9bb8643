"""Where the paper contradicts itself: figures that do not follow from the columns or tables beside them.

Each is worked out from the published tables, with half of the last printed digit on each side for rounding. What only
the text says is quoted as a number here, with its section.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from .figures import (
    B0,
    BASELINE,
    CIFAR10,
    CIFAR100,
    CLUSTER,
    FLOAT16,
    NETWORKS,
    RESNET50,
    RESNET101,
    TRANSFER,
    VGG16,
    VGG19,
    Figure,
    Place,
    figures_of,
    find_figure,
    read_table,
)
from .published import TABLES, PublishedRow, half_digit, published_table

# What only the text says, by section.
_TEXT_SIZE_RATIO = "1.74"  # 4.1, ResNet101 to ResNet50
_TEXT_TIME_RATIOS = (1.6, 1.8)  # 4.2, ResNet101 to ResNet50, at all sizes of the data
_TEXT_TOTALS = {RESNET50: 29.0, RESNET101: 47.0}  # 4.2, seconds on the V100, at all splits
_TEXT_FASTER = 0.45  # 4.2, what the V100 takes off the P100's times
_TEXT_LOSS = 0.02  # 4.3, most accuracy that float16 costs
_TEXT_CLUSTER_LOSS = 0.06  # 4.3, accuracy that 8192 clusters cost
_TEXT_FLOAT16_FASTER = 0.25  # 4.4, what float16 takes off the time on the V100
_TEXT_CLUSTERED_ACCURACY = {CIFAR10: 0.9, CIFAR100: 0.7}  # 4.5, figure 8, at 8192 clusters
_TEXT_MOST_CLUSTERS = 16_384  # 4.5, the end of the range of table 7 and figure 8
_ROUND = 0.05  # a number said with one digit, such as ~0.9, is meant so far


class Erratum(NamedTuple):
    """One place where the paper contradicts itself.

    Attributes:
        where: table and row, or section.
        printed: what stands there.
        right: what follows from the other figures.
        reason: how.
    """

    where: str
    printed: str
    right: str
    reason: str


@cache
def errata() -> tuple[Erratum, ...]:
    """Return all of them, by table, then by section of the text."""
    return tuple(erratum for find in _FINDERS for erratum in find())


def _value(number: int, quantity: str, place: Place) -> float:
    figure = find_figure(number, quantity, place)
    if figure is None:
        raise LookupError(f"table {number} has no {quantity} of {place.title}")
    return figure.value


def _span(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _percents(shares: Sequence[float]) -> str:
    return f"{100 * min(shares):.0f} to {_percent(max(shares))}"


def _table_1() -> Iterator[Erratum]:
    """Sizes that table 5 has with one more digit, and layers that were counted in two ways."""
    for figure in figures_of(1):
        place = figure.place
        finer = next(
            (f for f in figures_of(5) if f.quantity == figure.quantity and _is_of(f, place.network, place.technique)),
            None,
        )
        if finer and abs(finer.value - figure.value) > half_digit(figure.printed) + half_digit(finer.printed):
            yield Erratum(
                f"Table 1, size of {place.title}",
                f"{figure.printed} MB",
                f"{finer.value:.0f} MB",
                f"Table 5 has {finer.value:g} MB for the same file, which was cut here, not rounded",
            )
    layers = {network: _value(1, "layers", Place(network)) for network in NETWORKS}
    yield Erratum(
        "Table 1, number of layers",
        ", ".join(f"{network} {count:.0f}" for network, count in layers.items()),
        "one way of counting for all",
        f"{VGG16} and {VGG19} are counted by their layers with weights, the others by every layer of Keras; by "
        f"the first way {RESNET50} has 50, as its name says",
    )


def _is_of(figure: Figure, network: str, technique: str) -> bool:
    return (figure.place.network, figure.place.technique) == (network, technique)


def _table_2() -> Iterator[Erratum]:
    """Its headers, and recalls beside the accuracies of tables 5 and 6."""
    first, second = list(read_table(2)[0].values())[:2]
    yield Erratum(
        "Table 2, headers",
        f"{first} under Model, {second} under Dataset",
        "the two headers exchanged",
        f"{first} is a data set and {second} a model",
    )
    for figure in figures_of(2):
        number = {CIFAR10: 5, CIFAR100: 6}[str(figure.place.dataset)]
        accuracy = find_figure(number, "accuracy", figure.place)
        if figure.quantity != "recall" or accuracy is None:
            continue
        if abs(accuracy.value - figure.value) > half_digit(figure.printed) + half_digit(accuracy.printed):
            yield Erratum(
                f"Table 2, recall of {figure.place.title}",
                figure.printed,
                accuracy.printed,
                "with classes of the same size the mean recall is the accuracy, which is "
                f"{accuracy.printed} in Table {number}",
            )


def _table_3_totals() -> Iterator[Erratum]:
    for figure in figures_of(3):
        if figure.quantity != "total_s":
            continue
        parts = [_value(3, quantity, figure.place) for quantity in ("train_s", "test_s")]
        if abs(sum(parts) - figure.value) > 3 * half_digit(figure.printed):
            yield Erratum(
                f"Table 3, total of {figure.place.network}, {_split(figure.place)}",
                f"{figure.printed} s",
                f"{sum(parts):.1f} s",
                f"{parts[0]:g} s of training and {parts[1]:g} s of testing",
            )


def _split(place: Place) -> str:
    return f"{(place.profile or '').upper()} {place.split}"


def _table_3_tests() -> Iterator[Erratum]:
    """Test times that are out of step: with the text's total, with the other GPU, and with each other."""
    tests = [figure for figure in figures_of(3) if figure.quantity == "test_s"]
    for figure in tests:
        place = figure.place
        total = _value(3, "train_s", place) + figure.value
        expected = _TEXT_TOTALS[place.network]
        if place.profile == "v100" and abs(total / expected - 1) > 0.1:
            rest = expected - _value(3, "train_s", place)
            yield Erratum(
                f"Table 3, test time of {place.network}, {_split(place)}",
                f"{figure.printed} s",
                f"about {rest:.0f} s",
                f"Section 4.2 has {expected:.0f} s in all at every split; with {figure.printed} s it is {total:.1f} s",
            )
    low, high = _TEXT_TIME_RATIOS
    ratios = {
        f.place: f.value / _value(3, "test_s", f.place._replace(network=RESNET50))
        for f in tests
        if f.place.network == RESNET101
    }
    outside = {place: ratio for place, ratio in ratios.items() if not low <= round(ratio, 1) <= high}
    if outside:
        yield Erratum(
            f"Section 4.2, test time of {RESNET101} to {RESNET50}",
            f"{low:g} to {high:g} at all splits",
            _span(list(ratios.values())),
            "Table 3; outside are " + ", ".join(f"{_split(place)} ({ratio:.2f})" for place, ratio in outside.items()),
        )


def _table_3_speeds() -> Iterator[Erratum]:
    """The gain of the newer GPU, and training beside testing of as many images."""
    gains = {
        (f.place, f.quantity): 1 - f.value / _value(3, f.quantity, f.place._replace(profile="p100"))
        for f in figures_of(3)
        if f.place.profile == "v100" and f.quantity != "total_s"
    }
    outside = {key: gain for key, gain in gains.items() if abs(gain - _TEXT_FASTER) > _ROUND}
    if outside:
        names = [f"{q[:-2]} time of {p.network} at {p.split} ({_percent(gain)})" for (p, q), gain in outside.items()]
        yield Erratum(
            "Section 4.2, times on the V100 against the P100",
            f"{_percent(_TEXT_FASTER)} shorter for both networks",
            f"{_percents(list(gains.values()))} shorter",
            f"Table 3; far from it are {', '.join(names)}",
        )
    for profile in ("p100", "v100"):
        place = Place(RESNET50, CIFAR100, BASELINE, 10, "50-50", profile)
        train, test = (_value(3, quantity, place) for quantity in ("train_s", "test_s"))
        if test > train:
            yield Erratum(
                f"Section 1, testing is faster than training; {RESNET50}, {_split(place)}",
                "faster",
                f"slower: {test:g} s against {train:g} s",
                "Table 3, where both went through 30,000 images once",
            )


def _table_4() -> Iterator[Erratum]:
    """What float16 gains on the V100, whose time a layer transfer takes, and where the figures of the text stand."""
    totals = {figure.place: figure.value for figure in figures_of(4)}
    gains = [
        1 - value / totals[place._replace(technique=BASELINE)]
        for place, value in totals.items()
        if place.technique == FLOAT16 and place.profile == "v100"
    ]
    if abs(max(gains) - _TEXT_FLOAT16_FASTER) > _ROUND:
        yield Erratum(
            "Section 4.4, float16 on the V100",
            f"{_percent(_TEXT_FLOAT16_FASTER)} faster",
            f"{_percents(gains)} less time",
            f"Table 4; the larger gains are those of {RESNET101}",
        )
    transfers = {place: value for place, value in totals.items() if place.technique == TRANSFER}
    to_own = [value / totals[place._replace(technique=BASELINE)] for place, value in transfers.items()]
    to_donor = [
        value / totals[place._replace(technique=BASELINE, network=RESNET101)] for place, value in transfers.items()
    ]
    if min(to_own) > 1 + _ROUND:
        yield Erratum(
            "Table 4, Res50+101",
            f"{RESNET50} with the top layers of {RESNET101}",
            f"the time of {RESNET101}",
            f"it takes {_span(to_donor)} times that of {RESNET101} and {_span(to_own)} times that of {RESNET50}",
        )
    yield Erratum(
        "Section 4.1, 470 and 840 s on the P100, 280 and 470 s on the V100",
        "see Table 3",
        "see Table 4",
        "these are the totals of 10 and 10 epochs on CIFAR-10 with Top-1, "
        + ", ".join(
            f"{totals[Place(network, CIFAR10, BASELINE, 1, profile=profile)]:.0f} s"
            for profile in ("p100", "v100")
            for network in (RESNET50, RESNET101)
        ),
    )


def _rankings() -> Iterator[Erratum]:
    """Scores that do not follow from their own columns, and rows of MIN and MAX that are not the best and the worst."""
    for number in TABLES:
        rows = published_table(number)
        models = rows[1:-1]
        for row in models:
            if not row.consistent:
                yield _wrong_score(number, row, models)
        for extreme, best in ((rows[0], True), (rows[-1], False)):
            for column in ("accuracy", "megabytes", "training_s", "inference_s"):
                values = [getattr(row, column) for row in models]
                wanted = max(values) if best == (column == "accuracy") else min(values)
                printed = getattr(extreme, column)
                if abs(printed - wanted) > half_digit(f"{printed:g}"):
                    names = " and ".join(row.model for row in models if getattr(row, column) == wanted)
                    yield Erratum(
                        f"Table {number}, {extreme.model}, {_COLUMNS[column]}",
                        f"{printed:g}",
                        f"{wanted:g}",
                        f"{names} {'has' if ' and ' not in names else 'have'} it",
                    )


_COLUMNS = {
    "accuracy": "accuracy",
    "megabytes": "size",
    "training_s": "training time",
    "inference_s": "inference time",
}


def _wrong_score(number: int, row: PublishedRow, models: Sequence[PublishedRow]) -> Erratum:
    place, right = models.index(row) + 1, sum(rival.score < row.recomputed for rival in models) + 1
    reason = "its columns give the latter"
    if abs(row.from_training - row.score) < 0.02:
        reason = f"the training time of {row.training_s:g} s stands in the place of the inference time"
    if place != right:
        reason += f"; it is in place {right}, not {place}"
    return Erratum(f"Table {number}, score of {row.model}", f"{row.score:.2f}", f"{row.recomputed:.2f}", reason)


def _losses() -> Iterator[Erratum]:
    """What float16 and clusters cost, in the text and in tables 5 and 6."""
    losses = {
        technique: {
            f.place: f.value - _value(number, "accuracy", f.place._replace(technique=BASELINE))
            for number in TABLES
            for f in figures_of(number)
            if f.quantity == "accuracy" and f.place.technique == technique
        }
        for technique in (FLOAT16, CLUSTER)
    }
    beyond = {place: loss for place, loss in losses[FLOAT16].items() if loss < -_TEXT_LOSS - 0.01}
    if beyond:
        yield Erratum(
            "Section 4.3, accuracy that float16 costs",
            f"less than {_TEXT_LOSS:g}",
            f"up to {-min(beyond.values()):.2f}",
            "Tables 5 and 6: " + ", ".join(f"{place.title} {loss:+.2f}" for place, loss in beyond.items()),
        )
    clustered = {place: loss for place, loss in losses[CLUSTER].items() if place.network in (RESNET50, RESNET101)}
    yield Erratum(
        f"Section 4.3, accuracy that 8192 clusters cost {RESNET50} and {RESNET101}",
        f"about {_TEXT_CLUSTER_LOSS:g}",
        ", ".join(
            f"{-max(part):.2f} to {-min(part):.2f} on {dataset}"
            for dataset in TABLES.values()
            if (part := [loss for place, loss in clustered.items() if place.dataset == dataset])
        ),
        f"Tables 5 and 6; {B0} loses {-losses[CLUSTER][Place(B0, CIFAR10, CLUSTER, 10)]:.2f} (Top-10, CIFAR-10)",
    )


def _bests() -> Iterator[Erratum]:
    """What section 4.5 says of EfficientNet-B0 with float16, and of the time that float16 takes."""
    rows = published_table(5)[1:-1]
    ours = [row for row in rows if row.model.startswith("B0 Quant")]
    accuracy, time = max(row.accuracy for row in rows), min(row.inference_s for row in rows)
    if max(row.accuracy for row in ours) < accuracy and min(row.inference_s for row in ours) > time:
        yield Erratum(
            "Section 4.5, B0 Quant has the highest accuracy and the smallest inference time and size",
            "all three",
            "the smallest size only",
            f"Table 5: accuracies of {_span([row.accuracy for row in ours])} where {accuracy:g} is the highest, "
            f"times of {_span([row.inference_s for row in ours])} s where {time:g} s is the smallest; B0 without "
            "float16 has both",
        )
    equal = [
        place.title
        for number in TABLES
        for figure in figures_of(number)
        if figure.quantity == "inference_s" and (place := figure.place).technique == FLOAT16
        if figure.value <= _value(number, "inference_s", place._replace(technique=BASELINE))
    ]
    if equal:
        yield Erratum(
            "Section 4.5, float16 makes inference longer for each model",
            "for each",
            f"for all but {' and '.join(equal)}",
            "Table 6 has the same time with and without it",
        )


def _clusters() -> Iterator[Erratum]:
    """Table 7 beside the other tables and the text."""
    for network in (RESNET50, RESNET101):
        figure = find_figure(7, "size_mb", Place(network, technique=CLUSTER))
        ranked = _value(5, "size_mb", Place(network, CIFAR10, CLUSTER, 10))
        if figure and abs(ranked - figure.value) > half_digit(figure.printed):
            same = [f for f in figures_of(7) if f.quantity == "size_mb" and f.value == ranked]
            hint = f", which Table 7 has for {same[0].place.technique}" if same else ""
            yield Erratum(
                f"Table 7, size of {network} with 8192 clusters",
                f"{figure.printed} MB",
                f"{ranked:g} MB in Tables 5 and 6",
                f"one of the two is wrong: Tables 5 and 6 have {ranked:g} MB{hint}",
            )
    most = max(int(row["clusters"]) for row in read_table(7))
    if most < _TEXT_MOST_CLUSTERS:
        yield Erratum(
            "Section 4.5, numbers of clusters",
            f"up to {_TEXT_MOST_CLUSTERS:,}",
            f"up to {most:,}",
            "Table 7 ends there",
        )
    for number, dataset in TABLES.items():
        said = _TEXT_CLUSTERED_ACCURACY[dataset]
        values = [
            f.value
            for f in figures_of(number)
            if f.quantity == "accuracy" and f.place.technique == CLUSTER and f.place.network in (RESNET50, RESNET101)
        ]
        if max(values) < said - _ROUND:
            yield Erratum(
                f"Figure 8, accuracy with 8192 clusters on {dataset}",
                f"about {said:g}",
                _span(values),
                f"Table {number} has these for the same networks and as many clusters",
            )


def _text() -> Iterator[Erratum]:
    """Ratios and words of the text that follow from no table."""
    sizes = [_value(1, "size_mb", Place(network)) for network in (RESNET101, RESNET50)]
    ratio = sizes[0] / sizes[1]
    if f"{ratio:.2f}" != _TEXT_SIZE_RATIO:
        yield Erratum(
            f"Section 4.1, size of {RESNET101} to {RESNET50}",
            _TEXT_SIZE_RATIO,
            f"{ratio:.2f}",
            f"{sizes[0]:g} MB by {sizes[1]:g} MB in Table 1",
        )
    yield Erratum(
        "Section 4.2, memory of the V100",
        "32 GB",
        "16 GB",
        "Section 3.1 has the V100 with 16 GB, as much as the P100",
    )


_FINDERS: tuple[Callable[[], Iterator[Erratum]], ...] = (
    _table_1,
    _table_2,
    _table_3_totals,
    _table_3_tests,
    _table_3_speeds,
    _table_4,
    _rankings,
    _losses,
    _bests,
    _clusters,
    _text,
)
