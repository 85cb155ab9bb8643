"""The cases of a run on each test set: their names in tables, and the rows of their ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..analysis.ranking import Entry, ranked, test_set_of
from ..records.case_ids import IdParts
from ..records.case_record import CaseRecord
from ..records.result import CaseOutcome, Result
from ..records.run import Check, Failure, RunRecord

# The names of the rows that are no cases: the best and the worst value of each column.
BEST_VALUES, WORST_VALUES = "best values", "worst values"
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class CaseGroup(NamedTuple):
    """The cases of one quality on one test set and machine: the only ones whose scores may be compared.

    Attributes:
        title: what the ids of the cases have in common, and where a run is of several machines, which one they ran on.
        names: the short name of each case, by its id.
    """

    title: str
    names: Mapping[str, str]
    results: tuple[Result, ...]
    failures: tuple[Failure, ...]


class RankingRow(NamedTuple):
    """A row of a ranking; those of the best and the worst value of each column are no cases, and have no result.

    Attributes:
        name: of the case, with the marks of its notes.
        normalised: the score, 0 for the best values and 1 for the worst ones; None where these are the same.
        place: in the ranking, with a star on the Pareto front.
        reference: result of the case that this one is compared with; None where it has none.
    """

    name: str
    entry: Entry
    normalised: float | None = None
    place: str = ""
    result: Result | None = None
    reference: Result | None = None


def short_names(record: RunRecord) -> dict[str, str]:
    """Name the cases of a run, by id, where they all stand together: each id without what they have in common."""
    cases = [*(result.case for result in record.results), *(failure.case for failure in record.failures)]
    return _named(cases, record)[1] if cases else {}


def check_name(check: Check, names: Mapping[str, str], record: RunRecord) -> str:
    """Name the case of a check, with the kind of hardware where a run is of several; or the run that it is of."""
    if check.is_of_run:
        return "the run"
    name = names.get(check.case_id, check.case_id)
    is_of_several = len({device.profile for device in record.devices}) > 1
    return f"{name} on {check.profile}" if is_of_several and check.profile else name


def groups_of(record: RunRecord) -> list[CaseGroup]:
    """Return the cases of a run of each quality on each test set and machine, as they were measured."""
    members: dict[tuple[object, ...], list[CaseOutcome]] = {}
    for result in record.results:
        members.setdefault((result.device.machine, *test_set_of(result), result.quality.name), []).append(result)
    for failure in record.failures:  # whose quality is not known: beside the first of its test set
        place = (failure.device.machine, *test_set_of(failure))
        members.setdefault(next((one for one in members if one[:-1] == place), (*place, "")), []).append(failure)
    groups = []
    for together in members.values():
        title, names = _named([outcome.case for outcome in together], record)
        if len(record.devices) > 1:
            title += f", on {together[0].device.profile} ({together[0].device.machine})"
        results = tuple(outcome for outcome in together if isinstance(outcome, Result))
        failures = tuple(outcome for outcome in together if isinstance(outcome, Failure))
        groups.append(CaseGroup(title, names, results, failures))
    return groups


def _named(cases: Sequence[CaseRecord], record: RunRecord) -> tuple[str, dict[str, str]]:
    """Return what the ids have in common as a title, and the rest of each as its name, which keeps the technique.

    A case to which the user gave a name has its id, beside which nothing of the others' ids but the data set is left
    out. The name of a case that was only measured to be compared with stands in brackets.
    """
    parts = {case.id: case.parts for case in cases}
    given = {case.id: case.id for case in cases if case.name is not None}
    first, *others = parts.values()
    same_dataset = all(part.dataset == first.dataset for part in others)
    same_model = not given and all(part.model == first.model for part in others)
    same_top = not given and all(part.top == first.top for part in others)
    common = [extra for extra in first.extras if all(extra in part.extras for part in others)]

    def name(part: IdParts) -> str:
        own = ",".join(extra for extra in part.extras if extra not in common)
        differing = [
            *("" if same_dataset else part.dataset, "" if same_model else part.model, "" if same_top else part.top),
            *(part.technique, own),
        ]
        return "/".join(filter(None, differing))

    title = first.dataset
    if same_model:
        title += f"/{first.model}"
    if same_top:
        title += f"/{first.top}" if same_model else f"/*/{first.top}"
    names = {id_: name(part) for id_, part in parts.items()} | given
    names |= {id_: f"({short})" for id_, short in names.items() if id_ in record.reference_only}
    return ", ".join([title, *common]), names


def ranked_rows(group: CaseGroup) -> tuple[list[RankingRow], dict[str, str]]:
    """Return the rows of a group with results, from best to worst, and the mark of each note."""
    results = {result.case.id: result for result in group.results}
    ranking = ranked(group.results)
    notes: dict[str, str] = {}
    rows = []
    for place in ranking.rows:
        result = results[place.entry.name]
        for note in result.notes:
            notes.setdefault(note, str(len(notes) + 1).translate(_SUPERSCRIPTS))
        rows.append(
            RankingRow(
                " ".join([group.names[place.entry.name], *(notes[note] for note in result.notes)]),
                place.entry,
                place.normalised,
                f"{'*' if place.pareto else ''}{place.rank}",
                result,
                results.get(result.case.reference.id),
            )
        )
    if len(rows) > 1:
        low, high = (None, None) if ranking.rows[0].normalised is None else (0.0, 1.0)
        rows = [RankingRow(BEST_VALUES, ranking.minimum, low), *rows, RankingRow(WORST_VALUES, ranking.maximum, high)]
    return rows, notes
