"""What the tasks of a case are told by the run: how to build, how to measure, and where things lie on the machine.

``BuildOptions`` and ``MeasurementPlan`` hold for any machine of the kind; only ``LocalPaths`` is of one machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from .. import registry
from ..gate.sampling_limits import paired_limits, ratio_limits, time_limits
from ..measure.memory import MemoryLimit, default_limit
from ..measure.timing import LATENCY_SECONDS
from ..metrics import INFERENCE
from ..records.case_ids import reference_id
from ..records.device import Device
from ..records.result import Result
from ..stats.sequential import NO_SAMPLING, SamplingPlan
from ..storage.cache import Cache
from ..storage.shared_cache import SharedCache, open_shared
from .launchers.base import ProcessLimits
from .plan import NO_OVERRIDES
from .trusted_models import is_trusted

if TYPE_CHECKING:
    from ..gate.budgets import Budget, GateTerms
    from ..records.case_record import CaseRecord
    from ..records.run import Baseline, Rule
    from ..settings import Settings, TimeKind
    from .plan import CollectedRun, TestOverrides

_AGAINST_REFERENCE: tuple[Rule, ...] = ("max_drop", "max_increase")
_AGAINST_BASELINE: tuple[Rule, ...] = ("max_regression",)


@dataclass(frozen=True, kw_only=True)
class LocalPaths:
    """Folders of the machine on which a task runs; nothing else that a task is given is of one machine.

    Attributes:
        cache_dir: trained models and artifacts.
        cache_shared: a cache that is shared with others, and its key; None for none.
        data_dir: data sets that are not shipped; None for none.
        release_dir: the artifacts of released runs; None where no task needs one.
        case_dir: where the process that builds a case leaves its test part for the one that measures; None where
            nothing is to be measured.
    """

    cache_dir: Path
    cache_shared: SharedCache | None = None
    data_dir: Path | None = None
    release_dir: Path | None = None
    case_dir: Path | None = None

    def open_cache(self) -> Cache:
        """Return the cache.

        Raises:
            StorageError: it cannot be used.
        """
        return Cache(self.cache_dir, self.cache_shared)


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What training a model and applying techniques are told.

    Attributes:
        device: that the model is trained on, where the cache does not hold it.
        made_on: another one, which may have made it before; None for none.
        registrations: names that the run's own process knows besides the installed ones; the ``file`` of one must be
            on the machine that runs the task.
        trusted: whether the case's model may do more than compute.
    """

    device: Device
    made_on: Device | None = None
    registrations: tuple[registry.Registration, ...] = ()
    trusted: bool = False


@dataclass(frozen=True, kw_only=True)
class ReleaseComparison:
    """A released artifact to time side by side with a case's.

    Attributes:
        stored: what was measured of it, which names its file and says how it was made.
        sampling: how long both are timed, in each scenario.
    """

    stored: Result
    sampling: SamplingPlan


@dataclass(frozen=True, kw_only=True)
class MeasurementPlan:
    """What measuring an artifact is told.

    Attributes:
        device: that it is measured on; a runtime may use its ``threads``.
        time_weights: what inference and training seconds are multiplied by to make up the time in the score.
        reference_samples: examples that the inference time is scaled to.
        latency_s: seconds that single examples are timed for, at the most, where no limit needs more.
        vs_reference: how long a candidate is timed beside its reference in each scenario; 0 seconds: not at all. Its
            limits are those on the ratio, and those on times that follow from it.
        reference: the result of the reference, whose times with the ratios to it make the candidate's.
        on_times: the absolute limits on times, which the sampling of the case by itself is to decide.
        release: the artifact of a released run that the case is timed beside too.
        registrations: names that the run's own process knows, such as that of a quality; see ``BuildOptions``.
        trusted: whether the case's model may do more than compute.
    """

    device: Device
    time_weights: Mapping[TimeKind, float]
    reference_samples: int
    latency_s: float = LATENCY_SECONDS
    vs_reference: SamplingPlan = NO_SAMPLING
    reference: Result | None = None
    on_times: SamplingPlan = NO_SAMPLING
    release: ReleaseComparison | None = None
    registrations: tuple[registry.Registration, ...] = ()
    trusted: bool = False


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The settings of a run, as its tasks are told them.

    Attributes:
        settings: of the run.
        device: that it runs on.
        plan: what was collected.
        made_on: the device of the machines that make artifacts for this one; None where it makes them itself.
    """

    settings: Settings
    device: Device
    plan: CollectedRun
    made_on: Device | None = None

    @cached_property
    def terms(self) -> GateTerms:
        """The terms of the gate for one check among all that were collected, on all devices of the run."""
        gate, limits = self.settings.gate, self.plan.limits
        profiles = [self.device.profile if gpu in ("auto", "gpu") else gpu for gpu in self.plan.gpus]
        checks = sum(
            len(gate.applicable(name, profile, limits.get(name, NO_OVERRIDES).budgets))
            for name in self.plan.cases
            for profile in profiles or [self.device.profile]
        )
        return gate.terms_per_check(checks)

    @property
    def paths(self) -> LocalPaths:
        """The folders of this machine."""
        settings = self.settings
        return LocalPaths(
            cache_dir=settings.cache_dir,
            cache_shared=open_shared(settings.cache_shared),
            data_dir=settings.data_dir,
            release_dir=settings.release_dir,
        )

    @property
    def build(self) -> BuildOptions:
        """What building a case is told, with the names that are registered by now."""
        return BuildOptions(device=self.device, made_on=self.made_on, registrations=registry.registrations())

    def trusts(self, case: CaseRecord) -> bool:
        """Whether the model of a case may do more than compute."""
        return is_trusted(case, self.settings.trust)

    def budgets(self, case_id: str, overrides: TestOverrides) -> tuple[Budget, ...]:
        """Return the budgets that a case is held to."""
        return self.settings.gate.applicable(case_id, self.device.profile, overrides.budgets)

    def budgets_by_times_of(self, case_id: str) -> tuple[Budget, ...]:
        """Return the absolute budgets of other cases on times that follow from those of a case, their reference."""
        if not self.settings.compare_s:
            return ()
        candidates = [name for name in self.plan.cases if name != case_id and reference_id(name) == case_id]
        limits = self.plan.limits
        budgets = (self.budgets(name, limits.get(name, NO_OVERRIDES)) for name in candidates)
        return tuple(
            budget
            for held in budgets
            for budget in held
            if budget.metric.paired_ratio and budget.rule in ("min", "max")
        )

    def limits(self, overrides: TestOverrides) -> ProcessLimits:
        """Return what the processes of a case may take."""
        limits = ProcessLimits(overrides.timeout_s or self.settings.timeout_s, self.memory_limit.size)
        return limits._replace(memory_from=self.memory_limit.source)

    @cached_property
    def memory_limit(self) -> MemoryLimit:
        """What the processes of a case may hold together; read once, so that it is the same for all cases."""
        megabytes = self.settings.memory_mb
        return MemoryLimit(megabytes * 1e6, "--opml-memory-mb") if megabytes else default_limit()

    @property
    def measurement_alone(self) -> MeasurementPlan:
        """What measuring an artifact is told that is compared with nothing and held to no limits."""
        score = self.settings.score
        return MeasurementPlan(
            device=self.device,
            time_weights=dict(score.time),
            reference_samples=score.reference_samples,
            latency_s=self.settings.latency_s,
            registrations=registry.registrations(),
        )

    def measurement(
        self, budgets: Sequence[Budget], reference: Result | None, baseline: Baseline | None, case_id: str = ""
    ) -> MeasurementPlan:
        """Return what measuring a case is told.

        Args:
            budgets: that the case is held to, whose limits the sampling of times is to decide.
            reference: the result of the case's reference; None where it has none.
            baseline: what the case is compared with; one that was measured again it is timed beside too.
            case_id: of the case; a reference on whose time limits of other cases rest is timed as precisely as ratios.
        """
        settings, terms, alone = self.settings, self.terms, self.measurement_alone
        on_times = SamplingPlan(
            limits=time_limits(budgets, alone.reference_samples), max_seconds=terms.max_seconds, error=terms.error
        )
        beside = partial(replace, on_times, seconds=settings.compare_s, precision=settings.compare_precision)
        if others := time_limits(self.budgets_by_times_of(case_id), alone.reference_samples).get(INFERENCE):
            on_times = replace(on_times, precision=settings.compare_precision, others=others)
        vs_reference, release = NO_SAMPLING, None
        if reference:
            ratios = ratio_limits(budgets, reference, _AGAINST_REFERENCE)
            vs_reference = beside(limits=ratios | paired_limits(on_times.limits))
        if baseline and baseline.remeasured:
            sampling = beside(limits=ratio_limits(budgets, baseline.result, _AGAINST_BASELINE))
            release = ReleaseComparison(stored=baseline.result, sampling=sampling)
        return replace(alone, on_times=on_times, vs_reference=vs_reference, reference=reference, release=release)
