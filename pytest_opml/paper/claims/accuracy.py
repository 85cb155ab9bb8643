"""The paper's claims about accuracy: what techniques cost, what layers and networks gain, and the measures of it.

A difference between two models counts only where the better known of them has learned something: of two that guess,
neither is the better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ...records.case_record import CaseRecord
from ...records.result import Result
from ..figures import B0, CIFAR10, CIFAR100, CLUSTER, FLOAT16, TRANSFER
from ..measured import Measured, is_untrained_transfer, technique_of
from ..quantities import Quantity, difference, figure, negative, sum_of
from ..stand_ins import dataset_of
from .claim import VISIBLE, Claim, Observation, Region
from .selection import clusters_of, differing_sizes, paper_name, published_difference, relatives, rivals_of

_LEARNED_NOTHING = "the model that it is compared with is no better than guessing"
_PAPERS_TECHNIQUES = ("baseline", FLOAT16, CLUSTER)
_DENSE_LAYERS = 3  # at the top of a VGG


def has_learned(result: Result) -> bool:
    """Tell whether a model is surely better than guessing: 1 by the number of classes."""
    accuracy = figure("accuracy", result)
    return accuracy is not None and accuracy.low > 1 / result.classes


def observed(result: Result, reference: Result, about: str = "") -> Iterator[Observation]:
    """Yield the difference in accuracy between two results, where both have one.

    Args:
        result: the candidate.
        reference: subtracted; where it has learned nothing, the difference decides nothing.
        about: see ``Observation``.
    """
    if quantity := difference("accuracy", result, reference):
        published = published_difference("accuracy", result, reference)
        doubt = "" if has_learned(reference) else _LEARNED_NOTHING
        yield Observation((result, reference), quantity, published, doubt, about)


def _of_technique(technique: str, measured: Measured) -> Iterator[Observation]:
    for result in measured.of_technique(technique):
        if reference := measured.reference_of(result):
            yield from observed(result, reference)


def _of_smaller_files(measured: Measured) -> Iterator[Observation]:
    for result in measured.results:
        reference = measured.reference_of(result)
        is_the_papers = result.case.technique == FLOAT16 or clusters_of(result.case) is not None
        if reference and is_the_papers and result.size_mb < reference.size_mb:
            yield from observed(result, reference, about=result.case.technique)


def _clusters_beside_float16(measured: Measured) -> Iterator[Observation]:
    for result in measured.of_technique(CLUSTER):
        if rival := measured.beside(result, technique=FLOAT16):
            yield from observed(result, rival)


def _fewer_clusters(measured: Measured) -> Iterator[Observation]:
    for series in relatives(measured, lambda case: clusters_of(case) in (1024, 8192), "technique"):
        if len(series) == 2:
            fewer, more = sorted(series, key=lambda result: clusters_of(result.case) or 0)
            yield from observed(fewer, more)


def _deeper_top(measured: Measured) -> Iterator[Observation]:
    for result in measured.results:
        is_deep = result.case.unfreeze == 10 and result.case.technique in _PAPERS_TECHNIQUES
        if is_deep and (reference := measured.beside(result, unfreeze=1)):
            yield from observed(result, reference, about=result.case.technique)


def _by_depth(family: str, measured: Measured) -> Iterator[Observation]:
    """The deepest training against the shallowest, of the networks of a family."""

    def belongs(case: CaseRecord) -> bool:
        is_counted = isinstance(case.unfreeze, int) and case.unfreeze > 0
        return case.technique == "baseline" and case.model.startswith(family) and is_counted

    for series in relatives(measured, belongs, "unfreeze"):
        ordered = sorted(series, key=_depth)
        if _depth(ordered[-1]) > _DENSE_LAYERS and len(ordered) > 1:
            yield from observed(ordered[-1], ordered[0])


def _depth(result: Result) -> int:
    return int(result.case.unfreeze)


def _transfers(measured: Measured, *, is_untrained: bool) -> Iterator[Result]:
    for result in measured.results:
        if result.case.technique.startswith(f"{TRANSFER}:") and is_untrained_transfer(result.case) == is_untrained:
            yield result


def _worst_before(measured: Measured) -> Iterator[Observation]:
    """A layer transfer that was not trained again, against the lowest of the paper's other techniques."""
    for result in _transfers(measured, is_untrained=True):
        rivals = [measured.beside(result, technique=technique) for technique in _PAPERS_TECHNIQUES]
        rivals += [one for one in _transfers(measured, is_untrained=False) if _is_retrained(one, result)]
        present = [rival for rival in rivals if rival and rival.accuracy]
        if present:
            lowest = min(present, key=lambda rival: rival.accuracy.value if rival.accuracy else 0.0)
            yield from observed(result, lowest, about=f"against {technique_of(lowest.case)}")


def _is_retrained(one: Result, untrained: Result) -> bool:
    if one.device.machine != untrained.device.machine:
        return False
    same = untrained.case.model_copy(update={"technique": one.case.technique})
    return same == one.case and one.case.technique == untrained.case.technique.removesuffix(",retrain=no")


def _after_retraining(rival: str, measured: Measured) -> Iterator[Observation]:
    for result in _transfers(measured, is_untrained=False):
        if reference := measured.beside(result, technique=rival):
            yield from observed(result, reference)


def _harder_data(measured: Measured) -> Iterator[Observation]:
    for result in measured.results:
        dataset = dataset_of(result.case.dataset)
        is_the_papers = technique_of(result.case) in (*_PAPERS_TECHNIQUES, TRANSFER) and result.case.model != "random"
        if dataset is None or dataset.name != CIFAR100 or not is_the_papers:
            continue
        easier = measured.on_dataset(result, CIFAR10)
        own, its = (figure("accuracy", one) if one else None for one in (result, easier))
        if easier and own and its:
            doubt = "" if has_learned(easier) else _LEARNED_NOTHING
            published = published_difference("accuracy", result, easier)
            quantity = sum_of(own, negative(its))
            about = ", ".join((result.case.technique, *differing_sizes(result, easier)))
            yield Observation((result, easier), quantity, published, doubt, about)


def _between(model: str, reference: str, measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        if result.case.model == model and (rival := measured.beside(result, model=reference)):
            yield from observed(result, rival)


def _most_accurate(measured: Measured) -> Iterator[Observation]:
    """EfficientNet-B0 against the best of the other networks."""
    for result in measured.references:
        rivals = [rival for rival in rivals_of(measured, result) if rival.accuracy] if paper_name(result) == B0 else []
        if rivals:
            best = max(rivals, key=lambda rival: rival.accuracy.value if rival.accuracy else 0.0)
            yield from observed(result, best)


def _less_accurate(measured: Measured) -> Iterator[Observation]:
    """VGG19 against EfficientNet-B0."""
    for result in measured.references:
        if result.case.model == "vgg19":
            for rival in rivals_of(measured, result):
                if paper_name(rival) == B0:
                    yield from observed(result, rival)


def _random_accuracy(measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        if result.case.model == "random" and (quantity := figure("accuracy", result)):
            chance = 1 / result.classes
            shifted = Quantity(quantity.value - chance, quantity.low - chance, quantity.high - chance)
            yield Observation((result,), shifted, 0.0, about=f"{result.classes} classes")


def _random_area(measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        if result.case.model == "random" and (quantity := figure("auc", result)):
            yield Observation((result,), quantity, 0.5, about=f"{result.classes} classes")


_Observe = Callable[[Measured], Iterator[Observation]]
_IN_FLOAT16: _Observe = partial(_of_technique, FLOAT16)
_IN_CLUSTERS: _Observe = partial(_of_technique, CLUSTER)
_POINTS = "accuracy minus that"

CLAIMS = (
    Claim(
        id="float16-loses-under-2-percent",
        section="4.3, 6",
        text="Quantisation to float16 costs less than 0.02 of accuracy.",
        quantity=f"{_POINTS} of float32",
        region=Region(low=-0.02),
        observe=_IN_FLOAT16,
        format_spec="+.4f",
        published="Tables 5 and 6: +0.01 to -0.03, but -0.12 to -0.52 for the VGGs with Top-3",
        needs="a network in float32 and in float16",
        experiments=("table5", "table6", "figure4"),
    ),
    Claim(
        id="smaller-costs-accuracy",
        section="1, 2.3",
        text="What makes the file smaller costs accuracy.",
        quantity=f"{_POINTS} of the larger file",
        region=Region(high=-VISIBLE),
        observe=_of_smaller_files,
        format_spec="+.4f",
        published="Tables 5 and 6: so in 33 of 40 rows, the others are equal or higher",
        needs="a network with and without float16 or clusters",
        experiments=("table5", "table7"),
    ),
    Claim(
        id="clusters-lose-more-than-float16",
        section="4.3",
        text="8192 clusters cost more accuracy than float16.",
        quantity=f"{_POINTS} of float16",
        region=Region(high=-VISIBLE),
        observe=_clusters_beside_float16,
        format_spec="+.4f",
        published="Tables 5 and 6: -0.06 to -0.68 for the ResNets and B0, but +0.11 to +0.50 for the VGGs with Top-3",
        needs="a network in float16 and with 8192 clusters",
        experiments=("table5", "table6", "figure4"),
    ),
    Claim(
        id="clusters-lose-6-percent",
        section="4.3",
        text="8192 clusters cost about 0.06 of accuracy (checked: 0.03 to 0.09).",
        quantity=f"{_POINTS} without clusters",
        region=Region(-0.09, -0.03),
        observe=_IN_CLUSTERS,
        format_spec="+.4f",
        published="Section 4.3 has 0.06; tables 5 and 6 have 0.08 to 0.20 for the ResNets",
        needs="a network with 8192 clusters and without",
        experiments=("table5", "table6", "figure4"),
    ),
    Claim(
        id="fewer-clusters-less-accurate",
        section="4.5, 6",
        text="Accuracy falls from 8192 to 1024 clusters.",
        quantity="accuracy with 1024 clusters minus that with 8192",
        region=Region(high=-VISIBLE),
        observe=_fewer_clusters,
        format_spec="+.4f",
        published="Figure 8: from 0.9 to 0.6 on CIFAR-10, from 0.7 to 0.3 on CIFAR-100",
        needs="a network with 1024 and with 8192 clusters",
        experiments=("table7",),
    ),
    Claim(
        id="fewer-clusters-lose-30-percent",
        section="4.5",
        text="From 8192 to 1024 clusters accuracy falls by 0.3 to 0.4 (checked: 0.2 to 0.5).",
        quantity="accuracy with 1024 clusters minus that with 8192",
        region=Region(-0.5, -0.2),
        observe=_fewer_clusters,
        format_spec="+.4f",
        published="Figure 8: -0.3 on CIFAR-10, -0.4 on CIFAR-100",
        needs="a network with 1024 and with 8192 clusters",
        experiments=("table7",),
    ),
    Claim(
        id="top10-beats-top1",
        section="4.1, 4.3",
        text="Training the top ten layers gives a higher accuracy than training the top one.",
        quantity="accuracy of Top-10 minus that of Top-1",
        region=Region(low=VISIBLE),
        observe=_deeper_top,
        format_spec="+.4f",
        published="Tables 5 and 6: 0 to +0.19",
        needs="a network with Top-1 and with Top-10",
        experiments=("table5", "table6"),
    ),
    Claim(
        id="resnet-gains-from-depth",
        section="4.3",
        text="ResNets gain accuracy as more layers are trained.",
        quantity="accuracy with the most layers minus that with the fewest",
        region=Region(low=VISIBLE),
        observe=partial(_by_depth, "resnet"),
        format_spec="+.4f",
        published="Figure 5",
        needs="a ResNet with several numbers of trained layers",
        experiments=("figure5",),
        scale="small",
    ),
    Claim(
        id="vgg-gains-nothing-from-depth",
        section="4.3",
        text="VGGs gain nothing from training layers beyond the dense ones (checked: less than 0.01).",
        quantity="accuracy with the most layers minus that with the fewest",
        region=Region(high=0.01),
        observe=partial(_by_depth, "vgg"),
        format_spec="+.4f",
        published="Figure 5",
        needs="a VGG with several numbers of trained layers",
        experiments=("figure5",),
        scale="small",
    ),
    Claim(
        id="transfer-worst-before-retraining",
        section="4.3",
        text="Before it is trained again, a layer transfer is less accurate than every other technique.",
        quantity=f"{_POINTS} of the lowest of the others",
        region=Region(high=-VISIBLE),
        observe=_worst_before,
        format_spec="+.4f",
        published="Figure 4",
        needs="a layer transfer without retraining, and the same network otherwise",
        experiments=("figure4",),
    ),
    Claim(
        id="retrained-transfer-beats-clusters",
        section="4.3",
        text="After it was trained again, a layer transfer is more accurate than 8192 clusters.",
        quantity=f"{_POINTS} with 8192 clusters",
        region=Region(low=VISIBLE),
        observe=partial(_after_retraining, CLUSTER),
        format_spec="+.4f",
        published="Figure 4",
        needs="a layer transfer with retraining, and the same network with 8192 clusters",
        experiments=("figure4",),
    ),
    Claim(
        id="transfer-below-the-original",
        section="6",
        text="A layer transfer is less accurate than the network itself, even after it was trained again.",
        quantity=f"{_POINTS} of the network as trained",
        region=Region(high=-VISIBLE),
        observe=partial(_after_retraining, "baseline"),
        format_spec="+.4f",
        published="Figure 4",
        needs="a layer transfer with retraining, and the same network as trained",
        experiments=("figure4",),
    ),
    Claim(
        id="cifar100-harder",
        section="4.1, 4.3, 4.5",
        text="Accuracies on CIFAR-100 are lower than on CIFAR-10.",
        quantity="accuracy on CIFAR-100 minus that on CIFAR-10",
        region=Region(high=-VISIBLE),
        observe=_harder_data,
        format_spec="+.4f",
        published="Tables 5 and 6: -0.07 to -0.70, all rows",
        needs="a network on both data sets",
        experiments=("table5", "table6"),
    ),
    Claim(
        id="resnet101-hardly-better",
        section="4.1",
        text="ResNet101 is hardly more accurate than ResNet50 (checked: within 0.02).",
        quantity="accuracy of ResNet101 minus that of ResNet50",
        region=Region(-0.02, 0.02),
        observe=partial(_between, "resnet101", "resnet50"),
        format_spec="+.4f",
        published="Tables 5 and 6: +0.01 to +0.03",
        needs="ResNet50 and ResNet101 on one test set",
        experiments=("table5", "table6"),
        scale="small",
    ),
    Claim(
        id="vgg19-better-than-vgg16",
        section="2.4",
        text="VGG19 is slightly more accurate than VGG16.",
        quantity="accuracy of VGG19 minus that of VGG16",
        region=Region(low=VISIBLE),
        observe=partial(_between, "vgg19", "vgg16"),
        format_spec="+.4f",
        published="Tables 5 and 6: -0.01 to +0.03",
        needs="VGG16 and VGG19 on one test set",
        experiments=("table5", "table6"),
        scale="small",
    ),
    Claim(
        id="efficientnet-most-accurate",
        section="4.5",
        text="EfficientNet-B0 is as accurate as the best of the other networks or more (checked: 0.01 less at most).",
        quantity=f"{_POINTS} of the best other network",
        region=Region(low=-0.01),
        observe=_most_accurate,
        format_spec="+.4f",
        published="Table 5: 0.93 beside 0.93; table 6: 0.74 beside 0.75",
        needs="EfficientNet-B0 and the other networks on one test set",
        experiments=("table5", "table6"),
        scale="small",
    ),
    Claim(
        id="vgg19-less-accurate",
        section="4.5",
        text="VGG19 is less accurate than EfficientNet-B0.",
        quantity=f"{_POINTS} of EfficientNet-B0",
        region=Region(high=-VISIBLE),
        observe=_less_accurate,
        format_spec="+.4f",
        published="Tables 5 and 6: 0.87 to 0.89 beside 0.89 to 0.93, 0.59 beside 0.71 to 0.74",
        needs="VGG19 and EfficientNet-B0 on one test set",
        experiments=("table5", "table6"),
        scale="small",
    ),
    Claim(
        id="random-accuracy",
        section="1, 4.1",
        text="A model that answers at random has an accuracy of 1 by the number of classes (checked: within 0.05).",
        quantity="accuracy minus 1 by the number of classes",
        region=Region(-0.05, 0.05),
        observe=_random_accuracy,
        format_spec="+.4f",
        published="Section 4.1: 0.01 of 100 classes",
        needs="the model `random`",
        experiments=("table2",),
    ),
    Claim(
        id="random-area",
        section="4.1",
        text="A model that answers at random has an area under the ROC curve of 0.5 (checked: within 0.05).",
        quantity="area under the ROC curve",
        region=Region(0.45, 0.55),
        observe=_random_area,
        format_spec=".4f",
        published="Section 4.1: 0.50",
        needs="the model `random`",
        experiments=("table2",),
    ),
)
