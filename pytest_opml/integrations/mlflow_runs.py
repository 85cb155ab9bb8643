"""A run of benchmarks as runs of MLflow: parameters, metrics, tags and files of the session and of each case."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from .. import metrics
from ..analysis.ranking import groups, ranked
from ..printable import printable
from ..records.case_record import CaseRecord
from ..records.device import Device
from ..records.result import Estimate, Key, Result, Score
from ..records.run import WORST_FIRST, Check, RunRecord

# MLflow's own limits
_LONGEST_KEY, _LONGEST_PARAM, _LONGEST_TAG = 250, 6_000, 8_000
_CUT = " … (cut)"


class MlflowRun(NamedTuple):
    """One run of the tracking server.

    Attributes:
        files: the text of each, by its name.
        failed: whether it stands for a case without a result.
    """

    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, str]
    failed: bool = False


def session_run(record: RunRecord) -> MlflowRun:
    """Return the run that stands for the session, with its record as a file."""
    verdicts = Counter(check.verdict for check in record.checks)
    values: dict[str, Any] = {
        "platform": record.device.platform,
        "results": len(record.results),
        "failures": len(record.failures),
        **{f"verdicts.{verdict}": verdicts[verdict] for verdict in WORST_FIRST},
        **{f"version.{name}": version for name, version in record.versions.items()},
    }
    name = f"{record.device.profile} {(record.commit.commit if record.commit else record.run_id)[:12]}"
    files = {"record.json": record.model_dump_json(indent=2)}
    figures = {} if record.cost is None else {"cost": record.cost}
    return MlflowRun(name, {}, figures, _origin(record, record.device) | _tags(values), files)


def case_runs(record: RunRecord) -> Iterator[MlflowRun]:
    """Yield a run for each result, then one for each case without."""
    places = {
        Key(row.entry.name, group[0].device.profile): row
        for group in groups(record.results)
        for row in ranked(group).rows
    }
    for result in record.results:
        row, origin = places[result.key], _origin(record, result.device)
        figures = dict(_measured(result)) | {"rank": float(row.rank)}
        if row.normalised is not None:
            figures["normalised_score"] = row.normalised
        checks = [check for check in record.checks if check.is_of(result)]
        values = {
            "quality": result.quality.name,
            "task": result.task,
            "pareto": row.pareto,
            "notes": "\n".join(result.notes) or None,
        }
        files = {"result.json": result.model_dump_json(indent=2), "checks.json": _json(checks)}
        params = _params(result.case) | _artifact(result)
        yield MlflowRun(
            result.case.id, params, figures, origin | _case_tags(result.case, checks) | _tags(values), files
        )
    for failure in record.failures:
        origin = _origin(record, failure.device)
        checks = [check for check in record.checks if check.is_of(failure)]
        tags = origin | _case_tags(failure.case, checks) | _tags({"failure": failure.kind, "message": failure.message})
        files = {"failure.json": failure.model_dump_json(indent=2), "checks.json": _json(checks)}
        yield MlflowRun(failure.case.id, _params(failure.case), {}, tags, files, failed=True)


def _origin(record: RunRecord, device: Device) -> dict[str, str]:
    """Return the tags that say where a session comes from.

    Each case has them too, so that cases of many sessions can be searched and compared by them.
    """
    commit = record.commit
    values: dict[str, Any] = {
        "run_id": record.run_id,
        "profile": device.profile,
        "device": device.gpu.name if device.gpu else device.cpu,
    }
    if commit is None:
        return _tags(values)
    values |= {"commit": commit.commit, "branch": commit.branch, "dirty": commit.dirty}
    values["ci_url"] = commit.ci.url if commit.ci else None
    return _tags(values) | {"mlflow.source.git.commit": commit.commit}  # by which MLflow's own pages know it


def _params(case: CaseRecord) -> dict[str, str]:
    return {name: _cut(str(value), _LONGEST_PARAM) for name, value in case.model_dump().items() if value is not None}


def _artifact(result: Result) -> dict[str, str]:
    artifact = result.artifact
    values = {name: getattr(artifact, name) for name in ("format", "runtime", "sha256", "parameters", "layers")}
    values |= {f"changes.{name}": value for name, value in artifact.changes.items()}
    return {_key(f"artifact.{name}"): _cut(str(value), _LONGEST_PARAM) for name, value in values.items()}


def _measured(result: Result) -> Iterator[tuple[str, float]]:
    """Yield each metric that has a value, the ends of its 95 % interval, and its ratio to the reference's."""
    for name in metrics.names():
        metric = metrics.find(name, "mlflow")
        value = metric.read(result)
        if value is None:
            continue
        yield _key(name), float(value)
        yield from _ends(name, metric.interval(result) if metric.interval else None)
        if metric.paired_ratio and result.vs_reference:
            ratio = metric.paired_ratio(result.vs_reference)
            yield _key(f"{name}.ratio"), ratio.value
            yield from _ends(f"{name}.ratio", ratio)


def _ends(name: str, interval: Estimate | Score | None) -> Iterator[tuple[str, float]]:
    if interval is not None:
        yield _key(f"{name}.low"), interval.low
        yield _key(f"{name}.high"), interval.high


def _case_tags(case: CaseRecord, checks: list[Check]) -> dict[str, str]:
    """Return the verdict of each check, and the worst of them, as tags."""
    values: dict[str, Any] = {"case": case.id}
    for check in checks:
        verdict = f"{check.verdict}: {check.reason}" if check.reason else check.verdict
        values[f"check.{check.figure_name}.{check.rule}"] = verdict
    if checks:
        values["verdict"] = min((check.verdict for check in checks), key=WORST_FIRST.index)
    return _tags(values)


def _tags(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        _key(f"opml.{name}"): _cut(_text(value), _LONGEST_TAG) for name, value in values.items() if value is not None
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else printable(str(value), lines=True)


def _key(name: str) -> str:
    """Return a name in the characters that every store of MLflow takes."""
    return re.sub(r"[^\w.\- ]", "_", name)[:_LONGEST_KEY]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - len(_CUT)] + _CUT


def _json(checks: list[Check]) -> str:
    return to_json(checks, indent=2).decode()
