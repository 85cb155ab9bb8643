"""Making apart from measuring: artifacts are trained and converted on nodes of one kind, and measured on all kinds."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ...errors import SettingsError
from ..plan import NO_OVERRIDES, CollectedRun
from .orders import UnitOrder

if TYPE_CHECKING:
    from ...case import Case
    from ...gate.budgets import Budget
    from ...settings import Settings
    from .schedule import Attempt


def making_key(unit: UnitOrder) -> str:
    """Return the key of the making of a unit, which is the same for the units of all kinds."""
    return f"make {unit.cases[0].case.id}"


def orders_of_makings(units: Mapping[str, Sequence[UnitOrder]], submitted: Container[str]) -> dict[str, UnitOrder]:
    """Return what is made apart from measuring, once for all kinds; by its key.

    Args:
        units: that are measured, by the kind of node. Of their cases those are made apart that another node may make:
            no files as they are, and nothing that needs the device.
        submitted: keys of what was handed over before.
    """
    makings: dict[str, UnitOrder] = {}
    for unit in (unit for of_kind in units.values() for unit in of_kind):
        key = making_key(unit)
        cases = {ordered.case.id: ordered for ordered in unit.cases if ordered.case.is_made_anywhere}
        if cases and key not in submitted:
            if key in makings:
                cases = {ordered.case.id: ordered for ordered in makings[key].cases} | cases
            makings[key] = UnitOrder(key=key, cases=tuple(cases.values()), is_making=True)
    return makings


class Makings:
    """Which attempts to measure wait for which making."""

    def __init__(self) -> None:
        self._makings: dict[str, str] = {}
        self._held: dict[str, list[Attempt]] = {}

    def hold(self, attempt: Attempt, making: str) -> None:
        """Have an attempt wait for a making, by its key."""
        self._makings[attempt.key] = making
        self._held.setdefault(making, []).append(attempt)

    def release(self, making: str) -> list[Attempt]:
        """Return what has waited for a making, which is over."""
        return self._held.pop(making, [])

    def is_awaited(self, making: str) -> bool:
        """Return whether something waits for a making."""
        return making in self._held

    def current(self, unit: str) -> str:
        """Return the key of what is done for a unit now: of its making, as long as that goes on."""
        making = self._makings.get(unit, "")
        return making if making in self._held else unit


def check_making_apart(settings: Settings, plans: Mapping[str, CollectedRun]) -> None:
    """Check what making apart from measuring needs, where it is asked for.

    Args:
        settings: of the run.
        plans: what was collected, by the kind of node that it is to be measured on.

    Raises:
        SettingsError: no cache is shared that could carry artifacts, or the time of the training is wanted.
    """
    if not settings.make_on:
        return
    if settings.cache_shared is None:
        raise SettingsError(
            f"--opml-make-on={settings.make_on}: what is made there comes to the other nodes through a shared cache; "
            "say --opml-cache-shared, and OPML_CACHE_KEY on every node"
        )
    if settings.score.time.get("training"):
        raise SettingsError(f"score.time: with {_apart(settings)}; say inference, or leave --opml-make-on out")
    for kind, plan in plans.items():
        for case in (case for case in plan.collected_cases if case.id in plan.cases):
            limits = plan.limits.get(case.id, NO_OVERRIDES).budgets
            check_budgets_apart(settings.on(kind), case, settings.gate.applicable(case.id, kind, limits))


def check_budgets_apart(settings: Settings, case: Case, budgets: Iterable[Budget]) -> None:
    """Check that no budget is on how a case was made, where that is done by another kind of node.

    Raises:
        SettingsError: one is.
    """
    if settings.make_on in (None, settings.gpu) or not case.is_made_anywhere:
        return
    for budget in budgets:
        if budget.metric.build_only:
            where = f"{budget.source} = {budget.limit:g}, for {case.id}"
            raise SettingsError(f"{where}: with {_apart(settings)}; leave the budget or --opml-make-on out")


def _apart(settings: Settings) -> str:
    return f"--opml-make-on={settings.make_on}, models are not trained on the device that they are measured on"
