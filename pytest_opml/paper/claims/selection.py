"""Which results a claim is about: series of cases, rivals on one test set, and the published figures beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ...records.case_record import CaseRecord
from ...records.result import Result
from ..figures import NETWORKS, Place, find_figure
from ..measured import Measured, place_of
from ..stand_ins import network_of

_CLUSTERS = re.compile(r"cluster-(\d+)")
RANKINGS = {"CIFAR-10": 5, "CIFAR-100": 6}


def clusters_of(case: CaseRecord) -> int | None:
    """Return the number of clusters of a technique that is nothing but clustering; None for any other."""
    match = _CLUSTERS.fullmatch(case.technique)
    return int(match[1]) if match else None


def paper_name(result: Result) -> str:
    """Return the paper's name of the network, or of that which it stands for; its own where the paper has none."""
    network = network_of(result.case.model)
    return network.name if network else result.case.model


def relatives(measured: Measured, belongs: Callable[[CaseRecord], bool], *fields: str) -> Iterator[tuple[Result, ...]]:
    """Yield the results of cases that are alike in all but these fields, on one machine.

    Args:
        measured: all results.
        belongs: whether a case is one of such a series.
        fields: in which the cases of a series may differ.
    """
    for series in measured.series(*fields):
        members = tuple(result for result in series if belongs(result.case))
        if members:
            yield members


def rivals_of(measured: Measured, result: Result) -> list[Result]:
    """Return the results of the paper's other networks on the same test set and machine, with the same technique.

    Layers and weights may differ.
    """
    name = paper_name(result)
    alike = measured.alike_but(result, "model", "weights", "unfreeze")
    return [one for one in alike if (its := paper_name(one)) != name and its in NETWORKS]


def differing_sizes(result: Result, reference: Result) -> list[str]:
    """Say in how many pixels the images of two results are, where they differ; nothing where they do not."""
    sizes = result.case.size, reference.case.size
    return [] if sizes[0] == sizes[1] else [f"images of {sizes[0]} and {sizes[1]} pixels"]


def published_ratio(number: int, quantity: str, place: Place, reference: Place) -> float | None:
    """Return a figure of a table by another one of it; None where it lacks one of them."""
    own, its = find_figure(number, quantity, place), find_figure(number, quantity, reference)
    return own.value / its.value if own and its else None


def published_difference(quantity: str, result: Result, reference: Result) -> float | None:
    """Return a figure of tables 5 or 6 minus that of another result's place; None where these have none."""
    values = [ranked_figure(quantity, one) for one in (result, reference)]
    own, its = values
    return None if own is None or its is None else own - its


def ranked_figure(quantity: str, result: Result) -> float | None:
    """Return the figure of tables 5 or 6 at a result's place; None where these have none."""
    place = place_of(result)
    if place is None or place.dataset is None:
        return None
    figure = find_figure(RANKINGS[place.dataset], quantity, place._replace(profile=None))
    return figure.value if figure else None
