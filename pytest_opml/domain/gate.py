"""Budgets and the verdict on a result: pure functions, so a stored result can be judged again under other budgets."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple, get_args

from ..errors import SettingsError
from .metrics import METRICS, Metric, find
from .records import Check, Result, Verdict

Rule = Literal["min", "max", "max_drop", "max_increase"]
RULES: tuple[Rule, ...] = get_args(Rule)
_RELATIVE = ("max_drop", "max_increase")
_ROUNDING = 1e-12
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")
_NESTED = {name.partition(".")[0] for name in METRICS if "." in name}


class Budget(NamedTuple):
    """One limit that the user set.

    Attributes:
        limit: in the metric's unit; for ``percent``, percent of the reference's value.
        source: where it was written, such as ``tool.opml.gate.accuracy.min``.
    """

    metric: Metric
    rule: Rule
    limit: float
    percent: bool
    source: str

    @property
    def text(self) -> str:
        """As the user wrote it: ``max_drop = 0.02``."""
        return f"{self.rule} = {self.limit:.12g}{'%' if self.percent else ''}"


class Gate(NamedTuple):
    """All budgets: for every case, for one kind of hardware, and for cases by id; later ones replace earlier ones."""

    budgets: tuple[Budget, ...] = ()
    by_profile: Mapping[str, tuple[Budget, ...]] = {}
    by_case: tuple[tuple[str, tuple[Budget, ...]], ...] = ()

    def applying(self, case_id: str, profile: str, extra: Sequence[Budget] = ()) -> tuple[Budget, ...]:
        """The budgets of one case: the general ones, the hardware's, the case's, then ``extra``."""
        chosen: dict[tuple[str, str], Budget] = {}
        layers = [self.budgets, self.by_profile.get(profile, ())]
        layers += [budgets for pattern, budgets in self.by_case if fnmatchcase(case_id, pattern)]
        for budgets in [*layers, extra]:
            chosen.update({(budget.metric.name, budget.rule): budget for budget in budgets})
        return tuple(chosen.values())


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where}: must be a table, not {value!r}")
    return value


def _is_finite(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:
        return False


def _budget(metric: Metric, rule: str, value: Any, where: str) -> Budget:
    if rule not in RULES:
        table = where.removesuffix(f".{rule}")
        raise SettingsError(f"{table}: unknown key {rule!r}; known: {', '.join(RULES)}")
    percent = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if percent and rule not in _RELATIVE:
        raise SettingsError(f"{where}: {rule} is an absolute limit and cannot be a percentage ({value!r})")
    if percent and not metric.percent:
        raise SettingsError(
            f"{where}: no percentage of {metric.name}: it can be zero or negative; give an absolute difference"
        )
    if percent and _is_finite(float(percent[1])):
        return Budget(metric, rule, float(percent[1]), True, where)
    if not _is_finite(value):
        allowed = 'a number or a percentage such as "5%"' if rule in _RELATIVE and metric.percent else "a number"
        raise SettingsError(f"{where}: must be {allowed}, not {value!r}")
    if rule in _RELATIVE and value < 0:
        raise SettingsError(f"{where}: must not be negative, it is {value!r}")
    return Budget(metric, rule, float(value), False, where)


def parse_budgets(table: Any, where: str) -> tuple[Budget, ...]:
    """Budgets from a table of metrics: ``{"accuracy": {"min": 0.9}, "latency_ms": {"p99": {"max": 5}}}``.

    Args:
        table: as TOML gives it.
        where: the table's own name, for messages.

    Raises:
        SettingsError: an unknown metric or key, or a value of the wrong type; the text names the key.
    """

    def metrics() -> Iterator[tuple[str, Any]]:
        for name, value in _table(table, where).items():
            if name in _NESTED:
                for part, rules in _table(value, f"{where}.{name}").items():
                    yield f"{name}.{part}", rules
            else:
                yield name, value

    return tuple(
        _budget(find(name, where), rule, value, f"{where}.{name}.{rule}")
        for name, rules in metrics()
        for rule, value in _table(rules, f"{where}.{name}").items()
    )


def parse_gate(table: Any, where: str, profiles: Sequence[str]) -> Gate:
    """The gate that a ``[tool.opml.gate]`` table describes.

    Args:
        table: as TOML gives it.
        where: the table's own name, for messages.
        profiles: the kinds of hardware that may be named under ``gpu``.

    Raises:
        SettingsError: anything in it is unknown or has the wrong type; the text names the key.
    """
    general = dict(_table(table, where))
    by_profile = {}
    for profile, budgets in _table(general.pop("gpu", {}), f"{where}.gpu").items():
        if profile not in profiles:
            raise SettingsError(f"{where}.gpu: unknown profile {profile!r}; known: {', '.join(profiles)}")
        by_profile[profile] = parse_budgets(budgets, f"{where}.gpu.{profile}")
    overrides = general.pop("case", [])
    if not isinstance(overrides, list):
        raise SettingsError(f"{where}.case: must be an array of tables ([[{where}.case]])")
    by_case = []
    for number, override in enumerate(overrides, start=1):
        name = f"{where}.case[{number}]"
        entry = dict(_table(override, name))
        pattern = entry.pop("match", None)
        if not isinstance(pattern, str) or not pattern:
            raise SettingsError(f"{name}.match: must be a pattern of case ids, such as '*/cluster-*'")
        by_case.append((pattern, parse_budgets(entry, name)))
    return Gate(parse_budgets(general, where), by_profile, tuple(by_case))


def _bound(budget: Budget, reference: float) -> float:
    allowed = abs(reference) * budget.limit / 100 if budget.percent else budget.limit
    return reference - allowed if budget.rule == "max_drop" else reference + allowed


def _beside(metric: Metric, result: Result, value: float) -> float | None:
    """The reference's figure as it was beside the candidate; None where the two were not timed side by side."""
    if metric.beside is None or result.side_by_side is None:
        return None
    return value / metric.beside(result.side_by_side).value


def _figure(metric: Metric, result: Result) -> float | None:
    value = metric.read(result)
    return value if value is not None and math.isfinite(value) else None


def _check(budget: Budget, result: Result, reference: Result | None) -> Check:
    value = _figure(budget.metric, result)
    other = _figure(budget.metric, reference) if reference else None
    relative = budget.rule in _RELATIVE
    if relative and value is not None and other is not None:
        other = _beside(budget.metric, result, value) or other
    verdict: Verdict
    limit, reason = budget.limit, ""
    if value is None:
        verdict, reason = "unjudged", f"{budget.metric.name} {budget.metric.missing}"
    elif relative and other is None:
        verdict, reason = "unjudged", "the reference case has no result to compare with"
    else:
        limit = _bound(budget, other) if relative and other is not None else budget.limit
        below = budget.rule in ("min", "max_drop")
        # 0.51 - 0.04 is a little more than 0.47: what is equal but for rounding holds.
        holds = (value >= limit if below else value <= limit) or math.isclose(value, limit, rel_tol=_ROUNDING)
        verdict = "pass" if holds else "fail"
    return Check(
        case_id=result.case.id,
        metric=budget.metric.name,
        rule=budget.rule,
        limit=limit,
        budget=budget.text,
        value=value,
        reference_value=other if relative else None,
        verdict=verdict,
        reason=reason,
    )


def judge(budgets: Sequence[Budget], result: Result, reference: Result | None) -> tuple[Check, ...]:
    """Hold a result against its budgets; relative ones do not apply to a reference itself.

    Args:
        budgets: those that apply to the case.
        result: what was measured.
        reference: the result that ``max_drop`` and ``max_increase`` compare with; a relative budget without it, or a
            metric without a value, is ``unjudged`` and never passes.
    """
    is_reference = result.case == result.case.reference
    return tuple(
        _check(budget, result, reference) for budget in budgets if not (is_reference and budget.rule in _RELATIVE)
    )


def breach_line(check: Check) -> str:
    """One line for a budget that does not hold: case, metric, value, limit."""

    def shown(value: float | None) -> str:
        metric = METRICS.get(check.metric)  # a stored check may be of a metric that is not known here
        return metric.format(value) if metric else f"{value}"

    head = f"{check.case_id}: {check.metric}"
    if check.verdict == "unjudged":
        return f"{head}: not judged ({check.budget}): {check.reason}"
    value, limit = shown(check.value), shown(check.limit)
    if value == limit:  # broken by less than the usual digits show
        value, limit = f"{check.value:.10g}", f"{check.limit:.10g}"
    side = "below" if check.rule in ("min", "max_drop") else "above"
    line = f"{head} {value} is {side} {limit} ({check.budget}"
    if check.reference_value is not None:
        line += f" from {shown(check.reference_value)}"
    return line + ")"
