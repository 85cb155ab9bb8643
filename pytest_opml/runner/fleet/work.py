"""The work of a run on a fleet: what needs what, on which kind of node each is done, and in which order."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Work:
    """One thing that one node does by itself.

    Attributes:
        key: that tells it from all other work of the run.
        kinds: of nodes that it may run on; measuring has exactly one.
        seconds: that it is expected to take.
        needs: keys of the work that has to be done before.
    """

    key: str
    kinds: tuple[str, ...]
    seconds: float
    needs: tuple[str, ...] = ()


def check_works(works: Mapping[str, Work], nodes: Mapping[str, int]) -> None:
    """Refuse work that could never be done.

    Args:
        works: by key.
        nodes: the number of nodes of each kind.

    Raises:
        ValueError: when work needs what there is not, may run on no kind of node of the fleet, or is expected to take a
            negative or endless time; when a number of nodes is negative.
    """
    for kind, count in nodes.items():
        if count < 0:
            raise ValueError(f"{count} nodes of the kind {kind}: must be at least 0")
    for work in works.values():
        if not any(kind in nodes for kind in work.kinds):
            asked = ", ".join(work.kinds) or "no kind"
            raise ValueError(f"{work.key} may run on {asked}: the fleet has {', '.join(nodes) or 'no node'}")
        if not (math.isfinite(work.seconds) and work.seconds >= 0):
            raise ValueError(f"{work.key} is expected to take {work.seconds} s: must be at least 0, and finite")
        for need in work.needs:
            if need not in works:
                raise ValueError(f"{work.key} needs {need}, which is no work of this run")


def dependents_of(works: Mapping[str, Work]) -> dict[str, list[str]]:
    """Return the keys of the work that needs each, by its key; work that nothing needs is left out."""
    dependents: dict[str, list[str]] = {}
    for work in works.values():
        for need in dict.fromkeys(work.needs):
            dependents.setdefault(need, []).append(work.key)
    return dependents


def sort_by_needs(works: Mapping[str, Work], dependents: Mapping[str, Sequence[str]]) -> list[str]:
    """Return all keys, each behind those that its work needs (Kahn, 1962: Topological sorting of large networks).

    Raises:
        ValueError: when work needs itself, be it through other work.
    """
    waits = {key: len(set(work.needs)) for key, work in works.items()}
    keys = [key for key, count in waits.items() if not count]
    for key in keys:  # which grows on the way
        for dependent in dependents.get(key, ()):
            waits[dependent] -= 1
            if not waits[dependent]:
                keys.append(dependent)
    if len(keys) < len(works):
        circle = sorted(works.keys() - set(keys))
        raise ValueError(f"work that waits for itself, or for such work: {', '.join(circle[:5])}")
    return keys


def critical_paths(
    works: Mapping[str, Work], dependents: Mapping[str, Sequence[str]], keys: Sequence[str]
) -> dict[str, float]:
    """Return how long it takes, at least, from the start of each work to the end of all that waits for it.

    Args:
        works: by key.
        dependents: the keys of the work that needs each.
        keys: of all work, each behind those that it needs.

    Returns:
        The length of the longest path in seconds, the work itself included, by key.
    """
    paths: dict[str, float] = {}
    for key in reversed(keys):
        behind = max((paths[dependent] for dependent in dependents.get(key, ())), default=0.0)
        paths[key] = works[key].seconds + behind
    return paths


def allowed_kinds(work: Work, nodes: Mapping[str, int]) -> list[str]:
    """Return the kinds of nodes that the work may run on and the fleet has, each once."""
    return [kind for kind in dict.fromkeys(work.kinds) if kind in nodes]


def capacity_of(count: int) -> int:
    """Return for how many nodes a kind counts: nodes on demand for one, since each of them costs its start."""
    return max(count, 1)


def place_works(works: Iterable[Work], nodes: Mapping[str, int]) -> dict[str, str]:
    """Return the kind of node that each work goes to.

    Work that has no choice is counted first, all measuring among it. The rest is placed by its length, the longest
    first, each on the kind whose nodes end up with the least seconds each: the rule of the longest processing time
    (Graham, 1969: Bounds on multiprocessing timing anomalies), for kinds of as many equal slots as they have nodes.

    Args:
        works: in any order; equal lengths are placed in this order.
        nodes: the number of nodes of each kind; 0 where they are started on demand.

    Returns:
        A kind by key.
    """
    loads = dict.fromkeys(nodes, 0.0)
    placed: dict[str, str] = {}
    choosing: list[tuple[Work, list[str]]] = []
    for work in works:
        kinds = allowed_kinds(work, nodes)
        if len(kinds) > 1:
            choosing.append((work, kinds))
        else:
            placed[work.key] = kinds[0]
            loads[kinds[0]] += work.seconds
    for work, kinds in sorted(choosing, key=lambda choice: -choice[0].seconds):
        kind = least_loaded(kinds, loads, nodes, work.seconds)
        placed[work.key] = kind
        loads[kind] += work.seconds
    return placed


def least_loaded(kinds: Collection[str], loads: Mapping[str, float], nodes: Mapping[str, int], seconds: float) -> str:
    """Return the kind whose nodes have the least to do each, with the work; the first of equal ones.

    Args:
        kinds: to choose from.
        loads: seconds of work that each kind has.
        nodes: the number of nodes of each kind.
        seconds: of the work.
    """
    return min(kinds, key=lambda kind: (loads[kind] + seconds) / capacity_of(nodes[kind]))
