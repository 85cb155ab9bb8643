"""Every figure of the paper's seven tables, with its unit and what it is of.

The MIN and MAX rows of tables 5 and 6 are no models, and are left to ``published``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

RESNET50, RESNET101, VGG16, VGG19, B0 = "ResNet50", "ResNet101", "VGG16", "VGG19", "EfficientNet-B0"
NETWORKS = (RESNET50, RESNET101, VGG16, VGG19, B0)
CIFAR10, CIFAR100 = "CIFAR-10", "CIFAR-100"
DATASETS = (CIFAR10, CIFAR100)
BASELINE, FLOAT16, CLUSTER, TRANSFER = "baseline", "float16", "cluster-8192", "layer-transfer"
TITLES = {
    1: "sizes and layers of the networks",
    2: "recall, precision and F1 of ResNet50 and ResNet101",
    3: "seconds of one epoch and one test by split and GPU, CIFAR-100, Top-10",
    4: "seconds of 10 epochs of training and 10 of testing, by technique and GPU",
    5: "CIFAR-10, ranked by OpScore",
    6: "CIFAR-100, ranked by OpScore",
    7: "size and preparation time by number of clusters",
}
UNITS = {
    "size_mb": "MB",
    "layers": "layers",
    "recall": "",
    "precision": "",
    "f1": "",
    "train_s": "s",
    "test_s": "s",
    "total_s": "s",
    "accuracy": "",
    "training_s_per_epoch": "s",
    "inference_s": "s",
    "op_score": "",
    "clustering_s": "s",
}
_SHORT = {"Resnet-50": RESNET50, "Resnet-101": RESNET101, "B0": B0, "Res50": RESNET50, "Res101": RESNET101}
_TECHNIQUES = {"Quant": FLOAT16, "Cluster": CLUSTER, "": BASELINE}
_RANKED = re.compile(r"(?P<network>\S+)(?: (?P<technique>Quant|Cluster))? Top-(?P<top>\d+)")
_TOTALS = {
    "resnet50": (RESNET50, BASELINE),
    "res50_quant": (RESNET50, FLOAT16),
    "res50_cluster": (RESNET50, CLUSTER),
    "resnet101": (RESNET101, BASELINE),
    "res101_quant": (RESNET101, FLOAT16),
    "res101_cluster": (RESNET101, CLUSTER),
    "res50+101": (RESNET50, TRANSFER),
}


class Place(NamedTuple):
    """What a published figure is of; None for what its table leaves open.

    Attributes:
        network: as the paper names it in table 1.
        dataset: CIFAR-10 or CIFAR-100.
        technique: as a case has it; of a layer transfer without its source.
        unfreeze: how many layers were trained.
        split: train to test, in percent; ``own`` for that of the data set.
        profile: of the GPU.
    """

    network: str
    dataset: str | None = None
    technique: str = BASELINE
    unfreeze: int | None = None
    split: str = "own"
    profile: str | None = None

    @property
    def title(self) -> str:
        """In words, as a row of a table is headed."""
        top = "" if self.unfreeze is None else f"Top-{self.unfreeze}"
        technique = "" if self.technique == BASELINE else self.technique
        split = "" if self.split == "own" else self.split
        return " ".join(filter(None, (self.network, technique, top, self.dataset, split, (self.profile or "").upper())))


class Figure(NamedTuple):
    """One published number.

    Attributes:
        table: 1 to 7.
        place: what it is of.
        quantity: one of ``UNITS``.
        value: in the unit of the quantity.
        printed: as it stands in the table, whose digits say how it was rounded.
    """

    table: int
    place: Place
    quantity: str
    value: float
    printed: str


def read_table(number: int) -> list[dict[str, str]]:
    """Return the rows of a table, 1 to 7, as they are printed."""
    text = files(__package__).joinpath("tables", f"table{number}.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def figures_of(number: int) -> tuple[Figure, ...]:
    """Return the figures of a table, 1 to 7, in the order printed."""
    return tuple(
        Figure(number, place, quantity, float(printed), printed)
        for row in read_table(number)
        for place, quantity, printed in _READERS[number](row)
    )


def find_figure(number: int, quantity: str, place: Place) -> Figure | None:
    """Return a figure of a table; None where the paper has none of that place."""
    return next((one for one in figures_of(number) if one.quantity == quantity and one.place == place), None)


_Cells = Iterator[tuple[Place, str, str]]


def _sizes(row: dict[str, str]) -> _Cells:
    yield Place(row["model"]), "size_mb", row["size_mb"]
    yield Place(row["model"], technique=FLOAT16), "size_mb", row["float16_size_mb"]
    yield Place(row["model"]), "layers", row["layers"]


def _qualities(row: dict[str, str]) -> _Cells:
    network, top = row["model"].split("-Top")
    dataset = {"CIFAR10": CIFAR10, "CIFAR100": CIFAR100}[row["dataset"]]
    for quantity in ("recall", "precision", "f1"):
        yield Place(_SHORT[network], dataset, unfreeze=int(top)), quantity, row[quantity]


def _splits(row: dict[str, str]) -> _Cells:
    for short in ("res50", "res101"):
        place = Place(_SHORT[short.title()], CIFAR100, BASELINE, 10, row["train_test_ratio"], row["gpu"].lower())
        for quantity in ("train", "test", "total"):
            yield place, f"{quantity}_s", row[f"{quantity}_s_{short}"]


def _totals(row: dict[str, str]) -> _Cells:
    data, top = row["dataset_layers"].split("-Top")
    dataset = {"CIF10": CIFAR10, "CIF100": CIFAR100}[data]
    for column, (network, technique) in _TOTALS.items():
        yield Place(network, dataset, technique, int(top), profile=row["gpu"].lower()), "total_s", row[column]


def _ranking(dataset: str) -> Callable[[dict[str, str]], _Cells]:
    def cells(row: dict[str, str]) -> _Cells:
        name = _RANKED.fullmatch(row["model"])
        if name is None:  # MIN and MAX
            return
        network = _SHORT.get(name["network"], name["network"])
        place = Place(network, dataset, _TECHNIQUES[name["technique"] or ""], int(name["top"]))
        for quantity in ("accuracy", "size_mb", "training_s_per_epoch", "inference_s", "op_score"):
            yield place, quantity, row[quantity]

    return cells


def _clusters(row: dict[str, str]) -> _Cells:
    place = Place(row["model"], technique=f"cluster-{row['clusters']}")
    yield place, "size_mb", row["size_mb"]
    yield place, "clustering_s", row["clustering_s"]


_READERS: dict[int, Callable[[dict[str, str]], _Cells]] = {
    1: _sizes,
    2: _qualities,
    3: _splits,
    4: _totals,
    5: _ranking(CIFAR10),
    6: _ranking(CIFAR100),
    7: _clusters,
}
