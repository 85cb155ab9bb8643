"""Which limits the times of a case are to be measured against, and so for how long."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..records.result import Result
from ..records.run import Rule
from ..stats.sequential import TimeLimit
from .budgets import Budget
from .verdict import bound


def ratio_questions(
    budgets: Sequence[Budget], reference: Result, rules: Collection[Rule] = ("max_drop", "max_increase")
) -> dict[str, tuple[TimeLimit, ...]]:
    """The limits that relative budgets set on the ratio of times, by scenario.

    Args:
        budgets: those that apply to the case.
        reference: what the case is compared with.
        rules: of the budgets that compare with it.
    """
    found: dict[str, list[TimeLimit]] = {"offline": [], "single": []}
    for budget in budgets:
        name = budget.metric.name
        if budget.metric.beside is None or budget.rule not in rules:
            continue
        value = budget.metric.read(reference)
        if not value:
            continue
        ratio = bound(budget, value) / value
        scenario = "single" if name.startswith("latency_ms") else "offline"
        if name == "throughput":
            if ratio > 0:
                found[scenario].append(TimeLimit(1 / ratio, above=budget.below))
        else:
            found[scenario].append(TimeLimit(ratio, above=not budget.below))
    return {scenario: tuple(questions) for scenario, questions in found.items()}


def time_questions(budgets: Sequence[Budget], reference_samples: int) -> dict[str, tuple[TimeLimit, ...]]:
    """The absolute limits on times, by metric: ``inference_s`` in seconds (those on throughput too), and the latencies.

    Args:
        budgets: those that apply to the case.
        reference_samples: images that ``inference_s`` is scaled to.
    """
    found: dict[str, list[TimeLimit]] = {}
    for budget in budgets:
        name = budget.metric.name
        if budget.rule not in ("min", "max"):
            continue
        if name == "throughput" and budget.limit > 0:
            found.setdefault("inference_s", []).append(TimeLimit(reference_samples / budget.limit, above=budget.below))
        elif name == "inference_s" or name.startswith("latency_ms."):
            found.setdefault(name, []).append(TimeLimit(budget.limit, above=not budget.below))
    return {name: tuple(questions) for name, questions in found.items()}
