"""How much of the paper a run repeats: on which data, with which networks, and how long it may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytest_opml import Case, matrix

Unfreeze = int | Literal["all"]

LITE = "efficientnet_lite0"
NETWORKS = ("resnet50", "resnet101", "vgg16", "vgg19", "efficientnetb0")
DEEP = ("resnet50", "resnet101")
_HERE = __name__.rpartition(".")[0]
DIGIT_PAIRS = f"{_HERE}.digit_pairs:load"
_SMALL, _LARGE = f"{_HERE}.small_networks:small", f"{_HERE}.small_networks:large"

# The paper's quantisation is to float16, and its clustering to 8,192 weights a layer; int8 is not the paper's.
TECHNIQUES = ("baseline", "float16", "cluster-8192")
# Layers that are trained, counted from the output: few and more of them.
TOPS = (1, 10)
# VGG has two dense layers, so the paper takes these in the place of 1 and 10.
VGG_TOPS = (2, 3)
_DEPTHS = (1, 2, 3, 5, 10, 20)

# The predecessors of layer transfer and their successors, which the layers are from.
_SUCCESSORS = {"resnet50": "resnet101", _SMALL: _LARGE}


def tops_of(network: str) -> tuple[int, int]:
    """Return how many layers of a network are trained in the paper's two ways."""
    return VGG_TOPS if network.startswith("vgg") else TOPS


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Networks that are trained in one way on one data set.

    Attributes:
        networks: by their names in cases.
        dataset: its name in cases.
        size: height and width of the images, pixels.
        subset: images in all; None for all of them.
        epochs: passes over the training images.
        weights: that training starts from; with ``none`` times and sizes are real, and accuracies say nothing.
        tops: how many layers are trained, one case each; None for the paper's two of each network.
        top1_techniques: those that are measured where the head alone is trained; None for all.
        others: techniques that are not the paper's, beside its own in Tables 5 and 6.
    """

    networks: tuple[str, ...]
    dataset: str
    size: int
    subset: int | None = None
    epochs: int = 10
    weights: str = "imagenet"
    tops: tuple[Unfreeze, ...] | None = None
    top1_techniques: tuple[str, ...] | None = None
    others: tuple[str, ...] = ("int8",)

    def cases(
        self,
        *,
        networks: Sequence[str] | None = None,
        techniques: Sequence[str] = ("baseline",),
        tops: Sequence[Unfreeze] | None = None,
        **fields: Any,
    ) -> list[Case]:
        """Return the cases of each network with each number of layers and each technique, by the paper's recipe.

        Args:
            networks: those of the setup that are wanted; None for all.
            techniques: each a ``Case.technique``.
            tops: each a ``Case.unfreeze``; None for those of the setup.
            fields: others of every case.
        """
        common: dict[str, Any] = {
            "dataset": self.dataset,
            "size": self.size,
            "subset": self.subset,
            "epochs": self.epochs,
            "weights": self.weights,
            "recipe": "paper",
        }
        cases = [
            case
            for network in self.networks
            if networks is None or network in networks
            for case in matrix(
                models=[network],
                techniques=techniques,
                unfreeze=tops or self.tops or tops_of(network),
                **common | fields,
            )
        ]
        few = self.top1_techniques
        return [case for case in cases if few is None or case.unfreeze != 1 or case.technique in few]

    def transfers(self, *, retrained: Sequence[bool] = (True,), tops: Sequence[Unfreeze] | None = None) -> list[Case]:
        """Return the cases of layer transfer to those networks of the setup that have a successor.

        Args:
            retrained: whether the stitched network is trained again; both for before and after.
            tops: as ``cases`` has it.
        """
        return [
            case
            for network, successor in _SUCCESSORS.items()
            if network in self.networks
            for is_retrained in retrained
            for case in self.cases(
                networks=[network],
                techniques=[f"layer-transfer:{successor}" + ("" if is_retrained else ",retrain=no")],
                tops=tops,
            )
        ]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of the paper a run repeats.

    Attributes:
        cifar10: what is measured on CIFAR-10, or on what stands for it: Tables 2 and 5, and the figures.
        cifar100: the same of CIFAR-100.
        sizes: whose files and layers Table 1 is of.
        splits: into training and test images, for Table 3.
        times: what Table 3 times.
        totals: what Table 4 times with each technique.
        clusters: on what Table 7 compares numbers of clusters.
        cluster_counts: which these are.
        depths: with more and more layers trained, for Figure 5.
        relatives: two networks, one the successor of the other, for the layer transfer of Figure 4.
        timeout_s: seconds that a case may take, where the command line does not say.
    """

    cifar10: tuple[Setup, ...]
    cifar100: tuple[Setup, ...]
    sizes: tuple[Setup, ...]
    times: tuple[Setup, ...]
    totals: tuple[Setup, ...]
    clusters: tuple[Setup, ...]
    depths: tuple[Setup, ...]
    relatives: tuple[Setup, ...] = ()
    cluster_counts: tuple[int, ...] = (512, 1_024, 2_048, 4_096, 8_192, 16_384)
    splits: tuple[str, ...] = ("50-50", "70-30", "90-10")
    timeout_s: float

    @property
    def qualities(self) -> tuple[Setup, ...]:
        """Both data sets."""
        return (*self.cifar10, *self.cifar100)


def _of(setup: Setup, *networks: str, tops: tuple[Unfreeze, ...] | None = None) -> Setup:
    """A setup with other networks, and other numbers of layers."""
    return replace(setup, networks=networks, tops=tops)


# Real weights and small images; of the paper's own networks times and sizes alone, since their weights are random.
_SMOKE_CIFAR10 = Setup(networks=(LITE,), dataset="digits", size=48, top1_techniques=("baseline", "float16"))
_SMOKE_CIFAR100 = Setup(
    networks=(LITE,), dataset=DIGIT_PAIRS, size=32, subset=5_500, top1_techniques=("baseline",), others=()
)
_UNTRAINED = Setup(networks=NETWORKS, dataset="digits", size=32, subset=300, epochs=1, weights="none")
# So few epochs that they do not get everything right.
_RELATIVES = Setup(networks=(_SMALL, _LARGE), dataset="digits", size=16, epochs=4, weights="none", tops=("all",))
# All of CIFAR-10; of the paper's networks with what `opml paper pretrain` trained, which is all that a CPU can bear.
_SMALL_CIFAR10 = Setup(networks=(LITE,), dataset="cifar10", size=96)
_SMALL_CIFAR100 = Setup(networks=(LITE,), dataset=DIGIT_PAIRS, size=64)
_PRETRAINED = Setup(networks=NETWORKS, dataset="digits", size=32, weights="opml")
_FULL_CIFAR10 = Setup(networks=NETWORKS, dataset="cifar10", size=224)
_FULL_CIFAR100 = replace(_FULL_CIFAR10, dataset="cifar100")

SCALES = {
    "smoke": Scale(
        cifar10=(_SMOKE_CIFAR10,),
        cifar100=(_SMOKE_CIFAR100,),
        sizes=(_UNTRAINED,),
        times=(_of(_UNTRAINED, *DEEP),),
        totals=(_of(_UNTRAINED, "resnet50", tops=TOPS[-1:]),),
        clusters=(_SMOKE_CIFAR10,),
        cluster_counts=(512, 1_024, 8_192, 16_384),
        depths=(_of(_SMOKE_CIFAR10, LITE, tops=(1, 10, 20)),),
        relatives=(_RELATIVES,),
        splits=("50-50", "90-10"),
        timeout_s=600.0,
    ),
    "small": Scale(
        cifar10=(_SMALL_CIFAR10, _PRETRAINED),
        cifar100=(_SMALL_CIFAR100,),
        sizes=(_PRETRAINED,),
        times=(_of(_PRETRAINED, *DEEP),),
        totals=(_of(_PRETRAINED, *DEEP),),
        clusters=(_of(_PRETRAINED, *DEEP), _SMALL_CIFAR100),
        depths=(_of(_PRETRAINED, "resnet50", "vgg16", tops=_DEPTHS),),
        timeout_s=4 * 3600.0,
    ),
    "full": Scale(
        cifar10=(_FULL_CIFAR10,),
        cifar100=(_FULL_CIFAR100,),
        sizes=(_FULL_CIFAR10,),
        times=(_of(_FULL_CIFAR100, *DEEP),),
        totals=(_of(_FULL_CIFAR10, *DEEP), _of(_FULL_CIFAR100, *DEEP)),
        clusters=(_of(_FULL_CIFAR10, *DEEP), _of(_FULL_CIFAR100, *DEEP)),
        depths=(_of(_FULL_CIFAR10, "resnet50", "vgg16", tops=_DEPTHS),),
        timeout_s=4 * 3600.0,
    ),
}


def reference_case(setup: Setup) -> Case:
    """Return the case of a classifier that answers at random, on all data of a setup, for nothing is trained."""
    return Case(dataset=setup.dataset, model="random", unfreeze=0, size=setup.size)
