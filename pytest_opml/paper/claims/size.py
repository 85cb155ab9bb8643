"""The paper's claims about sizes of files, numbers of layers, and the data. All of these are exact."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ...analysis.examples import answer_sheet
from ..figures import B0, FLOAT16, RESNET50, RESNET101, Place, find_figure
from ..measured import Measured
from ..quantities import exact
from .claim import BELOW_ONE, Claim, Observation, Region
from .selection import clusters_of, paper_name, published_ratio, relatives, rivals_of


def _halved(measured: Measured) -> Iterator[Observation]:
    for result in measured.of_technique(FLOAT16):
        if reference := measured.reference_of(result):
            name = paper_name(result)
            published = published_ratio(1, "size_mb", Place(name, technique=FLOAT16), Place(name))
            yield Observation((result, reference), exact(result.size_mb / reference.size_mb), published)


def _same_layers(measured: Measured) -> Iterator[Observation]:
    for result in measured.of_technique(FLOAT16):
        if reference := measured.reference_of(result):
            own, its = result.artifact, reference.artifact
            changed = abs(own.layers - its.layers) + abs(own.parameters - its.parameters)
            yield Observation((result, reference), exact(changed))


def _clustered(measured: Measured) -> Iterator[Observation]:
    for result in measured.results:
        reference = measured.reference_of(result)
        if clusters_of(result.case) and reference:
            yield Observation(
                (result, reference), exact(result.size_mb / reference.size_mb), about=result.case.technique
            )


def _most_saved(measured: Measured) -> Iterator[Observation]:
    for result in measured.of_technique("cluster-512"):
        if reference := measured.reference_of(result):
            small = find_figure(7, "size_mb", Place(paper_name(result), technique="cluster-512"))
            whole = find_figure(1, "size_mb", Place(paper_name(result)))
            published = 1 - small.value / whole.value if small and whole else None
            yield Observation((result, reference), exact(1 - result.size_mb / reference.size_mb), published)


def _fewer_are_smaller(measured: Measured) -> Iterator[Observation]:
    for series in relatives(measured, lambda case: clusters_of(case) is not None, "technique"):
        ordered = sorted(series, key=lambda result: clusters_of(result.case) or 0)
        if len(ordered) > 1:
            worst = max(fewer.size_mb / more.size_mb for fewer, more in pairwise(ordered))
            yield Observation(tuple(ordered), exact(worst))


def _deeper_resnet(measured: Measured) -> Iterator[Observation]:
    published = published_ratio(1, "size_mb", Place(RESNET101), Place(RESNET50))
    for result in measured.references:
        deeper = measured.beside(result, model="resnet101")
        if result.case.model == "resnet50" and deeper:
            yield Observation((deeper, result), exact(deeper.size_mb / result.size_mb), published)


def _size_by_layers(measured: Measured) -> Iterator[Observation]:
    published = published_ratio(1, "size_mb", Place(RESNET101), Place(RESNET50))
    layers = published_ratio(1, "layers", Place(RESNET101), Place(RESNET50))
    for result in measured.references:
        deeper = measured.beside(result, model="resnet101")
        if result.case.model == "resnet50" and deeper:
            ratio = deeper.size_mb / result.size_mb * result.artifact.layers / deeper.artifact.layers
            yield Observation((deeper, result), exact(ratio), published and layers and published / layers)


def _smallest(measured: Measured) -> Iterator[Observation]:
    for result in measured.references:
        if paper_name(result) != B0:
            continue
        if rivals := rivals_of(measured, result):
            rival = min(rivals, key=lambda one: one.size_mb)
            published = published_ratio(1, "size_mb", Place(B0), Place(paper_name(rival)))
            yield Observation((result, rival), exact(result.size_mb / rival.size_mb), published)


def _balanced(measured: Measured) -> Iterator[Observation]:
    seen: set[str] = set()
    for result in measured.results:
        case, labels = result.case, answer_sheet(result).labels
        is_skewed = case.label_skew is not None or case.quantity_skew is not None
        if labels is None or labels.ndim != 1 or is_skewed or result.data_digest in seen:
            continue
        seen.add(result.data_digest)
        counts = np.bincount(labels.astype(int), minlength=result.classes)
        yield Observation((result,), exact(float(counts.min() / counts.max())), 1.0)


CLAIMS = (
    Claim(
        id="float16-halves-size",
        section="2.3, 2.4, 4.5",
        text="Weights in float16 make the file about half as large.",
        quantity="size of float16 by that of float32",
        region=Region(0.45, 0.55),
        observe=_halved,
        published="Table 1: 0.47 to 0.50",
        needs="a network in float32 and in float16",
        experiments=("table1",),
    ),
    Claim(
        id="float16-same-layers",
        section="2.4",
        text="Quantisation leaves the architecture as it is.",
        quantity="layers and parameters that float16 adds or takes away",
        region=Region(0, 0),
        observe=_same_layers,
        format_spec=".0f",
        published="",
        needs="a network in float32 and in float16",
        experiments=("table1",),
    ),
    Claim(
        id="clusters-shrink-file",
        section="4.5",
        text="Clustering the weights makes the file smaller.",
        quantity="size with clusters by that without",
        region=Region(0, BELOW_ONE),
        observe=_clustered,
        published="Table 7: 0.38 to 0.72",
        needs="a network with and without clusters",
        experiments=("table7",),
    ),
    Claim(
        id="fewer-clusters-smaller",
        section="4.5",
        text="The fewer clusters, the smaller the file.",
        quantity="size by that with the next larger number of clusters, the largest such ratio",
        region=Region(0, BELOW_ONE),
        observe=_fewer_are_smaller,
        published="Table 7: 0.81 to 0.93",
        needs="a network with several numbers of clusters",
        experiments=("table7",),
    ),
    Claim(
        id="clusters-save-60-percent",
        section="4.5, 6",
        text="With 512 clusters the file is up to 60 % smaller (checked: 50 to 70 %).",
        quantity="share of the size that 512 clusters take off",
        region=Region(0.5, 0.7),
        observe=_most_saved,
        published="Table 7: 0.62 and 0.58",
        needs="a network with 512 clusters and without",
        experiments=("table7",),
    ),
    Claim(
        id="resnet101-larger",
        section="4.1",
        text="ResNet101 is about 1.74 times as large as ResNet50.",
        quantity="size of ResNet101 by that of ResNet50",
        region=Region(1.69, 1.79),
        observe=_deeper_resnet,
        format_spec=".3f",
        published="Table 1: 1.75",
        needs="ResNet50 and ResNet101 on one machine, otherwise alike",
        experiments=("table1",),
    ),
    Claim(
        id="resnet-size-by-layers",
        section="2.4",
        text="From ResNet50 to ResNet101 size and number of layers grow about alike (checked: within a quarter).",
        quantity="ratio of the sizes by the ratio of the layers",
        region=Region(0.75, 1.25),
        observe=_size_by_layers,
        published="Table 1: 0.89",
        needs="ResNet50 and ResNet101 on one machine, otherwise alike",
        experiments=("table1",),
    ),
    Claim(
        id="efficientnet-smallest",
        section="2.4, 4.5",
        text="EfficientNet-B0 is much smaller than the ResNets and VGGs (checked: at most half of the smallest).",
        quantity="size of EfficientNet-B0 by that of the smallest of the others",
        region=Region(0, 0.5),
        observe=_smallest,
        published="Table 1: 0.27",
        needs="EfficientNet-B0 and one of the other networks on one machine",
        experiments=("table1",),
    ),
    Claim(
        id="classes-alike",
        section="3.2, 4.1",
        text="The classes of the test data are of the same size (checked: within a tenth).",
        quantity="size of the smallest class by that of the largest",
        region=Region(0.9, 1),
        observe=_balanced,
        published="1 in CIFAR-10 and CIFAR-100",
        needs="any result that holds its answers",
        experiments=("table2",),
    ),
)
