"""What one run of pytest leaves behind: its results, failures and checks, and what they were compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, computed_field

from ..printable import shows
from .base import Many, Moment, Named, Record
from .device import Device
from .node_use import NodeUse, cost_of, sum_of_machines, sum_of_processes
from .result import CaseOutcome, Key, Result

if TYPE_CHECKING:
    from typing_extensions import Self

FORMAT_VERSION: Literal[1] = 1


FailureKind = Literal["usage", "error", "crash", "out_of_memory", "killed", "timeout", "device_busy"]


Verdict = Literal["pass", "fail", "inconclusive", "not_judged"]
WORST_FIRST: tuple[Verdict, ...] = ("fail", "not_judged", "inconclusive", "pass")


Rule = Literal["min", "max", "max_drop", "max_increase", "max_regression"]


def _in_one_line(name: str) -> str:
    if not shows(name):
        raise ValueError("must not contain control characters")
    return name


_LONGEST_MESSAGE, _LONGEST_LOG = 4_000, 16_000


def _ends(text: str, longest: int) -> str:
    """Return a text, or the ends of one that is too long for a record."""
    if len(text) <= longest:
        return text
    half = longest // 2 - 40
    return f"{text[:half]} [... {len(text) - 2 * half:,} characters ...] {text[-half:]}"


class Failure(CaseOutcome):
    """A case without a result."""

    kind: FailureKind
    message: Annotated[str, AfterValidator(lambda text: _ends(text, _LONGEST_MESSAGE))]
    log_tail: Annotated[str, AfterValidator(lambda text: _ends(text, _LONGEST_LOG))] = ""


class Check(Record):
    """One budget held against one case, or against the whole run."""

    case_id: str = Field(description="empty for a check of the whole run")
    profile: str | None = Field(
        default=None,
        description="the kind of hardware that the case was measured on; None for a case that is not there",
    )
    metric: str
    slice: str = Field(
        default="", description="the test examples that the figure is of, such as class=cat; empty for all"
    )
    rule: Rule | Literal["case", "max_cost"] = Field(
        description="case: the budget names a case that is not there; max_cost: it is on what the whole run cost"
    )
    limit: float = Field(description="the bound on the value itself; relative budgets are resolved into it")
    budget: str = Field(description="as the user wrote it")
    source: str = Field(description="where it was written: a key of pyproject.toml, a marker or an option")
    value: float | None
    low: float | None = Field(default=None, description="of the value's interval, at the gate's confidence")
    high: float | None = Field(default=None, description="of the value's interval, at the gate's confidence")
    reference: str | None = Field(
        default=None, description="id of the case, or the run, that a relative budget compares with"
    )
    reference_value: float | None = None
    verdict: Verdict
    blocking: bool = Field(description="whether this verdict keeps the run from exiting with 0")
    waived: str = Field(
        default="", description="until when and why a waiver lets this failure pass; empty where there is none"
    )
    is_first: bool = Field(
        default=False, description="whether it was not judged since no earlier run with the case may be compared with"
    )
    confidence: float | None = Field(
        default=None, description="confidence at which the interval just leaves the limit out; None without an interval"
    )
    min_detectable: float | None = Field(
        default=None,
        description="smallest excess over the limit that this run would have called a failure in 80 % of cases",
    )
    busy: bool = Field(
        default=False,
        description="whether the figure is beyond its limit, but was taken while the machine was busy",
    )
    reason: str = ""

    @property
    def figure_name(self) -> str:
        """The metric, with the slice that it is of: ``accuracy[class=cat]``."""
        return f"{self.metric}[{self.slice}]" if self.slice else self.metric

    @property
    def is_of_run(self) -> bool:
        """Whether the check is of the whole run, and on none of its cases."""
        return self.rule == "max_cost"

    def is_of(self, member: CaseOutcome) -> bool:
        """Tell whether the check is on this case, on this kind of hardware."""
        return self.case_id == member.case.id and self.profile in (None, member.device.profile)


class CiRun(Record):
    """The job of a CI service that a run was part of, as its variables tell."""

    service: str
    url: str | None = Field(default=None, description="of the job's page")
    pull_request: str | None = Field(default=None, description="number of the pull or merge request")
    target: str | None = Field(default=None, description="branch that the request is to be merged into")


# It stands in commands that people copy into their shells.
CommitHash = Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]


class Commit(Record):
    """The state of the user's repository."""

    commit: CommitHash
    branch: str | None
    dirty: bool | None = Field(description="whether tracked files differ from the commit; None where git is not there")
    parents: Many[CommitHash] = ()
    authored: Moment | None = None
    shallow: bool = Field(default=False, description="whether the clone holds only the newest commits")
    ci: CiRun | None = None


class Baseline(Record):
    """An earlier result of a case, that ``max_regression`` compares with."""

    name: str = Field(default="last", description="what was asked for: last, best, release, a commit, a file, ...")
    run_id: str
    started: Moment
    commit: Commit | None
    device: Device = Field(
        description="that the stored result was measured on, which one that was measured again is not"
    )
    result: Result = Field(description="as it was stored, or as its stored artifact was measured again")
    remeasured: bool = Field(
        default=False,
        description="whether the artifact was measured again in this session, in turn with the candidate's",
    )
    remeasure_error: str = Field(default="", description="why a released artifact was not measured again")

    @property
    def described(self) -> str:
        """Which run it is, and how it is compared with, in words."""
        source = self.result.artifact.source
        if source and source.address == self.name:
            return f"{source.described} of {self.started:%Y-%m-%d %H:%M}, measured in this session"
        commit = f", commit {self.commit.commit[:10]}" if self.commit else ""
        how = "its artifact measured again in this session" if self.remeasured else "as it was stored"
        return f"run {self.run_id[:12]} of {self.started:%Y-%m-%d %H:%M}{commit}, {how}"


class Timing(Record):
    """A function that pytest-benchmark timed, imported from one of its saved files; times of one call."""

    name: str = Field(description="the test's node id")
    call_s: float = Field(description="median over the rounds")
    mean_s: float
    stddev_s: float
    min_s: float
    max_s: float
    rounds: int
    figures: Named[float] = Field(default={}, description="numbers that the test left in extra_info")


class RunRecord(Record):
    """One pytest session: the document that ``--opml-json`` writes. A case has one result on each kind of hardware."""

    format_version: Literal[1] = FORMAT_VERSION
    run_id: Annotated[str, AfterValidator(_in_one_line)] = Field(min_length=1, max_length=1_000)
    started: Moment
    seconds: float
    device: Device = Field(description="of the session; each result has its own")
    versions: Named[str]
    commit: Commit | None
    results: Many[Result]
    failures: Many[Failure]
    checks: Many[Check]
    reference_only: Many[str] = Field(description="ids of references that were measured although not collected")
    collected: Named[str] = Field(default={}, description="ids of the cases that were collected, and their tests")
    collected_on: Named[Many[str]] = Field(
        default={},
        description="kinds of hardware that a case was collected for, by its id; of one that is not here, the kind "
        "of the session's device",
    )
    deselected: Many[str] = Field(default=(), description="ids of cases that the command line left out")
    partial_selection: bool = Field(
        default=False, description="whether the command line left out benchmarks that were then never collected"
    )
    marker_budgets: Named[Named[Any]] = Field(
        default={}, description="budgets on the marker of a case's test, by the case's id, as they were written"
    )
    baseline: str | None = Field(
        default=None,
        description="what was asked for as baseline, and taken for; None: the newest accepted run",
    )
    baselines: Many[Baseline] = Field(default=(), description="what the cases were compared with")
    baseline_errors: Named[str] = Field(
        default={}, description="ids of cases whose baseline could not be read while the run went on, and why"
    )
    baseline_choice: str = Field(
        default="", description="which run the default baseline is of, and which newer runs were passed over and why"
    )
    timings: Many[Timing] = Field(default=(), description="of an imported run of pytest-benchmark")
    node_use: Many[NodeUse] | None = Field(
        default=None, description="what the run used of the machines of each kind; None where that was not recorded"
    )
    exit_code: int | None = Field(default=None, description="that the run asked for; None where it is not known")
    interrupted: bool = Field(
        default=False, description="whether the run was stopped before its end, so that cases are missing"
    )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values of some fields; what was worked out from them is worked out anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("devices", "_results_by_case"):
            copied.__dict__.pop(name, None)
        return copied

    @property
    def collected_keys(self) -> tuple[Key, ...]:
        """The cases that were collected, each on each kind of hardware that it is to be measured on."""
        return tuple(Key(name, profile) for name in self.collected for profile in self.profiles_of(name))

    def profiles_of(self, case_id: str) -> tuple[str, ...]:
        """Return the kinds of hardware that a collected case is to be measured on."""
        return self.collected_on.get(case_id, (self.device.profile,))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def cost(self) -> float | None:
        """What the run cost, by the prices of its settings; None where that is not known of each kind of device."""
        return cost_of(self.node_use)

    @property
    def failed(self) -> int:
        """How many checks failed that no waiver lets pass."""
        return sum(check.verdict == "fail" and check.blocking for check in self.checks)

    @property
    def gap(self) -> str:
        """What of the run is missing, in words; empty for a complete one."""
        lacking = set(self.collected_keys) - {result.key for result in self.results}
        if self.interrupted:
            return "was interrupted"
        if not self.results:
            return "has no result"
        if self.failures or lacking:
            return "has cases without a result"
        return "has only a part of the cases" if self.partial_selection or self.deselected else ""

    @property
    def rejected_for(self) -> str:
        """Why it may be neither a baseline that nobody named nor a release, in words; empty for an accepted run.

        The first run of all is accepted, although nothing could be compared: some run must be the first.
        """
        if self.failed or self.exit_code == 1:
            return "failed"
        if self.gap:
            return self.gap
        blocking = [check for check in self.checks if check.blocking and not check.is_first]
        return "was not judged in full" if blocking or self.exit_code not in (None, 0, 11) else ""

    def find_result(self, case_id: str, profile: str | None = None) -> Result | None:
        """Return the result of a case; None where it has none. Without a kind of hardware, the first one counts."""
        of_case = self._results_by_case.get(case_id, ())
        return next((result for result in of_case if profile in (None, result.device.profile)), None)

    @cached_property
    def _results_by_case(self) -> dict[str, list[Result]]:
        by_case: dict[str, list[Result]] = {}
        for result in self.results:
            by_case.setdefault(result.case.id, []).append(result)
        return by_case

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """What its cases ran on, one of each machine; that of the session where there are none."""
        members: tuple[CaseOutcome, ...] = (*self.results, *self.failures)
        return tuple({member.device.machine: member.device for member in members}.values()) or (self.device,)


def merge(records: Sequence[RunRecord]) -> RunRecord:
    """Return the record that one process would have written.

    Its checks are to be made anew, from the whole. A case that several of them have on one kind of hardware keeps its
    first result; a failure is kept only where no other has a result.

    Args:
        records: of parts of one run, each on a device of its own or all on one; at least one.
    """
    results: dict[Key, Result] = {}
    failures: dict[Key, Failure] = {}
    asked: set[str] = set()
    collected: dict[str, str] = {}
    collected_on: dict[str, dict[str, None]] = {}
    marker_budgets: dict[str, dict[str, Any]] = {}
    baselines: dict[Key, Baseline] = {}
    baseline_errors: dict[str, str] = {}
    for record in records:
        for result in record.results:
            results.setdefault(result.key, result)
        for failure in record.failures:
            failures.setdefault(failure.key, failure)
        members = [result.case.id for result in record.results] + [failure.case.id for failure in record.failures]
        asked |= set(members) - set(record.reference_only)
        collected |= record.collected
        for key in record.collected_keys:
            collected_on.setdefault(key.case_id, {})[key.profile] = None
        marker_budgets |= record.marker_budgets
        baseline_errors |= record.baseline_errors
        for baseline in record.baselines:
            baselines.setdefault(baseline.result.key, baseline)
    failures = {key: failure for key, failure in failures.items() if key not in results}
    measured = {key.case_id for key in (*results, *failures)}
    compared = {key.case_id for key in baselines}
    return records[0].model_copy(
        update={
            "started": min(record.started for record in records),
            "seconds": _span_s(records),
            "results": tuple(results.values()),
            "failures": tuple(failures.values()),
            "reference_only": tuple(sorted(measured - asked)),
            "collected": collected,
            "collected_on": {
                name: tuple(profiles)
                for name, profiles in collected_on.items()
                if tuple(profiles) != (records[0].device.profile,)
            },
            "deselected": tuple(sorted({name for record in records for name in record.deselected})),
            "partial_selection": any(record.partial_selection for record in records),
            "marker_budgets": marker_budgets,
            "baselines": tuple(baselines.values()),
            "baseline_errors": {name: why for name, why in baseline_errors.items() if name not in compared},
            "node_use": _node_use(records),
        }
    )


def _node_use(records: Sequence[RunRecord]) -> tuple[NodeUse, ...] | None:
    """What they used together: runs of their own had machines of their own, and the parts of one run the same ones."""
    runs: dict[str, list[RunRecord]] = {}
    for record in records:
        runs.setdefault(record.run_id, []).append(record)
    used = [_node_use_of_parts(parts) for parts in runs.values()]
    return sum_of_machines(uses for uses in used if uses) if None not in used else None


def _node_use_of_parts(parts: Sequence[RunRecord]) -> tuple[NodeUse, ...] | None:
    recorded = [part.node_use for part in parts if part.node_use is not None]
    if len(recorded) < len(parts):
        return None
    uses = sum_of_processes(recorded)
    if (
        len(parts) > 1 and len(uses) == 1
    ):  # processes that held the machine at the same time, from the first to the last
        return (uses[0].model_copy(update={"seconds": _span_s(parts)}),)
    return uses


def _span_s(records: Sequence[RunRecord]) -> float:
    """The seconds from the start of the first to the end of the last."""
    ended = max(record.started.timestamp() + record.seconds for record in records)
    return ended - min(record.started for record in records).timestamp()
