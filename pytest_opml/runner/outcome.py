"""How a run ends: its checks, where its record goes, and which exit code it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import MissingDependencyError, StorageError
from ..history.store import state_folder
from ..reports.formatting import amount
from .unwritten import import_command, write_unwritten

if TYPE_CHECKING:
    from ..analysis.trend import FreshShift
    from ..records.run import Check, RunRecord
    from ..settings import Settings

_LONGEST_LOG = 64_000  # characters
PASSED, FAILED, USAGE, NOTHING_MEASURED, NOT_JUDGED = 0, 1, 4, 5, 11


class Exit(NamedTuple):
    """An exit code, and in a few words why."""

    code: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to.

    Attributes:
        record: of the whole run, with its checks.
        problems: a line for each part of it that was not written.
        exit: the exit code that it asks for.
        notes: a line for each thing to be told that changes nothing.
        fresh: the lasting steps that the newest runs of its cases show; none without a history.
        unwritten: the file of the record where the history did not take it; None where it did, or there is none.
        stopped: of a run that was ended before its end, in words: by a signal, or interrupted.
    """

    record: RunRecord
    problems: tuple[str, ...]
    exit: Exit
    notes: tuple[str, ...] = ()
    fresh: tuple[FreshShift, ...] = ()
    unwritten: Path | None = None
    stopped: str = "interrupted"

    @property
    def advice(self) -> str:
        """What to do for a history that did not take the run, for the last line; empty where there is nothing to do."""
        return advice_on(self.unwritten) if self.unwritten else ""

    @property
    def has_content(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.record.results or self.record.failures or self.record.checks)


def finish(
    record: RunRecord,
    settings: Settings,
    root: Path,
    *,
    is_complete: bool,
    pytest_exit: int | None = None,
    failed_tests: int = 0,
    usage_errors: int = 0,
    problems: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_record: Callable[[RunRecord], object] = lambda _: None,
    on_safe: Callable[[], object] = lambda: None,
) -> Outcome:
    """End a run: judge it, write its record everywhere, and settle its exit code.

    Args:
        record: what was measured, without checks.
        settings: of the run.
        root: the user's project.
        is_complete: whether the run came to its end; of one that did not, cases that it never reached are not missed.
        pytest_exit: the exit code that pytest ends with whatever we say, as it is interrupted; None where it asks us.
        failed_tests: how many tests failed for another reason than a budget or a case without a result.
        usage_errors: how many inputs were wrong.
        problems: a line for each part of the run that is lost already.
        notes: a line for each thing to be told that changes nothing.
        on_record: is shown the judged record before it is written.
        on_safe: is called when nothing of the run is needed any more but what is written then.
    """
    from ..gate.run_verdicts import drop_unreached_cases, judge_run

    record = _with_short_logs(record)
    if not is_complete:
        record = drop_unreached_cases(record)
    record = record.model_copy(update={"checks": judge_run(record, settings.gate), "interrupted": not is_complete})
    code = conclude(record, problems=problems, failed_tests=failed_tests, usage_errors=usage_errors).code
    record = record.model_copy(update={"exit_code": code if pytest_exit is None else pytest_exit})
    on_record(record)
    written = write(record, settings, root) if record.results or record.failures else Written([], None)
    problems, unwritten = (*problems, *written.problems), written.unwritten
    if not written.problems or unwritten:
        on_safe()
    code, reason = conclude(record, problems=problems, failed_tests=failed_tests, usage_errors=usage_errors)
    end = Exit(code, f"{reason}; {advice_on(unwritten)}" if unwritten else reason)
    fresh = () if unwritten else _fresh(record, settings)
    return Outcome(
        record=record, problems=tuple(problems), notes=tuple(notes), exit=end, fresh=fresh, unwritten=unwritten
    )


def _with_short_logs(record: RunRecord) -> RunRecord:
    """Cut what failures printed to its end: whoever made a longer one, the history must take the run."""
    failures = tuple(
        failure.model_copy(update={"log_tail": failure.log_tail[-_LONGEST_LOG:]}) for failure in record.failures
    )
    return record.model_copy(update={"failures": failures})


def _fresh(record: RunRecord, settings: Settings) -> tuple[FreshShift, ...]:
    """The lasting steps that the history shows; a history that cannot be read was told when it could not be written."""
    if not (settings.store and record.results):
        return ()
    from ..history.store import open_store
    from .fresh_shifts import fresh_shifts

    try:
        with open_store(settings.store) as store:
            return tuple(fresh_shifts(record, store))
    except StorageError:
        return ()


class Written(NamedTuple):
    """Where a record could not be written.

    Attributes:
        problems: a line for each place.
        unwritten: the file that the record is in for a history that did not take it; None where there is none.
    """

    problems: list[str]
    unwritten: Path | None


def write(record: RunRecord, settings: Settings, root: Path) -> Written:
    """Write the record where it was asked for; what no place took lies in a file of its own, which a line names."""
    from ..history.record_files import write_record
    from ..integrations.mlflow import log_run

    problems, unwritten = [], None
    try:
        if settings.json_path:
            write_record(record, settings.json_path)
    except StorageError as error:
        problems.append(str(error) if settings.store else _set_aside(record, root / ".opml" / "records", error)[0])
    try:
        if settings.store:
            _append(record, settings.store, root)
    except StorageError as error:
        line, unwritten = _set_aside(record, state_folder(settings.store, root), error)
        problems.append(line)
    try:
        if settings.mlflow:
            log_run(record, settings.mlflow, settings.mlflow_experiment)
    except (StorageError, MissingDependencyError) as error:
        problems.append(str(error))
    return Written(problems, unwritten)


def _append(record: RunRecord, store: str, root: Path) -> None:
    from ..history.git import ancestry_in
    from ..history.store import open_store

    with open_store(store) as history:
        history.append(record, ancestry=ancestry_in(root))


def _set_aside(record: RunRecord, folder: Path, refusal: StorageError) -> tuple[str, Path | None]:
    """Write a record that a place refused below a folder; returns the line for both, and the file."""
    try:
        path = write_unwritten(record, folder)
    except StorageError as error:
        return f"{refusal}; nor could the run be written elsewhere: {error}", None
    return f"{refusal}; the run is in {path}", path


def advice_on(unwritten: Path) -> str:
    """Say how a run gets into the history that did not take it; the command can be copied into a shell."""
    return f"the next run takes this one into the history, or now: {import_command(unwritten)}"


def conclude(record: RunRecord, *, problems: Sequence[str] = (), failed_tests: int = 0, usage_errors: int = 0) -> Exit:
    """What the run comes to, worst first: failed, wrong input, not judged, nothing measured, passed.

    Args:
        record: of the whole run, with its checks.
        problems: a line for each part of it that was not written.
        failed_tests: how many tests failed for another reason than a budget or a case without a result.
        usage_errors: how many inputs were wrong, those of cases in the record apart.
    """
    failed = record.failed
    if failed or failed_tests:
        return Exit(FAILED, "; ".join([*_failed(record, failed_tests), *_not_judged(record, problems)]))
    wrong = [failure.case.id for failure in record.failures if failure.kind == "usage"]
    asked = [name for name in wrong if name not in record.reference_only]  # what is wrong with both is told once
    if wrong or usage_errors:
        return refused(usage_errors + len(asked or wrong))
    if open_ends := _not_judged(record, problems):
        return Exit(NOT_JUDGED, "; ".join(open_ends))
    if not record.results:
        return Exit(NOTHING_MEASURED, "nothing was measured")
    return Exit(PASSED, _passed(record))


def conclude_stored(record: RunRecord, *, then: int) -> Exit:
    """What a stored run comes to under other budgets; how it ended then counts for what its checks do not tell.

    Args:
        record: of the run, with its checks of today.
        then: what the stored checks alone come to; where the run ended otherwise, that was for another reason.
    """
    code, reason = conclude(record)
    if record.exit_code in (None, then):
        return Exit(code, reason)
    why = "interrupted" if record.interrupted else "but not for its budgets"
    worst = FAILED if FAILED in (code, record.exit_code) else code or record.exit_code or PASSED
    return Exit(worst, f"{reason}; the run itself ended with {record.exit_code}, {why}")


def _failed(record: RunRecord, tests: int) -> list[str]:
    """How many checks failed, so many tests for another reason, and which budgets of the whole run; one at least."""
    of_run = [check.reason for check in record.checks if check.is_of_run and check.verdict == "fail"]
    checks = record.failed - len(of_run)
    texts = [f"{amount(checks, 'budget')} failed{_where(record)}"] if checks else []
    texts += [f"{amount(tests, 'test')} failed{' for another reason' if checks or of_run else ''}"] if tests else []
    return [*filter(None, [" and ".join(texts)]), *of_run]


def _where(record: RunRecord) -> str:
    """On which kinds of hardware checks failed, where a run is on several."""
    if len({member.device.profile for member in (*record.results, *record.failures)}) < 2:
        return ""
    failed = (check.profile for check in record.checks if check.verdict == "fail" and check.blocking)
    return f" on {', '.join(dict.fromkeys(filter(None, failed)))}"


def refused(wrong: int) -> Exit:
    """How a run ends in which so many inputs were wrong, and nothing is worse."""
    return Exit(USAGE, f"{amount(wrong, 'input')} {'was' if wrong == 1 else 'were'} wrong, as said above")


def _not_judged(record: RunRecord, problems: Sequence[str]) -> list[str]:
    """What keeps a run without failures from passing, in words."""
    blocking = [check for check in record.checks if check.blocking]
    busy = [check for check in blocking if check.busy]
    inconclusive = [check for check in blocking if check.verdict == "inconclusive" and not check.busy]
    not_judged = [check for check in blocking if check.verdict == "not_judged"]
    texts = []
    if record.failures:
        kinds = ", ".join(sorted({failure.kind.replace("_", " ") for failure in record.failures}))
        number = len(record.failures)
        texts.append(f"{amount(number, 'case')} {'has' if number == 1 else 'have'} no result ({kinds})")
    if not_judged and all(check.is_first for check in not_judged):
        texts.append(_first_run(record, not_judged))
    elif not_judged:
        texts.append(f"{amount(len(not_judged), 'budget')} could not be judged ({_reasons(not_judged)})")
    if busy:
        texts.append(f"{amount(len(busy), 'budget')} {'is' if len(busy) == 1 else 'are'} inconclusive ({_busy(busy)})")
    if inconclusive:
        verb = "is" if len(inconclusive) == 1 else "are"
        texts.append(f"{amount(len(inconclusive), 'budget')} {verb} inconclusive, counted as fail")
    if problems:
        texts.append("not everything could be written")
    return texts


def _first_run(record: RunRecord, checks: Sequence[Check]) -> str:
    """What a run comes to that has nothing to be compared with, and what to do."""
    number = amount(len(checks), "budget")
    if record.baseline:
        return f"{number} had nothing to be compared with: no earlier result of {record.baseline} is known"
    if "passed over" in record.baseline_choice:
        return f"{number} could not be judged: {record.baseline_choice}; name a run with --opml-baseline"
    return (
        f"this is the first run, and {number} had nothing to be compared with; the next run will be compared with it, "
        'if it is of another commit (first_run = "pass" in [tool.opml.gate] lets a first run pass)'
    )


def _reasons(checks: Sequence[Check]) -> str:
    """Why checks were not judged: the reason of them all, or the commonest and how many have it."""
    (reason, number), *others = Counter(" ".join(check.reason.split()) for check in checks).most_common()
    return f"{number} of them: {reason}; the others for reasons of their own" if others else reason


def _busy(checks: Sequence[Check]) -> str:
    """What disturbed the machine, where it was the same for all checks."""
    reasons = {" ".join(check.reason.split()) for check in checks}
    return reasons.pop() if len(reasons) == 1 else "the machine was busy"


def _passed(record: RunRecord) -> str:
    checks = record.checks
    if not checks:
        return f"{amount(len(record.results), 'case')} measured, no budget to check"
    counts = Counter(check.verdict for check in checks)
    if counts["pass"] == len(checks):
        return f"{amount(len(checks), 'budget')} passed"
    waived, first = sum(bool(check.waived) for check in checks), sum(check.is_first for check in checks)
    texts = [f"{counts['pass']} of {amount(len(checks), 'budget')} passed"]
    texts += [f"{amount(waived, 'failure')} {'is' if waived == 1 else 'are'} waived"] if waived else []
    texts += [f"{first} had nothing to be compared with, since this is a first run"] if first else []
    optional = counts["not_judged"] - first
    texts += [f"{counts['inconclusive']} inconclusive, counted as pass"] if counts["inconclusive"] else []
    texts += [f"{optional} not judged, but optional"] if optional else []
    return "; ".join(texts)
