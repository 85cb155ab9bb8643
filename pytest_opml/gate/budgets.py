"""Budgets as users write them: in ``[tool.opml.gate]``, on a marker, on the command line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from ..analysis.examples import SliceName
from ..errors import SettingsError
from ..metrics import METRICS, Metric, find, get
from ..records.case_ids import matches
from ..records.result import Result
from ..records.run import Rule
from .run_cost import KEY as MAX_COST
from .run_cost import MaxCost, parse_max_cost
from .slices import as_written, parse_slice, require_figure, slice_names, split_option
from .waivers import Waiver, parse_waivers

RULES: tuple[Rule, ...] = get_args(Rule)
RELATIVE = ("max_drop", "max_increase", "max_regression")
OPTION = "--opml-gate"

# Gives the metric of a name; the second argument says who asks, for messages.
Find = Callable[[str, str], Metric]

_CHOICES = {"inconclusive": ("pass", "fail"), "multiple": ("each", "holm"), "first_run": ("pass", "not_judged")}
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")
_NESTED = {name.partition(".")[0] for name in METRICS if "." in name}


class Budget(NamedTuple):
    """One limit that the user set.

    Attributes:
        limit: in the metric's unit; for ``percent``, percent of the reference's value.
        source: where it was written, such as ``tool.opml.gate.accuracy.min``.
        optional: whether the run may pass where it cannot be judged.
        slice: the test examples that it is on; its value may be ``*``, for each. None for all examples together.
    """

    metric: Metric
    rule: Rule
    limit: float
    percent: bool
    source: str
    optional: bool = False
    slice: SliceName | None = None

    @property
    def name(self) -> str:
        """The metric, with the slice that it is of: ``accuracy[class=cat]``."""
        return f"{self.metric.name}[{self.slice}]" if self.slice else self.metric.name

    @property
    def text(self) -> str:
        """As the user wrote it: ``max_drop = 0.02``."""
        return f"{self.rule} = {self.limit:.12g}{'%' if self.percent else ''}"

    @property
    def below(self) -> bool:
        """Whether too low a value fails it."""
        return self.rule in ("min", "max_drop") or (self.rule == "max_regression" and self.metric.better == "higher")


class GateTerms(NamedTuple):
    """How evidence becomes a verdict.

    Attributes:
        confidence: of the intervals; a verdict is wrong by chance in at most half of the rest, on its side.
        inconclusive: what becomes of a run with a check whose interval contains the limit.
        max_seconds: of sampling a time for as long as a budget on it is inconclusive, in each scenario.
        multiple: ``each`` check by itself, or all of a run as one family by Holm's method.
        first_run: what becomes of a run with cases that no earlier run has which they may be compared with.
    """

    confidence: float = 0.95
    inconclusive: Literal["pass", "fail"] = "pass"
    max_seconds: float = 60.0
    multiple: Literal["each", "holm"] = "each"
    first_run: Literal["pass", "not_judged"] = "not_judged"

    @property
    def error(self) -> float:
        """The share of intervals that miss the truth, on both sides together."""
        return 1 - self.confidence


class CaseBudgets(NamedTuple):
    """The budgets of one ``[[tool.opml.gate.case]]``; ``optional``: no such case need be there."""

    pattern: str
    budgets: tuple[Budget, ...]
    optional: bool
    source: str


class Override(NamedTuple):
    """A budget of a case, or one that another replaced."""

    budget: Budget
    replaced_by: str | None


class Gate(NamedTuple):
    """All budgets: for every case, for one kind of hardware, for cases by id, and what was given for this run alone.

    Beside them are the terms of the verdicts, the waivers, and what the whole run may cost.
    """

    budgets: tuple[Budget, ...] = ()
    by_profile: Mapping[str, tuple[Budget, ...]] = {}
    by_case: tuple[CaseBudgets, ...] = ()
    given: tuple[Budget, ...] = ()
    terms: GateTerms = GateTerms()
    waivers: tuple[Waiver, ...] = ()
    max_cost: MaxCost | None = None

    @property
    def unregistered(self) -> tuple[str, ...]:
        """Names of metrics that budgets or waivers are on and that are not registered here, each once."""
        layers = [self.budgets, *self.by_profile.values(), *(entry.budgets for entry in self.by_case), self.given]
        names = (budget.metric.name for layer in layers for budget in layer if not budget.metric.registered)
        waived = (waiver.metric.partition("[")[0] for waiver in self.waivers)
        return tuple(dict.fromkeys((*names, *(name for name in waived if get(name) is None))))

    def overrides(self, case_id: str, profile: str, marked: Sequence[Budget] = ()) -> tuple[Override, ...]:
        """Return every budget that was written for a case, in the order in which later ones replace earlier ones.

        That is: the general ones, the hardware's, those of the case's id, the marker's, those of the command line.
        """
        layers = [self.budgets, self.by_profile.get(profile, ())]
        layers += [entry.budgets for entry in self.by_case if matches(case_id, entry.pattern)]
        written = [budget for layer in [*layers, marked, self.given] for budget in layer]
        last = {(budget.name, budget.rule): budget for budget in written}
        winners = [last[budget.name, budget.rule] for budget in written]
        return tuple(
            Override(budget, None if budget is winner else winner.source)
            for budget, winner in zip(written, winners, strict=True)
        )

    def applicable(self, case_id: str, profile: str, marked: Sequence[Budget] = ()) -> tuple[Budget, ...]:
        """Return the budgets that one case is held to."""
        return tuple(
            override.budget for override in self.overrides(case_id, profile, marked) if override.replaced_by is None
        )

    def terms_per_check(self, checks: int) -> GateTerms:
        """Return the terms for one check of so many, before the others are judged.

        As one family each is given an equal part of the error (Bonferroni): what fails by that, fails by Holm's
        method when all are judged.
        """
        if self.terms.multiple == "each":
            return self.terms
        return self.terms._replace(confidence=1 - self.terms.error / max(1, checks))


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where}: must be a table, not {value!r}")
    return value


def _is_finite(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:
        return False


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{where}: must be true or false, not {value!r}")
    return value


def _budget(metric: Metric, rule: str, value: Any, where: str, optional: bool) -> Budget:
    if rule not in RULES:
        table = where.removesuffix(f".{rule}")
        raise SettingsError(f"{table}: unknown key {rule!r}; known: {', '.join([*RULES, 'optional'])}")
    percent = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if percent and rule not in RELATIVE:
        raise SettingsError(f"{where}: {rule} is an absolute limit and cannot be a percentage ({value!r})")
    if percent and not metric.percent:
        why = "it is a place among others" if metric.run_level else "it can be zero or negative"
        raise SettingsError(f"{where}: no percentage of {metric.name}: {why}; give an absolute difference")
    if percent and _is_finite(float(percent[1])):
        return Budget(metric, rule, float(percent[1]), True, where, optional)
    if not _is_finite(value):
        allowed = 'a number or a percentage such as "5%"' if rule in RELATIVE and metric.percent else "a number"
        raise SettingsError(f"{where}: must be {allowed}, not {value!r}")
    if rule in RELATIVE and value < 0:
        raise SettingsError(f"{where}: must not be negative, it is {value!r}")
    return Budget(metric, rule, float(value), False, where, optional)


def parse_budgets(table: Any, where: str, *, optional: bool = False, find: Find = find) -> tuple[Budget, ...]:
    """Parse budgets from a table of metrics: ``{"accuracy": {"min": 0.9}, "latency_ms": {"p99": {"max": 5}}}``.

    Under ``slice`` are such tables on some of the test examples, each with ``by`` and ``value``.

    Args:
        table: as TOML gives it.
        where: the table's own name, for messages.
        optional: of all of them, where a budget's own table does not say.
        find: ``metrics.find``, or ``metrics.placeholder`` for a run that is over.

    Raises:
        SettingsError: an unknown metric or key, or a value of the wrong type; the text names the key.
    """

    def metrics() -> Iterator[tuple[str, Any]]:
        for name, value in _table(table, where).items():
            if not isinstance(name, str):
                raise SettingsError(f"{where}: {name!r} is no name of a metric, which is a text")
            if name == "slice":
                continue
            if name in _NESTED:
                parts = _table(value, f"{where}.{name}")
                if not parts:
                    raise SettingsError(f"{where}.{name}: has no budget; name one of its figures")
                for part, rules in parts.items():
                    yield f"{name}.{part}", rules
            else:
                yield name, value

    budgets: list[Budget] = []
    for name, value in metrics():
        rules = dict(_table(value, f"{where}.{name}"))
        metric = find(name, where)
        if not rules.keys() - {"optional"}:
            raise SettingsError(f"{where}.{name}: has no limit; give one of {', '.join(RULES)}")
        may_lack = _flag(rules.pop("optional", optional), f"{where}.{name}.optional")
        budgets += [_budget(metric, rule, limit, f"{where}.{name}.{rule}", may_lack) for rule, limit in rules.items()]
    for number, entry in enumerate(as_written(table, where), start=1):
        budgets += _slice_budgets(dict(entry), f"{where}.slice[{number}]", optional, find)
    return tuple(budgets)


def _slice_budgets(entry: dict[str, Any], where: str, optional: bool, find: Find) -> list[Budget]:
    """Parse the budgets of one slice."""
    name = parse_slice(entry, where)
    may_lack = _flag(entry.pop("optional", optional), f"{where}.optional")
    budgets = parse_budgets(entry, where, optional=may_lack, find=find)
    if not budgets or any(budget.slice for budget in budgets):
        raise SettingsError(f"{where}: needs a budget, such as accuracy = {{ min = 0.8 }}, and no slice of its own")
    for budget in budgets:
        require_figure(budget.metric, name, where)
    return [budget._replace(slice=name) for budget in budgets]


def sliced(budgets: Sequence[Budget], result: Result) -> Iterator[Budget]:
    """Yield the budgets that apply to a result, those on each slice once for each that the result has.

    Args:
        budgets: of the case.
        result: whose slices there are.
    """
    for budget in budgets:
        if budget.slice is None:
            yield budget
            continue
        alike = [one for one in budgets if (one.metric.name, one.rule) == (budget.metric.name, budget.rule)]
        for name in slice_names(budget.slice, result, [one.slice for one in alike if one.slice]):
            yield budget._replace(slice=name)


def _terms(table: dict[str, Any], where: str) -> GateTerms:
    """Take the keys of ``GateTerms`` out of a table."""
    given = {key: table.pop(key) for key in GateTerms._fields if key in table}
    for key, allowed in _CHOICES.items():
        if key in given and given[key] not in allowed:
            raise SettingsError(f"{where}.{key}: must be one of {', '.join(allowed)}, not {given[key]!r}")
    for key, least, below in (("confidence", 0.5, 1.0), ("max_seconds", 0.0, 86_400.0)):
        if key in given:
            if not _is_finite(given[key]) or not least <= given[key] < below:
                raise SettingsError(
                    f"{where}.{key}: must be a number from {least:g} to below {below:g}, not {given[key]!r}"
                )
            given[key] = float(given[key])
    return GateTerms(**given)


def parse_gate(table: Any, where: str, profiles: Sequence[str], *, find: Find = find) -> Gate:
    """Parse the gate that a ``[tool.opml.gate]`` table describes.

    Args:
        table: as TOML gives it.
        where: the table's own name, for messages.
        profiles: the kinds of hardware that may be named under ``gpu``.
        find: as ``parse_budgets`` takes it.

    Raises:
        SettingsError: anything in it is unknown or has the wrong type; the text names the key.
    """
    general = dict(_table(table, where))
    terms = _terms(general, where)
    by_profile = {}
    for profile, written in _table(general.pop("gpu", {}), f"{where}.gpu").items():
        if profile not in profiles:
            raise SettingsError(f"{where}.gpu: unknown profile {profile!r}; known: {', '.join(profiles)}")
        by_profile[profile] = parse_budgets(written, f"{where}.gpu.{profile}", find=find)
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
        optional = _flag(entry.pop("optional", False), f"{name}.optional")
        budgets = parse_budgets(entry, name, optional=optional, find=find)
        by_case.append(CaseBudgets(pattern, budgets, optional, name))
    waivers = parse_waivers(general.pop("waiver", []), f"{where}.waiver", find)
    max_cost = parse_max_cost(general.pop(MAX_COST), f"{where}.{MAX_COST}") if MAX_COST in general else None
    budgets = parse_budgets(general, where, find=find)
    return Gate(budgets, by_profile, tuple(by_case), terms=terms, waivers=waivers, max_cost=max_cost)


def _written(text: str) -> Any:
    """Return the value of an option: a number where it is one."""
    try:
        return float(text)
    except ValueError:
        return text.strip()


def with_options(gate: Gate, options: Sequence[str], *, find: Find = find) -> Gate:
    """Add to the gate what the command line says: ``METRIC.RULE=VALUE``, or a term such as ``confidence=0.99``.

    The metric may be that of a slice: ``accuracy[class=cat].min=0.8``. ``max_cost=20`` is on the whole run.

    Args:
        gate: that of the file.
        options: as they were typed.
        find: as ``parse_budgets`` takes it.

    Raises:
        SettingsError: an option has not this form, or names what is unknown.
    """
    budgets: list[Budget] = []
    terms: dict[str, Any] = {}
    for option in options:
        where = f"{OPTION} {option!r}"
        bracket = option.find("]") + 1  # an = in brackets is the slice's
        rest, equals, text = option[bracket:].partition("=")
        key = (option[:bracket] + rest).strip()
        if equals and key in GateTerms._fields:
            terms[key] = _written(text)
            continue
        if equals and key == MAX_COST:
            gate = gate._replace(max_cost=parse_max_cost(_written(text), f"{OPTION} {option}"))
            continue
        name, _, rule = key.rpartition(".")
        if not equals or not name or not text.strip():
            raise SettingsError(
                f"{where}: must be METRIC.RULE=VALUE, such as op_score.max=1.5, or one of "
                f"{', '.join((*GateTerms._fields, MAX_COST))}"
            )
        name, part = split_option(name, where)
        budget = _budget(find(name, where), rule, _written(text), where, False)
        if part:
            require_figure(budget.metric, part, where)
        budgets.append(budget._replace(source=f"{OPTION} {option}", slice=part))
    changed = gate.terms._replace(**{key: getattr(_terms(dict(terms), OPTION), key) for key in terms})
    return gate._replace(given=(*gate.given, *budgets), terms=changed)
