"""Which networks and data sets here are the paper's, and which stand for one that is not at hand."""

from __future__ import annotations

from typing import NamedTuple

from .figures import B0, CIFAR10, CIFAR100, RESNET50, RESNET101, VGG16, VGG19

_NETWORKS = {
    "resnet50": RESNET50,
    "resnet101": RESNET101,
    "vgg16": VGG16,
    "vgg19": VGG19,
    "efficientnetb0": B0,
}
_DATASETS = {"cifar10": CIFAR10, "cifar100": CIFAR100}
# EfficientNet-B0 without squeeze-and-excitation, whose weights come in a package.
_NETWORK_STAND_INS = {"efficientnet_lite0": B0}
# 10 and 100 classes, from scikit-learn's digits.
_DATASET_STAND_INS = {"digits": CIFAR10, "pytest_opml.paper.suite.digit_pairs:load": CIFAR100}
# In all, of training and test, by the name here.
EXAMPLES = {
    "cifar10": 60_000,
    "cifar100": 60_000,
    "digits": 1_797,
    "pytest_opml.paper.suite.digit_pairs:load": 27_500,
}


class Counterpart(NamedTuple):
    """What a name here is in the paper.

    Attributes:
        name: in the paper.
        is_itself: whether it is the paper's own, not one that stands for it.
    """

    name: str
    is_itself: bool


def network_of(model: str) -> Counterpart | None:
    """Return the paper's network that a model is or stands for; None for any other."""
    return _counterpart(model, _NETWORKS, _NETWORK_STAND_INS)


def dataset_of(dataset: str) -> Counterpart | None:
    """Return the paper's data set that a data set is or stands for; None for any other."""
    return _counterpart(dataset, _DATASETS, _DATASET_STAND_INS)


def stand_ins(models: set[str], datasets: set[str]) -> list[str]:
    """Say in words which of these names stand for something of the paper, each in one line."""
    lines = []
    for names, counterpart_of in ((models, network_of), (datasets, dataset_of)):
        for name in sorted(names):
            counterpart = counterpart_of(name)
            if counterpart and not counterpart.is_itself:
                lines.append(f"{name} stands for {counterpart.name}")
    return lines


def short_name(name: str) -> str:
    """Return the name of a model or data set; of ``package.module:function`` the module's and function's own."""
    module, colon, function = name.partition(":")
    if not colon or "/" in name:
        return name
    module = module.rpartition(".")[2]
    return module if function in ("load", "build") else f"{module}:{function}"


def _counterpart(name: str, own: dict[str, str], standing: dict[str, str]) -> Counterpart | None:
    if name in own:
        return Counterpart(own[name], is_itself=True)
    return Counterpart(standing[name], is_itself=False) if name in standing else None
