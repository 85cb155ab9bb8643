"""One run as the site holds it: a file of its own, a row in the list of runs, and a row for each of its cases."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ...errors import one_line
from ...history.base import CALL_S, COLUMNS, Outline
from ...metrics import METRICS, Metric
from ...printable import clipped, printable
from ...records.run import Check, Failure, Verdict
from ..formatting import amount
from ..phrases import INTERRUPTED, WORDS, check_text, count_texts, fails_below, origin, verdict_text
from ..run_cost import cost_text
from .files import DamagedSite, number_text
from .state import Numbers

# What a run's table shows comes first; what most results lack comes last, where it takes no room.
FIRST = ("op_score", "quality", "inference_s", "size_mb")
_LAST = ("energy_j", CALL_S)
SITE_METRICS = (*FIRST, *(name for name in COLUMNS if name not in (*FIRST, *_LAST)), *_LAST)
_EXACT_DIGITS = 9  # of a size, which is known to the byte
_DIGITS = {name: _EXACT_DIGITS if name in METRICS and METRICS[name].exact else 6 for name in SITE_METRICS}
# The same few names come a million times.
_shown = lru_cache(maxsize=100_000)(printable)

# Verdicts by their codes; site.js has a style for each.
CODES: tuple[str, ...] = ("no budget", *WORDS.values(), "no result", "fail, waived")
NO_BUDGET, PASS, FAIL, INCONCLUSIVE, NOT_JUDGED, NO_RESULT, WAIVED = range(7)
_CODE_OF: dict[Verdict, int] = {"pass": PASS, "fail": FAIL, "inconclusive": INCONCLUSIVE, "not_judged": NOT_JUDGED}
_WORST_FIRST = (FAIL, NO_RESULT, NOT_JUDGED, INCONCLUSIVE, WAIVED, PASS, NO_BUDGET)
_MOST_CHECKS, _LONGEST = 200, 600
# What can be an address of a link; of a CI service's pages, all are of https.
_LINK = re.compile(r"https://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9/._~%+?=&-]*)?")


class Place(NamedTuple):
    """A case on a kind of hardware."""

    case_id: str
    profile: str


class Outcome(NamedTuple):
    """What became of a case in a run.

    Attributes:
        machine: that it ran on, in words.
        verdict: one of the codes.
        figures: as JSON, by ``SITE_METRICS``; empty where there is no result.
    """

    place: Place
    machine: str
    verdict: int
    figures: tuple[str, ...]

    def line(self, run: int, machine: int) -> str:
        """Return the row of a series as JSON; trailing figures that are missing are left out."""
        figures = ",".join(self.figures)
        while figures.endswith(",null"):
            figures = figures[:-5]
        return f"[{run},{machine},{self.verdict}{',' if figures else ''}{figures}]"


def outcomes(outline: Outline) -> list[Outcome]:
    """Return what became of each case of a run, the results first."""
    verdicts = _verdicts(outline.run.checks)
    rows = [
        Outcome(
            Place(_shown(row.case_id), _shown(row.profile)),
            _shown(row.machine),
            max((verdicts.get((row.case_id, profile), NO_BUDGET) for profile in (row.profile, None)), key=_badness),
            tuple(number_text(row.figures.get(name), digits) for name, digits in _DIGITS.items()),
        )
        for row in outline.rows
    ]
    failures = [
        Outcome(Place(printable(failure.id), printable(device.profile)), printable(device.machine), NO_RESULT, ())
        for failure in outline.run.failures
        for device in [failure.device]
    ]
    return [*rows, *failures]


def _badness(code: int) -> int:
    return -_WORST_FIRST.index(code)


def _verdicts(checks: Sequence[Check]) -> dict[tuple[str, str | None], int]:
    """Return the worst verdict on each case and kind of hardware."""
    worst: dict[tuple[str, str | None], int] = {}
    for check in checks:
        key = (check.case_id, check.profile)
        worst[key] = max(worst.get(key, NO_BUDGET), _code(check), key=_badness)
    return worst


def _code(check: Check) -> int:
    return WAIVED if check.waived and not check.blocking else _CODE_OF[check.verdict]


def run_verdict(outline: Outline) -> int:
    """Return the verdict of a whole run, as one of the codes."""
    summary, checks = outline.summary, outline.run.checks
    if summary.failed:
        return FAIL
    if summary.interrupted or summary.failures or any(check.blocking for check in checks):
        return NOT_JUDGED
    return PASS if checks else NO_BUDGET


def verdict_sentence(outline: Outline) -> str:
    """Say in a sentence what came of a run."""
    summary, total = outline.summary, len(outline.run.checks)
    missing = f"; {amount(summary.failures, 'case')} without a result" if summary.failures else ""
    begins = f"{INTERRUPTED}. " if summary.interrupted else ""
    if summary.failed:
        text = f"{summary.failed:,} of {amount(total, 'budget')} failed"
    elif not total:
        text = "No budget is set"
    elif summary.passed == total:
        text = f"All {total:,} budgets passed" if total > 1 else "The one budget passed"
    else:
        open_verdicts: tuple[tuple[Verdict, int], ...] = (
            ("inconclusive", summary.inconclusive),
            ("not_judged", summary.not_judged),
        )
        parts = [text for verdict, count in open_verdicts if count for text in count_texts(outline.run.checks, verdict)]
        if waived := sum(_code(check) == WAIVED for check in outline.run.checks):
            parts.append(f"{waived:,} failed and waived")
        passed = f"{summary.passed:,} of {amount(total, 'budget')} passed"
        text = f"No budget failed: {', '.join([passed, *parts])}"
    return f"{begins}{text}{missing}."


def list_row(number: int, branch: int, outline: Outline) -> list[Any]:
    """Return the row of a run in the list of runs."""
    short = outline.summary
    return [
        number,
        printable(short.run_id),
        int(short.started.timestamp()),
        (short.commit or "")[:10],
        branch,
        clipped(short.profile, 80),
        run_verdict(outline),
        *(short.passed, short.failed, short.inconclusive, short.not_judged),
        *(short.results + short.timings, short.failures, int(bool(short.dirty)), int(short.interrupted)),
    ]


def run_document(
    number: int, outline: Outline, its_outcomes: Sequence[Outcome], places: Mapping[Place, int], machines: Numbers
) -> dict[str, Any]:
    """Return what the page of a run shows, as plain data.

    Args:
        number: of the run.
        outline: the run.
        its_outcomes: what became of its cases.
        places: number of the series of each case and kind of hardware.
        machines: numbers of the machines.
    """
    run, short = outline.run, outline.summary
    commit, device = run.commit, run.device
    job = commit.ci if commit else None
    not_passed = [check for check in run.checks if check.verdict != "pass"]
    not_passed.sort(key=lambda check: _WORST_FIRST.index(_code(check)))
    return {
        "run": number,
        "id": printable(run.run_id),
        "sentence": verdict_sentence(outline),
        "started": int(run.started.timestamp()),
        "seconds": round(run.seconds, 1),
        "cost": clipped(cost_text(run), 400),
        "commit": commit.commit if commit else "",
        "branch": clipped(short.branch or "", 200),
        "changed": bool(commit and commit.dirty),
        "machine": clipped(device.machine, 300),
        "platform": clipped(device.platform, 200),
        "versions": [[clipped(name, 80), clipped(version, 80)] for name, version in [*run.versions.items()][:100]],
        "job": _job(job.service, job.url, job.pull_request) if job else None,
        "baseline": clipped(run.baseline_choice or run.baseline or "", 400),
        "results": [_result(outcome, places, machines) for outcome in its_outcomes if outcome.figures],
        "failures": [_failure(failure, places) for failure in run.failures],
        "checks": [_check(check) for check in not_passed[:_MOST_CHECKS]],
        "more_checks": max(0, len(not_passed) - _MOST_CHECKS),
    }


def _job(service: str, url: str | None, request: str | None) -> dict[str, str]:
    link = url if url and _LINK.fullmatch(url) else ""
    return {"service": clipped(service, 80), "request": clipped(request or "", 40), "link": link}


def _result(outcome: Outcome, places: Mapping[Place, int], machines: Numbers) -> list[Any]:
    values = [None if text == "null" else float(text) for text in outcome.figures]
    first = values[: len(FIRST)]
    call = [values[-1]] if values[-1] is not None else []
    return [places[outcome.place], machines.of(outcome.machine), outcome.verdict, *first, *call]


def _failure(failure: Failure, places: Mapping[Place, int]) -> list[Any]:
    place = Place(printable(failure.id), printable(failure.device.profile))
    return [places[place], failure.kind.replace("_", " "), clipped(one_line(failure.message), _LONGEST)]


def _check(check: Check) -> list[Any]:
    profile = "" if check.profile is None else printable(check.profile)
    return [printable(check.case_id), profile, _code(check), verdict_text(check), clipped(check_text(check), _LONGEST)]


def series_of(document: Any) -> list[int]:
    """Return the numbers of the series that a run has a row in.

    Raises:
        DamagedSite: it is not what ``run_document`` returned.
    """
    try:
        return [row[0] for row in (*document["results"], *document["failures"])]
    except (LookupError, TypeError) as error:
        raise DamagedSite("a run") from error


def checks_by_place(checks: Sequence[Check]) -> dict[Place, list[Check]]:
    """Return the checks on each case that was measured; the profile is empty where a check has none."""
    places: dict[Place, list[Check]] = {}
    for check in checks:
        if check.rule != "case" and not check.is_of_run:
            places.setdefault(Place(printable(check.case_id), printable(check.profile or "")), []).append(check)
    return places


def checks_on(place: Place, checks: Mapping[Place, Sequence[Check]]) -> list[Check]:
    """Return the checks on a case and a device of those that ``checks_by_place`` returned."""
    return [*checks.get(place, ()), *checks.get(place._replace(profile=""), ())]


def budget_rows(checks: Sequence[Check]) -> list[list[Any]]:
    """Return the budgets on a case as its page shows them: figure, budget, limit, value, verdict, side, origin, why."""
    return [
        [
            clipped(check.figure_name, 120),
            clipped(check.budget, 200),
            check.limit,
            check.value,
            _code(check),
            "least" if fails_below(check) else "most",
            clipped(origin(check.source), 200),
            clipped(check.reason, _LONGEST),
        ]
        for check in checks[:_MOST_CHECKS]
    ]


def metric_rows() -> list[list[Any]]:
    """Return the metrics of a row, in its order: name, unit, which way is better, whether machines differ in it."""
    call = Metric(CALL_S, lambda _: None, "s", machine_dependent=True)
    metrics = [METRICS.get(name, call) for name in SITE_METRICS]
    return [[metric.name, metric.unit, metric.better, metric.machine_dependent] for metric in metrics]
