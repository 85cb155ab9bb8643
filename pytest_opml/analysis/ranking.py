"""Ordering models by score, and what stands beside it: bounds, normalised scores, the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..records.result import CaseOutcome, Result
from .op_score import op_score

_ROUNDING = 1e-9  # of figures and scores, which are of the size of 1


class Entry(NamedTuple):
    """One model on the three axes, with its score."""

    name: str
    quality: float
    seconds: float
    megabytes: float
    score: float


class Ranked(NamedTuple):
    """An entry with its place (1 is best; equal scores share a place), normalised score and Pareto membership."""

    entry: Entry
    rank: int
    normalised: float | None
    pareto: bool


class Ranking(NamedTuple):
    """Entries from best to worst, between two fictitious models with the best and the worst of each column."""

    minimum: Entry
    rows: tuple[Ranked, ...]
    maximum: Entry


def _equal(one: float, another: float) -> bool:
    """Return whether two figures are the same but for rounding."""
    return math.isclose(one, another, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def dominates(entry: Entry, rival: Entry) -> bool:
    """Return whether ``entry`` is no worse on any axis and better on at least one, by more than rounding."""
    is_better = False
    for own, its in (
        (rival.quality, entry.quality),
        (entry.seconds, rival.seconds),
        (entry.megabytes, rival.megabytes),
    ):
        if own == its or _equal(own, its):
            continue
        if own > its:
            return False
        is_better = True
    return is_better


def _front(ordered: Sequence[Entry]) -> list[bool]:
    """Return of each entry whether no rival dominates it.

    Args:
        ordered: by score. What dominates is most often on the front itself, and near its beginning.
    """
    front: list[Entry] = []
    flags = []
    for entry in ordered:
        is_surpassed = any(dominates(rival, entry) for rival in front) or any(
            dominates(rival, entry) for rival in ordered
        )
        if not is_surpassed:
            front.append(entry)
        flags.append(not is_surpassed)
    return flags


def bounds(entries: Sequence[Entry], *, samples: int | None = None) -> tuple[Entry, Entry]:
    """Return the paper's MIN and MAX: the best and the worst of each column, scored as if they were models."""

    def scored(name: str, quality: float, seconds: float, megabytes: float) -> Entry:
        return Entry(name, quality, seconds, megabytes, op_score(quality, seconds, megabytes, samples=samples).value)

    qualities, times, sizes = zip(*((e.quality, e.seconds, e.megabytes) for e in entries), strict=True)
    return (
        scored("MIN", max(qualities), min(times), min(sizes)),
        scored("MAX", min(qualities), max(times), max(sizes)),
    )


def rank(entries: Sequence[Entry], *, samples: int | None = None) -> Ranking:
    """Rank models by score.

    Args:
        entries: at least one.
        samples: test samples behind the qualities, for the floor of the error.

    Returns:
        The ranking. The normalised score is 0 for MIN and 1 for MAX, None where the two are the same.
    """
    minimum, maximum = bounds(entries, samples=samples)
    span = maximum.score - minimum.score
    ordered = _ordered(entries)
    places = _places([entry.score for entry in ordered])
    rows = tuple(
        Ranked(
            entry,
            rank=place,
            normalised=(entry.score - minimum.score) / span if span > 0 else None,
            pareto=is_on_front,
        )
        for entry, place, is_on_front in zip(ordered, places, _front(ordered), strict=True)
    )
    return Ranking(minimum, rows, maximum)


def _ordered(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries from best to worst; those with the same score but for rounding by name."""
    by_score = sorted(entries, key=lambda entry: (entry.score, entry.name))
    places = _places([entry.score for entry in by_score])
    pairs = sorted(zip(places, by_score, strict=True), key=lambda pair: (pair[0], pair[1].name))
    return [entry for _, entry in pairs]


def _places(scores: Sequence[float]) -> list[int]:
    """Return the place of each of ascending scores; those that are equal but for rounding share one."""
    places: list[int] = []
    for number, score in enumerate(scores):
        shared = number > 0 and _equal(score, scores[number - 1])
        places.append(places[-1] if shared else number + 1)
    return places


# --- results of a run


def test_set_of(member: CaseOutcome) -> tuple[object, ...]:
    """Return what two cases must share for their scores to be compared; their qualities apart."""
    case = member.case
    return case.dataset, case.split, case.subset, case.label_skew, case.quantity_skew, case.size, case.seed


def groups(results: Sequence[Result]) -> list[tuple[Result, ...]]:
    """Return the results of one quality on each test set and machine, which alone can be ranked, as they came."""
    by_place: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        by_place.setdefault((result.device.machine, result.quality.name, *test_set_of(result)), []).append(result)
    return [tuple(group) for group in by_place.values()]


def ranked(group: Sequence[Result]) -> Ranking:
    """Rank the results of one quality on one test set and machine, at least one; entries are named by case id."""
    entries = [
        Entry(r.case.id, r.quality.value, 10**r.op_score.log_seconds, r.size_mb, r.op_score.value) for r in group
    ]
    return rank(entries, samples=group[0].test_samples)
