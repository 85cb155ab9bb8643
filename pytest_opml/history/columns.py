"""What of a run stands in columns of a store, and how its parts are written as JSON and read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json

from ..errors import OpmlError, StorageError
from ..metrics import METRICS
from ..printable import clipped
from ..records.result import Result
from ..records.run import RunRecord, Timing
from ..records.validation import first_of, place_of, reason_of
from .base import CALL_S, COLUMNS, LARGEST_RECORD, Query, Release, Row, Summary


def branch_of(run: RunRecord) -> str | None:
    """Return the branch that a run counts for; None for a detached head, and where no commit is known.

    A pull request from a branch that is called as the one it goes into is from another repository: it is not that one.
    """
    commit = run.commit
    if commit is None or (commit.ci and commit.ci.pull_request and commit.ci.target == commit.branch):
        return None
    return commit.branch


class Part(NamedTuple):
    """One result, or one imported benchmark, of a run, with what of it stands in columns."""

    row: Row
    content: Result | Timing


def parts(run: RunRecord) -> list[Part]:
    """Return the results of a run and after them its imported benchmarks, in the order of their positions."""

    def part(position: int, name: str, content: Result | Timing) -> Part:
        figures: dict[str, float | None] = dict.fromkeys((*COLUMNS, CALL_S))
        if isinstance(content, Result):
            figures |= {metric: METRICS[metric].read(content) for metric in COLUMNS}
            device = content.device
        else:
            device = run.device
            figures |= {metric: content.figures.get(metric) for metric in COLUMNS} | {CALL_S: content.call_s}
        row = Row(
            run_id=run.run_id,
            position=position,
            case_id=name,
            profile=device.profile,
            machine=device.machine,
            started=run.started,
            commit=run.commit.commit if run.commit else None,
            branch=branch_of(run),
            figures=figures,
        )
        return Part(row, content)

    named: Sequence[tuple[str, Result | Timing]] = [
        *((result.case.id, result) for result in run.results),
        *((timing.name, timing) for timing in run.timings),
    ]
    return [part(position, name, content) for position, (name, content) in enumerate(named)]


def summary(run: RunRecord) -> Summary:
    """Return a run in one line."""
    verdicts = Counter(check.verdict for check in run.checks)
    return Summary(
        run_id=run.run_id,
        started=run.started,
        profile=run.device.profile,
        machine=run.device.machine,
        commit=run.commit.commit if run.commit else None,
        branch=branch_of(run),
        dirty=run.commit.dirty if run.commit else None,
        results=len(run.results),
        failures=len(run.failures),
        timings=len(run.timings),
        passed=verdicts["pass"],
        failed=run.failed,
        inconclusive=verdicts["inconclusive"],
        not_judged=verdicts["not_judged"],
        rejected_for=run.rejected_for,
        interrupted=run.interrupted,
    )


def matches(run: RunRecord, query: Query, released: Container[str]) -> bool:
    """Tell whether a run is one that a query asks for; the query's ``cases`` do not count.

    Args:
        run: the run.
        query: what is asked for.
        released: ids of the runs that are marked as released.
    """
    short = summary(run)
    return (
        (query.profile is None or short.profile == query.profile)
        and (query.branch is None or short.branch == query.branch)
        and (query.commit is None or (short.commit is not None and short.commit.startswith(query.commit)))
        and (query.since is None or run.started >= query.since)
        and (query.before is None or run.started < query.before)
        and (not query.released or run.run_id in released)
        and (not query.accepted or short.is_accepted)
        and (query.other_than is None or short.commit != query.other_than)
    )


def is_same(run: RunRecord, stored: RunRecord) -> bool:
    """Tell whether two runs say the same once they are written, where a tuple is a list."""
    return run == stored or run.model_dump_json(round_trip=True) == stored.model_dump_json(round_trip=True)


def dump(content: Result | Timing | RunRecord) -> str:
    """Return a part of a run as JSON; of the run itself without results and timings, which are written one by one.

    Raises:
        StorageError: it is too long for any database.
    """
    if isinstance(content, RunRecord):
        content = content.model_copy(update={"results": (), "timings": ()})
    text = content.model_dump_json(round_trip=True)
    if len(text) > LARGEST_RECORD:
        raise StorageError(f"a record of {len(text):,} characters, and a history takes {LARGEST_RECORD:,} at most")
    return text


def load(run: str, results: Sequence[str], timings: Sequence[str], where: str, run_id: str) -> RunRecord:
    """Return a run from its own JSON and that of some of its results and timings.

    Args:
        run: what ``dump`` wrote of the run itself.
        results: what it wrote of each result, in their order.
        timings: likewise of each imported benchmark.
        where: the store's name, for messages.
        run_id: of the run, for messages.

    Raises:
        StorageError: one of them is no valid record.
    """
    with _valid(where, run_id):
        content = {
            "results": tuple(map(Result.model_validate_json, results)),
            "timings": tuple(map(Timing.model_validate_json, timings)),
        }
        return RunRecord.model_validate_json(run).model_copy(update=content)


def without_large_parts(run: RunRecord) -> RunRecord:
    """Return a run without its results, its imported benchmarks and the results that it was compared with."""
    return run.model_copy(update={"results": (), "timings": (), "baselines": ()})


def load_outline(run: str, where: str, run_id: str) -> RunRecord:
    """Return a run without its large parts from its own JSON, of which they are not read; see ``load``.

    Raises:
        StorageError: it is no valid record.
    """
    with _valid(where, run_id):
        document = from_json(run)
        if isinstance(document, dict):
            document |= {"results": (), "timings": (), "baselines": ()}
        return RunRecord.model_validate(document)


def problem(error: ValidationError) -> str:
    """Say in one line what is wrong with a document first, and where in it; its names may hold anything."""
    first = first_of(error)
    return clipped(": ".join(filter(None, (place_of(first), reason_of(first)))))


def the_only(where: str, run_id: str, ids: Iterable[str], what: str) -> str:
    """Return the id that is a text, or the only one that begins so.

    Args:
        where: the store's name, for messages.
        run_id: the text.
        ids: of those that it may be; a few are enough where many begin so.
        what: they are.

    Raises:
        StorageError: there is none, or more than one.
    """
    beginning = sorted(name for name in ids if name.startswith(run_id))[:3]
    if run_id in beginning:
        return run_id
    if not beginning:
        listed_by = "opml history --removed" if what != "run" else "opml history"
        raise StorageError(f"{where}: no {what} {run_id!r}; `{listed_by}` lists them")
    if len(beginning) > 1:
        raise StorageError(f"{where}: {run_id!r} begins more than one {what}: {clipped(', '.join(beginning))}")
    return beginning[0]


def still_released(where: str, release: Release) -> str:
    """Say that a run is not removed since it is a release."""
    label = f" {clipped(release.label)}" if release.label else ""
    return (
        f"{where}: run {release.run_id} is the release{label}: it can be removed after "
        f"`opml release withdraw {release.run_id}`"
    )


@contextmanager
def _valid(where: str, run_id: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise StorageError(f"{where}: run {run_id}: {problem(error)}") from error
    except OpmlError as error:
        raise StorageError(f"{where}: run {run_id}: {clipped(error)}") from error
