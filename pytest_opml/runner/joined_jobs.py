"""The records of several jobs as one run: one job for each machine, or for each part of the suite."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UsageError
from ..gate.run_verdicts import judge_run
from ..records.run import RunRecord, merge
from .outcome import FAILED, NOT_JUDGED, PASSED, Exit, conclude

if TYPE_CHECKING:
    from ..gate.budgets import Gate
    from ..records.result import Key


class JoinedRun(NamedTuple):
    """One run of several jobs.

    Attributes:
        record: with its checks.
        exit: the exit code that it comes to.
        notes: a line for each thing in which the jobs differ.
    """

    record: RunRecord
    exit: Exit
    notes: tuple[str, ...]


def join(jobs: Mapping[str, RunRecord], gate: Gate, profiles: Sequence[str] = ()) -> JoinedRun:
    """Return one run of the records of several jobs, judged as a whole.

    Args:
        jobs: their records, by what they are called in messages; one at least.
        gate: the budgets.
        profiles: kinds of hardware that must be among them.

    Raises:
        UsageError: they are of different commits, or two of them measured the same case on the same kind of hardware.
    """
    _check_commits(jobs)
    _check_cases(jobs)
    records = list(jobs.values())
    merged = merge(records)
    merged = merged.model_copy(
        update={
            "run_id": _run_id(records),
            "interrupted": any(record.interrupted for record in records),
        }
    )
    merged = merged.model_copy(update={"checks": judge_run(merged, gate)})
    exit_ = _exit(merged, jobs, [profile for profile in profiles if profile not in _measured_on(records)])
    return JoinedRun(merged.model_copy(update={"exit_code": exit_.code}), exit_, tuple(_differences(jobs)))


def _run_id(records: Sequence[RunRecord]) -> str:
    """An id that follows from those of the jobs: the same records make the same run."""
    if len(records) == 1:
        return records[0].run_id
    return hashlib.sha256("\n".join(sorted(record.run_id for record in records)).encode()).hexdigest()[:32]


def _measured_on(records: Sequence[RunRecord]) -> set[str]:
    return {result.device.profile for record in records for result in record.results}


def _check_commits(jobs: Mapping[str, RunRecord]) -> None:
    commits = {record.commit.commit if record.commit else None: name for name, record in jobs.items()}
    if len(commits) > 1:
        (one, first), (another, second) = list(commits.items())[:2]
        shown = [commit[:10] if commit else "no commit" for commit in (one, another)]
        raise UsageError(f"{first} is of {shown[0]} and {second} of {shown[1]}: only jobs of one commit are one run")


def _check_cases(jobs: Mapping[str, RunRecord]) -> None:
    seen: dict[Key, str] = {}
    for name, record in jobs.items():
        for member in (*record.results, *record.failures):
            if member.case.id in record.reference_only:
                continue
            first = seen.setdefault(member.key, name)
            if first != name:
                raise UsageError(
                    f"{first} and {name} have both measured {member.case.id} on {member.device.profile}: a run has one "
                    "result of a case on each kind of hardware; give one of the two"
                )


def _differences(jobs: Mapping[str, RunRecord]) -> Iterator[str]:
    """Yield a line for each package of which the jobs had different versions."""
    names = dict.fromkeys(name for record in jobs.values() for name in record.versions)
    for name in names:
        versions = {record.versions.get(name, "not installed"): job for job, record in jobs.items()}
        if len(versions) > 1:
            texts = (f"{version} in {job}" for version, job in versions.items())
            yield f"the jobs had different versions of {name}: {', '.join(texts)}"


def _exit(merged: RunRecord, jobs: Mapping[str, RunRecord], missing: Sequence[str]) -> Exit:
    """What the whole comes to: its own checks, what a job failed for besides, and the kinds that nobody measured on."""
    code, reason = conclude(merged)
    reasons, codes = [reason], [code]
    for name, record in jobs.items():
        if record.exit_code not in (None, conclude(record).code):
            codes.append(record.exit_code or PASSED)
            why = "interrupted" if record.interrupted else "but not for its budgets"
            reasons.append(f"{name} itself ended with {record.exit_code}, {why}")
    if missing:
        codes.append(NOT_JUDGED)
        reasons.append(f"nothing was measured on {', '.join(missing)}")
    if codes[0] == PASSED and len(codes) > 1:
        reasons = reasons[1:]
    worst = next((one for one in (FAILED, *codes) if one in codes and one != PASSED), PASSED)
    return Exit(worst, "; ".join(reasons))
